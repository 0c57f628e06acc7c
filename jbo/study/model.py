"""Calls of the model: float64 on the CPU inside, NumPy and Python outside, without changes to the user's settings."""

import dataclasses
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key, UInt32

from jbo.constraint import OnHost
from jbo.outcomes import Outcomes
from jbo.space import Space
from jbo.strategies import ModelStrategy, MultiObjective, Strategy
from jbo.study._trial import SuggestInfo
from jbo.study.programs import Call, compile_ahead, run
from jbo.study.table import Rows, Table, capacity_for
from jbo.types import EMPTY, FAILED, OK, Trials
from jbo.world import world

_Words = UInt32[Array, "2"] | UInt32[np.ndarray, "2"]
"""The two halves of a seed, the upper half first."""


# Functions at module level, with the strategy as an argument: a second study of the same structure compiles nothing.
# Seeds are words and tables are NumPy arrays, because any other JAX operation would be a further program to compile.
def _fit(strategy: ModelStrategy, seed: _Words, state: Trials, start: Any) -> Any:
    return strategy.fit(key_of(seed), state, start)


def _ask(strategy: Strategy, seed: _Words, state: Trials, model: Any, fixed: Float[Array, " d"] | None) -> Any:
    if isinstance(strategy, ModelStrategy):
        return strategy.ask(key_of(seed), state, fixed=fixed, model=model)
    return strategy.ask(key_of(seed), state, fixed=fixed)


def _design(strategy: Strategy, seed: _Words, state: Trials, fixed: Float[Array, " d"] | None) -> Any:
    return strategy.design(key_of(seed), state, fixed=fixed)


def _recommend(strategy: Strategy, seed: _Words, state: Trials, model: Any) -> Any:
    if isinstance(strategy, ModelStrategy):
        return strategy.recommend(key_of(seed), state, model=model)
    return strategy.recommend(key_of(seed), state)


def _recommend_design(strategy: Strategy, seed: _Words, state: Trials) -> Any:
    return Strategy.recommend(strategy, key_of(seed), state)


def _recommend_front(strategy: Strategy, seed: _Words, state: Trials, model: Any) -> Any:
    if isinstance(strategy, MultiObjective):
        return strategy.recommend_front(key_of(seed), state, model=model)
    return strategy.recommend_front(key_of(seed), state)


def _observed_front(strategy: Strategy, seed: _Words, state: Trials) -> Any:
    return Strategy.recommend_front(strategy, key_of(seed), state)


def for_study(strategy: Strategy, space: Space, outcomes: Outcomes) -> Strategy:
    """The same strategy for the outcomes of a study. Its constraint is called with Python values, not traced ones.

    Args:
      strategy: A strategy for the space.
      space: The search space.
      outcomes: Outcomes of the study.
    """
    # A list of candidates contains only allowed candidates, so its constraint is no longer needed.
    function = None if space.encoding.constraint is None else space.constraint
    constraint = None if function is None else OnHost(space, function)
    encoding = dataclasses.replace(strategy.encoding, constraint=constraint)
    bound, layout = dataclasses.replace(strategy, encoding=encoding), outcomes.layout_for(strategy.learns_cost)
    if outcomes.has_several:
        return bound.for_table(layout).with_reference(np.array(outcomes.references))
    return bound.oriented(outcomes.maximize).for_table(layout)


Waiting = Callable[[str], AbstractContextManager[None]]


def _said(waiting: Waiting | None) -> Callable[[], AbstractContextManager[None]]:
    return nullcontext if waiting is None else lambda: waiting("compiling the model's program ...")


