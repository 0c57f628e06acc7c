"""The benchmark of several outcomes: its scores by hand, and what a library is told."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.benchmark.outcomes.__main__ import logs, report
from experiments.benchmark.outcomes.cases import GROUPS, Case, case, hypervolume
from jbo import Real, Space, pareto

FUNCTIONS = [name for name in (*GROUPS["fronts"], *GROUPS["limits"])]


@pytest.mark.parametrize("num_objectives", [2, 3])
def test_the_hypervolume_is_that_of_jbo(num_objectives):
    y = np.random.default_rng(num_objectives).uniform(0, 1.2, (12, num_objectives))
    with jax.enable_x64(True):
        expected = pareto.hypervolume(jnp.asarray(y), jnp.ones(num_objectives), jnp.ones(12, bool))
    assert hypervolume(y, np.ones(num_objectives)) == pytest.approx(float(expected), rel=1e-9)


def test_gaps_count_feasible_rows_only():
    of_front = Case(Space(x=Real(0, 1)), ("a", "b"), ("limit",), (1.0, 1.0), 0.5, lambda config: {})
    told = [
        {"a": 0.0, "b": 0.0, "limit": 0.1},
        {"a": 0.5, "b": 0.5, "limit": 0.0},
        {"a": 0.2, "b": 0.8, "limit": -1.0},
    ]
    np.testing.assert_allclose(of_front.gaps(told), [0.5, 0.25, 0.5 - (0.25 + 0.3 * 0.2)])
    of_limits = Case(Space(x=Real(0, 1)), ("a",), ("limit",), (), 0.1, lambda config: {})
    np.testing.assert_allclose(of_limits.gaps(told), [math.inf, 0.4, 0.1])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_gap_is_positive_and_what_is_told_has_all_names(name):
    entry = case(name)
    points = np.random.default_rng(0).uniform(size=(8, len(entry.space)))
    told = [entry.evaluate(entry.space.decode(x)) for x in points]
    assert set(told[0]) == {*entry.objectives, *entry.limits}
    gaps = entry.gaps(told)
    assert np.all(gaps > 0) and np.all(np.diff(gaps[np.isfinite(gaps)]) <= 1e-12 * entry.best)
    assert [o["name"] for o in entry.outcomes()] == [*entry.objectives, *entry.limits]


def test_logarithms_are_over_the_median_of_random_search():
    runs = [
        {"method": "random", "problem": "gramacy", "seed": seed, "gaps": [None, gap, *[0.5] * 6], "seconds": [0.1] * 8}
        for seed, gap in ((0, 1.0), (1, 3.0))
    ]
    runs.append({"method": "jbo", "problem": "gramacy", "seed": 0, "gaps": [None, 0.2], "seconds": [0.2, 0.2]})
    runs.append({"method": "jbo", "problem": "gramacy", "seed": 1, "gaps": [4.0, 0.0], "seconds": [0.2, 0.2]})
    found = logs(runs, 2)
    # The median after two evaluations is 2; what is not feasible counts as the worst gap of all runs, 4.
    np.testing.assert_allclose(found["jbo", "gramacy"][0], [math.log10(2), -1])
    np.testing.assert_allclose(found["jbo", "gramacy"][1], [math.log10(2), -4])
    text = report([r | {"num_evaluations": 2} for r in runs], ["jbo", "random"], ["gramacy"], 2)
    assert "| gramacy | -2.50 (2) |" in text
