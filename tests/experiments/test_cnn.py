"""The space of the convolutional network: few programs, a default inside it, and a loss that tells good from bad."""

import itertools
import math

import numpy as np

from architectures.cnn import CNNStructure
from architectures.layers import ACTIVATIONS
from architectures.optimizers import OPTIMIZERS
from experiments.cnn import DEFAULT, SPACE, TASK


def test_any_number_of_trials_needs_at_most_twelve_programs():
    depths, widths = (1, 2, 3), (8, 16, 32)  # all else is traced, see tests/architectures/test_training.py
    configs = [
        SPACE.decode(np.array(corner)) for corner in itertools.product((0.0, 1.0), repeat=len(SPACE.encoding.columns))
    ]
    for config in configs:
        assert config["num_blocks"] in depths and config["width"] in widths
        assert config["optimizer"] in OPTIMIZERS and config["activation"] in ACTIVATIONS
    assert len({CNNStructure(depth, width) for depth in depths for width in widths}) <= 12


def test_the_default_is_a_point_of_the_space():
    assert SPACE.decode(SPACE.encode(DEFAULT)).keys() == DEFAULT.keys()


def test_a_step_of_no_length_learns_nothing_and_one_far_too_long_is_a_number():
    small = DEFAULT | {"num_blocks": 1, "width": 8}
    untrained = TASK.validate(small | {"learning_rate": 1e-12}, 1)
    assert abs(untrained.loss - math.log(10)) < 0.3 and untrained.accuracy < 0.4
    sensible = TASK.validate(small, 1)
    assert sensible.loss < untrained.loss and sensible.accuracy > untrained.accuracy
    diverged = TASK.validate(small | {"learning_rate": 1e6}, 1)
    assert not diverged.loss < 10