class Fits:
    """The latest fit of a study. It is kept until the rows that it uses, or the capacity, change.

    `jbo.strategies.fits.KeptFit` does the same inside a traced search. It compares only which rows a fit used. Here
    their contents are compared, because another process may have changed the table.
    """

    def __init__(self):
        self._latest: tuple[bytes, Any] = (b"", None)

    def model(
        self,
        strategy: Strategy,
        seed: int,
        rows: Rows,
        device: Any,
        then: Callable[[Any], Call] | None = None,
        waiting: Waiting | None = None,
    ) -> tuple[Any, float]:
        """The fit to the rows (`ModelStrategy.fit`), and the seconds spent waiting for its program to be compiled.

        Args:
          strategy: As in `suggest`.
          seed: As in `suggest`.
          rows: As in `suggest`.
          device: As in `suggest`. The caller must be in its context (`jbo.world`).
          then: The next call, which uses the fit; see `run`.
          waiting: As in `suggest`.
        """
        content, latest = self._latest  # read at once, so that a thread sees a fit with its own rows
        if not isinstance(strategy, ModelStrategy):
            return None, 0.0
        is_fitted = strategy.rows_of_fit(rows.status)
        fitted_content = _content(rows, is_fitted)
        if fitted_content == content:
            return latest, 0.0
        rows_of_fit = rows._replace(status=np.where(is_fitted, rows.status, EMPTY))
        is_previous = strategy.rows_of_warm_start(rows_of_fit.status)
        previous = latest if is_previous.any() and _content(rows, is_previous) == content else None
        # If the previous fit is missing (after a restart), the program recomputes it.
        start = jax.tree.map(np.asarray, strategy.warm_start(len(rows.status), jax.tree.map(np.asarray, previous)))
        model, seconds = run(
            Call(_fit, (strategy, words_of(seed), _state(rows_of_fit), start), device), then, _said(waiting)
        )
        self._latest = fitted_content, model
        return model, seconds


def _content(rows: Rows, is_meant: np.ndarray) -> bytes:
    """The contents of the given rows and the number of all rows, as bytes."""
    arrays = [array for array in rows if isinstance(array, np.ndarray)]
    columns = [np.ascontiguousarray(array[is_meant]).tobytes() for array in arrays]
    return b"".join(columns) + len(is_meant).to_bytes(8, "little")


class Suggestion(NamedTuple):
    """A point of the unit cube, and how it was found."""

    x: Float[np.ndarray, " d"]
    is_new: bool
    """False if a bounded search found no point that is new and allowed."""
    info: SuggestInfo


def suggest(
    strategy: Strategy,
    seed: int,
    rows: Rows,
    device: Any,
    fits: Fits,
    fixed: Float[np.ndarray, " d"] | None = None,
    waiting: Waiting | None = None,
) -> Suggestion:
    """The next point of the unit cube.

    Args:
      strategy: The strategy. It folds the number of rows into the key, so all trials of a study use the same key.
      seed: Seed of the study.
      rows: All trials so far. Their number is the number of the new trial.
      device: Device of the model; None: the CPU.
      fits: Fits of the study.
      fixed: Coordinates of the columns that the context sets, NaN for searched columns; None: there is no context.
      waiting: Context manager, given a text, that is entered while the program of a model is compiled. None: the wait
        is not shown.

    Raises:
      ValueError: The constraint raised an error, or did not return a truth value.
    """
    start = time.perf_counter()
    # During the initial design a smaller program gives the same point, and compiles in a tenth of the time.
    is_design = _is_design(strategy, rows)
    with world(device):
        arguments, seconds_fit = (strategy, words_of(seed), _state(rows)), 0.0
        if is_design:
            call = Call(_design, (*arguments, fixed), device)
        else:
            waiting = waiting if strategy.num_initial else None
            then = _asked(*arguments, fixed, device)
            model, seconds_fit = fits.model(strategy, seed, rows, device, then, waiting)
            call = Call(_ask, (*arguments, model, fixed), device)
        (x, info), seconds_compile = run(call, waiting=_said(None if is_design else waiting))
        seconds_compile += seconds_fit
        point, is_new = np.array(x, np.float64), bool(info.is_new)
    constraint = strategy.encoding.constraint
    error = constraint.take_error() if isinstance(constraint, OnHost) else None
    if error is not None:
        raise error
    return Suggestion(point, is_new, SuggestInfo(not is_design, time.perf_counter() - start, seconds_compile))


