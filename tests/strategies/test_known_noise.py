"""A noise that is known is compressed as its value is, and the values are not stretched within it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo.types import OK, Trials

from .. import references
from ..surrogates.problems import as_sets

SPACE = jbo.Space(x=jbo.Real(0.0, 1.0))


@jax.jit
def seen_by(strategy, state):
    return strategy.dataset(state)


def DATASET(state, noise=None):
    """What a Gaussian process that was told of the noise sees."""
    return seen_by(jbo.bayesian(SPACE, surrogate=jbo.gp() if noise is None else jbo.gp(noise=noise)), state)


def table(y, x=None):
    x = np.full((len(y), 1), 0.5) if x is None else x
    return jax.jit(Trials.from_arrays)(x, y, np.full(len(y), OK, np.int32))


def test_values_that_are_closer_than_their_known_noise_are_not_stretched(x64):
    """Six trials crowd within 0.01 where the noise is 0.2: the distance in which the logarithm begins is the noise."""
    y = np.array([0.0, 0.001, 0.002, 0.004, 0.006, 0.01, 1.0, 2.0])
    seen, plain = DATASET(table(y), 0.2), DATASET(table(y))
    median = 0.005
    expected = np.where(y > median, np.log1p(np.maximum(y - median, 0) / 0.2), (y - median) / 0.2)
    expected = (expected - expected.mean()) / expected.std()
    np.testing.assert_allclose(seen.y, expected, atol=1e-9)
    assert np.ptp(plain.y[:6]) > 4 * np.ptp(seen.y[:6]), "without a known noise their differences are most of all"
    huge = DATASET(table(y), 1e300)
    assert np.isfinite(huge.y).all() and abs(float(jnp.std(huge.y)) - 1) < 1e-6, "no noise is wider than the values"


def test_the_noise_of_a_compressed_value_is_compressed_too(x64):
    y = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 23.0])  # median 2.5, which is the distance too
    x, at = np.linspace(0.1, 0.9, 6)[:, None], np.linspace(0, 1, 7)[:, None]
    values = (np.log([0.3]), 0.1, 0.0)  # what is known stands in place of the last
    data = DATASET(table(y, x), 0.3)
    surrogate = jbo.bayesian(SPACE, surrogate=jbo.gp(noise=0.3)).surrogate
    predicted = jax.jit(lambda params: surrogate.condition(params, data).predict(jnp.asarray(at)))
    noise = 0.3 / (1 + np.maximum(y - 2.5, 0) / 2.5) / float(data.y_scale)
    gram = references.covariance("multiscale", values, x, x) + np.diag(noise**2)
    weights = np.linalg.solve(gram, references.covariance("multiscale", values, x, at))
    mean, _ = predicted(as_sets([values], "float64"))
    np.testing.assert_allclose(mean, weights.T @ np.asarray(data.y), rtol=1e-7)


def forrester_like(x):
    return np.sin(3 * x) + x**2 - 0.7 * x


@pytest.mark.thorough
@pytest.mark.parametrize(
    "start, noise", [((-0.9, 1.1), 0.2), ((1.0, 1.8), 0.2), ((-0.9, 1.1), 0.05), ((1.3, 0.4), 0.05), ((1.0, 1.8), 0.05)]
)
def test_expected_improvement_with_a_known_noise_leaves_a_local_minimum(start, noise):
    """The tutorial function from two told trials: within 0.01 of the minimum by trial 30."""
    space = jbo.Space(x=jbo.Real(-1.0, 2.0))
    strategy = jbo.bayesian(
        space,
        surrogate=jbo.gp(noise=noise, kernel=jbo.surrogates.kernels.matern52),
        acquisition=jbo.log_expected_improvement(0.01),
        num_initial=1,
    )
    regrets = []
    for seed in range(2):
        with jbo.Study(space, strategy=strategy, seed=seed) as study:
            for x in start:
                study.tell({"x": x}, forrester_like(x))
            study.optimize(lambda config: float(forrester_like(config["x"])), num_trials=30, progress=False)
            regrets.append(study.best.value - -0.500359626622898)
    assert max(regrets) < 0.01
