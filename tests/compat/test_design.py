"""Initial designs: new points, allowed ones, spread as their name says."""

import numpy as np
import pytest

from jbo.compat.gpyopt import Design_space, _design
from jbo.compat.gpyopt._design import initial_design
from jbo.space import Integer, Real, Space

KINDS = ["random", "latin", "sobol", "grid"]
SQUARE = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0))


def points(kind, space, num_points, seed=0):
    return np.array([space.encode(config) for config in initial_design(kind, space, num_points, seed)])


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_points_as_asked_by_seed(kind):
    first = points(kind, SQUARE, 16)
    assert first.shape == (16, 2) and len(np.unique(first, axis=0)) == 16
    assert np.array_equal(first, points(kind, SQUARE, 16))
    assert np.array_equal(first, points(kind, SQUARE, 16, 1)) == (kind == "grid")
    assert initial_design(kind, SQUARE, 0, 0) == []


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
    mixed = Space(a=Real(0.0, 1.0), n=Integer(1, 9))
    assert np.array_equal(points("grid", mixed, 5)[:, 0], np.linspace(0, 1, 5))
    assert len(points("grid", Space(n=Integer(1, 9)), 4)) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_discrete_space_gives_what_it_has(kind):
    assert len(points(kind, Space(n=Integer(1, 3)), 16)) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_constraints_hold(kind):
    domain = [{"name": "x", "domain": (-1, 1), "dimensionality": 2}]
    space = Design_space(domain, [{"name": "disc", "constraint": "x[:,0]**2 + x[:,1]**2 - 0.25"}]).space
    configs = initial_design(kind, space, 8, 0)
    assert len(configs) == 8
    assert all(config["x_1"] ** 2 + config["x_2"] ** 2 <= 0.25 for config in configs)


def test_nothing_allowed(monkeypatch):
    monkeypatch.setattr(_design, "_MAX_DRAWS", 200)
    space = Design_space([{"domain": (0, 1)}], [{"name": "never", "constraint": "x[:,0] + 1"}]).space
    with pytest.raises(ValueError, match="constraints: expected some points to be allowed, got none of 200 that"):
        initial_design("latin", space, 3, 0)


def test_unknown_kinds():
    with pytest.raises(ValueError, match="initial_design_type: expected one of 'random', 'latin', .*, got 'halton'"):
        initial_design("halton", SQUARE, 3, 0)
