"""What can be tuned: few programs, a default inside the space, and a loss that tells good from bad."""

import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest

from architectures.layers import ACTIVATIONS
from architectures.optimizers import OPTIMIZERS, SCHEDULES
from experiments.cnn import DEFAULT, TASK
from experiments.tasks import TASKS
from tests.selection import some


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_any_number_of_trials_needs_at_most_eight_programs(task):
    # All that is not structure is traced, see tests/architectures/test_training.py.
    structural = task.space.encoding.columns
    values = [task.space[name] for name in task.structural]
    assert len(structural) > len(values)
    configs = [dict(zip(task.structural, each, strict=True)) for each in itertools.product(*map(_levels, values))]
    assert 2 <= len({task.structure(config) for config in configs}) <= 8


def _levels(parameter):
    known = getattr(parameter, "choices", None) or getattr(parameter, "values", None)
    return known if known is not None else range(parameter.low, parameter.high + 1)


@some("task", TASKS.values(), 2, ids=TASKS.keys())
def test_every_corner_of_a_space_is_a_config_of_a_run(task):
    rng = np.random.default_rng(0)
    for corner in (rng.uniform(size=(200, len(task.space.encoding.columns))) < 0.5).astype(float):
        config = task.space.decode(corner)
        task.train_config(config), task.structure(config)
        assert config["optimizer"] in OPTIMIZERS and config["activation"] in ACTIVATIONS
        assert config["schedule"] in SCHEDULES


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS.keys())
def test_the_default_is_a_point_of_the_space(task):
    assert task.space.decode(task.space.encode(task.default)).keys() == task.default.keys()


@pytest.mark.thorough
def test_a_step_of_no_length_learns_nothing_and_one_far_too_long_is_a_number():
    small = DEFAULT | {"num_blocks": 1, "width": 16, "kernel_size": 3}
    untrained = TASK.validate(small | {"learning_rate": 1e-12}, 1)
    assert abs(untrained.loss - math.log(10)) < 0.3 and untrained.metric < 0.4
    sensible = TASK.validate(small, 1)
    assert sensible.loss < untrained.loss and sensible.metric > untrained.metric
    assert TASK.loss(small, 1) == sensible.loss
    diverged = TASK.validate(small | {"learning_rate": 1e6, "optimizer": "sgd", "momentum": 0.9, "max_norm": 10.0}, 1)
    assert not diverged.loss < 10


@pytest.mark.thorough
def test_a_network_that_diverges_when_it_is_trained_anew_gets_another_seed(monkeypatch):
    """The first seed of the test diverges, then all do."""
    small, seeds, sick = DEFAULT | {"num_blocks": 1, "width": 16, "kernel_size": 3}, [], {1}
    train = type(TASK).train

    def with_some_sick(self, config, num_epochs, part, seed, *rest):
        seeds.append(seed)
        trained = train(self, config, num_epochs, part, seed, *rest)
        loss = jnp.float32(jnp.nan) if seed in sick else trained.result.cross_entropy
        return trained._replace(result=trained.result._replace(cross_entropy=loss))

    monkeypatch.setattr(type(TASK), "train", with_some_sick)
    score, trained, num_diverged = TASK.test(small, 1)
    assert seeds == [1, 2] and num_diverged == 1 and score.loss == trained.result.cross_entropy < math.log(10)
    sick.update((2, 3))
    score, _, num_diverged = TASK.test(small, 1)
    assert seeds == [1, 2, 1, 2, 3] and num_diverged == 3 and math.isnan(score.loss)
