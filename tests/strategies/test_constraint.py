"""Known constraints and contexts in every strategy: never violated, and what cannot be had is told."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo import Categorical, Integer, Real, Space
from jbo.types import EMPTY, OK, PENDING, Trials
from tests.selection import some


def sparse(config):
    """A tenth of the space, over all kinds of columns."""
    return (config["u"] + config["v"] <= 0.6) & (config["n"] * (config["k"] + 1) <= 6)


MIXED = Space(
    u=Real(0.0, 1.0),
    v=Real(0.0, 1.0),
    n=Integer(1, 6),
    k=Categorical(0, 1, 2),
    m=Integer(1, 4, when=("k", 2)),
    constraint=sparse,
)
DISCRETE = Space(a=Integer(0, 9), b=Integer(0, 9), constraint=lambda c: c["a"] == 3 * c["b"])
IMPOSSIBLE = Space(u=Real(0.0, 1.0), v=Real(0.0, 1.0), constraint=lambda c: c["u"] > 2.0)
MODEL_FREE = [jbo.random_search, jbo.sobol_search, jbo.grid_search, jbo.parzen]

SLOW_MODEL = pytest.param(jbo.bayesian, marks=pytest.mark.thorough)

_ASK = jax.jit(lambda strategy, key, state, fixed: strategy.ask(key, state, 4, fixed=fixed))


def ask(strategy, key, state, fixed=None):
    """A batch of four. Without a context all columns are free: one program serves both, and each table."""
    state = jax.tree.map(np.asarray, state)  # a table of `init` has another type than one with trials
    fixed = jnp.full(state.x.shape[1], jnp.nan, state.x.dtype) if fixed is None else fixed
    return _ASK(strategy, key, state, fixed)


@jax.jit
def _pended_and_told(strategy, state, points, values):
    for x, y in zip(points, values, strict=True):
        state = strategy.tell(strategy.pend(state, x), state.num_trials, y)
    return state


@jax.jit
def _told(strategy, state, points):
    """With the sum of its columns as the value of each point."""
    for x in points:
        state = strategy.tell(state, x, jnp.sum(x))
    return state


def allowed(space, points):
    return [space.is_allowed(space.decode(x)) for x in np.asarray(points)]


@pytest.mark.thorough
@pytest.mark.parametrize("make", [*MODEL_FREE, jbo.bayesian])
def test_no_suggestion_violates_the_constraint(x64, make):
    """In batches, in the design, and once the model speaks."""
    strategy = make(MIXED)
    for seed in range(3):
        state = strategy.init(16)
        for _ in range(3):
            points, info = ask(strategy, jax.random.key(seed), state)
            assert info.is_new.all() and all(allowed(MIXED, points))
            values = jnp.asarray(((np.asarray(points) - 0.9) ** 2).sum(axis=1))
            state = _pended_and_told(strategy, jax.tree.map(np.asarray, state), points, values)
        assert len(np.unique(np.asarray(state.x[:12]), axis=0)) == 12


@pytest.mark.thorough
def test_ten_thousand_suggestions_and_none_is_forbidden(x64):
    """Random tables, the model and the design, batches of four: what is promised of each suggestion."""
    strategy, count = jbo.bayesian(MIXED), 0
    rng = np.random.default_rng(0)
    for seed in range(1250):
        num = rng.integers(0, 12)
        x = np.asarray(ask(jbo.random_search(MIXED), jax.random.key(seed), strategy.init(16))[0])
        x = np.resize(x, (num, 5)) if num else np.empty((0, 5))
        state = Trials.from_arrays(
            jnp.asarray(np.vstack([x, np.full((16 - num, 5), 0.5)])),
            jnp.asarray(np.append(rng.normal(size=num), np.zeros(16 - num))),
            jnp.asarray(np.append(rng.choice([OK, PENDING], num), np.full(16 - num, EMPTY)), jnp.int32),
        )
        for given in (None, jnp.array([np.nan, 0.3, np.nan, np.nan, np.nan])):
            points, info = ask(strategy, jax.random.key(seed), state, given)
            assert info.is_new.all() and all(allowed(MIXED, points))
            count += 4
    assert count == 10_000


@some("make", [*MODEL_FREE, SLOW_MODEL], [jbo.grid_search])
def test_a_discrete_space_is_searched_to_its_last_allowed_point(x64, make):
    """Four of a hundred are allowed: each comes once, then nothing is new."""
    strategy = make(DISCRETE)
    points, info = ask(strategy, jax.random.key(0), strategy.init(16))
    assert info.is_new.all() and all(allowed(DISCRETE, points)) and len(np.unique(np.asarray(points), axis=0)) == 4
    state = _told(strategy, strategy.init(16), points)
    assert not ask(strategy, jax.random.key(0), state)[1].is_new.any()


@some("make", [*MODEL_FREE, SLOW_MODEL])
def test_a_constraint_that_rejects_all_is_told_after_a_bounded_search(x64, make):
    strategy = make(IMPOSSIBLE)
    assert not ask(strategy, jax.random.key(0), strategy.init(16))[1].is_new.any()


@pytest.mark.thorough
def test_minimize_under_a_constraint(x64):
    """The best allowed value lies on the border of what is allowed."""

    class Problem:
        space = Space(u=Real(0.0, 1.0), v=Real(0.0, 1.0), constraint=lambda c: c["u"] + c["v"] >= 1.0)

        def __call__(self, config):
            return config["u"] ** 2 + 2 * config["v"] ** 2

    problem = Problem()
    strategy = jbo.bayesian(problem.space)
    run = jax.jit(jax.vmap(lambda key: jbo.minimize(key, problem, strategy, 16)))(jax.random.split(jax.random.key(0)))
    assert (run.x.sum(-1) >= 1).all()
    assert (run.best_y[:, -1] < 2 / 3 + 0.02).all(), "2/3 at (2/3, 1/3)"
    with pytest.raises(ValueError, match="another constraint"):
        jbo.minimize(jax.random.key(0), problem, jbo.bayesian(Space(u=Real(0.0, 1.0), v=Real(0.0, 1.0))), 3)


def test_a_constraint_must_give_a_truth_value(x64):
    with pytest.raises(ValueError, match="constraint: expected a function of a config, got 1"):
        Space(u=Real(0.0, 1.0), constraint=1)
    space = Space(u=Real(0.0, 1.0), constraint=lambda c: c["u"] * 2)
    with pytest.raises(ValueError, match="constraint: expected a boolean scalar, got float64"):
        jbo.random_search(space).ask(jax.random.key(0), jbo.random_search(space).init(2))
    with pytest.raises(ValueError, match="constraint: expected True or False, got 1.0"):
        space.is_allowed({"u": 0.5})


# Contexts.


@some("make", [*MODEL_FREE, jbo.bayesian])
def test_a_context_is_kept_and_the_rest_is_searched(x64, make):
    strategy = make(MIXED)
    fixed = jnp.asarray(MIXED.fixed_columns({"u": 0.25, "k": 0}))
    state = strategy.init(16)
    for _ in range(3):
        points, info = ask(strategy, jax.random.key(0), state, fixed)
        configs = [MIXED.decode(x) for x in np.asarray(points)]
        assert info.is_new.all() and all(c["k"] == 0 and c["u"] == pytest.approx(0.25, rel=1e-14) for c in configs)
        assert all(map(MIXED.is_allowed, configs))
        state = _told(strategy, jax.tree.map(np.asarray, state), points)
    assert len(np.unique(np.asarray(state.x[:12]), axis=0)) == 12


def test_a_discrete_context_is_exhausted_alone(x64):
    space = Space(a=Categorical("x", "y"), b=Integer(1, 4, when=("a", "x")))
    for make in (jbo.random_search, jbo.grid_search):
        strategy = make(space)
        fixed = jnp.asarray(space.fixed_columns({"a": "x"}))
        points, info = ask(strategy, jax.random.key(0), strategy.init(16), fixed)
        assert info.is_new.all() and sorted(space.decode(x)["b"] for x in np.asarray(points)) == [1, 2, 3, 4]
        state = _told(strategy, strategy.init(16), points)
        assert not ask(strategy, jax.random.key(0), state, fixed)[1].is_new.any()
        assert ask(strategy, jax.random.key(0), state)[1].is_new[0], "elsewhere there is more"


@pytest.mark.thorough
def test_the_model_learns_across_contexts(x64):
    """The best b moves with the context; in a context never seen, the model's mean knows where it goes."""
    space = Space(t=Real(0.0, 1.0), b=Real(0.0, 1.0))
    strategy = jbo.bayesian(space, acquisition=jbo.LCB(2.0))
    ask = jax.jit(lambda strategy, state, t: strategy.ask(jax.random.key(1), state, fixed=jnp.stack([t, jnp.nan])))
    state = strategy.init(32)
    for i, t in enumerate(np.tile([0.0, 0.25, 0.5, 1.0], 5)):
        x, _ = ask(strategy, state, t)
        assert x[0] == t, i
        state = strategy.tell(state, x, (x[1] - 0.2 - 0.6 * t) ** 2)
    for t in (0.1, 0.75):
        x, info = ask(jbo.bayesian(space, acquisition=jbo.LCB(0.0)), state, t)
        assert info.is_model_based and x[0] == t
        np.testing.assert_allclose(x[1], 0.2 + 0.6 * t, atol=0.05)
