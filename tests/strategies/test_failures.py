"""The probability of a success: against NumPy, and what a search makes of failures."""

import functools
import random

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jbo
from jbo.acquisitions import Scale, weigh
from jbo.knowledge import Failures, learn
from jbo.region import Region
from jbo.surrogates import GPParams, gaussian_process
from jbo.surrogates.kernels import rbf
from jbo.types import FAILED, OK, PENDING, Dataset, Trials

from .. import references
from ..surrogates.problems import as_sets

SPACE = jbo.Space(a=jbo.Real(0.0, 1.0), b=jbo.Real(0.0, 1.0))
LOG_LENGTHSCALES, LOG_SIGNAL, LOG_NOISE = np.array([-1.0, -0.5]), 0.3, -4.0


REGION = Region(SPACE.encoding)


@functools.partial(jax.jit, static_argnames="scale")
def weighed(params, data, at, scale, least_mean):
    failures = Failures(gaussian_process.condition(params, data, rbf), jnp.any(data.y > 0))
    return jax.vmap(lambda x: weigh(scale, jnp.asarray(0.7, x.dtype), failures.log_success(x), least_mean))(at)


def probability(x, labels, at):
    """Mean of a Gaussian process written out."""

    def k(x1, x2):
        scaled = (x1[:, None] - x2[None]) / np.exp(LOG_LENGTHSCALES)
        return np.exp(LOG_SIGNAL) * np.exp(-0.5 * (scaled**2).sum(-1))

    return k(at, x) @ np.linalg.solve(k(x, x) + np.exp(LOG_NOISE) * np.eye(len(x)), labels)


@given(
    seed=st.integers(0, 2**32 - 1),
    kind=st.sampled_from([(Scale.LOGARITHM, None), (Scale.GAIN, 0.0), (Scale.OBJECTIVE, -0.4), (Scale.OBJECTIVE, 1.0)]),
)
def test_an_acquisition_is_multiplied_by_the_probability_of_a_success(seed, kind):
    scale, zero = kind
    with jax.enable_x64(True):
        rng = np.random.default_rng(seed)
        x, labels, at = rng.random((8, 2)), (rng.random(8) < 0.4).astype(float), rng.random((5, 2))
        data = Dataset(jnp.asarray(x), jnp.asarray(labels), jnp.ones(8, bool), jnp.ones(()))
        params = GPParams(jnp.asarray(LOG_LENGTHSCALES), jnp.asarray(LOG_SIGNAL), jnp.asarray(LOG_NOISE))
        got = weighed(params, data, jnp.asarray(at), scale, jnp.asarray(-zero if zero else 3.0))
        success = 1 - np.clip(probability(x, labels, at), 0, 0.999)
        if zero is None:
            expected = 0.7 + np.log(success)
        else:  # what is below zero stays there: less of it would be more
            expected = zero + (0.7 - zero) * (success if zero < 0.7 else 1)
        np.testing.assert_allclose(got, expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (jbo.log_expected_improvement, lambda best: None),
        (jbo.expected_improvement, lambda best: 0.0),
        (jbo.knowledge_gradient, lambda best: 0.0),
        (jbo.lower_confidence_bound, lambda best: -best),
        (jbo.scheduled_confidence_bound, lambda best: -best),
        (jbo.thompson_sampling, lambda best: -best),
    ],
)
def test_what_gains_nothing_is_known_of_each_kind(x64, make, expected):
    rng = np.random.default_rng(1)
    data = Dataset(jnp.asarray(rng.random((8, 2))), jnp.asarray(rng.normal(size=8)), jnp.ones(8, bool), jnp.ones(()))
    params = GPParams(jnp.asarray(LOG_LENGTHSCALES), jnp.asarray(LOG_SIGNAL), jnp.asarray(LOG_NOISE))
    posterior = gaussian_process.condition(params, data, rbf)
    least_mean = jnp.min(posterior.predict(data.x)[0])
    zero = expected(float(least_mean))
    values, half = jnp.asarray([-2.0, 0.7]) + (zero or 0.0), jnp.log(0.5)
    got = [weigh(make().scale, value, half, least_mean) for value in values]
    wanted = np.asarray(values) + np.log(0.5) if zero is None else zero + np.array([-2.0, 0.35])
    np.testing.assert_allclose(got, wanted, atol=1e-12)


def table(x, y, status):
    return jax.jit(Trials.from_arrays)(x, y, np.asarray(status, np.int32))


