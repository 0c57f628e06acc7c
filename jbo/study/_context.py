"""The context of a suggestion: values of parameters that the environment sets."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from jbo.choices import canonical
from jbo.parameters import is_same_number
from jbo.space import Space


class Context:
    """Parameters that the environment sets, such as a data set. A suggestion keeps their values and varies the rest.

    Args:
      space: The search space.
      values: A dict from the name of each given parameter to its value.

    Raises:
      TypeError: ``values`` is not a mapping.
      ValueError: The space has no such parameter, or a value is invalid.
    """

    def __init__(self, space: Space, values: Mapping[str, Any] | Any):
        if not isinstance(values, Mapping):
            raise TypeError(
                f"context: expected a dict from names to values, such as {{{space.names[0]!r}: …}}, got {values!r}"
            )
        self.fixed: Float[np.ndarray, " d"] | None = space.fixed_columns(values) if values else None
        """Coordinates of the given columns, NaN for searched columns; None if there is no context."""
        self.free_reals = space.free_reals(values)
        """Names of the searched parameters without levels. With such a parameter a search never runs out of points."""
        self._values = {name: space[name].parse(value) for name, value in values.items()}

    def holds(self, config: Mapping[str, Any]) -> bool:
        """True if a config has these values. Names that are inactive in the config are ignored."""
        return all(
            name not in config or canonical(config[name]) == canonical(value) or is_same_number(config[name], value)
            for name, value in self._values.items()
        )

    def impose(self, config: dict[str, Any]) -> dict[str, Any]:
        """The config with the exact values of the context."""
        return {name: self._values.get(name, value) for name, value in config.items()}

    def __str__(self) -> str:
        return f" in the context {self._values}" if self._values else ""
