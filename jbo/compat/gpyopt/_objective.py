"""The user's function of a row, as a study's objective of a config."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jbo.compat.gpyopt._rows import Columns, Row


@dataclass(frozen=True)
class Objective:
    """Calls a function with one row that also answers to names, and takes an array of one number for the number."""

    function: Callable[[Row], Any]
    columns: Columns

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """What the function gave; arrays of more than one number as they are, for the study to refuse."""
        value = self.function(Row([self.columns.to_row(config)], config))
        if isinstance(value, list | tuple):
            value = np.asarray(value)
        return value.reshape(()) if getattr(value, "size", None) == 1 and hasattr(value, "reshape") else value
