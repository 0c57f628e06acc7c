"""GPyOpt's ``cost_withGradients``, a function of rows that gives costs and gradients, as `jbo` takes a cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo.compat.gpyopt._rows import Columns

Function = Callable[[np.ndarray], Any]
"""From rows ``(n, k)`` to costs ``(n, 1)`` and their gradients ``(n, k)``."""


@dataclass(frozen=True)
class Cost:
    """The cost at a config of JAX scalars: the function is called back with NumPy rows, and its gradients are used."""

    function: Function
    columns: Columns

    def __call__(self, config: Mapping[str, Any]) -> Float[Array, ""]:
        """The cost of an evaluation.

        Args:
          config: Traced scalars by name.
        """
        numbers = self.columns.numbers(config)
        dtype = jnp.result_type(float)
        return _cost(self.function, jnp.stack([jnp.asarray(number, dtype) for number in numbers]))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _cost(function: Function, row: Float[Array, " k"]) -> Float[Array, ""]:
    return _call_back(function, row)[0]


@_cost.defjvp
def _cost_jvp(function: Function, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    cost, gradient = _call_back(function, primals[0])
    return cost, jnp.sum(gradient * tangents[0])


def _call_back(function: Function, row: Float[Array, " k"]) -> tuple[Array, Array]:
    # Single precision: the thread that JAX calls back in has the user's types, which may know no other.
    shapes = jax.ShapeDtypeStruct((), jnp.float32), jax.ShapeDtypeStruct(row.shape, jnp.float32)

    def on_host(rows: Any) -> tuple[np.ndarray, np.ndarray]:
        rows = np.asarray(rows, np.float64)
        costs, gradients = costs_and_gradients(function, rows.reshape(-1, rows.shape[-1]))
        return costs.reshape(rows.shape[:-1]).astype(np.float32), gradients.reshape(rows.shape).astype(np.float32)

    cost, gradient = jax.pure_callback(on_host, shapes, row, vmap_method="expand_dims")
    return cost.astype(row.dtype), gradient.astype(row.dtype)


def costs_and_gradients(
    function: Function, rows: Float[np.ndarray, "n k"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n k"]]:
    """Costs and gradients that the function returns for rows.

    Args:
      function: Function of the user.
      rows: In the user's units.

    Raises:
      ValueError: It returns no pair of costs and gradients.
    """
    words = f"expected a pair of costs ({len(rows)}, 1) and gradients {rows.shape} for rows {rows.shape}"
    try:
        costs, gradients = function(rows)
        costs, gradients = np.asarray(costs, np.float64), np.asarray(gradients, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"cost_withGradients: {words}, got {error!r}") from error
    if costs.size != len(rows) or gradients.size != rows.size:
        raise ValueError(f"cost_withGradients: {words}, got shapes {costs.shape} and {gradients.shape}")
    return costs.reshape(len(rows)), gradients.reshape(rows.shape)


def constant_cost_withGradients(x: Any) -> tuple[Float[np.ndarray, "n 1"], Float[np.ndarray, "n k"]]:
    """The cost 1 at every row, and its gradient.

    Args:
      x: Rows.
    """
    x = np.atleast_2d(np.asarray(x, np.float64))
    return np.ones((len(x), 1)), np.zeros(x.shape)


class CostModel:
    """GPyOpt's model of costs, for programs that give it, or its function, to an acquisition.

    With ``evaluation_time`` the attribute ``cost_withGradients`` is that text and no function: the study learns the
    seconds itself. ``num_updates`` stays 0.

    Args:
      cost_withGradients: None, ``evaluation_time`` or a function, as in `BayesianOptimization`.
    """

    def __init__(self, cost_withGradients: Any = None):
        self.given = cost_withGradients
        self.cost_type = "Constant cost" if cost_withGradients is None else cost_withGradients
        self.cost_withGradients = constant_cost_withGradients if cost_withGradients is None else cost_withGradients
        self.num_updates = 0
