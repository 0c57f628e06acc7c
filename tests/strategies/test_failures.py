"""The probability of a success: against NumPy, and what a search makes of failures."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jbo
from jbo.strategies._failures import Failures
from jbo.strategies._transform import dataset
from jbo.surrogates import GPParams, gaussian_process
from jbo.surrogates.kernels import rbf
from jbo.types import FAILED, OK, PENDING, Dataset, Trials

SPACE = jbo.Space(a=jbo.Real(0.0, 1.0), b=jbo.Real(0.0, 1.0))
LOG_LENGTHSCALES, LOG_SIGNAL, LOG_NOISE = np.array([-1.0, -0.5]), 0.3, -4.0


@functools.partial(jax.jit, static_argnums=3)
def weighed(params, data, at, is_positive):
    failures = Failures(gaussian_process.condition(params, data, rbf), jnp.any(data.y > 0))
    return jax.vmap(lambda x: failures.weigh(jnp.asarray(0.7, x.dtype), x, is_positive))(at)


def probability(x, labels, at):
    """Mean of a Gaussian process written out."""

    def k(x1, x2):
        scaled = (x1[:, None] - x2[None]) / np.exp(LOG_LENGTHSCALES)
        return np.exp(LOG_SIGNAL) * np.exp(-0.5 * (scaled**2).sum(-1))

    return k(at, x) @ np.linalg.solve(k(x, x) + np.exp(LOG_NOISE) * np.eye(len(x)), labels)


@given(seed=st.integers(0, 2**32 - 1), is_positive=st.booleans())
def test_an_acquisition_is_multiplied_by_the_probability_of_a_success(seed, is_positive):
    with jax.enable_x64(True):
        rng = np.random.default_rng(seed)
        x, labels, at = rng.random((8, 2)), (rng.random(8) < 0.4).astype(float), rng.random((5, 2))
        data = Dataset(jnp.asarray(x), jnp.asarray(labels), jnp.ones(8, bool), jnp.ones(()))
        params = GPParams(jnp.asarray(LOG_LENGTHSCALES), jnp.asarray(LOG_SIGNAL), jnp.asarray(LOG_NOISE))
        got = weighed(params, data, jnp.asarray(at), is_positive)
        success = 1 - np.clip(probability(x, labels, at), 0, 0.999)
        np.testing.assert_allclose(got, 0.7 * success if is_positive else 0.7 + np.log(success), rtol=1e-7, atol=1e-9)


def table(x, y, status):
    return Trials(jnp.asarray(x), jnp.asarray(y), jnp.asarray(status, jnp.int32))


def test_what_the_model_of_failures_learns_from(x64):
    """Successes and failures, no pending trial; and the values know that nothing can be learnt where a trial failed."""
    rng = np.random.default_rng(0)
    status = np.array([OK] * 6 + [FAILED] * 2 + [PENDING] + [0] * 7)
    state = table(rng.random((16, 2)), np.where(status == OK, rng.random(16), 0), status)
    strategy = jbo.bayesian(SPACE)
    data = dataset(state)
    params, _ = strategy.fit(jax.random.key(0), state)
    told, posterior, believed, failures = strategy._posteriors(params, data, state)
    assert failures.has_any and data.is_valid.sum() == 6 and believed.is_valid.sum() == 7
    has_failed = state.status == FAILED
    labels = Dataset(state.x, has_failed.astype(float), has_failed | data.is_valid, data.y_scale)
    at = jnp.asarray(rng.random((5, 2)))
    expected = strategy.surrogate.condition(params, labels).predict(at)[0]
    np.testing.assert_allclose(failures.posterior.predict(at)[0], expected, rtol=1e-9)
    np.testing.assert_allclose(posterior.predict(at)[0], told.predict(at)[0], atol=1e-6)
    assert (np.asarray(posterior.predict(state.x[6:9])[1]) < 0.1 * np.asarray(told.predict(state.x[6:9])[1])).all()
    of_told = strategy.surrogate.condition(params, data)
    np.testing.assert_allclose(told.predict(at)[0], of_told.predict(at)[0], rtol=1e-9)


def test_without_failures_nothing_is_weighed(x64):
    rng = np.random.default_rng(1)
    for last in (OK, PENDING):
        state = table(rng.random((8, 2)), rng.random(8), [OK] * 7 + [last])
        strategy = jbo.bayesian(SPACE)
        params, _ = strategy.fit(jax.random.key(0), state)
        *_, failures = strategy._posteriors(params, dataset(state), state)
        assert not failures.has_any and failures.log_success(jnp.array([0.3, 0.9])) == 0


@pytest.mark.parametrize("surrogate", [jbo.gp, jbo.forest])
def test_failures_here_and_there_do_not_end_a_search(surrogate):
    """A third of the trials fails, wherever they are."""

    def objective(config):
        if hash((round(config["a"] * 1e9), round(config["b"] * 1e9))) % 3 == 0:
            raise RuntimeError("the machine went away")
        return (config["a"] - 0.3) ** 2 + (config["b"] - 0.8) ** 2

    found = []
    for seed in range(3):
        study = jbo.Study(SPACE, strategy=jbo.bayesian(SPACE, surrogate=surrogate()), seed=seed)
        study.optimize(objective, 30, progress=False)
        assert sum(trial.status == "failed" for trial in study.trials) >= 4
        found.append(study.best.value)
    assert np.median(found) < (1e-4 if surrogate is jbo.gp else 1e-2)
