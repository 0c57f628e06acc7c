"""Many training runs at once, with early stopping: the runs of one structure share one program.

At a few reports each run is evaluated, and a run with a poor loss may be stopped. Between two reports the runs of one
structure are one program under ``vmap``, spread over all devices. A stopped run leaves the program, so the remaining
runs take less time.
"""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Float, Int, Key

from architectures.examples import Examples, lengths_of
from architectures.training import (
    Judgement,
    Structure,
    TrainConfig,
    TrainingResult,
    TrainingState,
    advance,
    begin,
    judge,
    parameters,
    visits,
)

Stop = Callable[[int, Float[np.ndarray, " members"]], Bool[np.ndarray, " members"]]
"""A stopping rule. Its arguments are the number of the report, from 1, and the loss of every member (NaN for members
already stopped). It returns True for each member to stop."""


class Curve(NamedTuple):
    """Result and learning curve of a run."""

    result: TrainingResult
    """Result of the run when it ended or was stopped."""
    losses: Float[np.ndarray, " reports"]
    """Cross-entropy of the evaluation examples at each report of the run, in nats."""
    share: float
    """Fraction of the run's steps that were made, in (0, 1]."""


def never(step: int, losses: Float[np.ndarray, " members"]) -> Bool[np.ndarray, " members"]:
    """Stopping rule that stops no member."""
    del step
    return np.zeros(len(losses), bool)


