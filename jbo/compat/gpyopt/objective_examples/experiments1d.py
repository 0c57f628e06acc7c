"""Functions of one variable."""

from typing import Any

import numpy as np
from jaxtyping import Float

from jbo.compat.gpyopt.objective_examples._function import Function as function1d


class forrester(function1d):
    """``(6 x - 2)^2 sin(12 x - 4)``, with a global and a local minimum.

    Args:
      sd: As in `Function`.

    References:
      Forrester, Sóbester and Keane, Engineering Design via Surrogate Modelling, 2008, appendix A.1.
    """

    name, input_dim, bounds, min, fmin = "forrester", 1, ((0, 1),), 0.7572488, -6.0207401

    def __init__(self, sd: Any = None):
        super().__init__(None, sd)

    def value(self, X: Float[np.ndarray, "n 1"]) -> Float[np.ndarray, " n"]:
        """The value at each row."""
        return (6 * X[:, 0] - 2) ** 2 * np.sin(12 * X[:, 0] - 4)
