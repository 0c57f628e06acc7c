"""Constraints of a domain, on the host and traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jbo.compat.gpyopt import Design_space
from jbo.compat.gpyopt.experiment_design import initial_design
from jbo.region import Region

DOMAIN = [
    {"name": "x", "domain": (-2, 2), "dimensionality": 2},
    {"name": "n", "type": "integer", "domain": (1, 9)},
    {"name": "k", "type": "categorical", "domain": (4, 2, 7)},
    {"name": "c", "type": "categorical", "domain": ("a", "b", "c")},
]


@pytest.mark.thorough
def test_in_the_users_units_by_column():
    constraints = [
        {"name": "disc", "constraint": "x[:,0]**2 + x[:,1]**2 - 1"},
        {"name": "old", "constrain": "x[:,2] * x[:,3] - 10 * x[:,4]"},
    ]
    space = Design_space(DOMAIN, constraints).space
    config = {"x_1": 0.6, "x_2": 0.7, "n": 5, "k": 2, "c": "b"}
    assert space.is_allowed(config)
    assert not space.is_allowed(config | {"x_2": 0.9})
    assert not space.is_allowed(config | {"n": 6})
    assert not space.is_allowed(config | {"k": 4})
    assert space.is_allowed(config | {"k": 4, "c": "c"})
    assert not space.is_allowed(config | {"c": "a"})

    points = np.random.default_rng(0).random((60, 5))
    points[:, :2] = 0.5 + (points[:, :2] - 0.5) * 0.6
    on_host = [space.is_allowed(space.decode(point)) for point in points]
    assert 3 < sum(on_host) < 57
    with jax.enable_x64(True):
        assert np.asarray(Region(space.encoding).is_allowed(jnp.asarray(points))).tolist() == on_host


def test_a_value_that_is_none_is_not_allowed():
    space = Design_space(DOMAIN, [{"name": "root", "constraint": "np.sqrt(x[:,0]) - 9"}]).space
    config = {"x_1": 1.0, "x_2": 0.0, "n": 1, "k": 4, "c": "a"}
    assert space.is_allowed(config) and not space.is_allowed(config | {"x_1": -1.0})


def test_equal_texts_are_one_constraint():
    text = [{"name": "one", "constraint": "x[:,0] - 1"}]
    space = Design_space(DOMAIN, text).space
    assert space == Design_space(DOMAIN, text).space and hash(space) == hash(Design_space(DOMAIN, text).space)
    assert space != Design_space(DOMAIN, [{"constraint": "x[:,0] - 2"}]).space
    assert space != Design_space(DOMAIN).space == Design_space(DOMAIN, []).space


@pytest.mark.parametrize(
    ("constraints", "message"),
    [
        ([{"name": "disc", "constraint": "x[:,0] <= 1"}], "^disc: expected an expression .* without a comparison"),
        ([{"name": "disc", "constraint": "x[:,5]"}], r"^disc: expected columns x\[:, 0\] to x\[:, 4\], got x\[:, 5\]"),
        ([{"constraint": "__import__('os')"}], "^constraint 0: expected one of the functions"),
        ([{"name": "disc"}], r"^disc: expected the keys 'name' and 'constraint', got \['name'\]"),
        ([{"name": "disc", "constraint": "1", "constrain": "1"}], "^disc: expected the keys"),
        ([{"name": "disc", "constraint": "1", "sense": "<"}], "^disc: expected the keys"),
        ([{"name": "disc", "constraint": 3}], "^disc: expected an expression of at most 1000 characters, got 3"),
        (["x[:,0]"], "^constraint 0: expected a dict with the keys 'name' and 'constraint', got 'x"),
        ("x[:,0]", "^constraints: expected a list of dicts, got 'x"),
    ],
)
def test_errors_name_the_constraint(constraints, message):
    with pytest.raises(ValueError, match=message):
        Design_space(DOMAIN, constraints)


@pytest.mark.thorough
def test_a_chain_of_eight_has_an_initial_design():
    domain = [{"name": "t", "type": "continuous", "domain": (0, 1), "dimensionality": 8}]
    chain = [{"name": f"order {i}", "constraint": f"x[:,{i}] - x[:,{i + 1}]"} for i in range(7)]
    rows = initial_design("random", Design_space(domain, chain), 5)
    assert rows.shape == (5, 8) and len(np.unique(rows, axis=0)) == 5
    assert (np.diff(rows, axis=1) >= 0).all()
    assert np.ptp(rows, axis=0).min() > 1e-3, "they are spread"


MIXED = [
    {"name": "a", "type": "continuous", "domain": (-3, 1), "dimensionality": 2},
    {"name": "b", "type": "discrete", "domain": (0, 1, 5)},
    {"name": "c", "type": "categorical", "domain": (3, 7)},
]


def test_what_gpyopt_tells_of_a_space():
    constraints = [{"name": "sum", "constraint": "np.sum(x[:, :2], axis=1) - x[:, 2]"}]
    space = Design_space(MIXED, constraints)
    assert space.get_bounds() == [(-3, 1), (-3, 1), (0, 5), (0, 1), (0, 1)]
    assert space.get_continuous_bounds() == [(-3, 1), (-3, 1)] and space.get_continuous_dims() == [0, 1]
    assert space.get_discrete_dims() == [2] and space.get_discrete_grid().tolist() == [[0], [1], [5]]
    assert (space.dimensionality, space.model_dimensionality, space.input_dim()) == (4, 5, 3)
    assert [v.name for v in space.space_expanded] == ["a_1", "a_2", "b", "c"]
    assert space.has_constraints() and space.has_continuous() and space.has_types["bandit"] is False
    rows = np.array([[1.0, 1.0, 1.0, 3.0], [1.0, 1.0, 5.0, 7.0]])
    assert space.indicator_constraints(rows).tolist() == [[0.0], [1.0]]
    wide = space.unzip_inputs(rows)
    assert wide.tolist() == [[1, 1, 1, 1, 0], [1, 1, 5, 0, 1]]
    np.testing.assert_array_equal(space.zip_inputs(wide), rows)
    np.testing.assert_array_equal(space.indicator_constraints(wide), space.indicator_constraints(rows))
    assert space.round_optimum([0.5, 9.0, 3.4, 6.0]).tolist() == [[0.5, 1.0, 5.0, 7.0]]


def test_what_gpyopt_overlooks_in_a_domain():
    assert Design_space([(0, 1), (2, 3)]).columns.names == ("var_1", "var_2")
    with pytest.warns(UserWarning, match="constrain='x' has no effect: a variable of a domain has no such key"):
        assert Design_space([{"name": "p", "domain": (0, 1), "constrain": "x"}]).space["p"].high == 1
    with pytest.warns(UserWarning, match="each level counts once"):
        assert Design_space([{"name": "p", "type": "discrete", "domain": (2, 1, 2)}]).space["p"].num_levels == 2
