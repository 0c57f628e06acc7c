"""What every family of networks must say of itself to be tuned, and what is done with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import jbo
from architectures.examples import Examples, Split
from architectures.population import train_population, train_watched
from architectures.training import Structure, TrainConfig, TrainingResult, train_config

SEARCH_SEED, _TEST_SEEDS = 0, (1, 2, 3)
"""The key of every run of a search is the same, so configurations are compared on the same weights and batches. The
network that is tested in the end has another one, so that its result owes nothing to a draw that the search picked: the
first with which its training does not diverge."""

NUM_REPORTS = 6
"""Moments at which a run tells its loss, evenly spread over it, the last at its end."""

Part = Literal["validation", "test"]


class Score(NamedTuple):
    """How good a trained network is on examples that it did not learn from."""

    loss: float
    """Lower is better; NaN or inf if the training diverged."""
    metric: float
    """What the field judges such networks by."""


class Trained(NamedTuple):
    """A trained network, and what it takes to use it."""

    structure: Structure
    config: TrainConfig
    result: TrainingResult


Metric = Callable[[Trained, Part], float]
"""From a trained network and the part of the data that it was judged on to a number."""


@dataclass(frozen=True)
class Task:
    """A space to search, where to start, and how to judge a configuration."""

    space: jbo.Space
    """What is varied: structure, and the arguments of ``training.train_config``."""
    default: dict[str, Any]
    """What one would take without a search; the first trial."""
    structural: tuple[str, ...]
    """Names of the space that decide shapes, so each combination is a program of its own."""
    build: Callable[..., Structure]
    """From the structural part of a configuration to a structure."""
    data: Callable[[], Split]
    """What to learn from, to compare by, and to test on."""
    loss_name: str
    """What the search minimises and its unit, for the axis of a picture."""
    metric_name: str
    """What is told beside it."""
    metric: Metric
    """How it is measured."""
    num_epochs: int
    """Passes over the training examples, if the user does not say."""
    small: jbo.Space | None = None
    """Where to look for networks that fit: the space with smaller ones as well; None: the space."""

    @cached_property
    def examples(self) -> Split:
        """The data, on the device."""
        return jax.tree.map(jnp.asarray, self.data())

    def structure(self, config: dict[str, Any]) -> Structure:
        """The structure of a configuration."""
        return self.build(**{name: config[name] for name in self.structural})

    def train_config(self, config: dict[str, Any]) -> TrainConfig:
        """The rest of a configuration."""
        return train_config(**{name: value for name, value in config.items() if name not in self.structural})

    def train(
        self,
        config: dict[str, Any],
        num_epochs: int,
        part: Part,
        seed: int,
        report: Callable[[int, float], bool] = lambda step, loss: False,
    ) -> Trained:
        """A network of this configuration, trained on the training examples and judged on a part.

        Deterministic: the same arguments, the same network to the bit, whoever is told of it on the way.

        Args:
          config: Values by name.
          num_epochs: Passes over the training examples.
          part: That it is judged on.
          seed: Of the weights, the order of the examples and the dropout.
          report: Called with the number of the report, from 1 to ``NUM_REPORTS - 1``, and the loss then; True ends it.
        """
        structure, numbers = self.structure(config), self.train_config(config)
        judged: Examples = getattr(self.examples, part)
        curve = train_watched(
            jax.random.key(seed),
            structure,
            numbers,
            self.examples.train,
            judged,
            num_epochs=num_epochs,
            num_reports=NUM_REPORTS,
            report=report,
        )
        return Trained(structure, numbers, curve.result)

    def loss(
        self,
        config: dict[str, Any],
        num_epochs: int,
        report: Callable[[int, float], bool] = lambda step, loss: False,
    ) -> float:
        """What a search minimises: the loss on the validation examples."""
        return float(self.train(config, num_epochs, "validation", SEARCH_SEED, report).result.cross_entropy)

    def losses(
        self,
        configs: Sequence[dict[str, Any]],
        num_epochs: int,
        report: Callable[[int, Sequence[float]], Sequence[bool]] | None = None,
    ) -> list[float]:
        """`loss` of each of several configurations, up to rounding; those of one structure are one program.

        Args:
          configs: Values by name.
          num_epochs: Passes over the training examples.
          report: As in `train`, of all members at once, NaN for those that have ended; which ones to end.
        """

        def stop(step: int, losses: np.ndarray) -> np.ndarray:
            return np.zeros(len(losses), bool) if report is None else np.array(report(step, losses.tolist()))

        members = [(self.structure(config), self.train_config(config)) for config in configs]
        train_examples, judged, _ = self.examples
        key = jax.random.key(SEARCH_SEED)
        curves = train_population(
            key, members, train_examples, judged, num_epochs=num_epochs, num_reports=NUM_REPORTS, stop=stop
        )
        return [float(curve.result.cross_entropy) for curve in curves]

    def validate(self, config: dict[str, Any], num_epochs: int) -> Score:
        """The score on the validation examples, of the run that the search has seen."""
        return self._score(self.train(config, num_epochs, "validation", SEARCH_SEED), "validation")

    def test(self, config: dict[str, Any], num_epochs: int) -> tuple[Score, Trained, int]:
        """The score on the test examples of a network trained afresh, with another seed; that network; and how many
        seeds before it had to be given up, since training diverged. The score is not finite if all did.
        """
        num_diverged = 0
        while True:
            trained = self.train(config, num_epochs, "test", _TEST_SEEDS[num_diverged])
            if jnp.isfinite(trained.result.cross_entropy):
                break
            num_diverged += 1
            if num_diverged == len(_TEST_SEEDS):
                break
        return self._score(trained, "test"), trained, num_diverged

    def _score(self, trained: Trained, part: Part) -> Score:
        return Score(float(trained.result.cross_entropy), self.metric(trained, part))
