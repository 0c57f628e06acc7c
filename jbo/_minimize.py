"""A whole study of a traceable function as one program."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from jbo.candidates import have_same_candidates
from jbo.checks import check_key, scalar
from jbo.space import Space, space_of
from jbo.strategies import ModelStrategy, Strategy
from jbo.strategies.fits import Held, nothing_held, refit
from jbo.types import OK, Result, Trials


@runtime_checkable
class Problem(Protocol):
    """An objective that knows its space; those of `jbo.functions` do."""

    @property
    def space(self) -> Space:
        """Where to search."""
        ...

    def __call__(self, config: dict[str, Any]) -> Any:
        """Value at a config of traced scalars, lower is better; or a `jbo.Result` with what else is known of it."""
        ...


_NOT_TRACEABLE = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)


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


def minimize(
    key: Key[Array, ""],
    function: Problem | Callable[[dict[str, Any]], Any],
    strategy: Strategy,
    num_steps: int,
    *,
    space: Space | None = None,
) -> Run:
    """Search for the minimum of ``function`` with ``num_steps`` evaluations, the initial design among them.

    Traceable: wrap it in `jax.jit`, and in `jax.vmap` over keys or over numbers of the strategy or of the function.

    Args:
      key: The key of the search.
      function: A traceable function of a config, lower is better: it returns a number or a `jbo.Result`. Its config
        holds scalars: numbers for reals, integers and ordinals, the index for a category. A name whose condition does
        not hold has its centre there; `jbo.is_active` tells which names these are. In a list of candidates
        `jbo.row_of` gives the row of the config, for a table of known results. An object with a ``space``, such as
        those of `jbo.functions`, is searched in that space.
      strategy: How to search the same space.
      num_steps: Evaluations, at least 1.
      space: What the configs are of. None: the function's space, else the one that ``strategy`` was made for. A
        strategy that is itself an argument of `jax.jit` or `jax.vmap` does not know it there: it keeps the structure
        of a space only.

    Returns:
      All points and values, and the best value so far. They have no derivative with a strategy that has a model, since
      its suggestions have none.

    Raises:
      TypeError: If an argument is not what it should be, or the function is not traceable or returns no number.
      KeyError: If the function asks for a name that the space does not have.
      ValueError: If ``num_steps`` is below 1, or the function's value, cost or noise is no scalar. If the space is not
        known, or ``strategy`` searches a space of another structure or constraint.

    Example:
      >>> import jax
      >>> import jbo
      >>> space = jbo.Space(x=jbo.Real(0.0, 1.0))
      >>> run = jbo.minimize(jax.random.key(0), lambda c: (c["x"] - 0.3) ** 2, jbo.sobol_search(space), 16)
      >>> bool(run.best_y[-1] < 0.01)
      True
    """
    check_key("key", key)
    if not isinstance(strategy, Strategy):
        raise TypeError(f"strategy: expected a strategy such as jbo.bayesian(space), got {strategy!r}")
    if not callable(function):
        raise TypeError(f"function: expected a traceable function of a config, got {function!r}")
    if not isinstance(num_steps, int | np.integer) or isinstance(num_steps, bool):
        raise TypeError(f"num_steps: expected an integer, got {num_steps!r}")
    if num_steps < 1:
        raise ValueError(f"num_steps: expected at least 1, got {num_steps}")
    searched: Any = _space_of(function, strategy, space)
    if searched.encoding.columns != strategy.encoding.columns:
        raise ValueError(
            f"strategy: expected one over {searched!r}, got one over a space of another structure, "
            f"with {strategy.encoding.num_columns} columns"
        )
    if searched.encoding.constraint != strategy.encoding.constraint:
        raise ValueError("strategy: expected one over the function's space, got one over a space of another constraint")
    if not have_same_candidates(searched.encoding, strategy.encoding):
        raise ValueError("strategy: expected one over the function's space, got one of another list of candidates")

    state = strategy.init(num_steps)

    def evaluate(x: Float[Array, " d"]) -> Result:
        config = searched.decode_traced(x)
        try:
            result = function(config)
        except KeyError as error:
            name = error.args[0] if error.args else None
            if name in config or not isinstance(name, str):
                raise
            raise KeyError(f"function: asks for {name!r}, which is none of the parameters {list(config)}") from error
        except _NOT_TRACEABLE as error:
            raise TypeError(
                "function: expected one that JAX can trace, got one that needs the value of a number while it is traced"
                " (float(), int(), bool(), if, numpy); write it with jax.numpy, or tune it by jbo.Study, which takes"
                f" any Python function. JAX says: {str(error).splitlines()[0]}"
            ) from error
        result = result if isinstance(result, Result) else Result(result)
        return Result(
            scalar("function", "value", result.value, state.y.dtype),
            None if result.cost is None else scalar("function", "cost", result.cost, state.y.dtype),
            None if result.noise is None else scalar("function", "noise", result.noise, state.y.dtype),
        )

    def tell(state: Trials, x: Float[Array, " d"]) -> tuple[Trials, Float[Array, ""]]:
        result = evaluate(x)
        return strategy.tell(state, x, result.value, cost=result.cost, noise=result.noise), result.value

    def by_design(state: Trials, _: None):
        return tell(state, strategy.design(key, state)[0])

    def by_asking(state: Trials, _: None):
        return tell(state, strategy.ask(key, state)[0])

    num_design = min(strategy.num_initial, num_steps)
    num_asked = num_steps - num_design
    known = jax.eval_shape(evaluate, state.x[0])
    state = state._replace(
        cost=None if known.cost is None else jnp.zeros_like(state.y),
        noise=None if known.noise is None else jnp.zeros_like(state.y),
    )
    # Two scans, since under `vmap` a condition pays for both of its branches: the design's steps fit no model.
    state, first = jax.lax.scan(by_design, state, None, length=num_design)
    if num_asked == 0:
        last = jnp.zeros(0, state.y.dtype)
    elif isinstance(strategy, ModelStrategy):
        state, last = _by_model(key, strategy, tell, state, num_asked)
    else:
        state, last = jax.lax.scan(by_asking, state, None, length=num_asked)
    y = jnp.concatenate([first, last])
    # XLA may compute a number once for the table and once for the output, which then differ in a last bit.
    x, y = state.x, jnp.where(state.status == OK, state.y, y)
    best_y = jax.lax.cummin(jnp.where(jnp.isfinite(y), y, jnp.inf))
    return Run(x, y, best_y, state)


def _by_model(
    key: Key[Array, ""],
    strategy: ModelStrategy,
    tell: Callable[[Trials, Float[Array, " d"]], tuple[Trials, Float[Array, ""]]],
    state: Trials,
    num_steps: int,
) -> tuple[Trials, Float[Array, " t"]]:
    """The final table and all values, of a strategy whose fits are kept while they learn from the same rows."""

    def by_model(carry: tuple[Trials, Held], _: None):
        state, held = carry
        held = refit(strategy, key, state, held)
        x = jax.lax.cond(
            strategy.has_enough(state),
            lambda: strategy.ask(key, state, model=held.model)[0],
            lambda: strategy.design(key, state)[0],
        )
        state, y = tell(state, x)
        return (state, held), y

    carry = state, nothing_held(strategy, key, state)
    (state, _), y = jax.lax.scan(by_model, carry, None, length=num_steps)
    return state, y


def _space_of(function: Any, strategy: Strategy, space: Any) -> Any:
    """Where to search, from the first of the three that says so.

    A function may have a space of its own kind, with an ``encoding`` and ``decode_traced``.
    """
    if space is None:
        space = function.space if isinstance(function, Problem) else None
    if space is None:
        space = space_of(strategy.encoding)
    if space is None:
        raise ValueError(
            "space: expected one, since the function has none and a strategy that went through jax.jit, jax.vmap or "
            "jax.tree.map keeps only the structure of its own; pass space= to minimize"
        )
    if not (hasattr(space, "encoding") and hasattr(space, "decode_traced")):
        raise TypeError(f"space: expected a jbo.Space, got {space!r}")
    return space
