"""Hyperparameters drawn by NUTS: against quadrature, the mixing of chains, SAAS's prior, and acquisitions over sets."""

import importlib.util
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import halfcauchy, norm

import jbo
from jbo.acquisitions import over_sets
from jbo.surrogates import gaussian_process, kernels
from jbo.types import Dataset
from tests.selection import some

from .problems import as_dataset, as_sets, random_params, smooth_data, standardised

_chain = jax.jit(
    jax.vmap(
        lambda surrogate, key, data: surrogate.chain(key, data, surrogate.init(data.x.shape[1], data.x.dtype)),
        in_axes=(None, 0, None),
    )
)
_fit = jax.jit(lambda surrogate, key, data: surrogate.fit(key, data, surrogate.init(data.x.shape[1], data.x.dtype)))


def split_r_hat(draws):
    """Vehtari et al. 2021, eq. 1 to 4, of halves of chains ``[chains, draws, parameters]``; without ranks."""
    half = draws.shape[1] // 2
    parts = np.concatenate([draws[:, :half], draws[:, half : 2 * half]])
    within = parts.var(1, ddof=1).mean(0)
    between = parts.mean(1).var(0, ddof=1)
    return np.sqrt((half - 1) / half + between / within)


def one_dimension():
    rng = np.random.default_rng(3)
    x = rng.uniform(size=(9, 1))
    return x, standardised(np.sin(7 * x[:, 0]) + 0.3 * rng.normal(size=9))


def quadrature(x, y, noise):
    """Means and deviations of log lengthscale and log signal variance under their posterior, on a grid."""
    a, b = np.linspace(-5.5, 5.5, 241), np.linspace(-3.0, 3.0, 121)
    loc, scale = np.array([-0.5, 0.0]), np.array([1.0, 0.5])
    distance = (x - x.T) ** 2
    log_density = np.empty((len(a), len(b)))
    for i, log_lengthscale in enumerate(a):
        correlation = np.exp(-0.5 * distance / np.exp(2 * log_lengthscale))
        values, vectors = np.linalg.eigh(correlation)
        square = (vectors.T @ y) ** 2
        for j, log_signal in enumerate(b):
            spectrum = np.exp(log_signal) * np.maximum(values, 0) + noise**2
            log_density[i, j] = -0.5 * np.sum(square / spectrum + np.log(spectrum))
    log_density += norm.logpdf(a, loc[0], scale[0])[:, None] + norm.logpdf(b, loc[1], scale[1])[None]
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    first, second = weight.sum(1), weight.sum(0)
    means = np.array([first @ a, second @ b])
    deviations = np.sqrt([first @ (a - means[0]) ** 2, second @ (b - means[1]) ** 2])
    # Half of its own cell lies below a point of the grid.
    return means, deviations, *((v, np.cumsum(w) - 0.5 * w) for v, w in ((a, first), (b, second)))


@pytest.mark.thorough
@pytest.mark.parametrize("num_draws", [400, pytest.param(5000, marks=pytest.mark.thorough)])
def test_marginals_against_quadrature(num_draws, x64):
    x, y = one_dimension()
    means, deviations, *distributions = quadrature(x, y, 0.3)
    surrogate = jbo.gp_mcmc(kernel=kernels.rbf, noise=0.3, num_sets=num_draws, thinning=1, num_warmup=400)
    samples = _chain(surrogate, jax.random.split(jax.random.key(0), 4), as_dataset(x, y, "float64"))
    draws = np.stack([samples.params.log_lengthscale[..., 0], samples.params.log_signal_variance], axis=-1)
    assert draws.shape == (4, num_draws, 2) and not samples.is_divergent.any()
    r_hat = split_r_hat(draws)
    assert (r_hat < (1.01 if num_draws > 1000 else 1.03)).all(), r_hat
    pooled = draws.reshape(-1, 2)
    # Draws are worth at least a third of independent ones; four deviations of the mean of those.
    tolerance = 4 * deviations * np.sqrt(3 / len(pooled))
    assert (np.abs(pooled.mean(0) - means) < tolerance).all(), (pooled.mean(0), means, tolerance)
    np.testing.assert_allclose(pooled.std(0), deviations, rtol=0.05 if num_draws > 1000 else 0.2)
    for values, (grid, cumulative) in zip(pooled.T, distributions, strict=True):
        for level in (0.1, 0.5, 0.9):
            below = np.mean(values < np.interp(level, cumulative, grid))
            assert abs(below - level) < 4 * np.sqrt(level * (1 - level) * 3 / len(pooled))


