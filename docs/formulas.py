"""Formulas of docstrings, which stand in TeX, as MathML, which browsers draw themselves: no script, no network."""

import re
from typing import Any

from griffe import Extension, Object
from latex2mathml.converter import convert

_BLOCK = re.compile(r"^( *)\.\. math:: *(.*(?:\n\1 +\S.*)*)$", re.MULTILINE)
_INLINE = re.compile(r":math:`([^`]+)`")


class Formulas(Extension):
    """Replaces ``.. math::`` and ``:math:`` in every docstring that the site shows."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Called with each object once it is loaded."""
        if obj.docstring is not None:
            text = _BLOCK.sub(lambda found: f"{found[1]}{_drawn(found[2], 'block')}", obj.docstring.value)
            obj.docstring.value = _INLINE.sub(lambda found: _drawn(found[1], "inline"), text)


def _drawn(formula: str, display: str) -> str:
    # In one line, and no character in it that Markdown would read.
    text = convert(" ".join(formula.split()), display=display)
    return re.sub(r"[*_\\`]", lambda found: f"&#{ord(found[0])};", " ".join(text.split()))
