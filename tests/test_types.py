"""When two trials are at the same place."""

import jax.numpy as jnp
import numpy as np

from jbo.types import EMPTY, FAILED, OK, PENDING, Dataset, Trials, is_taken
from tests.selection import some


def test_is_taken(dtype):
    eps = float(jnp.finfo(dtype).eps)
    x = np.array(
        [[0.25, 0.5], [0.25 + 4 * eps, 0.5], [0.25, 0.5 - 4 * eps], [0.25, 0.5 + 64 * eps], [0.25, 0.5]], dtype
    )
    for status, taken in ((OK, True), (PENDING, True), (FAILED, True), (EMPTY, False)):
        trials = Trials.from_arrays(jnp.asarray(x), jnp.zeros(5, dtype), jnp.full(5, status, jnp.int32))
        expected = [taken, taken, taken, False, taken]
        np.testing.assert_array_equal(is_taken(trials, jnp.array([0.25, 0.5], dtype)), expected)


@some("num_levels", [2, 100, 7919], [100])
def test_neighbouring_levels_are_two_places(slow_dtype, num_levels):
    x = ((np.arange(num_levels) + 0.5) / num_levels).astype(slow_dtype)[:, None]
    trials = Trials.from_arrays(jnp.asarray(x), jnp.zeros(num_levels, slow_dtype), jnp.full(num_levels, OK, jnp.int32))
    for k in (0, num_levels // 2, num_levels - 1):
        np.testing.assert_array_equal(jnp.flatnonzero(is_taken(trials, trials.x[k])), [k])


def test_a_data_set_has_unit_scale_by_default():
    assert Dataset(jnp.zeros((2, 1)), jnp.zeros(2), jnp.ones(2, bool)).y_scale == 1
