"""A whole search over a traceable function as one program."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from jbo import pareto
from jbo.candidates import have_same_candidates
from jbo.checks import check_key, scalar
from jbo.outcomes import Outcome, Outcomes, as_outcomes
from jbo.space import Space, space_of
from jbo.strategies import ModelStrategy, Strategy
from jbo.strategies.fits import KeptFit, no_fit, refit
from jbo.types import OK, Result, Trials


@runtime_checkable
class Problem(Protocol):
    """An objective with a space, such as the functions of `jbo.functions`."""

    @property
    def space(self) -> Space:
        """The search space."""
        ...

    def __call__(self, config: dict[str, Any]) -> Any:
        """Value at a config of traced scalars, lower is better; or a `jbo.Result`, which may hold cost and noise."""
        ...


_NOT_TRACEABLE = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.TracerIntegerConversionError,
)


class Run(NamedTuple):
    """A finished search of ``t`` steps, in their order."""

    x: Float[Array, "t d"]
    """Snapped points of the unit cube."""
    y: Float[Array, " t"] | Float[Array, "t k"]
    """Values of the objective, not finite for failed trials. Lower is better: `jbo.Maximize` changes their sign. With
    several objectives there is one column for each."""
    best_y: Any
    """Minimum value of the feasible trials so far, ``[t]``; ``inf`` before the first. None with several objectives."""
    trials: Trials
    """The final table, rows in the order of the steps, with cost and noise if the function returns them."""
    values: dict[str, Float[Array, " t"]]
    """All outcomes by name, as the function returned them. Without ``outcomes``: the value of the objective."""
    is_pareto: Bool[Array, " t"] | None = None
    """With several objectives: True for feasible trials that no other trial dominates. None with one objective."""
    hypervolume: Float[Array, " t"] | None = None
    """With several objectives: hypervolume of the feasible trials so far, up to ``reference``. None with one."""
    reference: Float[Array, " k"] | None = None
    """With several objectives: the reference point of the hypervolume, lower is better. If an objective has no
    reference, `jbo.pareto.reference` infers it from all trials of the search. None with one objective."""


def minimize(
    key: Key[Array, ""],
    function: Problem | Callable[[dict[str, Any]], Any],
    strategy: Strategy,
    num_steps: int,
    *,
    space: Space | None = None,
    outcomes: Sequence[Outcome] | None = None,
) -> Run:
    """Search for the minimum of ``function`` with ``num_steps`` evaluations, including the initial design.

    The search is traceable: wrap it in `jax.jit`, and in `jax.vmap` over keys or over numbers of the strategy or of the
    function.

    Args:
      key: The key of the search.
      function: A traceable function of a config, lower is better. It returns a number or a `jbo.Result`. The config
        holds scalars: numbers for reals, integers and ordinals, the index of the choice for a category. Compare it with
        an index, ``config["kind"] == 1``: JAX compares a traced number with a text as False. An inactive parameter is
        at its centre; `jbo.is_active` tells which parameters are active. For a table of known results over a list of
        candidates, `jbo.row_of` gives the row of the config. A function with an attribute ``space``, such as those of
        `jbo.functions`, is searched in that space.
      strategy: A strategy over the same space.
      num_steps: Number of evaluations, at least 1.
      space: The space of the configs. None: the space of the function, or else the space that ``strategy`` was made
        for. If the strategy is an argument of `jax.jit` or `jax.vmap`, give the space, because such a strategy keeps
        only its structure.
      outcomes: The named results of the function, such as ``[jbo.Minimize("loss"), jbo.AtMost("memory", 8.0)]``:
        objectives, limits, a cost, or values that are only recorded. None: the function returns one number.

    Returns:
      All points and values, and the best value so far. If the strategy has a model, these results have no derivative,
      because the suggestions have none.

    Raises:
      TypeError: If an argument has the wrong type, the function is not traceable, or it does not return a number.
      KeyError: If the function looks up a name that is not in the space.
      ValueError: If ``num_steps`` is below 1, or the function's value, cost or noise is not a scalar. If the space is
        not known, or ``strategy`` searches a space of another structure or constraint.

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
            f"strategy: expected a strategy over {searched!r}, got one over a space of another structure, "
            f"with {strategy.encoding.num_columns} columns"
        )
    if searched.encoding.constraint != strategy.encoding.constraint:
        raise ValueError(
            "strategy: expected a strategy over the function's space, got one over a space with another constraint"
        )
    if not have_same_candidates(searched.encoding, strategy.encoding):
        raise ValueError(
            "strategy: expected a strategy over the function's space, got one over another list of candidates"
        )

    goals = as_outcomes(outcomes)
    strategy = strategy.for_table(goals.layout_for(strategy.learns_cost))
    if goals.has_several:
        strategy = strategy.with_reference(np.asarray(goals.references))
    state = strategy.init(num_steps)

    def evaluate(x: Float[Array, " d"]) -> Measured:
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
        return measured(goals, result if isinstance(result, Result) else Result(result), state.y.dtype)

    def tell(state: Trials, x: Float[Array, " d"]) -> tuple[Trials, dict[str, Float[Array, ""]]]:
        told = evaluate(x)
        state = strategy.tell(state, x, told.y, is_known=told.is_known, cost=told.cost, noise=told.noise)
        return state, told.values

    def by_design(state: Trials, _: None):
        return tell(state, strategy.design(key, state)[0])

    def by_asking(state: Trials, _: None):
        return tell(state, strategy.ask(key, state)[0])

    num_design = min(strategy.num_initial, num_steps)
    num_asked = num_steps - num_design
    told = jax.eval_shape(evaluate, state.x[0])
    state = state if told.cost is None else state.with_cost()
    state = state._replace(noise=None if told.noise is None else jnp.zeros_like(state.y))
    # Two scans, so that the steps of the design fit no model: under `vmap` a `cond` would compute both branches.
    state, first = jax.lax.scan(by_design, state, None, length=num_design)
    if num_asked == 0:
        last = jax.tree.map(lambda leaf: leaf[:0], first)
    elif isinstance(strategy, ModelStrategy):
        state, last = _by_model(key, strategy, tell, state, num_asked)
    else:
        state, last = jax.lax.scan(by_asking, state, None, length=num_asked)
    values = jax.tree.map(lambda *parts: jnp.concatenate(parts), first, last)
    # A trial that has failed because of a limit has no value.
    y = [goals.by_name[each.name].to_table(values[each.name]) for each in goals.objectives]
    y = [jnp.where(jnp.isfinite(column), jnp.nan, column) for column in y]
    # XLA may compute a number twice, for the table and for the output, with different last bits.
    is_known = state.is_known & (state.status == OK)[:, None]
    y = [jnp.where(is_known[:, j], state.y[:, j], column) for j, column in enumerate(y)]
    counts = state.has_value & state.is_feasible
    if not goals.has_several:
        return Run(state.x, y[0], jax.lax.cummin(jnp.where(counts, y[0], jnp.inf)), state, values)
    given = jnp.asarray(np.asarray(goals.references), state.y.dtype)
    reference = jnp.where(jnp.isfinite(given), given, pareto.reference(state.objectives, counts))
    num = jnp.arange(num_steps)
    so_far = jax.lax.map(lambda i: pareto.hypervolume(state.objectives, reference, counts & (num <= i)), num)
    is_pareto = pareto.front(state.objectives, counts)
    return Run(state.x, jnp.stack(y, axis=1), None, state, values, is_pareto, so_far, reference)


