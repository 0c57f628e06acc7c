"""The table of trials: which row a result goes to, when there is none, and the walk to a new point."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jbo import Categorical, Integer, Ordinal, Real, Space
from jbo.encoding import from_level, level, snap
from jbo.region import Region
from jbo.strategies import _table, random_search
from jbo.types import EMPTY, FAILED, OK, PENDING, Trials
from tests.selection import some

SPACE = Space(a=Real(0.0, 1.0), b=Integer(1, 4))
STRATEGY = random_search(SPACE)
POINT, OTHER = np.array([0.25, 0.125]), np.array([0.75, 0.375])


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


def rows(state):
    return [
        (tuple(np.asarray(x, np.float64).tolist()), float(y), int(status))
        for x, y, status in zip(state.x, state.value, state.status, strict=True)
        if status != EMPTY
    ]


_PEND, _TELL = jax.jit(STRATEGY.pend), jax.jit(STRATEGY.tell)


def _settled(state):
    """An empty table has another type than one with trials, and would be compiled for alone."""
    return jax.tree.map(np.asarray, state)


@pytest.fixture
def pend():
    return lambda state, x: _PEND(_settled(state), jnp.asarray(x, state.x.dtype))


@pytest.fixture
def tell():
    """Tells a new trial at a point, or a pending one by its number."""

    def tell(state, trial, y):
        trial = trial if isinstance(trial, int) else jnp.asarray(trial, state.x.dtype)
        return _TELL(_settled(state), trial, jnp.asarray(y, state.y.dtype))

    return tell


def test_an_empty_table(dtype):
    for state in (STRATEGY.init(3), STRATEGY.init(3, dtype)):
        assert state.x.shape == (3, 2) and state.x.dtype == state.y.dtype == dtype
        assert state.status.dtype == jnp.int32 and not state.status.any() and not state.y.any()
        assert state.num_trials == 0 and (state.trial == -1).all() and not state.is_known.any()


def test_a_result_fills_its_pending_row_and_other_results_make_rows(slow_dtype, pend, tell):
    state = pend(pend(STRATEGY.init(5), POINT), OTHER)
    assert rows(state) == [((0.25, 0.125), 0, PENDING), ((0.75, 0.375), 0, PENDING)]
    state = tell(state, 1, 2.0)
    assert rows(state)[1] == ((0.75, 0.375), 2, OK)
    state = tell(state, OTHER, 3.0)  # the same point once more: nobody waits for it
    state = tell(state, 0, np.nan)
    assert rows(state) == [
        ((0.25, 0.125), 0, FAILED),
        ((0.75, 0.375), 2, OK),
        ((0.75, 0.375), 3, OK),
    ]
    assert state.num_trials == 3 and state.trial.tolist() == [0, 1, 2, -1, -1]
    assert state.is_known[:, 0].tolist() == [False, True, True, False, False]
    np.testing.assert_array_equal(_table.has_ended(state), [True, True, True, False, False])
    assert all(a.dtype == b.dtype for a, b in zip(state[:5], STRATEGY.init(5)[:5], strict=True))


def test_two_pending_trials_at_one_point_are_two(pend, tell):
    """A result goes to the number of its trial."""
    state = tell(pend(pend(STRATEGY.init(3), POINT), POINT), 1, 1.0)
    assert [status for *_, status in rows(state)] == [PENDING, OK]
    assert [y for _, y, _ in rows(tell(state, 0, 2.0))] == [2, 1]
    for a, b in zip(tell(state, 1, 7.0)[:5], state[:5], strict=True):
        np.testing.assert_array_equal(a, b, "one that has ended stays as it is")
    with pytest.raises(ValueError, match=r"^trial: expected the number of a pending trial, one of \[0\], got 1$"):
        STRATEGY.tell(state, 1, jnp.zeros((), state.y.dtype))


def test_a_result_for_a_point_goes_to_the_trial_that_is_pending_there(pend, tell):
    """As before trials had numbers, for one version more."""
    state = pend(pend(STRATEGY.init(4), POINT), POINT)
    assert [status for *_, status in rows(tell(state, POINT, 1.0))] == [OK, PENDING]
    with pytest.deprecated_call(match="^tell: pass the number of the trial"):
        told = STRATEGY.tell(state, jnp.asarray(POINT, state.x.dtype), jnp.zeros((), state.y.dtype))
    assert [status for *_, status in rows(told)] == [OK, PENDING]


@pytest.mark.parametrize("trial", ["1", [0.1, 0.2], None, 0.5])
def test_what_is_no_trial_is_refused(trial):
    with pytest.raises(TypeError, match="^trial: expected the number of a pending trial, or a point"):
        STRATEGY.tell(STRATEGY.init(2), trial, 1.0)


@pytest.mark.parametrize("y", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_fails_the_trial(tell, y):
    assert rows(tell(STRATEGY.init(2), POINT, y)) == [((0.25, 0.125), 0, FAILED)]


def test_points_are_snapped(pend, tell):
    state = tell(pend(STRATEGY.init(2), [0.25, 0.2]), 0, 1.0)
    assert rows(state) == [((0.25, 0.125), 1, OK)]
    assert rows(tell(STRATEGY.init(2), [-3.0, 7.0], 1.0)) == [((0.0, 0.875), 1, OK)]


def test_a_full_table_is_never_overwritten():
    """It is an error where the rows are known, and changes nothing in compiled code."""

    def pend(state, x):
        return STRATEGY.pend(state, jnp.asarray(x, state.x.dtype))

    def tell(state, x, y):
        trial = x if isinstance(x, int) else jnp.asarray(x, state.x.dtype)
        return STRATEGY.tell(state, trial, jnp.asarray(y, state.y.dtype))

    state = tell(pend(STRATEGY.init(2), POINT), OTHER, 1.0)
    third = np.array([0.5, 0.625])
    for change in (lambda s: pend(s, third), lambda s: tell(s, third, 1.0), lambda s: tell(s, OTHER, 2.0)):
        with pytest.raises(ValueError, match="expected 1 empty rows, got 0 in a table of capacity 2"):
            change(state)
        for a, b in zip(jax.jit(change)(state)[:5], state[:5], strict=True):
            np.testing.assert_array_equal(a, b)
    assert [s for *_, s in rows(tell(state, 0, 5.0))] == [OK, OK], "a pending row needs no room"
    with pytest.raises(ValueError, match="expected 1 empty rows"):
        STRATEGY.ask(jax.random.key(0), state)
    with pytest.raises(ValueError, match="expected 2 empty rows, got 1"):
        STRATEGY.ask(jax.random.key(0), tell(STRATEGY.init(2), POINT, 1.0), 2)
    with pytest.raises(ValueError, match="q: expected at least 1, got 0"):
        STRATEGY.ask(jax.random.key(0), STRATEGY.init(2), 0)


SPACES = {
    "mixed": Space(a=Integer(1, 3), b=Categorical("x", "y"), c=Integer(1, 8, log=True), d=Ordinal(1, 5)),
    "one column": Space(a=Integer(1, 2)),
    "conditional": Space(
        a=Categorical("x", "y", "z"),
        b=Integer(1, 3, when=("a", "x")),
        c=Categorical("u", "v", when=("a", {"x", "y"})),
        d=Integer(1, 4, log=True, when=("c", "v")),
        e=Ordinal(1, 2),
    ),
    "child before parent": Space(b=Integer(1, 3, when=("a", "x")), e=Ordinal(1, 2), a=Categorical("x", "y")),
}


def points(space):
    """All snapped points, by enumeration of all levels, in the order in which configs are counted."""
    return np.array([space.encode(config) for config in space.configs()])


@some("name", SPACES, ["conditional", "child before parent"])
def test_the_walk_visits_every_point_once(slow_dtype, name):
    space = SPACES[name]
    encoding, all_points = space.encoding, points(space)
    num = len(all_points)
    every_level = jnp.asarray(list(itertools.product(*(range(int(k)) for k in encoding.num_levels))), jnp.int32)
    levels_of = jax.jit(lambda x: level(encoding, snap(encoding, x)))
    expected = {tuple(levels) for levels in levels_of(from_level(encoding, every_level, slow_dtype)).tolist()}
    assert len(expected) == num == space.num_configs, "the reference is right"

    none = np.zeros(num, slow_dtype)

    @jax.jit
    def walk(x_rows, status, x, start):
        return _table.walk_to_new(Region(encoding), Trials.from_arrays(x_rows, none, status), x, start)

    rng = np.random.default_rng(0)
    for _ in range(3):
        start = jnp.asarray(rng.random(len(space)), slow_dtype)
        x = jnp.asarray(all_points[rng.integers(num)], slow_dtype)
        x_rows, status, seen = np.zeros((num, len(space)), slow_dtype), np.full(num, EMPTY, np.int32), []
        for i in range(num):
            point, is_new = walk(x_rows, status, x, start)
            assert is_new and (i > 0 or (point == x).all()), "a point that nobody has is left as it is"
            x_rows[i], status[i] = point, rng.choice([OK, PENDING, FAILED])
            seen.append(np.asarray(point))
        assert {tuple(levels) for levels in levels_of(np.array(seen)).tolist()} == expected
        np.testing.assert_allclose(snap(encoding, np.array(seen)), seen, rtol=0, atol=2 * jnp.finfo(slow_dtype).eps)
        assert not walk(x_rows, status, x, start)[1]


STRATEGY_OF = {name: random_search(space) for name, space in SPACES.items()}


@pytest.mark.parametrize("name", SPACES)
def test_counting_is_in_order_from_the_start_and_around(x64, name):
    """The point after ``x`` is the next one of the enumeration, whichever points are taken."""
    space = SPACES[name]
    encoding, all_points = space.encoding, points(space)
    num = len(all_points)
    walk = jax.jit(lambda state, x, start: _table.walk_to_new(Region(encoding), state, x, start))
    rng = np.random.default_rng(1)
    for _ in range(20):
        is_taken = rng.random(num) < rng.choice([0.5, 0.9])
        is_taken[rng.integers(num)] = False
        begin = rng.integers(num)
        is_taken[begin] = True
        state = Trials.from_arrays(
            jnp.asarray(all_points), jnp.zeros(num), jnp.asarray(np.where(is_taken, OK, EMPTY), jnp.int32)
        )
        x, is_new = walk(state, jnp.asarray(all_points[begin]), jnp.asarray(all_points[begin]))
        expected = next((k % num for k in range(begin + 1, begin + num) if not is_taken[k % num]), None)
        assert bool(is_new) == (expected is not None)
        if is_new:
            np.testing.assert_allclose(x, all_points[expected], rtol=0, atol=1e-15)


def test_what_is_inactive_does_not_count(x64):
    """One taken point stands for a thousand million levels of inactive columns: the next one is a step away."""
    space = Space(a=Categorical("x", "y"), **{f"b{i}": Integer(1, 1000, when=("a", "y")) for i in range(3)})
    strategy = random_search(space)
    taken = jnp.asarray(space.encode({"a": "x"}))
    ask = jax.jit(lambda key: strategy.ask(key, strategy.pend(strategy.init(4), taken)))
    for seed in range(10):
        x, info = ask(jax.random.key(seed))
        assert info.is_new and space.decode(np.asarray(x))["a"] == "y"


def test_reals_of_the_start_are_kept(x64):
    space = Space(a=Categorical("x", "y"), b=Real(0.0, 1.0, when=("a", "y")))
    encoding = space.encoding

    @jax.jit
    def walk(x, start):
        state = random_search(space).pend(random_search(space).init(2), x)
        return _table.walk_to_new(Region(encoding), state, x, start)

    x, is_new = walk(jnp.array([0.25, 0.5]), jnp.array([0.1, 0.37]))
    assert is_new
    np.testing.assert_array_equal(x, [0.75, 0.37])


def test_a_walk_may_be_vmapped(x64):
    space, strategy = SPACES["conditional"], STRATEGY_OF["conditional"]
    num = math.ceil(space.num_configs / 2)
    keys = jax.random.split(jax.random.key(0), 5)
    many = jax.jit(jax.vmap(lambda key: strategy.ask(key, strategy.init(16), num)))(keys)[0]
    one = jax.jit(lambda key: strategy.ask(key, strategy.init(16), num)[0])
    np.testing.assert_allclose(many, [one(key) for key in keys], atol=1e-15)
