"""HTML cards of a space, a trial, a study and the health of a model, for notebooks.

Texts of the user are escaped. Cards use the colours of the notebook, so that they are readable in light and in dark
themes.
"""

import html
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from jbo.parameters import Between, Categorical, Integer, Ordinal, Parameter, Real, Share

_MOST_ROWS = 50
"""Maximum number of rows of a table; longer tables are cut."""
_LONGEST = 80
"""Maximum number of characters of a text in a card."""
_STYLE = (
    ".jbo-card{overflow-x:auto;padding:.2em 0;line-height:1.4}"
    ".jbo-card p{margin:.2em 0}"
    ".jbo-card table{border-collapse:collapse;margin:.4em 0;color:inherit;font-size:.92em}"
    ".jbo-card th,.jbo-card td{border:0;border-bottom:1px solid rgba(128,128,128,.4);padding:.2em .8em .2em 0;"
    "text-align:left;vertical-align:top;white-space:nowrap}"
    ".jbo-card td.jbo-long{white-space:normal;min-width:12em;overflow-wrap:anywhere}"
    ".jbo-card th{font-weight:600}"
)


class Table(NamedTuple):
    """A table of a card."""

    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]
    total: int | None = None
    """Total number of rows, including hidden ones; None: the number of ``rows``."""


def card(title: str, facts: Mapping[str, Any], table: Table | None = None, notes: Sequence[str] = ()) -> str:
    """A card as HTML: a title, facts in a line, perhaps a table, and sentences below it.

    Args:
      title: Title, as plain text like all other texts.
      facts: A dict from the name of each fact to its value.
      table: A table, whose cells are formatted by `shown`; None: no table.
      notes: Sentences below the table.
    """
    line = " · ".join(f"{_text(name)} <b>{_text(shown(value))}</b>" for name, value in facts.items())
    parts = [f"<p><b>{_text(title)}</b></p>", f"<p>{line}</p>" if line else ""]
    if table is not None and table.rows:
        parts.append(_table(table))
    parts += [f"<p>{_text(note)}</p>" for note in notes]
    return f'<div class="jbo-card"><style>{_STYLE}</style>{"".join(parts)}</div>'


def shown(value: Any) -> str:
    """A value as readable text: floats with four digits, long texts cut.

    Args:
      value: A value of any kind; None gives a dash.
    """
    if value is None:
        return "–"
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def of_parameters(
    title: str, facts: Mapping[str, Any], parameters: Mapping[str, Parameter], fixed: Mapping[str, Any]
) -> str:
    """An HTML card that lists the parameters of a space.

    Args:
      title: Title of the card.
      facts: As in `card`.
      parameters: A dict from the name of each parameter to the parameter.
      fixed: A dict from the name of each fixed parameter to its value.
    """
    rows = []
    for name, parameter in list(parameters.items())[:_MOST_ROWS]:
        values = f"fixed at {_choice(fixed[name])}" if name in fixed else _values(parameter)
        rows.append((name, type(parameter).__name__, values, _condition(parameter)))
    heads = ("parameter", "kind", "values", "exists where")
    if not any(condition for *_, condition in rows):
        heads, rows = heads[:3], [row[:3] for row in rows]
    return card(title, facts, Table(heads, rows, len(parameters)))


def _values(parameter: Parameter) -> str:
    if isinstance(parameter, Share):
        return f"0 to 1; {', '.join(parameter.of)} sum to 1"
    if isinstance(parameter, Ordinal | Categorical):
        choices = parameter.values if isinstance(parameter, Ordinal) else parameter.choices
        text = ", ".join(_choice(choice) for choice in choices[:20]) + (", …" if len(choices) > 20 else "")
        return text + _known(parameter)
    assert isinstance(parameter, Real | Integer)
    text = f"{_number(parameter.low)} to {_number(parameter.high)}"
    text += ", log" if parameter.log else ""
    if parameter.step is not None and not (isinstance(parameter, Integer) and parameter.step == 1):
        text += f", in steps of {parameter.step:g}"
    return text + (f", period {parameter.period:g}" if parameter.period is not None else "") + _known(parameter)


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _choice(value: Any) -> str:
    """A choice as text: strings unchanged, other values as code, because 1, 1.0 and True are three choices."""
    return shown(value if isinstance(value, str) else repr(value))


def _known(parameter: Any) -> str:
    monotone = getattr(parameter, "monotone", None)
    return "" if monotone is None else f", objective {monotone}"


def _condition(parameter: Parameter) -> str:
    if parameter.when is None:
        return ""
    name, wanted = parameter.when
    if isinstance(wanted, Between):
        return f"{name} is from {wanted.low:g} to {wanted.high:g}"
    return f"{name} is {' or '.join(_choice(value) for value in parameter.parent_values)}"


def _table(table: Table) -> str:
    rows = [list(row) for row in table.rows[:_MOST_ROWS]]
    left = (len(table.rows) if table.total is None else table.total) - len(rows)
    head = "".join(f"<th>{_text(shown(name))}</th>" for name in table.heads)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    more = f"<p>… {left:,} more</p>" if left > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{more}"


def _cell(value: Any) -> str:
    text = shown(value)
    return f'<td class="jbo-long">{_text(text)}</td>' if len(text) > 30 else f"<td>{_text(text)}</td>"


def _text(text: str) -> str:
    return html.escape(text, quote=True)
