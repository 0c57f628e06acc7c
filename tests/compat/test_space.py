"""Constraints of a domain, on the host and traced."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jbo.compat.gpyopt import Design_space
from jbo.region import Region

DOMAIN = [
    {"name": "x", "domain": (-2, 2), "dimensionality": 2},
    {"name": "n", "type": "integer", "domain": (1, 9)},
    {"name": "k", "type": "categorical", "domain": (4, 2, 7)},
    {"name": "c", "type": "categorical", "domain": ("a", "b", "c")},
]


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
        ([{"constraint": "__import__('os')"}], "^constraint 0: expected x"),
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
