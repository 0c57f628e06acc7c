"""The Parzen estimator as a function of key and table: what is good, what must not matter, what it proposes."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jbo
from jbo import Categorical, Integer, Real, Space, functions, parzen
from jbo.encoding import is_active, level, snap
from jbo.region import Region
from jbo.strategies import _mixture, _parzen
from jbo.types import EMPTY, FAILED, OK, PENDING, Trials
from tests.selection import some

KEY = jax.random.key(3)
CAPACITY = 24
MIXED = Space(
    a=Categorical("x", "y"),
    b=Real(0.0, 1.0),
    c=Real(0.0, 1.0, when=("a", "x")),
    n=Integer(1, 20, log=True),
)
STRATEGY = parzen(MIXED, num_initial=4)
DISCRETE = Space(a=Categorical("x", "y"), b=Integer(1, 6, log=True, when=("a", "x")), c=Integer(0, 1))
split = jax.jit(lambda state, fraction, most: _parzen.goodness(_parzen.in_order(state), fraction, most))
in_order = jax.jit(_parzen.in_order)
densities = jax.jit(lambda strategy, state: strategy.densities(state))


def random_table(table, num, seed=0, space=MIXED, **options):
    """A table of random trials with bowl-shaped values."""
    rng = np.random.default_rng(seed)
    x = np.array([space.encode(space.decode(p)) for p in rng.random((num, space.encoding.num_columns))])
    return table(x, ((x - 0.3) ** 2).sum(1), **options)


# What is good.


@pytest.mark.parametrize(
    ("num_told", "fraction", "most", "expected"),
    [
        (1, 0.1, 25.0, 1),
        (10, 0.1, 25.0, 1),
        (11, 0.1, 25.0, 2),
        (30, 0.1, 25.0, 3),
        (40, 0.1, 3.0, 3),
        (4, 0.9, 25.0, 4),
    ],
)
def test_the_best_part_is_good(slow_dtype, table, num_told, fraction, most, expected):
    y = np.random.default_rng(0).permutation(num_told).astype(float)
    state = table(np.full((num_told, 1), 0.5), y, capacity=40, dtype=slow_dtype)
    weight = split(state, fraction, most)
    assert weight.dtype == slow_dtype
    np.testing.assert_array_equal(weight, np.arange(40) < expected)
    np.testing.assert_array_equal(in_order(state).value[:num_told], np.arange(num_told))


def test_failed_and_pending_trials_are_bad_and_equal_ones_share(x64, table):
    """Three equal trials at the border share two places; failures count for how many are good, pending ones do not."""
    y = np.array([5.0, 1, 1, 1, 0, 7, 8, 9, 0, 0, 0, 0])
    status = np.array([OK] * 4 + [FAILED] * 1 + [OK] * 3 + [PENDING] * 4)
    weight = split(table(np.zeros((12, 1)), y, status, capacity=40), 0.25, 25.0)
    np.testing.assert_allclose(weight[:7], [2 / 3] * 3 + [0] * 4)
    assert not weight[7:].any()
    one = split(table(np.zeros((12, 1)), np.full(12, 3.0), capacity=40), 0.25, 25.0)
    np.testing.assert_allclose(one[:12], 0.25, err_msg="where all are equal all are alike")


def test_bandwidths_and_weights_are_those_of_the_documented_rule(slow_dtype, table):
    """By the number of trials that saw a column, with floors; the first kernel is the uniform one."""
    x = [MIXED.encode(c) for c in ({"a": "x", "b": 0.2, "c": 0.3, "n": 3}, {"a": "y", "b": 0.7, "n": 9})]
    state = table(np.repeat(x, [5, 11], axis=0), np.arange(16.0), capacity=40, dtype=slow_dtype)
    strategy = dataclasses.replace(STRATEGY, prior_weight=2.0, bandwidth=0.2, good_fraction=0.5)
    good, bad = densities(strategy, state)
    for mixture, num_x, num_y in ((good, 5, 3), (bad, 0, 8)):
        num = num_x + num_y
        category = 2 * 2 / (num + 2)
        widths = [0.2 * max(k, 1) ** (-1 / 8) for k in (num, num_x, num)]
        expected = [category / (1 + category), *widths]
        np.testing.assert_allclose(mixture.bandwidth, np.tile(expected, (41, 1)), rtol=1e-5)
        assert mixture.weight[0] == 2 and not mixture.is_seen[0].any()
        np.testing.assert_allclose(mixture.weight.sum(), num + 2)
        assert mixture.is_seen[mixture.weight > 0][1:].sum() == 3 * num + num_x
    narrow, _ = densities(dataclasses.replace(strategy, bandwidth=1e-9), state)
    np.testing.assert_allclose(narrow.bandwidth[0, 1:], [0.01, 0.01, 0.25 / 20], rtol=1e-5)


# What is asked.


def test_the_asked_point_has_the_largest_ratio_of_all_candidates(x64, ask, table):
    state = random_table(table, 16, capacity=CAPACITY)
    x, info = ask(STRATEGY, KEY, state)
    good, bad = densities(STRATEGY, in_order(state))

    @jax.jit
    def drawn(good, bad):
        key = jax.random.split(jax.random.fold_in(jax.random.fold_in(KEY, 1), 16))[0]
        candidates = snap(MIXED.encoding, _mixture.sample(key, MIXED.encoding, good, 64))
        by_good, by_bad = (_mixture.log_density(MIXED.encoding, each, candidates) for each in (good, bad))
        return candidates, by_good - by_bad

    candidates, ratio = drawn(good, bad)
    np.testing.assert_allclose(x, candidates[np.argmax(ratio)], atol=1e-12)
    np.testing.assert_allclose(info.value, ratio.max(), atol=1e-9)
    assert info.is_new and info.is_model_based


PAIRS = Space(a=Categorical("x", "y", "z"), b=Integer(0, 5))


@pytest.mark.guard
def test_candidates_in_a_context_have_the_conditional_density(x64, table):
    """Good trials lie in two clusters, one of each of two categories: given the first, its own cluster is drawn."""
    configs = [{"a": "x", "b": 1}] * 6 + [{"a": "x", "b": 2}] * 2 + [{"a": "z", "b": 4}] * 8
    state = table([PAIRS.encode(config) for config in configs], np.arange(16.0))
    strategy = parzen(PAIRS, good_fraction=0.99, num_candidates=4096)
    good, _ = densities(strategy, state)
    here = np.array([PAIRS.encode({"a": "x", "b": b}) for b in range(6)])
    log_density = jax.jit(lambda good, x: _mixture.log_density(PAIRS.encoding, good, x))
    given_x = np.exp(np.asarray(log_density(good, jnp.asarray(here))))
    expected = given_x / given_x.sum()
    assert expected[1] > 0.5 > 5 * expected[4], "without the category the second cluster is as probable"
    region = Region(PAIRS.encoding, jnp.asarray([here[0, 0], np.nan]))
    points = jax.jit(lambda state: strategy.draw(KEY, good, region, state))(state)
    assert (points[:, 0] == here[0, 0]).all()
    share = np.bincount(np.asarray(level(PAIRS.encoding, points))[:, 1], minlength=6) / len(points)
    assert (np.abs(share - expected) < 4 * np.sqrt(expected / len(points))).all(), (share, expected)


def test_under_a_constraint_points_are_drawn_beside_different_good_trials(x64, table):
    """Half of them are steps from a trial each, which is drawn by its weight."""
    space = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0), constraint=lambda c: abs(c["a"] + c["b"] - 1) < 1e-5)
    strategy = parzen(space, num_initial=4)
    a = np.array([0.1, 0.11, 0.9, 0.91])
    state = table(np.stack([a, 1 - a], 1), np.zeros(4), capacity=8)

    @jax.jit
    def drawn(state):
        good, _ = strategy.densities(_parzen.in_order(state))
        good = good._replace(weight=jnp.where(good.is_seen.all(-1) & (good.x[:, 0] != 0.5), 1.0, 0.0))
        return strategy.draw(KEY, good, Region(space.encoding), state)[::2]

    x = np.asarray(drawn(state))
    assert 0.2 < np.mean(x[:, 0] < 0.5) < 0.8, "near both pairs"


def test_a_batch_is_that_many_asks(slow_dtype, ask, pend, table):
    state = random_table(table, 16, capacity=CAPACITY, dtype=slow_dtype)
    points, infos = ask(STRATEGY, KEY, state, 3)
    assert points.shape == (3, 4) and points.dtype == slow_dtype and infos.is_model_based.all() and infos.is_new.all()
    for i in range(3):
        x, info = ask(STRATEGY, KEY, state)
        assert x.dtype == slow_dtype and info.value.dtype == slow_dtype
        np.testing.assert_allclose(x, points[i], atol=1e-12 if slow_dtype == jnp.float64 else 1e-5)
        state = pend(STRATEGY, state, points[i])


@given(seed=st.integers(0, 10_000))
def test_order_garbage_and_capacity_change_nothing(seed, table, ask):
    """Every table is the same as any permutation of it, beside any rubbish, in a larger one."""
    rng = np.random.default_rng(seed)
    with jax.enable_x64(True):
        state = random_table(table, 12, seed, capacity=CAPACITY)
        status = rng.choice([OK, OK, OK, FAILED, PENDING], CAPACITY) * (np.arange(CAPACITY) < 12)
        status[:4] = OK
        y = np.where(status == OK, np.round(state.value, 1), 0)
        state = Trials.from_arrays(state.x, jnp.asarray(y), jnp.asarray(status, jnp.int32))
        x, info = ask(STRATEGY, KEY, state)
        order = rng.permutation(CAPACITY)
        x_dirty = np.where((status == EMPTY)[:, None], rng.normal(size=(CAPACITY, 4)) * 1e6, state.x)
        y_dirty = np.where(status == OK, y, rng.choice([1e300, -7.0, np.nan], CAPACITY))
        other = Trials.from_arrays(*(jnp.asarray(leaf[order]) for leaf in (x_dirty, y_dirty, np.asarray(state.status))))
        other = other._replace(y=jnp.asarray(y_dirty[order])[:, None])
        x_other, info_other = ask(STRATEGY, KEY, other)
        np.testing.assert_array_equal(x, x_other)
        np.testing.assert_array_equal(info.value, info_other.value)


@pytest.mark.thorough
def test_capacity_changes_nothing(x64, table, ask):
    small, large = (ask(STRATEGY, KEY, random_table(table, 16, capacity=n)) for n in (CAPACITY, 48))
    np.testing.assert_allclose(small[0], large[0], atol=1e-12)
    np.testing.assert_allclose(small[1].value, large[1].value, atol=1e-9)


def test_any_increasing_transform_of_the_values_changes_nothing(x64, table, ask):
    state = random_table(table, 16, capacity=CAPACITY)
    x, _ = ask(STRATEGY, KEY, state)
    for transform in (jnp.exp, lambda y: 1e9 * y - 3, lambda y: -1 / (y + 1e-3)):
        np.testing.assert_array_equal(x, ask(STRATEGY, KEY, state._replace(y=transform(state.y)))[0])


@some("status", [PENDING, FAILED])
def test_pending_and_failed_trials_repel(x64, table, ask, status):
    """Many at one place and the next candidate goes elsewhere."""
    space = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0))
    strategy = parzen(space, num_initial=4)
    state = random_table(table, 12, space=space, capacity=CAPACITY)
    x, before = ask(strategy, KEY, state)
    around = np.clip(x + 0.01 * np.random.default_rng(0).normal(size=(8, 2)), 0, 1)
    crowded = state._replace(
        x=state.x.at[12:20].set(around), status=state.status.at[12:20].set(status), y=state.y.at[12:20].set(0.0)
    )

    @jax.jit
    def log_ratio(x):
        good, bad = (_mixture.log_density(space.encoding, one, x[None]) for one in strategy.densities(crowded))
        return (good - bad)[0]

    assert log_ratio(x) < before.value - 1
    far, _ = ask(strategy, KEY, crowded)
    assert np.linalg.norm(far - x) > 0.05


def test_children_follow_their_parents(x64, table, ask, pend):
    """Points are valid, and where only the active child is good it is found near the good values."""
    rng = np.random.default_rng(0)
    x = np.array([MIXED.encode(MIXED.decode(p)) for p in rng.random((20, 4))])
    active = np.asarray(is_active(MIXED.encoding, x))
    y = np.where(active[:, 2], np.abs(x[:, 2] - 0.8), 1 + rng.random(20))
    state = table(x, y, capacity=CAPACITY)
    points, _ = ask(STRATEGY, KEY, state, 3)
    np.testing.assert_allclose(snap(MIXED.encoding, points), points, atol=1e-15)
    assert (level(MIXED.encoding, points)[:, 0] == 0).all() and (np.abs(points[:, 2] - 0.8) < 0.3).all()


@pytest.mark.thorough
def test_the_design_is_that_of_the_other_strategies(x64, ask, table):
    """The same points until enough trials have ended and their values differ."""
    other = jbo.bayesian(MIXED, num_initial=4)
    for num, y in ((0, 0.0), (3, np.arange(3.0)), (6, 2.0)):
        state = random_table(table, num, capacity=CAPACITY) if num else table(np.empty((0, 4)), capacity=CAPACITY)
        state = state._replace(y=state.y.at[:num, 0].set(y))
        x, info = ask(STRATEGY, KEY, state)
        np.testing.assert_array_equal(x, other.design(KEY, state)[0])
        assert not info.is_model_based and info.value == 0
    assert STRATEGY.num_initial == 4 and parzen(MIXED).num_initial == jbo.bayesian(MIXED).num_initial == 5


@pytest.mark.thorough
def test_a_discrete_space_is_exhausted(x64, ask, table):
    strategy = parzen(DISCRETE, num_initial=2)
    configs = list(DISCRETE.configs())
    points = np.array([DISCRETE.encode(c) for c in configs])
    rng = np.random.default_rng(0)
    for num_left in (3, 1, 1, 1, 0):
        order = rng.permutation(len(points))[num_left:]
        status = rng.choice([OK, OK, FAILED, PENDING], len(order))
        state = table(points[order], rng.normal(size=len(order)) * (status == OK), status, CAPACITY)
        x, info = ask(strategy, KEY, state)
        assert info.is_new == (num_left > 0)
        is_taken = (np.abs(points[order] - x) < 1e-9).all(1).any()
        assert is_taken == (num_left == 0) and DISCRETE.decode(np.asarray(x)) in configs


@pytest.mark.thorough
def test_numbers_of_a_strategy_are_traced(x64, ask, table):
    """A sweep over them is a `vmap`, and other numbers compile nothing."""
    state = random_table(table, 16, capacity=CAPACITY)

    def suggest(bandwidth, fraction):
        return parzen(MIXED, bandwidth=bandwidth, good_fraction=fraction, num_initial=4).ask(KEY, state)[0]

    points = jax.jit(jax.vmap(suggest))(jnp.array([0.02, 0.07, 0.5]), jnp.array([0.1, 0.1, 0.4]))
    assert len(np.unique(np.round(points, 6), axis=0)) == 3
    ask(STRATEGY, KEY, state)
    before = ask.num_programs()
    numbers = dict(bandwidth=0.5, good_fraction=0.4, prior_weight=1.0, max_good=25.0)
    np.testing.assert_allclose(ask(dataclasses.replace(STRATEGY, **numbers), KEY, state)[0], points[2], atol=1e-9)
    assert ask.num_programs() == before


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("good_fraction", 0.0, "a finite number above 0"),
        ("max_good", -1, "a finite number above 0"),
        ("prior_weight", float("nan"), "a finite number above 0"),
        ("bandwidth", float("inf"), "a finite number above 0"),
        ("num_candidates", 0, "at least 1"),
        ("num_initial", 0, "an integer of at least 1"),
    ],
)
def test_errors_say_what_came(option, value, expected):
    with pytest.raises(ValueError, match=f"{option}: expected {expected}, got {value}"):
        parzen(MIXED, **{option: value})


# The whole search.

_run = jax.jit(
    lambda keys, problem, strategy, num_steps: jax.vmap(
        lambda key: jbo.minimize(key, problem, strategy, num_steps).best_y[-1]
    )(keys),
    static_argnums=(1, 3),
)


def num_better_than_random(problem, num_steps, num_seeds):
    keys = jax.random.split(jax.random.key(0), num_seeds)
    ours, random = (_run(keys, problem, make(problem.space), num_steps) for make in (parzen, jbo.random_search))
    return int((ours <= random).sum())


@pytest.mark.thorough
def test_better_than_random_in_short(x64):
    assert num_better_than_random(functions.branin, 25, 20) >= 14


@pytest.mark.thorough
@pytest.mark.searches
@pytest.mark.parametrize(
    "problem",
    [functions.hartmann6, functions.rosenbrock(4), functions.mixed, functions.conditional],
    ids=lambda p: p.name,
)
def test_better_than_random(x64, problem):
    assert num_better_than_random(problem, 50, 20) >= 17