def halving(factor: int = 2) -> Stop:
    """Stopping rule of successive halving: each report keeps the best ``1 / factor`` of the running members.

    At least one member is kept.

    References:
      Jamieson and Talwalkar, Non-stochastic best arm identification and hyperparameter optimization, AISTATS 2016.
    """

    def stop(step: int, losses: np.ndarray) -> np.ndarray:
        del step
        order = np.argsort(np.where(np.isfinite(losses), losses, np.inf), kind="stable")  # best first
        num_running = int((~np.isnan(losses)).sum())
        is_kept = np.zeros(len(losses), bool)
        is_kept[order[: max(-(-num_running // factor), 1)]] = True
        return ~is_kept

    return stop


def train_watched(
    key: Key[Array, ""],
    structure: Structure,
    config: TrainConfig,
    train_examples: Examples,
    judged_examples: Examples,
    *,
    num_epochs: int,
    num_reports: int,
    report: Callable[[int, float], bool],
) -> Curve:
    """One run of ``training.train`` that reports its loss and can be stopped.

    Args:
      key: As in ``train``.
      structure: As in ``train``.
      config: As in ``train``.
      train_examples: As in ``train``.
      judged_examples: Examples on which the loss of every report is evaluated.
      num_epochs: As in ``train``.
      num_reports: Number of reports in a full run, at least 1. They are evenly spaced, the last one at the end.
      report: Function of the number of the report, from 1, and the loss; it returns True to stop the run.
    """

    def stop(step: int, losses: np.ndarray) -> np.ndarray:
        return np.array([report(step, float(losses[0]))])

    runs = _Runs(key, structure, [config], [0], train_examples, judged_examples, num_epochs, num_reports)
    return _watch([runs], 1, num_reports, stop)[0]


def train_population(
    key: Key[Array, ""],
    members: Sequence[tuple[Structure, TrainConfig]],
    train_examples: Examples,
    judged_examples: Examples,
    *,
    num_epochs: int,
    num_reports: int = 1,
    stop: Stop = never,
) -> list[Curve]:
    """The runs of all members; each equals ``training.train`` with the same key, up to rounding.

    Members of one structure share one program, which is split over all devices if there are several.

    Args:
      key: Random key of every run, so that members differ in their config but not in their random numbers.
      members: Structure and config of each member.
      train_examples: As in ``train``.
      judged_examples: Examples on which the loss of every report is evaluated.
      num_epochs: As in ``train``.
      num_reports: Number of reports in a full run, at least 1. They are evenly spaced, the last one at the end.
      stop: Stopping rule, applied at each report except the last.
    """
    groups: dict[Hashable, list[int]] = {}
    for index, (structure, _) in enumerate(members):
        groups.setdefault(structure, []).append(index)
    runs = [
        _Runs(
            key,
            members[rows[0]][0],
            [members[row][1] for row in rows],
            rows,
            train_examples,
            judged_examples,
            num_epochs,
            num_reports,
        )
        for rows in groups.values()
    ]
    return _watch(runs, len(members), num_reports, stop)


def _watch(groups: Sequence["_Runs"], num_members: int, num_reports: int, stop: Stop) -> list[Curve]:
    """Advance all groups from report to report, and stop members by the rule ``stop``."""
    losses, curves = np.full((num_reports, num_members), np.nan), {}
    for step in range(1, num_reports + 1):
        for group in groups:
            losses[step - 1, group.rows] = group.advance(step - 1)
        is_over = np.ones(num_members, bool) if step == num_reports else stop(step, losses[step - 1])
        for group in groups:
            for row, result in group.take_out(is_over):
                curves[row] = Curve(result, losses[:step, row], step / num_reports)
        groups = [group for group in groups if group.rows]
        if not groups:
            break
    return [curves[row] for row in range(num_members)]


class _Runs:
    """Runs of one structure between two reports."""

    def __init__(self, key, structure, configs, rows, train_examples, judged_examples, num_epochs, num_reports):
        """Fresh runs; ``rows`` are their indices among all members."""
        if num_reports < 1:
            raise ValueError(f"num_reports: expected at least 1, got {num_reports}")
        self.key, self.structure, self.rows = key, structure, list(rows)
        self._examples = train_examples, judged_examples
        with jax.enable_x64(False):
            lengths = lengths_of(train_examples)
            order = np.asarray(visits(key, len(train_examples.targets), num_epochs, lengths))
            self._num_steps = len(order)
            length = -(-len(order) // num_reports)
            padded = np.pad(order, ((0, length * num_reports - len(order)), (0, 0)))
            self._order = padded.reshape(num_reports, length, -1)  # [steps, microbatch] -> [reports, steps, microbatch]
            self._is_step = (np.arange(length * num_reports) < len(order)).reshape(num_reports, length)
            self._configs = _stack(configs)
            self._states = _stack([_begin(key, structure)] * len(configs))
        self._losses: list[np.ndarray] = []
        self._judgement = Judgement(np.zeros(0), np.zeros(0))  # pyright: ignore[reportArgumentType]

    def advance(self, step: int) -> np.ndarray:
        """Train to the next report; returns the loss of each run."""
        num = len(self.rows)
        arguments = self._order[step], self._is_step[step], self._num_steps
        with jax.enable_x64(False):
            if num == 1:  # without vmap lax.switch runs one branch, not all
                alone = jax.tree.map(lambda leaf: leaf[0], (self._configs, self._states))
                outcome = _segment(self.key, self.structure, *alone, *self._examples, *arguments)
                self._states, losses, judgement = jax.tree.map(lambda leaf: leaf[None], outcome)
            else:
                spread = _spread((self._configs, self._states))
                outcome = _segments(self.key, self.structure, *spread, *self._examples, *arguments)
                self._states, losses, judgement = jax.tree.map(lambda leaf: leaf[:num], outcome)
        self._losses.append(np.asarray(losses)[:, self._is_step[step]])
        self._judgement = jax.tree.map(np.asarray, judgement)
        return np.asarray(self._judgement.cross_entropy)

    def take_out(self, is_over: Bool[np.ndarray, " members"]) -> list[tuple[int, TrainingResult]]:
        """Remove the runs that are over; returns their results with their indices."""
        losses, done = np.concatenate(self._losses, axis=1), []
        for index, row in enumerate(self.rows):
            if is_over[row]:
                with jax.enable_x64(False):
                    state = jax.tree.map(lambda leaf, index=index: leaf[index], self._states)
                    params = _parameters(self.structure, state)
                done.append((row, TrainingResult(params, losses[index], *(each[index] for each in self._judgement))))
        kept = np.array([index for index, row in enumerate(self.rows) if not is_over[row]], int)
        self.rows = [self.rows[index] for index in kept]
        if len(kept):
            with jax.enable_x64(False):
                self._configs, self._states = jax.tree.map(lambda leaf: leaf[kept], (self._configs, self._states))
            self._losses = [losses[kept]]
        return done


def _stack(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _spread(tree: Any) -> Any:
    """Rows spread over all devices; the last row is repeated until each device has the same number of rows."""
    devices = jax.devices()
    if len(devices) == 1:
        return tree
    sharding = NamedSharding(Mesh(np.array(devices), ("members",)), PartitionSpec("members"))

    def place(leaf):
        missing = -len(leaf) % len(devices)
        return jax.device_put(jnp.concatenate([leaf, jnp.repeat(leaf[-1:], missing, axis=0)]), sharding)

    return jax.tree.map(place, tree)


def _go_on(
    key: Key[Array, ""],
    structure: Structure,
    config: TrainConfig,
    state: TrainingState,
    train_examples: Examples,
    judged_examples: Examples,
    order: Int[Array, "steps microbatch"],
    is_step: Bool[Array, " steps"],
    num_steps: Int[Array, ""],
) -> tuple[TrainingState, Float[Array, " steps"], Judgement]:
    """Advance a run from one report to the next and evaluate it."""
    state, losses = advance(key, structure, config, train_examples, state, order, is_step, num_steps)
    return state, losses, judge(structure, config, state, judged_examples)


_OPTIONS: Any = {"compiler_options": {"xla_backend_optimization_level": 1}}  # as for `training.train`
_begin = jax.jit(begin, static_argnames="structure", **_OPTIONS)
_parameters = jax.jit(parameters, static_argnames="structure")
_segment = jax.jit(_go_on, static_argnames="structure", **_OPTIONS)


def _go_on_together(key, structure, configs, states, *shared):
    def alone(config, state):
        return _go_on(key, structure, config, state, *shared)

    return jax.vmap(alone)(configs, states)


_segments = jax.jit(_go_on_together, static_argnames="structure", **_OPTIONS)
