"""An acquisition times a weight: the rule of each scale against NumPy, and laws that hold on all of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo.acquisitions import Scale, weigh

NUM = 8
SCALES = [Scale.LOGARITHM, Scale.GAIN, Scale.OBJECTIVE]
WEIGH = {scale: jax.jit(jax.vmap(lambda v, w, m, scale=scale: weigh(scale, v, w, m), (0, 0, None))) for scale in SCALES}


def many(*ends):
    return st.lists(st.floats(*ends), min_size=NUM, max_size=NUM)


def by_hand(scale, values, log_weights, least_mean):
    if scale is Scale.LOGARITHM:
        return values + log_weights
    nothing = -least_mean if scale is Scale.OBJECTIVE else 0.0
    return [
        nothing + (value - nothing) * np.exp(w) if value > nothing else value
        for value, w in zip(values, log_weights, strict=True)
    ]


@pytest.mark.parametrize("scale", SCALES)
@given(values=many(-5, 5), log_weights=many(-20, 3), least_mean=st.floats(-3, 3))
def test_the_gain_is_multiplied_and_what_promises_nothing_stays(scale, values, log_weights, least_mean):
    with jax.enable_x64(True):
        values, log_weights = np.array(values), np.array(log_weights)
        got = np.asarray(WEIGH[scale](jnp.asarray(values), jnp.asarray(log_weights), jnp.asarray(least_mean)))
        np.testing.assert_allclose(got, by_hand(scale, values, log_weights, least_mean), rtol=1e-12, atol=1e-12)
        one = np.asarray(WEIGH[scale](jnp.asarray(values), jnp.zeros(NUM), jnp.asarray(least_mean)))
        np.testing.assert_allclose(one, values, rtol=1e-12, atol=1e-12, err_msg="a weight of 1 changes nothing")
        order = np.argsort(values)
        alike = np.asarray(WEIGH[scale](jnp.asarray(values[order]), jnp.full(NUM, -2.0), jnp.asarray(least_mean)))
        assert (np.diff(alike) >= 0).all(), "one weight for all keeps the order"


@pytest.mark.parametrize("scale", SCALES)
def test_where_the_weight_is_nothing_every_other_point_is_better(scale, dtype):
    """Also one that promises less than nothing: nothing is worth an evaluation there."""
    values, log_weights = jnp.asarray([3.0, -2.0], dtype), jnp.asarray([-jnp.inf, -1.0], dtype)
    got = jax.vmap(lambda v, w: weigh(scale, v, w, jnp.asarray(0.5, dtype)))(values, log_weights)
    assert got.dtype == dtype and got[0] < got[1] and np.isfinite(got[1])
