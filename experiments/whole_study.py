"""A whole tuning study inside one program: ``python -m experiments.whole_study --num-trials 30 --num-seeds 4``.

The loop of suggesting, training the convolutional network and telling is traced once, for several seeds in parallel.
It is compared with the same study as a Python loop: `jbo.Study` with one compiled training run for each trial.
"""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from jaxtyping import Array, Float, Int, Key
from rich.console import Console
from rich.table import Table

import jbo
from architectures.cnn import CNNStructure
from architectures.data.digits import digits
from architectures.layers import ACTIVATIONS
from architectures.optimizers import OPTIMIZERS, SCHEDULES, OptimizerSettings
from architectures.training import TrainConfig, train, train_config, training_run
from experiments import cnn
from experiments.replicate import keys_of
from experiments.report import versions, write_json
from experiments.task import SEARCH_SEED
from jbo.strategies import Strategy

STRUCTURE = CNNStructure()
SPACE = jbo.Space({name: cnn.SPACE[name] for name in cnn.SPACE if name not in cnn.TASK.structural})
"""Hyperparameters that need no new program. Depth, width and kernel size determine shapes and have default values."""


_KNOWN = {"optimizer": OPTIMIZERS, "activation": ACTIVATIONS, "schedule": SCHEDULES}


def traced_config(config: dict[str, Any]) -> TrainConfig:
    """The `TrainConfig` for a config of `jbo.minimize`, whose values are traced scalars; a category is its index.

    Every optimizer gets every number and ignores those that it does not use. Hyperparameters that are not in the space
    have the defaults of `train_config`.
    """
    indices = {name: _index_among(name, known)[config[name]] for name, known in _KNOWN.items()}
    numbers = {
        name: jnp.asarray(value, jnp.int32 if name == "batch_size" else jnp.float32)
        for name, value in config.items()
        if name not in _KNOWN
    }
    values = numbers | indices
    settings = OptimizerSettings(**{name: values.pop(name) for name in OptimizerSettings._fields})
    return train_config()._replace(settings=settings, **values)


def _index_among(name: str, known: tuple[str, ...]) -> Int[Array, " k"]:
    """For each choice of a category, its index in the network's list of choices."""
    choices = SPACE[name].choices  # pyright: ignore[reportAttributeAccessIssue]
    return jnp.asarray([known.index(choice) for choice in choices], jnp.int32)


@dataclass(frozen=True)
class Training:
    """Validation loss of the network as a traceable function of a config: a problem for `jbo.minimize`."""

    num_epochs: int

    @property
    def space(self) -> jbo.Space:
        """The search space."""
        return SPACE

    def __call__(self, config: dict[str, Any]) -> Float[Array, ""]:
        """Mean cross-entropy in nats on the validation examples after a run with the seed of all runs."""
        parts, key = jax.tree.map(jnp.asarray, digits()), jax.random.key(SEARCH_SEED)
        numbers = traced_config(config)
        return training_run(key, STRUCTURE, numbers, parts.train, parts.validation, self.num_epochs).cross_entropy


@partial(jax.jit, static_argnames=("num_trials", "num_epochs"))
def studies(keys: Key[Array, " k"], strategy: Strategy, num_trials: int, num_epochs: int) -> Float[Array, "k t"]:
    """The best validation loss so far after each trial of a study from each key, in one program.

    Args:
      keys: One key for each study.
      strategy: Strategy over `SPACE`.
      num_trials: Number of trials of each study.
      num_epochs: Number of epochs of each training run.
    """
    return jax.vmap(lambda key: jbo.minimize(key, Training(num_epochs), strategy, num_trials).best_y)(keys)


def study_on_the_host(seed: int, num_trials: int, num_epochs: int) -> np.ndarray:
    """The best value so far after each trial of a `jbo.Study` whose objective is a compiled training run.

    Args:
      seed: Seed of the study.
      num_trials: Number of trials of the study.
      num_epochs: Number of epochs of each training run.
    """
    parts, key = digits(), jax.random.key(SEARCH_SEED)

    def objective(config: dict[str, Any]) -> float:
        numbers = train_config(**config)
        result = train(key, STRUCTURE, numbers, parts.train, parts.validation, num_epochs=num_epochs)
        return float(result.cross_entropy)

    study = jbo.Study(SPACE, seed=seed)
    study.optimize(objective, num_trials, progress=False)
    values = [trial.value if trial.value is not None else np.inf for trial in study.trials]
    return np.minimum.accumulate(np.array(values))


def main(num_trials: int = 30, num_seeds: int = 4, num_epochs: int = 20, out: Path = Path("runs/whole_study")) -> None:
    """Tune the network from several seeds in one program, and in a Python loop.

    Args:
      num_trials: Number of trials of each study.
      num_seeds: Number of studies.
      num_epochs: Passes over the training examples of each trial.
      out: Folder for whole_study.json.
    """
    jbo.use_compile_cache()
    console, strategy = Console(), jbo.bayesian(SPACE)
    keys = keys_of(0, num_seeds)
    with console.status(f"{num_seeds} studies in one program"):
        start = time.perf_counter()
        program = studies.lower(keys, strategy, num_trials, num_epochs).compile()
        compiled = time.perf_counter()
        inside = np.asarray(program(keys, strategy))[:num_seeds]
        seconds = time.perf_counter() - compiled
    with console.status(f"{num_seeds} studies, one after another"):
        study_on_the_host(num_seeds, min(num_trials, 10), num_epochs)  # compiles the programs before the timing
        start_host = time.perf_counter()
        outside = np.stack([study_on_the_host(seed, num_trials, num_epochs) for seed in range(num_seeds)])
        seconds_host = time.perf_counter() - start_host
    table = Table("", "seconds", "a trial, ms", "compiling, s", "best validation loss, median (least, largest)")
    rows = {}
    for name, best, taken, compiling in (
        ("one program", inside, seconds, compiled - start),
        ("loop of the host", outside, seconds_host, None),
    ):
        median, least, most = (float(f(best[:, -1])) for f in (np.median, np.min, np.max))
        rows[name] = {"seconds": taken, "seconds_compile": compiling, "best": best[:, -1].tolist()}
        table.add_row(
            name,
            f"{taken:.1f}",
            f"{1e3 * taken / (num_seeds * num_trials):.0f}",
            "before" if compiling is None else f"{compiling:.1f}",
            f"{median:.4f} ({least:.4f}, {most:.4f})",
        )
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "whole_study.json", {"rows": rows, "num_epochs": num_epochs, "versions": versions()})
    console.print(table)


if __name__ == "__main__":
    tyro.cli(main)
