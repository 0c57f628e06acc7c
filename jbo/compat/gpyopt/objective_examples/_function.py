"""What GPyOpt's test functions have in common."""

from typing import Any

import numpy as np
from jaxtyping import Float

_MOST_POINTS = 500


class Function:
    """A function of rows over a box, with noise if it is asked for.

    Args:
      bounds: Pairs ``(low, high)``; None: the usual ones.
      sd: Standard deviation of the noise, drawn from NumPy's global generator; None: none.
    """

    name: str = ""
    input_dim: int = 2
    bounds: Any = ()
    min: Any = ()
    """Where the function has its minimum over the usual bounds."""
    fmin: Any = 0.0
    """The minimum."""

    def __init__(self, bounds: Any = None, sd: float | None = None):
        self.bounds = list(self.bounds) if bounds is None else bounds
        self.sd = 0 if sd is None else sd

    def value(self, X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
        """The value at each row, without noise.

        Args:
          X: The rows.
        """
        raise NotImplementedError

    def f(self, X: Any) -> Float[np.ndarray, "n 1"]:
        """The values of the function at points in its own units, with the noise of the function.

        Args:
          X: Points, shape ``[n d]``; or one point, shape ``[d]``.

        Raises:
          ValueError: The points have another number of columns.
        """
        X = np.asarray(X, np.float64)
        X = X.reshape(-1, self.input_dim) if X.ndim < 2 and X.size % self.input_dim == 0 else X
        if X.ndim != 2 or X.shape[1] != self.input_dim:
            raise ValueError(f"{self.name}: expected rows of {self.input_dim} numbers, got shape {X.shape}")
        values = np.asarray(self.value(X), np.float64)[:, None]
        return values + np.random.normal(0, self.sd, values.shape) if self.sd else values  # noqa: NPY002

    def plot(self, bounds: Any = None, ax: Any = None, plt_type: str = "contourf") -> None:
        """Draw the function over its box of one or two columns, and show the figure unless ``ax`` is given.

        Args:
          bounds: Pairs ``(low, high)``; None: the bounds of the function.
          ax: Matplotlib's axes; None: a new figure.
          plt_type: ``contourf`` or ``contour``, of two columns.

        Raises:
          ValueError: The function has more than two columns, or the type is neither of the two.
        """
        from matplotlib import pyplot

        bounds = self.bounds if bounds is None else bounds
        if self.input_dim > 2 or plt_type not in ("contourf", "contour"):
            raise ValueError(f"plot: expected one or two columns and 'contourf' or 'contour', got {plt_type!r}")
        axes = pyplot.figure().add_subplot() if ax is None else ax
        if self.input_dim == 1:
            x = np.linspace(bounds[0][0], bounds[0][1], _MOST_POINTS)
            axes.plot(x, self.f(x[:, None])[:, 0], lw=2, label="f")
            axes.set_xlabel("x")
            axes.set_ylabel("f(x)")
        else:
            sides = [np.linspace(low, high, _MOST_POINTS // 4) for low, high in bounds]
            x1, x2 = np.meshgrid(*sides)
            values = self.value(np.stack([x1.ravel(), x2.ravel()], axis=1)).reshape(x1.shape)
            drawn = getattr(axes, plt_type)(x1, x2, values, 100)
            if plt_type == "contourf":
                axes.figure.colorbar(drawn, ax=axes)
            axes.plot(*np.array(self.min, np.float64).reshape(-1, 2).T, "kX", label="minimum")
            axes.set_xlabel("X1")
            axes.set_ylabel("X2")
        axes.legend()
        axes.set_title(self.name)
        if ax is None:
            pyplot.show()