def prepare(
    strategy: Strategy,
    seed: int,
    num_rows: int,
    device: Any,
    fixed: Float[np.ndarray, " d"] | None,
    last: int | None,
    prepared: set[tuple[int, bool, bool]],
    table: Table,
) -> None:
    """Compile the programs of coming suggestions in the background, so that no suggestion has to wait.

    During the initial design it compiles the program with the model. Once three quarters of a capacity are used, it
    compiles the program for the next capacity.

    Args:
      strategy: As in `suggest`.
      seed: As in `suggest`.
      num_rows: Number of trials so far.
      device: As in `suggest`.
      fixed: As in `suggest`.
      last: Total number of trials of the run; None: unknown.
      prepared: Kinds of programs that this study has already compiled. New ones are added.
      table: Table with the columns of the rows.
    """
    first = strategy.num_initial  # number of rows at the first suggestion by the model
    capacity = capacity_for(num_rows + 1)
    if num_rows <= first:
        needed = first
    elif 4 * num_rows >= 3 * capacity:
        needed = capacity
    else:
        return
    capacity = capacity_for(needed + 1)
    rows = table.empty_rows(capacity)
    kind = capacity, fixed is None, rows.noise is None
    if (last is not None and needed >= last) or kind in prepared:
        return
    prepared.add(kind)
    with world(device):
        arguments = strategy, words_of(seed), _state(rows)
        if not isinstance(strategy, ModelStrategy):
            compile_ahead(Call(_ask, (*arguments, None, fixed), device), lambda: world(device))
            return
        fit = Call(_fit, (*arguments, strategy.warm_start(capacity, None)), device)
        compile_ahead(fit, lambda: world(device), _asked(*arguments, fixed, device))


def _asked(
    strategy: Strategy, words: _Words, state: Trials, fixed: Float[np.ndarray, " d"] | None, device: Any
) -> Callable[[Any], Call]:
    """The call of `ask` with a model, as a function of the model's shapes."""

    def call(shapes: Any) -> Call:
        model = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes)
        return Call(_ask, (strategy, words, state, model, fixed), device)

    return call


def recommend(strategy: Strategy, seed: int, rows: Rows, without_stopped: Rows, device: Any, fits: Fits) -> int:
    """Row of the recommended trial; see `Strategy.recommend`.

    Args:
      strategy: The strategy with the model.
      seed: Seed of the study.
      rows: All trials so far, at least one of which succeeded.
      without_stopped: The same trials, with empty rows for stopped trials (`Table.rows_without_stopped`).
      device: Device of the model; None: the CPU.
      fits: Fits of the study.
    """
    return int(_run_with_model(_recommend_design, _recommend, strategy, seed, rows, without_stopped, device, fits))


def recommend_front(
    strategy: Strategy, seed: int, rows: Rows, without_stopped: Rows, device: Any, fits: Fits
) -> Bool[np.ndarray, " n"]:
    """True for the rows of the recommended trials; see `Strategy.recommend_front`.

    Args:
      strategy: The strategy with the models.
      seed: Seed of the study.
      rows: All trials so far, at least one of which succeeded.
      without_stopped: The same trials, with empty rows for stopped trials (`Table.rows_without_stopped`).
      device: Device of the models; None: the CPU.
      fits: Fits of the study.
    """
    return np.asarray(
        _run_with_model(_observed_front, _recommend_front, strategy, seed, rows, without_stopped, device, fits)
    )


def _run_with_model(
    in_design: Any,
    by_model: Any,
    strategy: Strategy,
    seed: int,
    rows: Rows,
    without_stopped: Rows,
    device: Any,
    fits: Fits,
) -> Any:
    """Run one of two programs: the first during the initial design, later the second, which gets the model.

    The fit uses all rows, because it is the kept fit of the next suggestion. The posterior leaves out stopped trials:
    their values are guesses, and must not move the means that decide.
    """
    with world(device):
        arguments = strategy, words_of(seed), _state(without_stopped)
        if _is_design(strategy, without_stopped):
            return run(Call(in_design, arguments, device))[0]
        return run(Call(by_model, (*arguments, fits.model(strategy, seed, rows, device)[0]), device))[0]


def _is_design(strategy: Strategy, rows: Rows) -> bool:
    """True during the initial design. It is computed without a JAX program."""
    if isinstance(strategy, ModelStrategy):
        return not strategy.has_enough(_state(rows))
    return bool(np.isin(rows.status, (OK, FAILED)).sum() < strategy.num_initial)


def words_of(seed: int) -> UInt32[np.ndarray, "2"]:
    """The two halves of a seed, the upper half first.

    Args:
      seed: Seed of a study.
    """
    return np.array([seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF], np.uint32)


def key_of(words: _Words) -> Key[Array, ""]:
    """The key of `jax.random.key` for a seed, with a fixed implementation, because a user's default may differ.

    Args:
      words: The seed as words, from `words_of`.
    """
    return jax.random.wrap_key_data(jnp.asarray(words), impl="threefry2x32")


def _state(rows: Rows) -> Trials:
    fields: Any = rows  # NumPy arrays, see above
    return Trials(*fields)
