"""What is known at an ask of a surrogate that is no Gaussian process: against conditioning it by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo.knowledge import learn
from jbo.region import Region
from jbo.types import EMPTY, FAILED, OK, PENDING, Dataset, Trials

from .surrogates.smoother import Smoother, smoothed

SPACE = jbo.Space(a=jbo.Real(0.0, 1.0), b=jbo.Real(0.0, 1.0))
CENTRE = np.array([0.2, 0.6])


@jax.jit
def known_of(data, state, fixed, at):
    known = learn(Smoother(), jnp.asarray(CENTRE)[None], data, state, Region(SPACE.encoding, fixed))
    predicted = [model.predict(at) for model in (known.observed, known.fantasised, known.failures.posterior)]
    return known, predicted, known.least_mean, known.centre


@pytest.mark.parametrize("last", [(FAILED, FAILED, PENDING), (OK, OK, PENDING), (FAILED, OK, OK), (OK, OK, OK)])
@pytest.mark.parametrize("fixed", [None, 0.35])
def test_pending_and_failed_trials_are_there_at_their_mean(last, fixed, x64):
    rng = np.random.default_rng(0)
    status = np.array([OK] * 6 + list(last) + [EMPTY] * 3)
    x, y, at = rng.random((12, 2)), np.where(status == OK, rng.normal(size=12), 7.0), rng.random((5, 2))
    state = Trials.from_arrays(*map(jnp.asarray, (x, y, status.astype(np.int32))))
    ok, pending, failed = (status == kind for kind in (OK, PENDING, FAILED))
    data = Dataset(state.x, jnp.where(ok, y, 7.0), jnp.asarray(ok), jnp.ones(()))
    context = None if fixed is None else jnp.asarray([fixed, jnp.nan])
    known, (told, believed, failures), least_mean, centre = known_of(data, state, context, jnp.asarray(at))

    def close(found, x, y, at=at):
        for one, other in zip(found, smoothed(CENTRE, x, y, at), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)

    close(told, x[ok], y[ok])
    there = pending | failed
    at_rows = smoothed(CENTRE, x[ok], y[ok], x)[0]
    close(believed, x[ok | there], np.where(there, at_rows, y)[ok | there])
    assert known.failures.has_any == failed.any()
    if failed.any():
        close(failures, x[ok | failed], failed[ok | failed].astype(float))
    else:
        close(failures, x[ok], y[ok])
    here = x if fixed is None else np.stack([np.full(12, fixed), x[:, 1]], axis=1)
    mean = smoothed(CENTRE, x[ok], y[ok], here)[0]
    np.testing.assert_allclose(known.mean, mean, rtol=1e-12)
    np.testing.assert_array_equal(known.feasible_data.x, here)
    np.testing.assert_array_equal(known.feasible_data_with_pending.is_valid, ok | pending)
    np.testing.assert_allclose(np.asarray(known.feasible_data_with_pending.y)[there], at_rows[there], rtol=1e-12)
    assert known.feasible_data_with_pending.mean is None, (
        "another model is another one once it has been told its own mean"
    )
    np.testing.assert_allclose(least_mean, mean[ok | pending].min(), rtol=1e-12)
    np.testing.assert_array_equal(centre, here[np.flatnonzero(ok)[mean[ok].argmin()]])


def test_where_nothing_is_known_the_least_mean_is_infinite(x64):
    state = Trials.from_arrays(jnp.full((4, 2), 0.5), jnp.zeros(4), jnp.zeros(4, jnp.int32))
    data = Dataset(state.x, state.value, jnp.zeros(4, bool), jnp.ones(()))
    assert known_of(data, state, None, jnp.zeros((5, 2)))[2] == np.inf


def test_a_trial_without_a_value_is_there_at_its_mean(x64):
    """It succeeded, and the objective was not measured: nothing can be learnt there."""
    rng = np.random.default_rng(2)
    x, y, at = rng.random((8, 2)), rng.normal(size=8), rng.random((5, 2))
    has_value = np.arange(8) != 3
    state = Trials.from_arrays(jnp.asarray(x), jnp.asarray(y), is_known=has_value)
    data = Dataset(state.x, state.value, jnp.asarray(has_value), jnp.ones(()))
    known, (told, believed, _), _, _ = known_of(data, state, None, jnp.asarray(at))
    ok, at_rows = has_value, smoothed(CENTRE, x[has_value], y[has_value], x)[0]
    for found, expected in (
        (told, smoothed(CENTRE, x[ok], y[ok], at)),
        (believed, smoothed(CENTRE, x, np.where(ok, y, at_rows), at)),
    ):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
    np.testing.assert_array_equal(known.feasible_data_with_pending.is_valid, ok)
    assert not known.failures.has_any
