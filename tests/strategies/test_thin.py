"""Constraints that allow a set too thin for any uniform draw: it is searched, or the study says why not."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo import Categorical, Integer, Real, Space
from jbo.feasible import cloud
from jbo.region import Region
from tests.selection import some

SQUARE = {"a": Real(0.0, 1.0), "b": Real(0.0, 1.0)}
EDGE = Space(SQUARE, constraint=lambda c: c["a"] <= 1e-6)
LINE = Space(SQUARE, constraint=lambda c: abs(c["a"] + c["b"] - 1) < 3e-5)


def on_sum(config):
    return abs(sum(config.values()) - 1) < 1e-9


def is_chain(config):
    values = list(config.values())
    return all(x < y for x, y in zip(values, values[1:], strict=False))


MIXED = Space(
    k=Categorical("thin", "fat"),
    u=Real(0.0, 1.0),
    v=Real(0.0, 2.0, when=("k", "thin")),
    constraint=lambda c: c["k"] == "fat" or abs(c["u"] + c["v"] - 1) < 1e-5,
)


def searched(space, known, strategy, num_trials, objective=lambda config: 0.0, **options):
    with jbo.Study(space, strategy=strategy(space), seed=0) as study:
        for config in known:
            study.enqueue(config)
        study.optimize(objective, num_trials, progress=False, **options)
        assert all(space.is_allowed(trial.config) for trial in study.trials)
        return [trial.config for trial in study.trials], study.best.value


def deviations(configs):
    rows = np.array([list(config.values()) for config in configs])
    assert len(np.unique(rows, axis=0)) == len(rows), "no point comes twice"
    return rows.std(axis=0)


@some("strategy", [jbo.random_search, jbo.sobol_search])
def test_a_thin_line_is_searched_from_one_allowed_trial(strategy):
    """A slab around a line: trials spread over its whole length."""
    configs, _ = searched(LINE, [{"a": 0.5, "b": 0.5}], strategy, 10)
    assert len(configs) == 10 and min(deviations(configs)) > 0.1


@pytest.mark.thorough
@pytest.mark.parametrize("strategy", [jbo.random_search, jbo.sobol_search])
def test_a_thin_edge_is_searched_from_one_allowed_trial(strategy):
    """One millionth of the square."""
    configs, _ = searched(EDGE, [{"a": 0.0, "b": 0.5}], strategy, 10)
    assert len(configs) == 10 and deviations(configs)[1] > 0.1, "1e-6 if it stays where it begins"


@pytest.mark.thorough
def test_a_slab_in_eight_dimensions_is_searched_in_all_of_them():
    space = Space({f"x{i}": Real(0.0, 1.0) for i in range(8)}, constraint=on_sum)
    configs, _ = searched(space, [{f"x{i}": 0.125 for i in range(8)}], jbo.random_search, 8)
    assert len(configs) == 8 and min(deviations(configs)) > 0.02, "uniform: 0.1"


@pytest.mark.thorough
def test_without_an_allowed_trial_borders_and_chains_are_found():
    """The volumes are 1e-6 and 1/40320; none of 2^14 uniform points need be there."""
    configs, _ = searched(EDGE, [], jbo.random_search, 2)
    assert len(configs) == 2
    chain = Space({f"x{i}": Real(0.0, 1.0) for i in range(8)}, constraint=is_chain)
    configs, _ = searched(chain, [], jbo.random_search, 5)
    assert len(configs) == 5 and min(deviations(configs)) > 0.02


NONE_ALLOWED = "constraint: expected a space with allowed configurations, found none"


def test_a_corner_far_thinner_than_single_precision_is_found_without_an_allowed_trial():
    corner = Space(SQUARE, constraint=lambda c: (c["a"] <= 1e-10) & (c["b"] >= 1 - 1e-2))
    with jbo.Study(corner, strategy=jbo.random_search(corner), seed=0) as study:
        config = study.ask().config
    assert 0 < config["a"] <= 1e-10 and 0.99 <= config["b"] < 1


@pytest.mark.guard
@pytest.mark.thorough
def test_an_infeasible_region_has_no_batch():
    none = Space(SQUARE, constraint=lambda c: c["a"] > 2)
    with jbo.Study(none, strategy=jbo.random_search(none), seed=0) as study:
        with pytest.raises(ValueError, match=NONE_ALLOWED):
            study.ask(3)


def test_an_infeasible_region_is_an_error_and_not_an_exhausted_space():
    none = Space(SQUARE, constraint=lambda c: c["a"] > 2)
    with jbo.Study(none, strategy=jbo.random_search(none), seed=0) as study:
        for ask in (study.ask, lambda: study.optimize(lambda config: 0.0, 3)):
            with pytest.raises(ValueError, match=NONE_ALLOWED):
                ask()


@pytest.mark.thorough
def test_one_allowed_point_that_is_a_trial_is_an_error_and_not_an_exhausted_space():
    point = Space(SQUARE, constraint=lambda c: c == {"a": 0.25, "b": 0.5})
    with jbo.Study(point, strategy=jbo.random_search(point), seed=0) as study:
        study.enqueue({"a": 0.25, "b": 0.5})
        with pytest.raises(ValueError, match="constraint: expected .* found none except the 1 trials"):
            study.optimize(lambda config: 0.0, 3, progress=False)
        assert [trial.status for trial in study.trials] == ["ok"]


def test_a_search_that_ends_early_says_why(caplog, capsys):
    space = Space(n=Integer(1, 3))
    with caplog.at_level(logging.WARNING, "jbo"), jbo.Study(space, strategy=jbo.random_search(space), seed=0) as study:
        study.optimize(lambda config: 0.0, 2, progress=False)
        assert not caplog.records, "two of three: all went right"
        study.optimize(lambda config: 0.0, 10, progress=False)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING, "which Python shows on standard error by default"
    assert record.getMessage().startswith("optimize ends after 3 of 10 trials: nothing new to try")


@pytest.mark.thorough
def test_a_thin_set_in_a_context():
    """The context's plane cuts the set where no trial was."""
    space = Space({f"x{i}": Real(0.0, 1.0) for i in range(4)}, constraint=on_sum)
    with jbo.Study(space, strategy=jbo.random_search(space), seed=0) as study:
        study.tell({f"x{i}": 0.25 for i in range(4)}, 0.0)
        trials = study.ask(6, context={"x1": 0.3, "x3": 0.1})
        assert all(t.config["x1"] == 0.3 and t.config["x3"] == 0.1 and space.is_allowed(t.config) for t in trials)
        assert np.std([t.config["x0"] for t in trials]) > 0.05, "free: from 0 to 0.6"


