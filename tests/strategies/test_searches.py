"""Random, Sobol and grid search: what each promises of its points."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest

from jbo import Categorical, Integer, Ordinal, Real, Space, designs, grid_search, random_search, sobol_search
from jbo.encoding import snap
from jbo.types import PENDING
from tests.selection import some

REALS = Space(a=Real(0.0, 1.0), b=Real(1e-3, 1.0, log=True))
DISCRETE = Space(
    a=Categorical("x", "y", "z"),
    b=Integer(1, 9, log=True, when=("a", {"x", "y"})),
    c=Ordinal(1, 2, 4, when=("a", "z")),
    d=Integer(0, 1),
)
MIXED = Space(a=Categorical("x", "y"), b=Real(-1.0, 1.0, when=("a", "y")), c=Integer(1, 3))
MAKERS = [random_search, sobol_search, grid_search]
KEY = jax.random.key(7)


def search(strategy, num, ask, pend, key=KEY):
    """Points of ``num`` asks, each followed by `pend`, and whether each was new."""
    state, points, news = strategy.init(num), [], []
    for _ in range(num):
        x, info = ask(strategy, key, state)
        state = pend(strategy, state, x)
        points.append(np.asarray(x))
        news.append(bool(info.is_new))
    return np.array(points), np.array(news)


@some("make", MAKERS)
def test_a_batch_is_that_many_asks(slow_dtype, make, ask, pend, table):
    strategy = make(MIXED)
    state = table([MIXED.encode({"a": "y", "b": 0.3, "c": 2})], capacity=12, dtype=slow_dtype)
    points, info = ask(strategy, KEY, state, 5)
    assert points.shape == (5, 3) and points.dtype == slow_dtype and info.is_new.shape == (5,)
    for i in range(5):
        x, one = ask(strategy, KEY, state)
        assert one.is_new == info.is_new[i]
        np.testing.assert_allclose(x, points[i], rtol=0, atol=2 * jnp.finfo(slow_dtype).eps)
        state = pend(strategy, state, x)
    np.testing.assert_allclose(snap(MIXED.encoding, points), points, rtol=0, atol=2 * jnp.finfo(slow_dtype).eps)
    assert len(np.unique(np.round(points, 5), axis=0)) == 5


@some("make", MAKERS, [grid_search])
def test_a_discrete_space_is_visited_once_and_then_exhausted(x64, make, ask, pend):
    num = DISCRETE.num_configs
    points, news = search(make(DISCRETE), num + 2, ask, pend)
    assert news.tolist() == [True] * num + [False] * 2
    configs = [tuple(DISCRETE.decode(x).items()) for x in points[:num]]
    assert len(set(configs)) == num
    assert set(configs) == {tuple(config.items()) for config in DISCRETE.configs()}


def test_a_suggestion_is_a_function_of_key_and_table(x64, ask, pend):
    for make in (random_search, sobol_search):
        first, _ = search(make(REALS), 6, ask, pend)
        again, _ = search(make(REALS), 6, ask, pend)
        other, _ = search(make(REALS), 6, ask, pend, jax.random.key(8))
        np.testing.assert_array_equal(first, again)
        assert (first != other).all()


@pytest.mark.thorough
def test_random_points_are_uniform_and_independent(x64):
    strategy = random_search(REALS)
    state = strategy.init(1)
    points = jax.vmap(lambda i: strategy.ask(jax.random.key(i), state)[0])(jnp.arange(1000))
    assert all(kstest(column, "uniform").pvalue > 1e-3 for column in points.T)
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.15
    batch, _ = strategy.ask(KEY, strategy.init(500), 500)
    assert all(kstest(column, "uniform").pvalue > 1e-3 for column in batch.T)


def test_sobol_points_are_those_of_one_sequence(x64, table, ask, pend):
    points, news = search(sobol_search(REALS), 16, ask, pend)
    assert news.all()
    for a in range(5):
        cells = np.floor(points * [2**a, 2 ** (4 - a)]).astype(int)
        assert len({tuple(cell) for cell in cells}) == 16, "one point in each cell of the net"
    expected = designs.sobol(KEY, 16, 2, jnp.dtype("float64"))
    np.testing.assert_allclose(points, snap(REALS.encoding, expected), atol=1e-15)
    told = table([[0.1, 0.2], [0.3, 0.4]], capacity=16)
    np.testing.assert_allclose(
        ask(sobol_search(REALS), KEY, told)[0], expected[2], atol=1e-15, err_msg="told ones count"
    )


def test_the_grid_is_counted_in_order(x64, ask, pend):
    points, news = search(grid_search(DISCRETE), DISCRETE.num_configs, ask, pend)
    assert news.all()
    assert [DISCRETE.decode(x) for x in points] == list(DISCRETE.configs())


@pytest.mark.parametrize("resolution", [2, 3])
def test_the_grid_of_reals_has_both_ends(slow_dtype, resolution, ask, pend):
    strategy = grid_search(MIXED, resolution=resolution)
    num = 3 + 3 * resolution
    points, news = search(strategy, num + 1, ask, pend)
    assert news.tolist() == [True] * num + [False]
    along = [i / (resolution - 1) for i in range(resolution)]
    inner = [(k + 0.5) / 3 for k in range(3)]
    expected = [(0.25, 0.5, c) for c in inner] + [(0.75, b, c) for b, c in itertools.product(along, inner)]
    np.testing.assert_allclose(points[:num], expected, atol=1e-6)
    values = [MIXED.decode(x).get("b") for x in points[:num]]
    assert values[3] == -1.0 and values[-1] == 1.0


def test_the_grid_goes_around_what_others_took(x64, table, ask):
    strategy = grid_search(DISCRETE)
    configs = list(DISCRETE.configs())
    taken = table([DISCRETE.encode(configs[i]) for i in (0, 1, 3)], status=[1, PENDING, 3], capacity=5)
    assert DISCRETE.decode(np.asarray(ask(strategy, KEY, taken)[0])) == configs[2]


def test_a_grid_needs_two_points():
    with pytest.raises(ValueError, match="resolution: expected at least 2, got 1"):
        grid_search(REALS, resolution=1)


def test_recommend_is_the_least_value(dtype, table, recommend):
    state = table([[0.1, 0.2]] * 4, [3.0, -5.0, 1.0, -9.0], [1, PENDING, 1, 3], 6, dtype)
    for make in MAKERS:
        row = recommend(make(REALS), KEY, state)
        assert row == 2 and row.dtype == jnp.int32


def test_a_second_space_of_the_same_structure_compiles_nothing(x64, ask):
    other = Space({"x.1": Real(-5.0, 7.0), "x.2": Real(2.0, 3.0)})
    for make in MAKERS:
        ask(make(REALS), KEY, make(REALS).init(7))
        before = ask.num_programs()
        ask(make(other), KEY, make(other).init(7))
        assert ask.num_programs() == before