class Measured(NamedTuple):
    """The result of the function, for the table and for the user."""

    y: Float[Array, " k"]
    """Objectives and limits in the form of the table."""
    is_known: np.ndarray
    """False for outcomes whose names the function left out."""
    cost: Float[Array, ""] | None
    noise: Float[Array, " k"] | None
    values: dict[str, Float[Array, ""]]
    """Values by name; NaN for names that the function left out."""


def measured(outcomes: Outcomes, result: Result, dtype: Any) -> Measured:
    """The checked result of a traceable function.

    Args:
      outcomes: Outcomes that the function should return.
      result: A scalar; or a dict of scalars by name, if the outcomes have names.
      dtype: Floating type of the search.

    Raises:
      TypeError: The result is neither a number nor a dict of numbers.
      ValueError: A name is unknown, an objective or a limit is absent, or a value is not a scalar.
    """
    returned, cost, noise = result.value, result.cost, result.noise
    if not outcomes.is_named:
        returned = {outcomes.objective.name: scalar("function", "value", returned, dtype)}
    elif not isinstance(returned, Mapping):
        raise TypeError(f"function: expected a dict with values of {list(outcomes.by_name)}, got {returned!r:.99}")
    for name in returned:
        outcomes.named(name)
    values = {
        outcome.name: jnp.full((), jnp.nan, dtype)
        if returned.get(outcome.name) is None
        else scalar("function", f"value of {outcome.name!r}", returned[outcome.name], dtype)
        for outcome in (outcomes if outcomes.is_named else outcomes.columns)
    }
    own = [(outcome, values[outcome.name]) for outcome in outcomes.columns]
    is_known = np.array([returned.get(outcome.name) is not None for outcome in outcomes.columns])
    most = float(jnp.finfo(dtype).max)
    with np.errstate(over="ignore"):  # casting a large limit to float32 overflows
        y = jnp.stack([_finite(outcome.to_table(value), value, most) for outcome, value in own])
    if outcomes.is_named and outcomes.cost is not None and returned.get(outcomes.cost.name) is not None:
        if cost is not None:
            raise ValueError(f"cost: expected the cost once, got both a cost and the outcome {outcomes.cost.name!r}")
        cost = values[outcomes.cost.name]
    cost = None if cost is None else scalar("function", "cost", cost, dtype)
    if noise is not None:
        if not isinstance(noise, Mapping) and outcomes.has_several:
            raise TypeError(
                f"noise: expected a dict from names to standard deviations with several objectives, got {noise!r:.99}"
            )
        by_name = noise if isinstance(noise, Mapping) else {outcomes.objective.name: noise}
        for name in by_name:
            outcomes.named(name)
        noise = jnp.stack(
            [scalar("function", "noise", by_name.get(outcome.name, 0.0), dtype) for outcome in outcomes.columns]
        )
    never = [outcome.name for outcome in outcomes.columns if outcome.name not in returned]
    if never:
        raise ValueError(f"function: expected values of {[o.name for o in outcomes.columns]}, got none of {never}")
    return Measured(y, is_known, cost, noise, values)


