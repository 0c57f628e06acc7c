"""A whole study of a traceable function as one program."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jbo.space import Space
from jbo.strategies import Strategy
from jbo.strategies._held import Held, nothing_held, refit
from jbo.strategies._initial import is_over
from jbo.types import OK, Result, Trials


@runtime_checkable
class Problem(Protocol):
    """What `minimize` needs of an objective; those of `jbo.functions` have it."""

    @property
    def space(self) -> Space:
        """Where to search."""
        ...

    def __call__(self, config: dict[str, Any]) -> Any:
        """Value at a config of traced scalars, lower is better; or a `jbo.Result` with what else is known of it."""
        ...


class Run(NamedTuple):
    """A finished search; ``t`` steps in the order in which they were made."""

    x: Float[Array, "t d"]
    """Snapped points of the unit cube."""
    y: Float[Array, " t"]
    """Values of the objective, not finite where it failed."""
    best_y: Float[Array, " t"]
    """Least value so far; ``inf`` before the first success."""
    trials: Trials
    """The final table, its rows in the order of the steps; with what they cost and their noise, if the problem says."""


def minimize(key: Key[Array, ""], problem: Problem, strategy: Strategy, num_steps: int) -> Run:
    """Search for the minimum of ``problem`` with ``num_steps`` evaluations, the initial design among them.

    Traceable: wrap it in `jax.jit`, and in `jax.vmap` over keys or over numbers of the strategy or of the problem.

    Args:
      key: The key of the search.
      problem: A traceable function of a config with its space. Its config holds scalars: numbers for reals, integers
        and ordinals, the index of a category; names whose condition does not hold have their centre
        (`jbo.is_active` tells which).
      strategy: How to search the same space.
      num_steps: Evaluations, at least 1.

    Returns:
      All points and values, and the best value so far.

    Raises:
      ValueError: If ``num_steps`` is below 1, ``strategy`` searches a space of another structure, or the problem's
        value, cost or noise is no scalar.
    """
    if num_steps < 1:
        raise ValueError(f"num_steps: expected at least 1, got {num_steps}")
    space = problem.space
    if space.encoding.columns != strategy.encoding.columns:
        raise ValueError(
            f"strategy: expected one over the problem's space with columns {space.encoding.columns}, "
            f"got one over columns {strategy.encoding.columns}"
        )
    if space.encoding.constraint != strategy.encoding.constraint:
        raise ValueError("strategy: expected one over the problem's space, got one over a space of another constraint")

    state = strategy.init(num_steps)

    def evaluate(x: Float[Array, " d"]) -> Result:
        result = problem(space.decode_traced(x))
        result = result if isinstance(result, Result) else Result(result)
        result = jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(state.y.dtype), result)
        for name in ("value", "cost", "noise"):
            shape = np.shape(getattr(result, name))
            if shape:
                raise ValueError(f"problem: expected a scalar, got a {name} of shape {shape}")
        return result

    def tell(state: Trials, x: Float[Array, " d"]) -> tuple[Trials, Float[Array, ""]]:
        result = evaluate(x)
        return strategy.tell(state, x, result.value, cost=result.cost, noise=result.noise), result.value

    def by_design(state: Trials, _: None):
        return tell(state, strategy.design(key, state)[0])

    def by_model(carry: tuple[Trials, Held], _: None):
        state, held = carry
        held = refit(strategy, key, state, held)
        if held.model is None:
            x, _ = strategy.ask(key, state)
        else:
            x, _ = jax.lax.cond(
                is_over(state, strategy.num_initial),
                lambda: strategy.ask(key, state, **{"model": held.model}),
                lambda: strategy.design(key, state),
            )
        state, out = tell(state, x)
        return (state, held), out

    known = jax.eval_shape(evaluate, state.x[0])
    state = state._replace(
        cost=None if known.cost is None else jnp.zeros_like(state.y),
        noise=None if known.noise is None else jnp.zeros_like(state.y),
    )
    # Two scans, since under `vmap` a condition pays for both of its branches: the design's steps fit no model.
    num_design = min(strategy.num_initial, num_steps)
    state, first = jax.lax.scan(by_design, state, None, length=num_design)
    carry = state, nothing_held(strategy, key, state)
    (state, _), last = jax.lax.scan(by_model, carry, None, length=num_steps - num_design)
    y = jnp.concatenate([first, last])
    # XLA may compute a number once for the table and once for the output, which then differ in a last bit.
    x, y = state.x, jnp.where(state.status == OK, state.y, y)
    best_y = jax.lax.cummin(jnp.where(jnp.isfinite(y), y, jnp.inf))
    return Run(x, y, best_y, state)