def test_the_density_that_is_sampled_is_that_of_the_priors(x64):
    data = as_dataset(*smooth_data(8, 2), "float64")
    kernel = kernels.rbf + kernels.linear((0.3, 0.7))
    plain = jbo.gp_mcmc(kernel=kernel, lengthscale_prior=(0.2, 0.6), signal_prior=(0.1, 0.3), noise_prior=(-4.0, 1.2))
    z = np.random.default_rng(0).normal(size=8)

    @jax.jit
    def of_plain(z):
        params, _ = plain.params_at(z, data)
        expected = gaussian_process.log_marginal_likelihood(params, data, kernel) + plain.log_prior(params)
        return plain.log_density(z, data), expected

    np.testing.assert_allclose(*of_plain(jnp.asarray(z)), rtol=1e-12)

    sparse = jbo.gp_saas(kernel=kernels.matern52)

    @jax.jit
    def of_sparse(z):
        params, log_shrinkage = sparse.params_at(z, data)
        evidence = gaussian_process.log_marginal_likelihood(params, data, kernels.matern52)
        return params, log_shrinkage, evidence, sparse.log_density(z, data)

    at = []
    for z in np.random.default_rng(1).normal(size=(2, 5)):
        params, log_shrinkage, evidence, density = of_sparse(jnp.asarray(z))
        inverse, shrinkage = np.exp(-2 * np.asarray(params.log_lengthscale)), np.exp(float(log_shrinkage))
        # Densities of the variables, times their derivatives by the coordinates: each is an exponential.
        prior = np.sum(halfcauchy.logpdf(inverse, scale=shrinkage) + np.log(inverse))
        prior += halfcauchy.logpdf(shrinkage, scale=0.1) + np.log(shrinkage)
        prior += norm.logpdf(float(params.log_signal_variance), 0.0, 0.5)
        prior += norm.logpdf(float(params.log_noise_variance), np.log(3e-3), 2.0)
        at.append((float(density), float(evidence) + prior))
    (first, expected_first), (second, expected_second) = at
    assert first - second == pytest.approx(expected_first - expected_second, rel=1e-10)


def test_a_chain_begins_where_it_is_told_to(x64):
    data = as_dataset(*smooth_data(8, 3), "float64")
    for surrogate in (jbo.gp_mcmc(), jbo.gp_saas()):
        params = surrogate.init(3, data.x.dtype)
        again, _ = surrogate.params_at(surrogate.coordinates(params), data)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), params, again)


def test_a_fit_is_every_so_many_draws_of_the_chain(monkeypatch):
    surrogate = jbo.gp_mcmc(num_sets=2, thinning=3)
    numbers = jnp.arange(6.0)
    params = jax.tree.map(lambda leaf: numbers.reshape(6, *[1] * leaf.ndim) + leaf, surrogate.init(2, numbers.dtype))
    drawn = SimpleNamespace(params=params, log_posterior=numbers.at[1].set(9.0), num_steps=jnp.arange(6))
    monkeypatch.setattr(type(surrogate), "chain", lambda *given: drawn)
    data = as_dataset(*smooth_data(8, 2), "float32")
    found, info = surrogate.fit(jax.random.key(0), data, surrogate.init(2, numbers.dtype))
    jax.tree.map(
        lambda all_draws, kept: np.testing.assert_array_equal(kept, all_draws[np.array([2, 5])]), params, found
    )
    assert info.log_posterior == 9.0 and info.num_evaluations == 15 and info.is_finite


@pytest.mark.thorough
def test_saas_finds_the_few_columns_that_matter(x64):
    rng = np.random.default_rng(0)
    x = rng.uniform(size=(40, 30))
    y = standardised(np.sin(6 * x[:, 4]) + 2 * (x[:, 11] - 0.4) ** 2)
    data = as_dataset(x, y, "float64", capacity=48, garbage=3.0)
    held_out = rng.uniform(size=(200, 30))
    truth = np.sin(6 * held_out[:, 4]) + 2 * (held_out[:, 11] - 0.4) ** 2
    truth = (truth - np.mean(np.sin(6 * x[:, 4]) + 2 * (x[:, 11] - 0.4) ** 2)) / np.std(
        np.sin(6 * x[:, 4]) + 2 * (x[:, 11] - 0.4) ** 2
    )
    errors = {}
    for name, surrogate in (("gp", jbo.gp()), ("saas", jbo.gp_saas())):
        params, info = _fit(surrogate, jax.random.key(0), data)
        assert info.is_finite
        mean, _ = surrogate.condition(params, data).predict(jnp.asarray(held_out))
        errors[name] = float(np.sqrt(np.mean((np.asarray(mean) - truth) ** 2)))
        if name == "saas":
            scales = np.exp(np.median(params.log_lengthscale, axis=0))
            assert params.log_lengthscale.shape == (16, 30)
            assert set(np.argsort(scales)[:2]) == {4, 11} and np.sort(scales)[2] > 10 * np.sort(scales)[1]
    assert errors["saas"] < 0.5 * errors["gp"], errors


