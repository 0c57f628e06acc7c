"""Grids of reals, conditions on numbers, and numbers that differ by rounding only."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo import Categorical, Integer, Ordinal, Real, Space, Study
from jbo.maximize import maximize
from jbo.region import Region
from jbo.types import EMPTY, Trials


def test_a_grid_of_reals_holds_the_decimal_numbers(x64):
    space = Space(x=Real(0, 10, step=0.1))
    values = [config["x"] for config in space.configs()]
    assert values == [k / 10 for k in range(101)] and space.num_configs == 101
    assert values[3] == 0.3 and values[7] == 0.7 and values[-1] == 10.0
    for value in values:
        x = space.encode({"x": value})
        assert space.decode(x) == {"x": value}
        assert float(space.decode_traced(jnp.asarray(x))["x"]) == value
    np.testing.assert_array_equal(space.encode({"x": 0.3}), [(3 + 0.5) * (1 / 101)])
    assert [v["x"] for v in Space(x=Real(0.05, 0.35, step=0.1)).configs()] == [0.05, 0.15, 0.25, 0.35]
    assert [v["x"] for v in Space(x=Real(-1, 1, step=1 / 3)).configs()][-2:] == [2 / 3, 1.0]
    assert Space(x=Real(np.float32(0), 1, step=np.float32(0.1))).num_configs == 11


def test_a_long_grid_in_traced_code(x64):
    space = Space(x=Real(0, 1, step=1e-5))
    x = space.encode({"x": 0.12345})
    np.testing.assert_allclose(float(space.decode_traced(jnp.asarray(x))["x"]), 0.12345, rtol=1e-15)


def test_a_grid_of_reals_in_files_and_text():
    space = Space(x=Real(0, 1, step=0.25, when=("n", 2)), n=Integer(1, 3))
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space
    assert repr(space) == "Space(x=Real(0.0, 1.0, step=0.25, when=('n', 2)), n=Integer(1, 3))"
    assert space != Space(x=Real(0, 1, when=("n", 2)), n=Integer(1, 3))
    assert Real(0, 1).to_json() == {"type": "real", "low": 0.0, "high": 1.0, "log": False}  # as it always was
    assert space.fix(n=2)["x"] == Real(0, 1, step=0.25)


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (lambda: Real(0, 1, step=0.3), "nearest are high=0.9 and high=1.2"),
        (lambda: Real(0, 1, step=5), "nearest is high=5.0"),
        (lambda: Real(1, 2, step=0.1, log=True), "log=True and step do not go together"),
        (lambda: Real(0, 1, step=-0.1), "step must be a number greater than 0, got step=-0.1"),
        (lambda: Real(0, 1, step="a"), "step must be a number greater than 0, got step='a'"),
        (lambda: Real(0, 1, step=1e-12), "expected at most 2147483647 steps"),
        (lambda: Real(1, 2, log="yes"), "log must be True or False, got log='yes'"),
    ],
)
def test_a_grid_that_is_none(parameter, message):
    with pytest.raises(ValueError, match=f"^x: .*{message}"):
        Space(x=parameter())


def test_a_study_over_a_grid_of_reals():
    space = Space(x=Real(0, 1, step=0.25))
    with Study(space, strategy=jbo.random_search(space), seed=0) as study:
        study.optimize(lambda config: config["x"], 10, progress=False)
        assert sorted(t.config["x"] for t in study.trials) == [0.0, 0.25, 0.5, 0.75, 1.0]
        wider = Study.from_trials(
            [*study.trials], Space(x=Real(0.25, 0.5, step=0.25)), widen=True, strategy=jbo.random_search
        )
        assert wider.space == space
        wider.close()


@pytest.fixture
def space():
    return Space(
        a=Integer(0, 3, when=("x", jbo.between(0.2, 0.8))), x=Real(0.0, 1.0), n=Integer(1, 1000), o=Ordinal(8, 4, 2, 1),
        r=Real(0, 1, step=0.1), l=Real(1e-4, 1.0, log=True), b=Real(0, 1, when=("n", jbo.between(10, 20))),
        c=Real(0, 1, when=("o", jbo.between(2, 4))), d=Real(0, 1, when=("r", jbo.between(0.3, 2))),
        e=Real(0, 1, when=("a", jbo.between(1, 2))), f=Real(0, 1, when=("l", jbo.between(1e-3, 1e-2))),
    )  # fmt: skip


def test_conditions_on_numbers_say_the_same_everywhere(x64, space):
    draws = np.random.default_rng(0).random((500, len(space)))
    draws[:, 2] *= 0.04  # small n
    traced = np.asarray(jax.jit(lambda x: jbo.is_active(space, x))(draws))
    counts = np.zeros(len(space))
    for x, row in zip(draws, traced, strict=True):
        config = space.decode(x)
        wanted = {
            "a": 0.2 <= config["x"] <= 0.8, "b": 10 <= config["n"] <= 20, "c": config["o"] in (2, 4),
            "d": config["r"] >= 0.3, "e": config.get("a") in (1, 2), "f": 1e-3 <= config["l"] <= 1e-2,
        }  # fmt: skip
        assert {name: name in config for name in wanted} == wanted
        assert [name in config for name in space.names] == row.tolist()
        assert space.decode(space.encode(config)).keys() == config.keys()
        counts += row
    assert np.all(counts > 20)


def test_the_bounds_of_a_condition_are_included(dtype):
    for low, high in ((0.3, 0.8), (0.1, 0.7)):
        space = Space(x=Real(0.0, 1.0), y=Real(0.0, 1.0, when=("x", jbo.between(low, high))))
        for x, is_there in ((low, True), (high, True), (low - 1e-4, False), (high + 1e-4, False), (0.1 + low, True)):
            config = {"x": x} | ({"y": 0.25} if is_there else {})
            point = jnp.asarray(space.encode(config), dtype)
            assert jbo.is_active(space, point).tolist() == [True, is_there]
    space = Space(x=Real(0.0, 1.0), y=Real(0.0, 1.0, when=("x", jbo.between(0.0, 0.3))))
    assert space.validate({"x": 0.1 + 0.2, "y": 0.5})["y"] == 0.5  # beyond 0.3 by rounding only


def test_conditions_on_numbers_in_files_and_text(tmp_path, space):
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space
    assert eval(repr(space), {**vars(jbo)}) == space
    assert space.to_json()["parameters"][0]["when"] == {"name": "x", "between": [0.2, 0.8]}
    assert "a" in space.fix(x=0.2).names and "a" not in space.fix(x=0.1).names
    with Study(space, strategy=jbo.random_search(space), seed=0, path=tmp_path / "s.db") as study:
        study.optimize(lambda config: config.get("a", 9.0), 5, progress=False)
        with pytest.raises(ValueError, match="a: expected to be absent since x is 0.1, got 1"):
            study.enqueue({"x": 0.1, "a": 1, "n": 1, "o": 8, "r": 0.0, "l": 1.0})
        configs = [t.config for t in study.trials]
    with Study.open(tmp_path / "s.db", strategy=jbo.random_search) as study:
        assert study.space == space and [t.config for t in study.trials] == configs


def test_configs_of_a_space_with_conditions_on_numbers_are_counted():
    for log in (False, True):
        space = Space(
            n=Integer(1, 30, log=log), k=Integer(0, 3, when=("n", jbo.between(5, 9))),
            m=Categorical("a", "b", when=("n", {7})), z=Integer(0, 1, when=("k", jbo.between(1.5, 2.5))),
        )  # fmt: skip
        assert space.num_configs == len(list(space.configs())) == 25 + 4 * 5 + 2 * 5
    assert (
        Space(n=Integer(1, 2**30), k=Integer(0, 1, when=("n", jbo.between(5, 2**29)))).num_configs == 2**30 + 2**29 - 4
    )


@pytest.mark.parametrize(
    ("parent", "wanted", "message"),
    [
        (Integer(1, 8), (9, 10), r"expected bounds that contain a value of Integer\(1, 8\), got between\(9, 10\)"),
        (Real(1, 8), (9, 10), r"expected bounds that contain a part of Real\(1.0, 8.0\)"),
        (Real(1, 8), (2, 2), "expected bounds that contain a part of Real"),
        (Categorical("a", "b"), (0, 3), "which needs numbers in an order"),
        (Ordinal("a", "b"), (0, 3), "which needs numbers in an order"),
    ],
)
def test_a_condition_that_never_holds_is_refused(parent, wanted, message):
    with pytest.raises(ValueError, match=f"^x: depends on 'p': .*{message}"):
        Space(p=parent, x=Real(0, 1, when=("p", jbo.between(*wanted))))


@pytest.mark.parametrize(("low", "high"), [(1, 0), ("a", 1), (0, float("nan")), (0, float("inf"))])
def test_bounds_that_are_none(low, high):
    with pytest.raises(ValueError, match="^between: "):
        jbo.between(low, high)


def test_the_maximiser_crosses_the_bound_of_a_condition(x64):
    space = Space(x=Real(0.0, 1.0), y=Real(0.0, 1.0, when=("x", jbo.between(0.5, 0.9))))
    trials = Trials.from_arrays(np.full((8, 2), 0.5), np.zeros(8), np.full(8, EMPTY, np.int32))

    def value(x):  # best at x = 0.6, y = 0.2, where y exists
        return jnp.where(jbo.is_active(space, x)[1], 1 - (x[0] - 0.6) ** 2 - (x[1] - 0.2) ** 2, 0.5 - (x[0] - 0.3) ** 2)

    @jax.jit
    def best_of(trials):
        return maximize(jax.random.key(0), value, Region(space.encoding), trials, jnp.array([0.2, 0.5]))

    best = best_of(trials)
    np.testing.assert_allclose(best.x, [0.6, 0.2], atol=1e-4)


@pytest.mark.parametrize(
    "wanted", [(2, 3), [2, 3], {2, 3}, frozenset({2, 3}), range(2, 4), np.array([2, 3]), {2: "", 3: ""}.keys()]
)
def test_sets_of_values_come_in_any_form(wanted):
    space = Space(n=Integer(1, 8), x=Integer(0, 1, when=("n", wanted)))
    assert space == Space(n=Integer(1, 8), x=Integer(0, 1, when=("n", {2, 3})))
    assert [c["n"] for c in space.configs() if "x" in c] == [2, 2, 3, 3]


def test_a_tuple_that_is_a_choice_is_one_value():
    space = Space(
        size=Categorical((3, 3), (5, 5), (7, 7)), x=Integer(0, 1, when=("size", (3, 3))),
        y=Integer(0, 1, when=("size", ((3, 3), (5, 5)))),
    )  # fmt: skip
    assert {c["size"] for c in space.configs() if "x" in c} == {(3, 3)}
    assert {c["size"] for c in space.configs() if "y" in c} == {(3, 3), (5, 5)}


LEVELS = Ordinal(*np.arange(0, 10, 1.1))


@pytest.mark.parametrize(
    ("parameter", "given", "meant"),
    [
        (lambda: LEVELS, 3.3, 3.3000000000000003),
        (lambda: LEVELS, np.float32(3.3), 3.3000000000000003),
        (lambda: LEVELS, float(np.float32(3.3)), 3.3000000000000003),
        (lambda: LEVELS, np.float16(3.3), 3.3000000000000003),
        (lambda: LEVELS, jnp.float32(3.3), 3.3000000000000003),
        (lambda: Ordinal(*np.arange(-1, 1, 0.01)), 0.0, float(np.arange(-1, 1, 0.01)[100])),
        (lambda: Ordinal(1e-20, 1e-10, 1), np.float32(1e-10), 1e-10),
        (lambda: Real(0, 10, step=0.1), 0.1 + 0.2, 0.3),
        (lambda: Real(0, 10, step=0.1), np.float32(3.3), 3.3),
        (lambda: Real(0, 0.3), 0.1 + 0.2, 0.3),
        (lambda: Real(0, 0.1), np.float32(0.1), 0.1),
        (lambda: Real(0, 1), -1e-17, 0.0),
        (lambda: Categorical(0.3, "x"), 0.1 + 0.2, 0.3),
    ],
)
def test_a_number_off_by_rounding_is_the_one_that_was_meant(parameter, given, meant):
    space = Space(x=parameter())
    assert space.validate({"x": given}) == {"x": meant}
    with Study(space, strategy=jbo.random_search(space), seed=0) as study:
        assert study.enqueue({"x": given}) and study.ask().config == {"x": meant}
        assert study.tell({"x": given}, 1.0).config == {"x": meant}
    assert space.fix(x=given).constants == {"x": meant}
    with Study(space, strategy=jbo.random_search(space), seed=0) as study:
        assert study.ask(context={"x": given}).config == {"x": meant}


@pytest.mark.parametrize(
    ("parameter", "given", "message"),
    [
        (lambda: LEVELS, 3.4, "got 3.4; nearest is 3.3000000000000003"),
        (lambda: LEVELS, 3.3001, "nearest is 3.3000000000000003"),
        (lambda: Ordinal(1e-20, 1e-10, 1), 2e-16, "nearest is 1e-20"),
        (lambda: Ordinal(1e-8, 1e-4, 1), np.float32(1e-7), "nearest is 1e-08"),
        (lambda: Ordinal("low", "high"), "hihg", "nearest is 'high'"),
        (lambda: Categorical("sgd", "adam"), "Adam", "nearest is 'adam'"),
        (lambda: Real(0, 1), 1.0001, "nearest is 1.0"),
        (lambda: Real(0, 1, step=0.1), 0.25, "from 0.0 to 1.0 in steps of 0.1, got 0.25; nearest are 0.2 and 0.3"),
        (lambda: Integer(1, 9, step=2), 4, "nearest are 3 and 5"),
        (lambda: Integer(1, 9), 3.0, "nearest is 3, an integer"),
        (lambda: Integer(1, 9), 44, "nearest is 9, an integer"),
    ],
)
def test_another_value_names_the_nearest(parameter, given, message):
    with pytest.raises(ValueError, match="^x: expected ") as raised:
        Space(x=parameter()).validate({"x": given})
    assert message in str(raised.value)


def test_another_name_names_the_nearest():
    with pytest.raises(ValueError, match="learning_rat: .*; nearest is 'learning_rate'"):
        Space(learning_rate=Real(0, 1), n=Integer(1, 2)).validate({"learning_rat": 0.5, "n": 1})
