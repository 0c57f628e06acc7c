"""GPyOpt's small functions that programs call."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import norm


def samples_multidimensional_uniform(bounds: Any, num_data: int) -> Float[np.ndarray, "n d"]:
    """Uniform samples of a box, by NumPy's global generator.

    Args:
      bounds: Pairs ``(low, high)``.
      num_data: Number of samples.
    """
    low, high = np.array(bounds, np.float64).T
    return np.random.uniform(low, high, (int(num_data), len(low)))  # noqa: NPY002


def multigrid(bounds: Any, Ngrid: int) -> Float[np.ndarray, "m d"]:
    """A lattice over a box.

    Args:
      bounds: Pairs ``(low, high)``.
      Ngrid: Points along each side.
    """
    axes = [np.linspace(low, high, Ngrid) for low, high in bounds]
    return np.stack([axis.ravel(order="F") for axis in np.meshgrid(*axes)], axis=1)


def reshape(x: Any, input_dim: int) -> np.ndarray:
    """The numbers as an array, of shape ``(1, input_dim)`` if there are ``input_dim`` numbers.

    Args:
      x: Numbers. Another count of numbers keeps its shape.
      input_dim: Number of columns, at least 1.
    """
    x = np.array(x)
    return x.reshape(1, input_dim) if x.size == input_dim else x


def best_value(Y: Any, sign: int = 1) -> Float[np.ndarray, " n"]:
    """The minimum (``sign=1``) or the maximum of the values so far.

    Args:
      Y: Values in their order.
      sign: 1 for the minimum; any other number for the maximum.
    """
    values = np.asarray(Y, np.float64).reshape(len(Y), -1)
    running, ends = (np.minimum, values.min(1)) if sign == 1 else (np.maximum, values.max(1))
    return running.accumulate(ends)


def best_guess(f: Callable[[Any], Any], X: Any) -> np.ndarray:
    """The minimum of a function over the first rows, for each number of rows.

    Args:
      f: From rows to values.
      X: The rows.
    """
    return np.array([np.min(f(X[: i + 1])) for i in range(len(X))])


def normalize(Y: Any, normalization_type: str = "stats") -> np.ndarray:
    """Values with mean 0 and variance 1, or values from -1 to 1. Equal values all become 0.

    Args:
      Y: A vector of values.
      normalization_type: ``stats`` for mean 0 and variance 1; ``maxmin`` for -1 at the minimum and 1 at the maximum.

    Raises:
      ValueError: The type is another.
    """
    Y = np.asarray(Y, np.float64)
    if normalization_type == "stats":
        width = Y.std()
        return (Y - Y.mean()) / width if width > 0 else Y - Y.mean()
    if normalization_type == "maxmin":
        width = Y.max() - Y.min()
        return 2 * ((Y - Y.min()) / width - 0.5) if width > 0 else Y - Y.min()
    raise ValueError(f"normalization_type: expected 'stats' or 'maxmin', got {normalization_type!r}")


def get_quantiles(acquisition_par: Any, fmin: Any, m: Any, s: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Density and distribution of the standard normal at ``u = (fmin - m - acquisition_par) / s``, and ``u``.

    Args:
      acquisition_par: The jitter.
      fmin: The value to improve on.
      m: Means.
      s: Standard deviations; at least 1e-10 of each counts.
    """
    u = (np.asarray(fmin) - m - acquisition_par) / np.maximum(s, 1e-10)
    return norm.pdf(u), norm.cdf(u), u


def evaluate_function(f: Callable[[Any], Any], X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Values of a function at the rows of ``X``, and the seconds that each evaluation took.

    Args:
      f: Function from one row to a value.
      X: Points, one for each row.
    """
    from jbo.compat.gpyopt._objective import SingleObjective

    values, seconds = SingleObjective(f).evaluate(X)
    return values, np.array(seconds)[:, None]


def values_to_array(input_values: Any) -> np.ndarray:
    """A number or a tuple of numbers as a column; an array as rows.

    Args:
      input_values: A number, a tuple of numbers or an array.
    """
    if isinstance(input_values, tuple):
        return np.array(input_values).reshape(-1, 1)
    return np.atleast_2d(np.array(input_values))


def merge_values(values1: Any, values2: Any) -> np.ndarray:
    """Every row of one array with every row of another.

    Args:
      values1: The first array.
      values2: The second array.
    """
    first, second = values_to_array(values1), values_to_array(values2)
    if not first.size or not second.size:
        return second if not first.size else first
    return np.array([np.hstack((a, b)) for a in first for b in second])
