"""Many runs at once: those of one structure side by side in one program, and no further than they deserve.

A run is told off by its loss on the judged examples at a few moments. Between two of them the runs of one structure are
one program under ``vmap``, spread over all devices there are. A run that is stopped leaves the program, so the others
have its place.
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
"""From the number of a report, counted from 1, and the loss of every member then (NaN for those stopped before) to
which of them are to stop."""


class Curve(NamedTuple):
    """A run that was watched."""

    result: TrainingResult
    """What it came to when it ended or was stopped."""
    losses: Float[np.ndarray, " reports"]
    """Cross-entropy of the judged examples at each report that it lived to see, in nats."""
    share: float
    """Of its steps that were made, in (0, 1]."""


def never(step: int, losses: Float[np.ndarray, " members"]) -> Bool[np.ndarray, " members"]:
    """Stop none."""
    del step
    return np.zeros(len(losses), bool)


def halving(factor: int = 2) -> Stop:
    """At each report stop all but the best ``1 / factor`` of those that run; one is always left.

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
    """One run as ``training.train`` makes it, which says how it goes and can be stopped.

    Args:
      key: As in ``train``.
      structure: As in ``train``.
      config: As in ``train``.
      train_examples: As in ``train``.
      judged_examples: Rows that the loss of every report is measured on.
      num_epochs: As in ``train``.
      num_reports: Reports in a whole run, evenly spread over it, the last at its end; at least 1.
      report: Called with the number of the report, from 1 on, and the loss; whether to stop.
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
    """The runs of all members, as ``training.train`` would make each alone with the same key, up to rounding.

    Members of one structure are one program, split over all devices if there are several.

    Args:
      key: Of every run: members differ in their config, not in their luck.
      members: Structure and config of each.
      train_examples: As in ``train``.
      judged_examples: Rows that the loss of every report is measured on.
      num_epochs: As in ``train``.
      num_reports: Reports in a whole run, evenly spread over it, the last at its end; at least 1.
      stop: Which members to stop, asked at each report but the last.
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
    """Advance all groups from report to report, and stop what is to be stopped."""
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
        """Fresh runs; ``rows`` are their places among all members."""
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
        """Go on to the next report; the loss of each run."""
        num = len(self.rows)
        arguments = self._order[step], self._is_step[step], self._num_steps
        with jax.enable_x64(False):
            if num == 1:  # without vmap a choice among branches is one of them, not all
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
        """The runs that are over, with their places; the others stay."""
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
    """Rows spread over all devices, the last row repeated until each device has as many."""
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
    """A run from one report to the next."""
    state, losses = advance(key, structure, config, train_examples, state, order, is_step, num_steps)
    return state, losses, judge(structure, config, state, judged_examples)


_OPTIONS: Any = {"compiler_options": {"xla_backend_optimization_level": 1}}  # as of a whole run
_begin = jax.jit(begin, static_argnames="structure", **_OPTIONS)
_parameters = jax.jit(parameters, static_argnames="structure")
_segment = jax.jit(_go_on, static_argnames="structure", **_OPTIONS)


def _go_on_together(key, structure, configs, states, *shared):
    def alone(config, state):
        return _go_on(key, structure, config, state, *shared)

    return jax.vmap(alone)(configs, states)


_segments = jax.jit(_go_on_together, static_argnames="structure", **_OPTIONS)