def test_what_the_model_of_failures_learns_from(x64):
    """Successes and failures, no pending trial; and the values know that nothing can be learnt where a trial failed."""
    rng = np.random.default_rng(0)
    status = np.array([OK] * 6 + [FAILED] * 2 + [PENDING] + [0] * 7)
    state = table(rng.random((16, 2)), np.where(status == OK, rng.random(16), 0), status)
    strategy = jbo.bayesian(SPACE)
    points = jnp.asarray(rng.random((5, 2)))

    @jax.jit
    def made(state):
        params, _ = strategy.fit(jax.random.key(0), state)
        known = strategy.know(params, state, REGION)
        at = jnp.concatenate([points, state.x])
        predicted = [model.predict(at) for model in (known.observed, known.fantasised, known.failures.posterior)]
        valid, has_any = known.feasible_data_with_pending.is_valid, known.failures.has_any
        return params.values, strategy.dataset(state), known.mean, valid, has_any, predicted

    params, data, mean, is_believed, has_any, (told, posterior, failures) = made(state)
    assert has_any and data.is_valid.sum() == 6 and is_believed.sum() == 7
    has_failed = state.status == FAILED
    labels = Dataset(state.x, has_failed.astype(float), has_failed | data.is_valid, data.y_scale)
    of = jax.jit(lambda data: strategy.surrogate.condition(params, data).predict(jnp.concatenate([points, state.x])))
    np.testing.assert_allclose(failures[0][:5], of(labels)[0][:5], rtol=1e-9)
    np.testing.assert_allclose(posterior[0][:5], told[0][:5], atol=1e-6)
    here = slice(5 + 6, 5 + 9)  # the trials that failed and the one that is pending
    assert (np.asarray(posterior[1])[here] < 0.1 * np.asarray(told[1])[here]).all()
    of_told = of(data)[0]
    np.testing.assert_allclose(mean, of_told[5:], rtol=1e-9)
    np.testing.assert_allclose(told[0][:5], of_told[:5], rtol=1e-9)


@pytest.mark.guard
def test_the_noise_of_values_is_no_noise_of_failures(x64):
    """A dense solve for each model: that of the values sees the noise that was told, that of failures does not."""
    rng = np.random.default_rng(3)
    status = np.array([OK] * 6 + [FAILED] * 2 + [0] * 8)
    noise = np.where(status == OK, rng.uniform(0.2, 0.6, 16), 0)
    x, at = rng.random((16, 2)), rng.random((5, 2))
    state = table(x, np.where(status == OK, rng.random(16), 0), status)._replace(noise=jnp.asarray(noise)[:, None])
    strategy = jbo.bayesian(SPACE)
    data = jax.jit(strategy.dataset)(state)
    seen = np.asarray(data.noise_variance)[:6]
    assert seen.min() > 0.01
    values = (LOG_LENGTHSCALES, LOG_SIGNAL, LOG_NOISE)

    @jax.jit
    def predicted(state):
        known = learn(strategy.surrogate, as_sets([values], "float64"), strategy.dataset(state), state, REGION)
        return tuple(model.predict(jnp.asarray(at))[0] for model in (known.failures.posterior, known.observed))

    of_failures, of_values = predicted(state)
    expected, _ = references.posterior("multiscale", values, x[:8], (status[:8] == FAILED).astype(float), at)
    np.testing.assert_allclose(of_failures, expected, rtol=1e-8)
    gram = references.observed_covariance("multiscale", values, x[:6]) + np.diag(seen)
    weights = np.linalg.solve(gram, references.covariance("multiscale", values, x[:6], at))
    np.testing.assert_allclose(of_values, weights.T @ np.asarray(data.y)[:6], rtol=1e-8)


@pytest.mark.thorough
def test_without_failures_nothing_is_weighed(x64):
    rng = np.random.default_rng(1)
    for last in (OK, PENDING):
        state = table(rng.random((8, 2)), rng.random(8), [OK] * 7 + [last])
        strategy = jbo.bayesian(SPACE)
        params, _ = strategy.fit(jax.random.key(0), state)
        failures = strategy.know(params, state, REGION).failures
        assert not failures.has_any and failures.log_success(jnp.array([0.3, 0.9])) == 0


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("options", "num_seeds", "most"),
    [
        ({"acquisition": jbo.log_expected_improvement()}, 7, 1e-4),
        pytest.param({}, 41, 1e-4, marks=[pytest.mark.thorough, pytest.mark.searches]),
        pytest.param({"surrogate": jbo.forest()}, 7, 1e-2, marks=pytest.mark.thorough),
    ],
    ids=["improvement", "bound", "forest"],
)
def test_failures_here_and_there_do_not_end_a_search(options, num_seeds, most):
    """A third of the trials fails, wherever they are; 27 random points come to 8e-3.

    By the bound single searches come to anything from 1e-7 to 1e-3, so it needs many of them.
    """
    found = []
    for seed in range(num_seeds):
        chance = random.Random(seed)  # drawn in the order of the trials: by the place it would hang on the last digit

        def objective(config, chance=chance):
            if chance.random() < 1 / 3:
                raise RuntimeError("the machine went away")
            return (config["a"] - 0.3) ** 2 + (config["b"] - 0.8) ** 2

        study = jbo.Study(SPACE, strategy=jbo.bayesian(SPACE, **options), seed=seed)
        study.optimize(objective, 40, progress=False)
        assert sum(trial.status == "failed" for trial in study.trials) >= 4
        found.append(study.best.value)
    assert np.median(found) < most