SETS = [random_params(2, seed) for seed in range(3)]


@pytest.mark.thorough
@some(
    "acquisition, is_log",
    [
        (jbo.expected_improvement(), False),
        (jbo.log_expected_improvement(0.1), True),
        (jbo.log_expected_quantile_improvement(), True),
        (jbo.probability_of_improvement(), False),
        (jbo.log_probability_of_improvement(), True),
        (jbo.upper_confidence_bound(1.5), False),
    ],
    2,
)
def test_an_acquisition_is_averaged_over_the_sets(acquisition, is_log, x64):
    data = as_dataset(*smooth_data(8, 2), "float64", capacity=12)
    key, x = jax.random.key(0), jnp.asarray([0.3, 0.6])
    alone = []
    for one in SETS:
        posterior = gaussian_process.condition(as_sets([one], "float64"), data)
        assert over_sets(acquisition, posterior) is acquisition
        alone.append(float(acquisition.value(acquisition.prepare(key, posterior, data), posterior, x)))
    posterior = gaussian_process.condition(as_sets(SETS, "float64"), data)
    averaged = over_sets(acquisition, posterior)
    value = averaged.value(averaged.prepare(key, posterior, data), posterior, x)
    expected = np.log(np.mean(np.exp(alone))) if is_log else np.mean(alone)
    assert np.ptp(alone) > 1e-3
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    mixture = acquisition.value(acquisition.prepare(key, posterior, data), posterior, x)
    assert abs(float(mixture) - expected) > 1e-4, "the moments of the mixture say something else"


def test_the_sets_alone(x64):
    data = as_dataset(*smooth_data(8, 2), "float64", capacity=12)
    # Away from the data, where a variance is no difference of two numbers that are nearly equal.
    x = jnp.asarray(np.random.default_rng(0).uniform(1.0, 2.0, size=(5, 2)))

    @jax.jit
    def sets_of(params):
        posterior = gaussian_process.condition(params, data, kernels.rational_quadratic(2.0))
        return jax.vmap(lambda one: one.predict(x))(posterior.sets())

    @jax.jit
    def predicted(params):
        return gaussian_process.condition(params, data, kernels.rational_quadratic(2.0)).predict(x)

    means, variances = sets_of(as_sets(SETS, "float64"))
    for i, one in enumerate(SETS):
        np.testing.assert_allclose((means[i], variances[i]), predicted(as_sets([one], "float64")), rtol=1e-12)


def test_what_cannot_be_is_refused(monkeypatch):
    with pytest.raises(ValueError, match="num_sets: expected at least 1, got 0"):
        jbo.gp_mcmc(num_sets=0)
    with pytest.raises(ValueError, match="num_warmup: expected at least 1, got -3"):
        jbo.gp_saas(num_warmup=-3)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"blackjax; pip install jbo\[bayes\]"):
        jbo.gp_mcmc()


@pytest.mark.thorough
def test_a_search_averages_over_the_sets_and_goes_on_as_it_began():
    problem = jbo.functions.branin
    runs = []
    for _ in range(2):
        surrogate = jbo.gp_mcmc(num_sets=4, thinning=4, num_warmup=64)
        with jbo.Study(problem.space, strategy=jbo.bayesian(problem.space, surrogate=surrogate), seed=0) as study:
            study.optimize(lambda config: float(problem(config)), 20)
            assert study.last_suggestion.is_model_based and study.best.value < 1.5
            runs.append([trial.config for trial in study.trials])
    assert runs[0] == runs[1]
    data = Dataset(jnp.zeros((8, 2)), jnp.zeros(8), jnp.zeros(8, bool))
    params, info = _fit(jbo.gp_mcmc(num_sets=2, thinning=1, num_warmup=16), jax.random.key(0), data)
    assert info.is_finite and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(params)), "without any data"
