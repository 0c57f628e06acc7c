"""The interface of a tuning task, which every family of networks defines, and its training and evaluation."""

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
"""Seeds of the training runs. All runs of a search have the same key, so that configurations are compared with the same
initial weights and batches. The network that is tested at the end has another key, so that the search has not selected
it: the first key with which training does not diverge."""

NUM_REPORTS = 6
"""Number of evenly spaced reports of the loss of a run; the last one is at its end."""

Part = Literal["validation", "test"]


class Score(NamedTuple):
    """Scores of a trained network on validation or test examples."""

    loss: float
    """Lower is better; NaN or inf if the training diverged."""
    metric: float
    """The usual metric of the task."""


class Trained(NamedTuple):
    """A trained network with the data that are needed to use it."""

    structure: Structure
    config: TrainConfig
    result: TrainingResult


Metric = Callable[[Trained, Part], float]
"""Function of a trained network and the part of the data for the evaluation; it returns the metric."""


@dataclass(frozen=True)
class Task:
    """A tuning task: the search space, the default configuration, the data and the metric."""

    space: jbo.Space
    """Search space: the structure, and the arguments of ``training.train_config``."""
    default: dict[str, Any]
    """Default configuration, without a search; the first trial."""
    structural: tuple[str, ...]
    """Names of the parameters that determine shapes; each combination compiles a separate program."""
    build: Callable[..., Structure]
    """Function from the structural part of a configuration to a structure."""
    data: Callable[[], Split]
    """Function that returns the training, validation and test examples."""
    loss_name: str
    """Name and unit of the loss that the search minimises, for the axis of a picture."""
    metric_name: str
    """Name of the metric."""
    metric: Metric
    """Function that computes the metric."""
    num_epochs: int
    """Default number of passes over the training examples."""
    small: jbo.Space | None = None
    """Search space with limits, which also has smaller networks; None: `space`."""

    @cached_property
    def examples(self) -> Split:
        """The examples, on the device."""
        return jax.tree.map(jnp.asarray, self.data())

    def structure(self, config: dict[str, Any]) -> Structure:
        """The structure of a configuration."""
        return self.build(**{name: config[name] for name in self.structural})

    def train_config(self, config: dict[str, Any]) -> TrainConfig:
        """The other hyperparameters of a configuration."""
        return train_config(**{name: value for name, value in config.items() if name not in self.structural})

    def train(
        self,
        config: dict[str, Any],
        num_epochs: int,
        part: Part,
        seed: int,
        report: Callable[[int, float], bool] = lambda step, loss: False,
    ) -> Trained:
        """A network of this configuration, trained on the training examples and evaluated on another part.

        Training is deterministic: the same arguments give the same network to the bit, with or without ``report``.

        Args:
          config: Values by name.
          num_epochs: Passes over the training examples.
          part: Part of the data for the evaluation.
          seed: Seed of the weights, the order of the examples and the dropout.
          report: Function of the number of the report, from 1 to ``NUM_REPORTS - 1``, and the loss; True stops the run.
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
        """The loss on the validation examples, which a search minimises."""
        return float(self.train(config, num_epochs, "validation", SEARCH_SEED, report).result.cross_entropy)

    def losses(
        self,
        configs: Sequence[dict[str, Any]],
        num_epochs: int,
        report: Callable[[int, Sequence[float]], Sequence[bool]] | None = None,
    ) -> list[float]:
        """`loss` of several configurations, up to rounding; configurations of one structure share one program.

        Args:
          configs: Values by name.
          num_epochs: Passes over the training examples.
          report: As in `train`, for all members at once: losses (NaN for ended members) to True for members to stop.
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
        """The score on the validation examples, with the seed of the search."""
        return self._score(self.train(config, num_epochs, "validation", SEARCH_SEED), "validation")

    def test(self, config: dict[str, Any], num_epochs: int) -> tuple[Score, Trained, int]:
        """The score on the test examples of a network that is trained again with another seed, the network, and the
        number of earlier seeds with which training diverged. The score is not finite if all seeds diverged.
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
