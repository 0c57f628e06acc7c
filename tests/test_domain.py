"""GPyOpt's domain lists become spaces, and what is none is told by the name of the parameter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo.space import Categorical, Integer, Ordinal, Real, Space


def test_every_type():
    space = Space.from_domain(
        [
            {"name": "learning_rate", "type": "continuous", "domain": (1e-5, 1e-1)},
            {"name": "decay", "domain": [1e-5, 1e-1], "log": True},
            {"name": "batch_size", "type": "integer", "domain": (32, 256)},
            {"name": "units", "type": "integer", "domain": (np.int64(8), 512), "log": True},
            {"name": "width", "type": "discrete", "domain": (3, 1.5, 2)},
            {"name": "steps", "type": "discrete", "domain": np.arange(3)},
            {"name": "kind", "type": "categorical", "domain": (0, 1, 2)},
            {"name": "optimizer", "type": "categorical", "domain": ("sgd", "adam")},
            {"name": "w", "domain": (-1, 2), "dimensionality": 2},
            {"name": "one", "domain": (0, 1), "dimensionality": 1},
            {"domain": (0, 1)},
        ]
    )
    assert space == Space(
        learning_rate=Real(1e-5, 1e-1),
        decay=Real(1e-5, 1e-1, log=True),
        batch_size=Integer(32, 256),
        units=Integer(8, 512, log=True),
        width=Ordinal(1.5, 2, 3),
        steps=Ordinal(0, 1, 2),
        kind=Categorical(0, 1, 2),
        optimizer=Categorical("sgd", "adam"),
        w_1=Real(-1, 2),
        w_2=Real(-1, 2),
        one=Real(0, 1),
        var_10=Real(0, 1),
    )


def test_bandits():
    arms = np.array([[0.5, 2.0], [0.25, -1.0], [0.0, 0.0]])
    space = Space.from_domain(
        [
            {"name": "station", "type": "bandit", "domain": arms},
            {"name": "depth", "type": "bandit", "domain": [3, 1.5, 2], "dimensionality": 1},
            {"name": "place", "type": "bandit", "domain": [(1, 2, 3), (0, 0, 0)], "dimensionality": 3},
        ]
    )
    assert space == Space(
        station=Categorical((0.5, 2.0), (0.25, -1.0), (0.0, 0.0)),
        depth=Ordinal(1.5, 2, 3),
        place=Categorical((1, 2, 3), (0, 0, 0)),
    )


WRONG = [
    ({"domain": (1e5, 1e1)}, r"low less than high, got \(100000.0, 10.0\); was \(1e-05, 0.1\) meant\?$"),
    ({"domain": (100, 1)}, r"was \(0.01, 1\) meant\?$"),
    ({"domain": (256, 32), "type": "integer"}, r"got \(256, 32\); was \(32, 256\) meant\?$"),
    ({"domain": (1, 1)}, "low must be less than high, got low=1.0, high=1.0"),
    ({"domain": (1, 2, 3)}, r"expected a domain \(low, high\), got \(1, 2, 3\); the type 'discrete' takes a list"),
    ({"domain": (0, float("inf"))}, "expected finite numbers in the domain, got inf"),
    ({"domain": (0, 10**400)}, "expected finite numbers in the domain, got 1000"),
    ({"domain": (0, True)}, "expected finite numbers in the domain, got True"),
    ({"domain": (0, "1")}, "expected finite numbers in the domain, got '1'"),
    ({"domain": (0, 1), "log": True}, "log=True needs low greater than 0"),
    ({"domain": (0, 1), "log": 1}, "log: expected True or False"),
    ({"domain": (1, 2), "type": "discrete", "log": True}, "log: expected True or False"),
    ({"domain": (0.5, 2), "type": "integer"}, r"expected a domain \(low, high\) of integers, got \(0.5, 2\)"),
    ({"domain": (1, 1, 2), "type": "discrete"}, "numbers must be strictly increasing or"),
    ({"domain": (), "type": "discrete"}, "expected at least one value, got none"),
    ({"domain": "abc", "type": "categorical"}, "expected a tuple as domain, got 'abc'"),
    ({"domain": ("a", "a"), "type": "categorical"}, "expected each choice once"),
    ({"domain": (len, max), "type": "categorical"}, "a choice must be a string, a number"),
    ({"domain": (0, 1), "type": "float"}, "expected a type among 'continuous', 'integer', .*, got 'float'"),
    ({"domain": (0, 1), "type": ["continuous"]}, "expected a type among"),
    ({"domain": (0, 1), "dimensionality": 0}, "dimensionality: expected an integer of at least 1, got 0"),
    ({"domain": (0, 1), "dimensionality": 2.0}, "dimensionality: expected an integer of at least 1, got 2.0"),
    ({"domain": (0, 1), "size": 1}, "expected the keys 'name', 'type', .*, got 'size'"),
    ({"type": "continuous"}, "expected the key 'domain', got none"),
    ({"domain": [(1, 2), (3,)], "type": "bandit"}, r"expected arms of 2 numbers each, got \(1, 2\), \(3,\)"),
    ({"domain": [(1, 2)], "type": "bandit", "dimensionality": 3}, "expected arms of 3 numbers each"),
    ({"domain": [(1, 2), (1, 2)], "type": "bandit"}, "expected each arm once"),
    ({"domain": [], "type": "bandit"}, "expected at least one value, got none"),
]


@pytest.mark.parametrize(("entry", "message"), WRONG, ids=[str(i) for i in range(len(WRONG))])
def test_errors_begin_with_the_name(entry, message):
    with pytest.raises(ValueError, match=f"^rate: .*{message}"):
        Space.from_domain([{"name": "rate", **entry}])
    with pytest.raises(ValueError, match=f"^var_0: .*{message}"):
        Space.from_domain([entry])


def test_errors_of_the_whole():
    for wrong in ([], {"name": "x", "domain": (0, 1)}, "x", None):
        with pytest.raises(ValueError, match="^domain: expected a list of dicts"):
            Space.from_domain(wrong)
    with pytest.raises(ValueError, match="^var_1: expected a dict with the keys 'name', .*, got 3"):
        Space.from_domain([{"domain": (0, 1)}, 3])
    with pytest.raises(ValueError, match="^var_0: expected a name, got 7"):
        Space.from_domain([{"name": 7, "domain": (0, 1)}])
    x = {"name": "x", "domain": (0, 1), "dimensionality": 2}
    with pytest.raises(ValueError, match="^x_2: expected each name once, got 'x_2' again"):
        Space.from_domain([x, {"name": "x_2", "domain": (0, 1)}])
    with pytest.raises(ValueError, match="^y: a bandit cannot be mixed with other types, got 'continuous'"):
        Space.from_domain([{"name": "x", "type": "bandit", "domain": [1, 2]}, {"name": "y", "domain": (0, 1)}])


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just(10**400)
anything = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple))
types = st.sampled_from(["continuous", "integer", "discrete", "categorical", "bandit"])
entries = st.fixed_dictionaries(
    {"name": st.sampled_from(["a", "b"])},
    optional={
        "type": types | anything,
        "domain": anything
        | st.tuples(*[st.integers(-3, 3) | st.floats(-3, 3)] * 2)
        | st.lists(st.integers() | st.floats(), max_size=3).map(np.array),
        "dimensionality": st.integers(-1, 3) | anything,
        "log": st.booleans() | anything,
    },
)


@given(st.lists(entries, min_size=1, max_size=2))
def test_whatever_comes_it_is_a_space_or_an_error_with_a_name(domain):
    try:
        space = Space.from_domain(domain)
    except ValueError as error:
        assert str(error).partition(":")[0] in {"a", "b"}
    else:
        x = np.linspace(0, 1, len(space))
        assert Space.from_json(space.to_json()) == space
        assert np.all(np.abs(space.encode(space.decode(x)) - x) <= 0.5)