@pytest.mark.thorough
def test_a_thin_set_of_one_category():
    with jbo.Study(MIXED, strategy=jbo.random_search(MIXED), seed=0) as study:
        study.tell({"k": "thin", "u": 0.5, "v": 0.5}, 0.0)
        trials = study.ask(6, context={"k": "thin"})
    assert len(trials) == 6 and all(MIXED.is_allowed(trial.config) for trial in trials)
    assert np.std([trial.config["u"] for trial in trials]) > 0.1


def test_the_walk_fills_a_thin_set(dtype):
    """Three shares of a sum: the deviations of Dirichlet(1, 1, 1) are 0.236, and float32 walks as well."""
    space = Space({f"x{i}": Real(0.0, 1.0) for i in range(3)}, constraint=lambda c: jnp.abs(sum(c.values()) - 1) < 1e-5)
    strategy = jbo.random_search(space)
    state = strategy.tell(strategy.init(4, dtype), jnp.full(3, 1 / 3, dtype), jnp.zeros((), dtype))
    walk = jax.jit(jax.vmap(lambda key: cloud(key, Region(space.encoding), state)))
    found = walk(jax.random.split(jax.random.key(0), 4))
    assert found.is_found.all() and found.x.dtype == dtype
    assert np.abs(np.asarray(found.x, float).sum(-1) - 1).max() < 1.1e-5
    np.testing.assert_allclose(np.asarray(found.x).reshape(-1, 3).std(0), 0.236, atol=0.05)


@pytest.mark.thorough
def test_the_model_finds_the_best_point_of_an_edge():
    _, best = searched(EDGE, [{"a": 0.0, "b": 0.9}], jbo.bayesian, 15, lambda c: (c["b"] - 0.3) ** 2)
    assert best < 1e-4


@pytest.mark.thorough
def test_the_model_finds_the_best_point_of_a_thin_line():
    _, best = searched(LINE, [{"a": 0.5, "b": 0.5}], jbo.bayesian, 15, lambda c: (c["a"] - 0.25) ** 2)
    assert best < 1e-4


@pytest.mark.thorough
@pytest.mark.parametrize(
    "strategy", [jbo.parzen, jbo.trust_region, lambda space: jbo.bayesian(space, surrogate=jbo.forest())]
)
def test_every_model_searches_a_thin_set(strategy):
    _, best = searched(LINE, [{"a": 0.5, "b": 0.5}], strategy, 20, lambda c: (c["a"] - 0.25) ** 2)
    assert best < 1e-3


@pytest.mark.thorough
def test_a_mixed_space_with_a_thin_category():
    _, best = searched(
        MIXED,
        [{"k": "thin", "u": 0.9, "v": 0.1}],
        jbo.bayesian,
        30,
        lambda c: (c["u"] - 0.3) ** 2 + (0 if c["k"] == "thin" else 1),
    )
    assert best < 1e-3


@pytest.mark.thorough
def test_a_slab_in_four_dimensions_is_minimised():
    space = Space({f"x{i}": Real(0.0, 1.0) for i in range(4)}, constraint=on_sum)
    target = np.array([0.4, 0.3, 0.2, 0.1])
    _, best = searched(
        space,
        [{f"x{i}": 0.25 for i in range(4)}],
        jbo.bayesian,
        20,
        lambda c: float(np.sum((np.array(list(c.values())) - target) ** 2)),
    )
    assert best < 0.01, "0.05 where it begins"
