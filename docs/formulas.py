"""Docstrings for the site: formulas in TeX become MathML, which browsers draw themselves, and examples become code."""

import re
from typing import Any

from griffe import Extension, Object
from latex2mathml.converter import convert

_BLOCK = re.compile(r"^( *)\.\. math:: *(.*(?:\n\1 +\S.*)*)$", re.MULTILINE)
_INLINE = re.compile(r":math:`([^`]+)`")
_EXAMPLE = re.compile(r"^( *)Example:$", re.MULTILINE)
"""The reader of docstrings knows the plural only; anything else is a quotation to it."""


class Formulas(Extension):
    """Replaces ``.. math::``, ``:math:`` and ``Example:`` in every docstring that the site shows."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called with each object once it is loaded."""
        if obj.docstring is not None:
            text = _BLOCK.sub(lambda found: f"{found[1]}{_drawn(found[2], 'block')}", obj.docstring.value)
            text = _INLINE.sub(lambda found: _drawn(found[1], "inline"), text)
            obj.docstring.value = _EXAMPLE.sub(r"\1Examples:", text)


def _drawn(formula: str, display: str) -> str:
    # In one line, and no character in it that Markdown would read.
    text = convert(" ".join(formula.split()), display=display)
    return re.sub(r"[*_\\`]", lambda found: f"&#{ord(found[0])};", " ".join(text.split()))