def _finite(in_table: Any, value: Float[Array, ""], most: float) -> Float[Array, ""]:
    """A number of the table, finite if the measured value is: the difference from a limit may overflow."""
    return jnp.where(jnp.isfinite(value), jnp.clip(in_table, -most, most), value).astype(value.dtype)


def _by_model(
    key: Key[Array, ""],
    strategy: ModelStrategy,
    tell: Callable[[Trials, Float[Array, " d"]], tuple[Trials, Any]],
    state: Trials,
    num_steps: int,
) -> tuple[Trials, Any]:
    """The final table and all values, for a strategy whose fit is kept until the rows that it uses change."""

    def by_model(carry: tuple[Trials, KeptFit], _: None):
        state, kept = carry
        kept = refit(strategy, key, state, kept)
        x = jax.lax.cond(
            strategy.has_enough(state),
            lambda: strategy.ask(key, state, model=kept.model)[0],
            lambda: strategy.design(key, state)[0],
        )
        state, y = tell(state, x)
        return (state, kept), y

    carry = state, no_fit(strategy, key, state)
    (state, _), y = jax.lax.scan(by_model, carry, None, length=num_steps)
    return state, y


def _space_of(function: Any, strategy: Strategy, space: Any) -> Any:
    """The space of the search: the argument, or else the function's space, or else the strategy's space.

    A function may have a space of another class, with attributes ``encoding`` and ``decode_traced``.
    """
    if space is None:
        space = function.space if isinstance(function, Problem) else None
    if space is None:
        space = space_of(strategy.encoding)
    if space is None:
        raise ValueError(
            "space: expected a space, because the function has none, and a strategy that went through jax.jit, "
            "jax.vmap or jax.tree.map keeps only the structure of its space; pass space= to minimize"
        )
    if not (hasattr(space, "encoding") and hasattr(space, "decode_traced")):
        raise TypeError(f"space: expected a jbo.Space, got {space!r}")
    return space
