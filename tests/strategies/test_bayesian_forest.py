"""Bayesian optimisation with a forest: what is pending repels, garbage does not speak, and it beats random search."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo import Real, Space, bayesian, forest, functions
from jbo.encoding import snap

SPACE = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0))
KEY = jax.random.key(3)
CAPACITY = 16
STRATEGY = bayesian(SPACE, surrogate=forest(num_trees=20))
POINTS = np.random.default_rng(0).random((8, 2))
VALUES = (POINTS[:, 0] - 0.3) ** 2 + 2 * (POINTS[:, 1] - 0.6) ** 2


@jax.jit
def ask_four(strategy, state):
    return strategy.ask(KEY, state, 4)


@pytest.mark.thorough
def test_a_batch_does_not_clump(x64, table):
    """Four points in four places, none of them at a trial."""
    points, info = ask_four(STRATEGY, table(POINTS, VALUES, capacity=CAPACITY))
    assert info.is_model_based.all() and info.is_new.all() and info.fit.is_finite.all()
    all_points = np.r_[np.asarray(points), POINTS]
    distance = np.linalg.norm(all_points[:, None] - all_points[None], axis=-1)[:4] + np.eye(4, 12)
    assert distance.min() > 0.03, distance.min()


@pytest.mark.thorough
def test_rows_without_a_result_change_nothing(x64, table):
    clean = table(POINTS, VALUES, capacity=CAPACITY)
    x, info = ask_four(STRATEGY, clean)
    for garbage in (7.0, -1e3):
        dirty = table(POINTS, VALUES, capacity=CAPACITY, garbage=garbage)
        dirty = dirty._replace(y=jnp.where(dirty.is_known, dirty.y, 1e30))
        other, other_info = ask_four(STRATEGY, dirty)
        np.testing.assert_array_equal(x, other)
        np.testing.assert_array_equal(info.value, other_info.value)


@pytest.mark.thorough
def test_other_numbers_and_another_space_of_the_structure_compile_nothing(x64, table):
    state = table(POINTS, VALUES, capacity=CAPACITY)
    ask_four(STRATEGY, state)
    before = ask_four._cache_size()
    other = Space({"learning rate": Real(1e-5, 1e-1, log=True), "momentum": Real(0.0, 1.0)})
    ask_four(bayesian(other, surrogate=forest(num_trees=20, min_variance=0.5)), state)
    assert ask_four._cache_size() == before


@partial(jax.jit, static_argnums=(1, 3))
def _run(keys, problem, strategy, num_steps):
    return jax.vmap(lambda key: jbo.minimize(key, problem, strategy, num_steps))(keys)


@cache
def regrets(name, is_model, num_steps, num_seeds, dtype="float64"):
    problem = getattr(functions, name)
    strategy = bayesian(problem.space, surrogate=forest()) if is_model else jbo.random_search(problem.space)
    with jax.enable_x64(dtype == "float64"):
        keys = jnp.stack([jax.random.key(seed) for seed in range(num_seeds)])
        run = _run(keys, problem, strategy, num_steps)
        assert run.x.dtype == dtype
        for points in np.asarray(run.x):
            np.testing.assert_allclose(snap(problem.space.encoding, points), points, atol=1e-6)
            assert len(np.unique(points, axis=0)) == num_steps
        return np.asarray(run.best_y[:, -1], np.float64) - problem.minimum


@pytest.mark.thorough
@pytest.mark.searches
@pytest.mark.parametrize("name", ["branin", "mixed", "conditional"])
def test_better_than_random_search_in_most_seeds(name):
    """15 of 20, fixed before it was measured: the chance of that by coin is 2 %."""
    ours, random = (regrets(name, is_model, 30, 20) for is_model in (True, False))
    assert (ours < random).sum() >= 15, np.stack([ours, random], 1)
    assert np.median(ours) < np.median(random)


@pytest.mark.thorough
@pytest.mark.searches
def test_single_precision_searches_as_well():
    ours, random = (regrets("mixed", is_model, 30, 20, "float32") for is_model in (True, False))
    assert (ours < random).sum() >= 15, np.stack([ours, random], 1)
