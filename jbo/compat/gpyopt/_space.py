"""GPyOpt's search space: a domain and the constraints on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jbo.compat.gpyopt._expression import Expression, parse
from jbo.compat.gpyopt._rows import Columns
from jbo.space import Space


@dataclass(frozen=True)
class Constraint:
    """True for a config at which all expressions are at most 0; of Python values or of JAX scalars."""

    expressions: tuple[Expression, ...]
    space: Space
    """Gives the columns their order and their numbers."""

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """Whether a config is allowed; where an expression has no value, it is not."""
        numbers = self._columns.numbers(config)
        is_allowed = self.expressions[0](numbers) <= 0
        for expression in self.expressions[1:]:
            is_allowed = is_allowed & (expression(numbers) <= 0)
        return is_allowed

    @cached_property
    def _columns(self) -> Columns:
        return Columns(self.space)


class Design_space:
    """A domain and the constraints on it.

    Args:
      space: GPyOpt's list of dicts, see `jbo.Space.from_domain`.
      constraints: Dicts with a ``name`` and a ``constraint`` (``constrain`` in old code), a text such as
        ``"x[:,0]**2 + x[:,1]**2 - 1"``, at most 0 where a point is allowed. ``x[:, i]`` is column i of the domain in
        the user's units; a category that is no number is its index.

    Raises:
      ValueError: A parameter or a constraint makes no sense; the message begins with its name.
    """

    def __init__(self, space: Any, constraints: Any = None):
        free = Space.from_domain(space)
        self.columns = Columns(free)
        """How a config is a row of numbers."""
        self.is_bandit = any(entry.get("type") == "bandit" for entry in space)
        """True if the parameters are points, whose distances count."""
        expressions = _expressions(constraints, len(self.columns.names))
        self.space = Space(free, constraint=Constraint(expressions, free)) if expressions else free
        """The same as `jbo` has it."""


def _expressions(constraints: Any, num_columns: int) -> tuple[Expression, ...]:
    if constraints is None:
        return ()
    if not isinstance(constraints, list | tuple):
        raise ValueError(f"constraints: expected a list of dicts, got {constraints!r}")
    expressions = []
    for i, entry in enumerate(constraints):
        if not isinstance(entry, Mapping):
            raise ValueError(f"constraint {i}: expected a dict with the keys 'name' and 'constraint', got {entry!r}")
        name = entry.get("name", f"constraint {i}")
        texts = [entry[key] for key in ("constraint", "constrain") if key in entry]
        unknown = set(entry) - {"name", "constraint", "constrain"}
        if len(texts) != 1 or unknown:
            raise ValueError(f"{name}: expected the keys 'name' and 'constraint', got {list(entry)}")
        try:
            expressions.append(parse(texts[0], num_columns))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return tuple(expressions)
