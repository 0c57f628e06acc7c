"""What the environment sets for one suggestion."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from jbo.choices import canonical
from jbo.parameters import is_same_number
from jbo.space import Space


class Context:
    """Parameters that the environment sets, such as a data set: a suggestion keeps their values and searches the rest.

    Args:
      space: Where the study searches.
      values: Values by name.

    Raises:
      TypeError: ``values`` is no mapping.
      ValueError: The space has no such parameter, or a value is impossible.
    """

    def __init__(self, space: Space, values: Mapping[str, Any] | Any):
        if not isinstance(values, Mapping):
            raise TypeError(f"context: expected values by name, such as {{{space.names[0]!r}: …}}, got {values!r}")
        self.fixed: Float[np.ndarray, " d"] | None = space.fixed_columns(values) if values else None
        """Places of the given columns, NaN for the others; None if there is no context."""
        self.free_reals = space.free_reals(values)
        """Names of the parameters with no levels that are still searched: with one the search never runs out."""
        self._values = {name: space[name].parse(value) for name, value in values.items()}

    def holds(self, config: Mapping[str, Any]) -> bool:
        """True if a config has these values; a name that is not active in it says nothing."""
        return all(
            name not in config or canonical(config[name]) == canonical(value) or is_same_number(config[name], value)
            for name, value in self._values.items()
        )

    def impose(self, config: dict[str, Any]) -> dict[str, Any]:
        """The config with the given values to the last digit."""
        return {name: self._values.get(name, value) for name, value in config.items()}

    def __str__(self) -> str:
        return f" in the context {self._values}" if self._values else ""
