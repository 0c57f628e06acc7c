"""What crosses from a study into its programs."""

import jax
import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from jbo.study.model import key_of, words_of


@example(0)
@example(2**63 - 1)
@given(st.integers(0, 2**63 - 1))
def test_a_seed_is_the_key_that_jax_makes_of_it(seed):
    with jax.enable_x64(True):
        expected = jax.random.key(seed, impl="threefry2x32")
        np.testing.assert_array_equal(jax.random.key_data(key_of(words_of(seed))), jax.random.key_data(expected))
