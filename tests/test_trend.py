"""Mean functions and trials of an earlier study: by value against plain regression, and what a search makes of them."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import jbo
from jbo import Categorical, Real, Space, designs
from jbo.surrogates import GPParams, kernels

from . import references
from .surrogates.problems import as_dataset, condition, predict, smooth_data, standardised

CUBE = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0))


def bowl(x):
    return jnp.sum((x - 0.3) ** 2)


def test_posterior_against_regression_on_the_function(slow_dtype):
    """Rasmussen and Williams 2006, eq. 2.41: weight and offset as normal variables beside a process without them."""
    x, y = smooth_data(12, 2)
    new = np.random.default_rng(5).uniform(size=(6, 2))
    kernel = kernels.matern52 + kernels.trend(bowl)
    values = np.log([0.5, 0.9]), 0.2, np.log(1e-2)
    params = GPParams(
        jnp.asarray(values[0], slow_dtype),
        jnp.asarray(0.2, slow_dtype),
        jnp.asarray(values[2], slow_dtype),
        jnp.asarray([0.7], slow_dtype),
    )
    posterior = condition(params, as_dataset(x, y, slow_dtype, 16, garbage=0.4), kernel=kernel)
    mean, variance = predict(posterior, jnp.asarray(new, slow_dtype))

    even = np.sum((designs.even_points(64, 2) - 0.3) ** 2, axis=1)

    def features(x):
        return np.stack([np.ones(len(x)), (np.sum((x - 0.3) ** 2, axis=1) - even.mean()) / even.std()], axis=1)

    gram = references.covariance("matern52", values, x, x) + 1e-2 * np.eye(12)
    cross = references.covariance("matern52", values, new, x)
    inverse, h, h_new = np.linalg.inv(gram), features(x), features(new)
    precision = np.eye(2) / np.exp(0.7) + h.T @ inverse @ h
    beta = np.linalg.solve(precision, h.T @ inverse @ y)
    r = h_new - cross @ inverse @ h
    expected = cross @ inverse @ (y - h @ beta) + h_new @ beta
    spread = np.exp(0.2) - np.diag(cross @ inverse @ cross.T) + np.sum(r @ np.linalg.inv(precision) * r, axis=1)
    tolerance = 1e-8 if slow_dtype == jnp.float64 else 5e-3
    np.testing.assert_allclose(mean, expected, atol=tolerance)
    np.testing.assert_allclose(variance, spread, atol=tolerance)


@jax.jit
def _rmse(surrogate, data, x, y):
    params, _ = surrogate.fit(jax.random.key(0), data, surrogate.init(2, data.x.dtype))
    return jnp.sqrt(jnp.mean((surrogate.predict(surrogate.condition(params, data), x)[0] - y) ** 2))


@pytest.mark.thorough
def test_a_mean_function_helps_where_it_is_right_and_is_let_go_where_it_is_wrong(x64):
    def truth(x):
        return 20 * np.sum((x - 0.3) ** 2, axis=1) + 0.3 * np.sin(9 * x[:, 0])

    surrogates = {
        "none": jbo.gp(),
        "right": jbo.gp(mean=lambda x: -bowl(x)),
        "wrong": jbo.gp(mean=lambda x: jnp.sin(25 * x[0]) * jnp.sin(25 * x[1])),
    }
    rng, errors = np.random.default_rng(0), []
    for _ in range(8):
        x, held_out = rng.uniform(size=(8, 2)), rng.uniform(size=(200, 2))
        mean, deviation = truth(x).mean(), truth(x).std()
        data = as_dataset(x, standardised(truth(x)), "float64")
        target = jnp.asarray((truth(held_out) - mean) / deviation)
        errors.append([float(_rmse(s, data, jnp.asarray(held_out), target)) for s in surrogates.values()])
    none, right, wrong = np.mean(errors, axis=0)
    assert right < 0.7 * none and wrong < 1.5 * none, "the weight is inferred, its sign too"


def trials(function, number, seed=0, space=CUBE):
    points = np.random.default_rng(seed).uniform(size=(number, len(space)))
    configs = [space.decode(point) for point in points]
    return [SimpleNamespace(config=config, value=function(config)) for config in configs]


def test_scores_are_those_of_the_ranks(x64):
    """A posterior mean differs from the values that it was made of by the noise variance times its weights."""
    values = [3.0, -1e9, 5.0, 3.0, 1e9]
    earlier = [SimpleNamespace(config={"a": i / 4, "b": 0.5}, value=value) for i, value in enumerate(values)]
    mean = jbo.bayesian(CUBE, prior_trials=earlier).surrogate.kernel.parts[-1].function
    assert isinstance(mean, kernels.PosteriorMean)
    weights = np.asarray(mean.weights)
    assert (weights[5:] == 0).all(), "padding rows"
    at_trials = jnp.asarray([[i / 4, 0.5] for i in range(5)])
    scores = mean(at_trials) + np.exp(mean.params.log_noise_variance) * weights[:5]
    raw = norm.ppf([0.4, 0.1, 0.7, 0.4, 0.9])
    np.testing.assert_allclose(scores, (raw - raw.mean()) / raw.std(), rtol=1e-7)


def test_the_earlier_mean_is_learnt(x64):
    surrogate = jbo.bayesian(CUBE, prior_trials=trials(lambda c: c["a"] + 3 * c["b"] ** 2, 40)).surrogate
    function = surrogate.kernel.parts[1].function
    assert function.x.shape == (64, 2) and np.all(function.weights[40:] == 0)
    points = np.random.default_rng(1).uniform(0.1, 0.9, size=(50, 2))
    value = np.asarray(function(jnp.asarray(points)))
    assert np.corrcoef(value, points[:, 0] + 3 * points[:, 1] ** 2)[0, 1] > 0.97


def test_errors():
    good = trials(lambda c: c["a"], 4)
    with pytest.raises(ValueError, match="prior_trials: expected at least two different values, got 0"):
        jbo.bayesian(CUBE, prior_trials=[])
    failed = [SimpleNamespace(config=t.config, value=None) for t in good]
    with pytest.raises(ValueError, match="prior_trials: expected at least two different values, got 1"):
        jbo.bayesian(CUBE, prior_trials=[*failed, good[0]])
    with pytest.raises(ValueError, match=r"prior_trials: number 1: a: expected a number in \[0.0, 1.0\], got 2.0"):
        jbo.bayesian(CUBE, prior_trials=[good[0], SimpleNamespace(config={"a": 2.0, "b": 0.5}, value=1.0)])
    with pytest.raises(TypeError, match="prior_trials: expected a Gaussian process such as jbo.gp"):
        jbo.bayesian(CUBE, surrogate=jbo.forest(), prior_trials=good)


@pytest.mark.thorough
def test_a_study_takes_the_trials_of_another():
    space = Space(a=Real(1e-3, 1.0, log=True), k=Categorical("x", "y"))

    def loss(config):
        return (np.log10(config["a"]) + 1.5) ** 2 + (config["k"] == "x")

    with jbo.Study(space, strategy=jbo.random_search(space), seed=0) as earlier:
        earlier.optimize(loss, num_trials=20)
        strategy = jbo.bayesian(space, prior_trials=earlier.trials)
    # Turned round and in other units: the weight is negative.
    with jbo.Study(space, strategy=strategy, maximize=True, seed=1) as study:
        study.optimize(lambda config: -100 * loss(config), num_trials=6)
        assert study.best.config["k"] == "y" and abs(np.log10(study.best.config["a"]) + 1.5) < 0.15


@pytest.mark.thorough
@pytest.mark.searches
def test_earlier_trials_help_where_they_are_right_and_hardly_hurt_where_they_are_wrong():
    """Hartmann 6, 50 earlier trials, 30 evaluations, 24 seeds; the figures of `docs/beliefs.md`."""
    problem, num_seeds, num_steps = jbo.functions.hartmann6, 24, 30
    rng = np.random.default_rng(0)

    def earlier(kind):
        points, shift = rng.uniform(size=(50, 6)), 0.05 * rng.standard_normal(6)
        places = np.clip(points + shift, 0, 1) if kind == "right" else 1 - points
        values = [3 * float(problem(problem.space.decode(place))) + 7 for place in places]
        configs = [problem.space.decode(point) for point in points]
        return [SimpleNamespace(config=c, value=v) for c, v in zip(configs, values, strict=True)]

    @jax.jit
    @jax.vmap
    def regret(strategy, key):
        return jnp.log10(jbo.minimize(key, problem, strategy, num_steps).best_y - problem.minimum)

    def curves(strategies):
        stacked = jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *strategies)
        return np.asarray(regret(stacked, jax.random.split(jax.random.key(1), num_seeds)))

    with jax.enable_x64(True):
        none, right, wrong = (
            curves([jbo.bayesian(problem.space, prior_trials=kind and earlier(kind)) for _ in range(num_seeds)])
            for kind in (None, "right", "mirrored")
        )
    for step in (5, 10, 15):
        gain = (right - none)[:, step - 1]
        assert gain.mean() + 2 * gain.std() / num_seeds**0.5 < -0.15
    loss = (wrong - none)[:, 14]
    assert loss.mean() + 2 * loss.std() / num_seeds**0.5 < 0.3, "and that is the upper end of the interval"
