"""Initial designs: new points, allowed ones, spread as their name says."""

import numpy as np
import pytest

import jbo.compat.gpyopt as GPyOpt
from jbo.compat.gpyopt import Design_space
from jbo.compat.gpyopt.experiment_design import initial_design

KINDS = ["random", "latin", "sobol", "grid"]
SQUARE = Design_space([{"name": name, "type": "continuous", "domain": (0, 1)} for name in "ab"])


def points(kind, space, num_points, seed=0):
    """Rows over a domain; NumPy's global seed makes them repeatable, as in GPyOpt."""
    np.random.seed(seed)  # noqa: NPY002
    return initial_design(kind, space, num_points)


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_points_as_asked_by_seed(kind):
    first = points(kind, SQUARE, 16)
    assert first.shape == (16, 2) and len(np.unique(first, axis=0)) == 16
    assert np.array_equal(first, points(kind, SQUARE, 16))
    assert np.array_equal(first, points(kind, SQUARE, 16, 1)) == (kind == "grid")
    assert points(kind, SQUARE, 0).shape == (0, 2)


def test_latin_has_a_point_in_each_slice():
    x = points("latin", SQUARE, 16)
    assert np.array_equal(np.sort(np.floor(16 * x), axis=0), np.arange(16)[:, None] * np.ones((1, 2)))


def test_sobol_has_a_point_in_each_cell():
    x = points("sobol", SQUARE, 16)
    assert len(np.unique(np.floor(4 * x), axis=0)) == 16


def test_grid_is_square_and_filled_up():
    side = np.linspace(0, 1, 4)
    expected = np.stack(np.meshgrid(side, side, indexing="ij"), -1).reshape(16, 2)
    assert np.array_equal(points("grid", SQUARE, 16), expected)
    assert np.array_equal(points("grid", SQUARE, 18)[:16], expected)
    levels = {"name": "n", "type": "integer", "domain": (1, 9)}
    mixed = Design_space([{"name": "a", "type": "continuous", "domain": (0, 1)}, levels])
    assert np.array_equal(points("grid", mixed, 5)[:, 0], np.linspace(0, 1, 5))
    assert len(np.unique(points("grid", Design_space([levels]), 4))) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_discrete_space_gives_what_it_has(kind):
    """And each point again after the last one, as many rows as were asked for. An optimisation evaluates each once."""
    domain = [{"name": "n", "type": "integer", "domain": (1, 3)}]
    rows = points(kind, Design_space(domain), 16)
    assert rows.shape == (16, 1) and sorted(set(rows[:3, 0])) == [1, 2, 3] and (rows[3:] == rows[:-3]).all()
    seen = []
    GPyOpt.methods.BayesianOptimization(
        lambda row: seen.append(row["n"]) or 0.0,
        domain,
        initial_design_numdata=16,
        initial_design_type=kind,
        seed=0,
    )
    assert sorted(seen) == [1, 2, 3]


@pytest.mark.parametrize("kind", KINDS)
def test_constraints_hold(kind):
    domain = [{"name": "x", "domain": (-1, 1), "dimensionality": 2}]
    space = Design_space(domain, [{"name": "disc", "constraint": "x[:,0]**2 + x[:,1]**2 - 0.25"}])
    rows = points(kind, space, 8)
    assert len(np.unique(rows, axis=0)) == 8
    assert (np.sum(rows**2, axis=1) <= 0.25).all()


@pytest.mark.thorough
def test_nothing_allowed():
    space = Design_space([{"domain": (0, 1)}], [{"name": "never", "constraint": "x[:,0] + 1"}])
    with pytest.raises(ValueError, match="constraints: expected some points to be allowed, found none among 500 that"):
        points("latin", space, 3)


def test_unknown_kinds():
    with pytest.raises(ValueError, match="initial_design_type: expected one of 'random', 'latin', .*, got 'halton'"):
        points("halton", SQUARE, 3)
