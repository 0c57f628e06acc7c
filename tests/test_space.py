"""The laws of the search space: round trips between configs, points and JSON; conditions; errors that say what came."""

import dataclasses
import itertools
import json
import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo.encoding import snap
from jbo.parameters import Parameter
from jbo.space import Categorical, Integer, Ordinal, Real, Space, is_active

CHOICES = ("sgd", None, True, 1, 1.0, (1, "a"), ("deep", (2, 3.5)))

MIXED = Space(
    {"svm.C": Real(1e-5, 1e3, log=True)},
    x=Real(-3, 5),
    n=Integer(-4, 20),
    width=Integer(16, 512, step=16),
    size=Integer(1, 5000, log=True),
    batch=Ordinal(32, 64, 128, 256),
    dose=Ordinal(10, 2.5, 0.1),
    quality=Ordinal("low", "middle", "high"),
    choice=Categorical(*CHOICES),
)

CONDITIONAL = Space(
    momentum=Real(0.0, 0.9, when=("optimizer", "sgd")),  # before its parent
    nesterov=Categorical(True, False, when=("schedule", {"step", "cosine"})),
    optimizer=Categorical("sgd", "adam", "rmsprop"),
    schedule=Ordinal("none", "step", "cosine", when=("optimizer", ["sgd", "rmsprop"])),
    layers=Integer(1, 4),
    width=Integer(8, 10, when=("layers", {3, 4})),
    kernel=Categorical((3, 3), (5, 5)),
    dilation=Integer(1, 2, when=("kernel", (3, 3))),
)


SNAP, IS_ACTIVE = jax.jit(snap), jax.jit(is_active, static_argnums=0)


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


def values_of(parameter: Parameter):
    if isinstance(parameter, Real):
        low, high = float(parameter.low), float(parameter.high)
        inside = st.floats(low, high, allow_subnormal=False)
        if parameter.log:
            inside = st.floats(math.log(low), math.log(high)).map(lambda v: min(max(math.exp(v), low), high))
        return st.sampled_from([low, high]) | inside
    return st.integers(0, parameter.num_levels - 1).map(parameter.value_at)


def configs_of(space: Space):
    @st.composite
    def draw_config(draw):
        x = np.array(draw(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=len(space), max_size=len(space))))
        return {name: draw(values_of(space[name])) for name in space.decode(x)}

    def repaired(config):
        """Values drawn one by one need not satisfy each other's conditions: keep those of one decoded point."""
        x = [space[n].to_unit(config[n]) if n in config else 0.5 for n in space]
        kept = space.decode(np.array(x))
        return {name: config.get(name, value) for name, value in kept.items()}

    return draw_config().map(repaired)


def points_of(space: Space):
    unit = st.floats(-0.25, 1.25, width=32, allow_subnormal=False)
    return st.lists(unit, min_size=len(space), max_size=len(space)).map(np.array)


def same(a, b):
    """Equal in value and in type, all the way down."""
    if isinstance(a, tuple | list) and type(a) is type(b):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


def same_config(a, b):
    return list(a) == list(b) and all(same(a[name], b[name]) for name in a)


# Round trips.


@pytest.mark.parametrize("space", [MIXED, CONDITIONAL], ids=["mixed", "conditional"])
@given(data=st.data())
def test_a_config_comes_back_from_its_point(space, data):
    config = data.draw(configs_of(space))
    x = space.encode(config)
    back = space.decode(x)
    assert x.dtype == np.float64 and x.shape == (len(space),) and ((x >= 0) & (x <= 1)).all()
    assert list(back) == list(config)
    for name, value in config.items():
        parameter = space[name]
        if not isinstance(parameter, Real) or value in (parameter.low, parameter.high):
            assert same(back[name], value)
        else:
            scale = abs(value) if parameter.log else parameter.high - parameter.low
            assert abs(back[name] - value) <= 1e-14 * scale
            assert type(back[name]) is float


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-3, 1e9), x=st.floats(0, 1))
def test_a_linear_real_comes_back_and_keeps_its_bounds(low, width, x):
    parameter = Real(low, low + width)
    value = parameter.from_unit(x)
    assert parameter.low <= value <= parameter.high
    assert parameter.to_unit(value) == pytest.approx(x, abs=1e-15 * (1 + 2 * abs(low) / width))
    assert [parameter.from_unit(parameter.to_unit(end)) for end in (parameter.low, parameter.high)] == [
        low,
        low + width,
    ]
    assert [parameter.to_unit(end) for end in (parameter.low, parameter.high)] == [0.0, 1.0]


@given(low=st.floats(1e-12, 1e3), decades=st.floats(0.1, 10), x=st.floats(0, 1))
def test_a_log_real_comes_back_and_keeps_its_bounds(low, decades, x):
    parameter = Real(low, low * 10**decades, log=True)
    value = parameter.from_unit(x)
    assert parameter.low <= value <= parameter.high
    assert parameter.from_unit(parameter.to_unit(value)) == pytest.approx(value, rel=1e-14)
    ends = (parameter.low, parameter.high)
    assert tuple(parameter.from_unit(parameter.to_unit(end)) for end in ends) == ends


def test_values_by_hand():
    space = Space(
        a=Real(1e-4, 1.0, log=True), b=Real(-1, 3), c=Integer(2, 11), d=Ordinal("s", "m"), e=Integer(1, 3, log=True)
    )
    x = space.encode({"a": 1e-3, "b": 0.0, "c": 4, "d": "m", "e": 2})
    np.testing.assert_allclose(x, [0.25, 0.25, 0.25, 0.75, math.log(4) / math.log(7)], rtol=1e-15)
    assert space.decode(np.full(5, 0.5)) == {"a": pytest.approx(1e-2, rel=1e-15), "b": 1.0, "c": 7, "d": "m", "e": 1}
    assert space.decode(np.array([-1.0, 2.0, -1.0, 9.0, 1.0])) == {"a": 1e-4, "b": 3.0, "c": 2, "d": "m", "e": 3}


@pytest.mark.parametrize("space", [MIXED, CONDITIONAL], ids=["mixed", "conditional"])
@given(data=st.data())
def test_decode_and_encode_is_snap(space, data):
    x = data.draw(points_of(space))
    with jax.enable_x64(True):
        expected, active = np.array(SNAP(space.encoding, x)), np.array(IS_ACTIVE(space, x))
    config = space.decode(x)
    np.testing.assert_allclose(space.encode(config), expected, rtol=0, atol=2e-15)
    exact = [not isinstance(p, Real) and not getattr(p, "log", False) for p in space.values()]
    np.testing.assert_array_equal(space.encode(config)[exact], expected[exact])
    assert tuple(config) == tuple(name for name, a in zip(space, active, strict=True) if a)
    assert (space.encode(config)[~active] == 0.5).all()


def index_or_number(parameter, value):
    if isinstance(parameter, Categorical) or value in ("low", "middle", "high", "none", "step", "cosine"):
        return parameter.level_of(value)
    return value


@pytest.mark.parametrize("x64", [True, False])
@pytest.mark.parametrize("space", [MIXED, CONDITIONAL], ids=["mixed", "conditional"])
@given(data=st.data())
def test_traced_values_agree_with_decoded_ones(space, x64, data):
    x = data.draw(points_of(space))
    with jax.enable_x64(x64):
        x = jnp.asarray(x, float)
        traced, active = TRACED[space](x), dict(zip(space, np.array(IS_ACTIVE(space, x)), strict=True))
    config = space.decode(x)
    centre = {n: p.from_unit(0.5) for n, p in space.items()}
    assert set(traced) == set(space.names)
    for name, parameter in space.items():
        value = index_or_number(parameter, config[name] if active[name] else centre[name])
        if isinstance(parameter, Real):
            assert traced[name].dtype == x.dtype
            scale = abs(value) if parameter.log else parameter.high - parameter.low
            assert abs(float(traced[name]) - value) <= 10 * jnp.finfo(x.dtype).eps * scale
        elif name == "dose":
            assert traced[name].dtype == x.dtype and float(traced[name]) == np.asarray(value, x.dtype)
        else:
            assert traced[name].dtype == jnp.int32
            # Where one level ends and the next begins, the host in double precision and XLA may round to either side.
            at, margin = float(x[space.names.index(name)]), 8 * float(jnp.finfo(x.dtype).eps)
            nearby = [parameter.from_unit(min(max(at + m, 0.0), 1.0)) for m in (-margin, margin)]
            levels = [index_or_number(parameter, v) for v in nearby] if active[name] else []
            assert int(traced[name]) in [value, *levels]


TRACED = {space: jax.jit(space.decode_traced) for space in (MIXED, CONDITIONAL)}


def test_traced_reals_reach_their_bounds_and_have_a_gradient(dtype):
    space = Space(a=Real(1e-5, 1e-1, log=True), b=Real(-0.1, 0.3))
    ends = jax.jit(jax.vmap(space.decode_traced))(jnp.asarray([[0, 0], [1, 1]], dtype))
    np.testing.assert_array_equal(ends["a"], np.array([1e-5, 1e-1], dtype))
    np.testing.assert_array_equal(ends["b"], np.array([-0.1, 0.3], dtype))
    x = jnp.asarray([0.25, 0.25], dtype)
    slope = jax.jit(jax.jacobian(lambda x: jnp.stack(list(space.decode_traced(x).values()))))(x)
    expected = np.diag([1e-4 * math.log(1e4), 0.4])
    np.testing.assert_allclose(slope, expected, rtol=20 * jnp.finfo(dtype).eps)


def test_traced_integers_must_fit_in_int32():
    space = Space(n=Integer(0, 10**12, step=10**9))
    assert space.decode(np.ones(1)) == {"n": 10**12}
    with pytest.raises(ValueError, match="n: traced code holds integers as int32, got 1000000000000"):
        space.decode_traced(jnp.ones(1))


def test_is_active_takes_numpy_and_jax_in_any_batch():
    x = np.random.default_rng(0).uniform(size=(2, 5, len(CONDITIONAL))).astype(np.float32)
    expected = [[[name in CONDITIONAL.decode(point) for name in CONDITIONAL] for point in row] for row in x]
    np.testing.assert_array_equal(is_active(CONDITIONAL, x), expected)
    np.testing.assert_array_equal(is_active(CONDITIONAL, jnp.asarray(x)), expected)


# Configs as people write them.


def test_encode_takes_numpy_and_jax_scalars_and_lists_for_tuples():
    config = {
        "svm.C": np.float64(1.0),
        "x": np.int64(2),
        "n": np.int32(3),
        "width": np.array(32),
        "size": jnp.asarray(7),
    }
    config |= {"batch": np.float32(64), "dose": 2.5, "quality": np.str_("high"), "choice": ["deep", [2, 3.5]]}
    plain = MIXED.validate(config)
    expected = {"svm.C": 1.0, "x": 2.0, "n": 3, "width": 32, "size": 7, "batch": 64, "dose": 2.5, "quality": "high"}
    assert same_config(plain, expected | {"choice": ("deep", (2, 3.5))})
    np.testing.assert_array_equal(MIXED.encode(config), MIXED.encode(plain))


def test_choices_are_told_apart_by_their_text():
    space = Space(c=Categorical(1, 1.0, True, "1", None, "null", (1,), 0.1))
    for j, choice in enumerate((1, 1.0, True, "1", None, "null", (1,), 0.1)):
        assert space.encode({"c": choice})[0] == (j + 0.5) * (1 / 8)
        assert same(space.decode(space.encode({"c": choice}))["c"], choice)
    with pytest.raises(ValueError, match="c: expected one of 1, 1.0, True, .*, got False"):
        space.encode({"c": False})


GOOD = {
    "svm.C": 1.0,
    "x": 2.0,
    "n": 3,
    "width": 32,
    "size": 7,
    "batch": 64,
    "dose": 2.5,
    "quality": "high",
    "choice": 1,
}


@pytest.mark.parametrize(
    "change, message",
    [
        ({"lr": 0.1}, "lr: expected one of 'svm.C', 'x', .*, got an unknown name"),
        ({"svm.C": 2e3}, r"svm.C: expected a number in \[1e-05, 1000.0\], got 2000.0"),
        ({"svm.C": float("nan")}, r"svm.C: expected a number in \[1e-05, 1000.0\], got nan"),
        ({"x": "2"}, r"x: expected a number in \[-3.0, 5.0\], got '2'"),
        ({"x": True}, "x: expected a number .*, got True"),
        ({"x": None}, "x: expected a number .*, got None"),
        ({"x": 10**400}, "x: expected a number"),
        ({"n": 3.0}, "n: expected an integer from -4 to 20, got 3.0"),
        ({"n": 21}, "n: expected an integer from -4 to 20, got 21"),
        ({"n": True}, "n: expected an integer from -4 to 20, got True"),
        ({"width": 33}, "width: expected an integer from 16 to 512 in steps of 16, got 33"),
        ({"batch": 65}, "batch: expected one of 32, 64, 128, 256, got 65"),
        ({"batch": [64]}, r"batch: expected one of 32, 64, 128, 256, got \[64\]"),
        ({"dose": float("nan")}, "dose: expected one of 10, 2.5, 0.1, got nan"),
        ({"quality": 1}, "quality: expected one of 'low', 'middle', 'high', got 1"),
        ({"choice": print}, "choice: expected one of 'sgd', None, .*, got <built-in function print>"),
        ({"choice": float("inf")}, "choice: expected one of .*, got inf"),
    ],
)
def test_a_bad_value_is_named(change, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        MIXED.encode(GOOD | change)


def test_missing_and_inactive_names_are_named():
    config = {"optimizer": "sgd", "momentum": 0.1, "schedule": "none", "layers": 1, "kernel": (5, 5)}
    CONDITIONAL.encode(config)
    with pytest.raises(ValueError, match=r"^schedule: expected a value of Ordinal\(.*, got none"):
        CONDITIONAL.encode({k: v for k, v in config.items() if k != "schedule"})
    with pytest.raises(ValueError, match="^momentum: expected to be absent since optimizer is 'adam', got 0.1"):
        CONDITIONAL.encode(config | {"optimizer": "adam"})
    with pytest.raises(ValueError, match="^nesterov: expected to be absent since schedule is absent, got True"):
        CONDITIONAL.encode({"optimizer": "adam", "nesterov": True, "layers": 1, "kernel": (5, 5)})


@pytest.mark.parametrize("x", [np.zeros(8), np.zeros((9, 1)), np.full(9, np.nan)])
def test_a_bad_point_is_refused(x):
    with pytest.raises(Exception, match="expected a point of 9 numbers|Type-check"):
        MIXED.decode(x)


# Definitions.


@pytest.mark.parametrize(
    "parameter, message",
    [
        (lambda: Real(1e5, 1e1), "low must be less than high, got low=100000.0, high=10.0"),
        (lambda: Real(1, 1), "low must be less than high"),
        (lambda: Real(float("nan"), 1), "low must be a number, got low=nan"),
        (lambda: Real(0, float("inf")), "high must be a number, got high=inf"),
        (lambda: Real(-1e308, 1e308), "high - low must be finite"),
        (lambda: Real(0, 1, log=True), "log=True needs low greater than 0, got low=0.0"),
        (lambda: Integer(5, 5), "low must be less than high, got low=5, high=5"),
        (lambda: Integer(0, 5, log=True), "log=True needs low of at least 1, got low=0"),
        (lambda: Integer(1, 9, log=True, step=2), "log=True and step do not go together, got step=2"),
        (lambda: Integer(1, 10, step=4), "high must be low plus a multiple of step, .* high=9 and high=13"),
        (lambda: Integer(1, 10, step=0), "step must be an integer of at least 1, got step=0"),
        (lambda: Integer(0, 2**31 - 1), "expected at most 2147483647 integers, got 2147483648"),
        (lambda: Ordinal(), "expected at least one value, got none"),
        (
            lambda: Ordinal(1, 3, 2),
            "numbers must be strictly increasing or strictly decreasing, got 1, 3, 2; use Categorical",
        ),
        (lambda: Ordinal(1, 1.0), "numbers must be strictly increasing or strictly decreasing"),
        (lambda: Ordinal(1, "2"), "expected numbers only or strings only, got 1, '2'"),
        (lambda: Ordinal([1, 2]), r"expected numbers only .*write Ordinal\(\*values\)"),
        (lambda: Ordinal("a", "a"), "expected each value once, got 'a', 'a'"),
        (lambda: Ordinal(1, float("nan")), "expected finite numbers"),
        (lambda: Categorical(), "expected at least one choice, got none"),
        (lambda: Categorical("a", "a"), "expected each choice once"),
        (
            lambda: Categorical(["a", "b"]),
            r"a choice cannot be a list, got \['a', 'b'\]; write Categorical\(\*values\)",
        ),
        (
            lambda: Categorical(math.sin),
            "a choice must be a string, .* of type builtin_function_or_method; give it a name",
        ),
        (lambda: Categorical((1, {2})), "a choice must be a string, .* of type set; give it a name"),
        (lambda: Categorical(float("inf")), "a choice must be finite, got inf"),
        (
            lambda: Categorical(1, when=("x", 0.5)),
            "when: expected a parameter with distinct values, got 'x', which is a Real",
        ),
        (lambda: Categorical(1, when=("y", 0.5)), "when: expected one of 'x', 'z', 'p', got 'y'"),
        (lambda: Categorical(1, when=("z", 4)), "depends on 'z': expected one of 1, 2, 3, got 4"),
        (lambda: Categorical(1, when=("z", (1, 4))), "depends on 'z': expected one of 1, 2, 3, got 4"),
        (lambda: Categorical(1, when=("z", set())), "expected at least one value of 'z' to depend on, got none"),
        (lambda: Categorical(1, when=("p", 1)), "depends on itself: p -> p"),
    ],
)
def test_a_bad_definition_is_named(parameter, message):
    with pytest.raises(ValueError, match=f"^p: {message}"):
        Space(x=Real(0, 1), z=Categorical(1, 2, 3), p=parameter())


def test_bad_spaces_are_refused():
    with pytest.raises(ValueError, match="expected at least one parameter, got none"):
        Space()
    with pytest.raises(ValueError, match="expected each name once, got twice: 'x'"):
        Space({"x": Real(0, 1)}, x=Real(0, 1))
    with pytest.raises(ValueError, match=r"x: expected Real, Integer, Ordinal or Categorical, got \(0, 1\)"):
        Space(x=(0, 1))
    with pytest.raises(ValueError, match="expected a name, got ''"):
        Space({"": Real(0, 1)})
    one, two, three = (Categorical(1, when=(name, 1)) for name in ("b", "c", "a"))
    with pytest.raises(ValueError, match="a: depends on itself: a -> b -> c -> a"):
        Space(a=one, b=two, c=three)


def test_a_space_is_a_mapping_of_its_parameters():
    assert MIXED.names == tuple(MIXED) == tuple(MIXED.keys())
    assert len(MIXED) == 9 and "x" in MIXED and "y" not in MIXED
    assert MIXED["x"] == Real(-3.0, 5.0)
    with pytest.raises(KeyError):
        MIXED["y"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        MIXED["x"].low = 0.0


def test_equality_is_by_content_and_order():
    assert Real(0, 1) == Real(0.0, np.float64(1)) != Real(0, 1, log=True)
    assert Categorical(1, 0) != Categorical(True, False)
    assert Ordinal(1, 2) != Categorical(1, 2)
    assert Categorical(1, when=("a", {"x", "y"})) == Categorical(1, when=("a", ["y", "x", "x"]))
    assert Categorical(1, when=("a", "x")) == Categorical(1, when=("a", {"x"})) != Categorical(1)
    a, b = Real(0, 1), Integer(1, 3)
    assert Space(a=a, b=b) == Space({"a": a}, b=b) != Space(b=b, a=a)
    assert hash(Space(a=a, b=b)) == hash(Space({"a": a}, b=b))
    assert Space(a=a) != {"a": a}
    assert pickle.loads(pickle.dumps(CONDITIONAL)) == CONDITIONAL


@pytest.mark.parametrize("space", [MIXED, CONDITIONAL, Space(a=Integer(1, 9, log=True))])
def test_repr_is_the_code_of_a_space(space):
    assert eval(repr(space)) == space


# Counting.


def test_all_configs_of_a_discrete_space_are_counted_and_listed():
    space = CONDITIONAL.fix(momentum=0.5)
    names = ["nesterov", "optimizer", "schedule", "layers", "width", "kernel", "dilation"]
    choices = [(True, False), ("sgd", "adam", "rmsprop"), ("none", "step", "cosine"), range(1, 5), (8, 9, 10)]
    choices += [((3, 3), (5, 5)), (1, 2)]
    expected = set()
    for values in itertools.product(*choices):
        config = dict(zip(names, values, strict=True))
        if config["optimizer"] == "adam":
            del config["schedule"]
        if config.get("schedule", "none") == "none":
            del config["nesterov"]
        if config["layers"] < 3:
            del config["width"]
        if config["kernel"] == (5, 5):
            del config["dilation"]
        if config["optimizer"] == "sgd":
            config["momentum"] = 0.5
        expected.add(tuple(sorted(config.items())))
    found = list(space.configs())
    assert len(found) == space.num_configs == len(expected) == (5 + 1 + 5) * (2 + 2 * 3) * (2 + 1)
    assert {tuple(sorted(config.items())) for config in found} == expected
    assert all(same_config(space.decode(space.encode(config)), config) for config in found[::7])
    assert list(space.configs()) == found


def test_children_are_counted_where_they_exist():
    b, c = Integer(1, 2, when=("a", {0, 1})), Integer(1, 3, when=("a", {1, 2}))
    space = Space(a=Categorical(0, 1, 2, 3), b=b, c=c)
    assert space.num_configs == len(list(space.configs())) == 2 + 2 * 3 + 3 + 1


def test_configs_come_lazily_the_first_parameter_slowest():
    space = Space(a=Ordinal(1, 2), b=Integer(1, 2**31 - 1))
    assert list(itertools.islice(space.configs(), 2)) == [{"a": 1, "b": 1}, {"a": 1, "b": 2}]
    assert space.num_configs == 2 * (2**31 - 1)
    assert list(Space(a=Ordinal(2, 1), b=Ordinal(3, 4)).configs())[1] == {"a": 2, "b": 4}


def test_reals_make_a_space_infinite():
    assert MIXED.num_configs == CONDITIONAL.num_configs == math.inf
    assert Space({f"n{j}": Integer(1, 10**9) for j in range(100)}).num_configs == 10**900
    with pytest.raises(ValueError, match="svm.C: expected a discrete parameter"):
        MIXED.configs()


# Fixed parameters.


def test_fix_takes_columns_away_and_keeps_values():
    space = CONDITIONAL.fix({"layers": np.int64(3)}, kernel=[3, 3])
    assert space.names == ("momentum", "nesterov", "optimizer", "schedule", "width", "dilation")
    assert space.constants == {"layers": 3, "kernel": (3, 3)}
    assert space["width"].when is None and space["dilation"].when is None
    config = {"optimizer": "adam", "layers": 3, "width": 9, "kernel": (3, 3), "dilation": 2}
    short = {"optimizer": "adam", "width": 9, "dilation": 2}
    assert same_config(space.decode(space.encode(config)), config)
    np.testing.assert_array_equal(space.encode(short), space.encode(config))
    assert same_config(space.validate(short), config)
    with pytest.raises(ValueError, match="layers: expected the fixed value 3, got 4"):
        space.encode(config | {"layers": 4})
    traced = jax.jit(space.decode_traced)(jnp.asarray(space.encode(config)))
    assert {n: float(v) for n, v in traced.items()} == {
        "momentum": pytest.approx(0.45), "nesterov": 1, "optimizer": 1, "schedule": 1, "layers": 3, "width": 9,
        "kernel": 0, "dilation": 2,
    }  # fmt: skip


def test_fix_removes_what_cannot_exist_and_hands_conditions_on():
    assert CONDITIONAL.fix(optimizer="adam").names == ("layers", "width", "kernel", "dilation")
    assert CONDITIONAL.fix(layers=1, kernel=(5, 5)).names == ("momentum", "nesterov", "optimizer", "schedule")
    space = CONDITIONAL.fix(schedule="step")
    assert space["nesterov"].when == CONDITIONAL["schedule"].when
    assert "schedule" not in space.decode(space.encode({"optimizer": "adam", "layers": 1, "kernel": (5, 5)}))
    config = space.validate({"optimizer": "rmsprop", "nesterov": True, "layers": 1, "kernel": (5, 5)})
    assert config["schedule"] == "step"
    with pytest.raises(ValueError, match="schedule: expected to be absent since optimizer is 'adam', got 'step'"):
        space.encode({"optimizer": "adam", "schedule": "step", "layers": 1, "kernel": (5, 5)})


def test_fix_in_steps_is_fix_at_once():
    values = {"optimizer": "sgd", "schedule": "cosine", "layers": 4, "kernel": (3, 3), "momentum": 0.25}
    expected = CONDITIONAL.fix(values)
    assert expected.names == ("nesterov", "width", "dilation")
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 4, 0, 3, 2]):
        space = CONDITIONAL
        for j in order:
            space = space.fix({list(values)[j]: list(values.values())[j]})
        assert space == expected
    assert expected.fix(layers=4) == expected


def test_everything_may_be_fixed():
    space = Space(a=Real(0, 1), b=Categorical("x", "y")).fix(a=0.5, b="y")
    assert len(space) == 0 and space.num_configs == 1
    assert space.decode(space.encode({})) == {"a": 0.5, "b": "y"} == next(iter(space.configs()))
    assert space.encode({}).shape == (0,)


@pytest.mark.parametrize(
    "values, message",
    [
        ({"lr": 1}, "lr: expected one of .*, got an unknown name"),
        ({"layers": 5}, "layers: expected an integer from 1 to 4, got 5"),
        ({"optimizer": "adam", "momentum": 0.5}, "momentum: cannot be fixed, because it never exists"),
    ],
)
def test_impossible_fixes_are_named(values, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        CONDITIONAL.fix(values)


# Files.

FIXED = CONDITIONAL.fix(schedule="step", kernel=(3, 3))


@pytest.mark.parametrize("space", [MIXED, CONDITIONAL, FIXED], ids=["mixed", "conditional", "fixed"])
def test_a_space_comes_back_from_json(space):
    back = Space.from_json(json.loads(json.dumps(space.to_json(), allow_nan=False)))
    assert back == space and back.names == space.names and repr(back) == repr(space)
    assert back.encoding.columns == space.encoding.columns
    np.testing.assert_array_equal(back.encoding.log_range, space.encoding.log_range)
    assert back.describe_difference(space) is None
    x = np.linspace(0.1, 0.9, len(space))
    assert same_config(back.decode(x), space.decode(x))


@pytest.mark.parametrize("space", [MIXED, CONDITIONAL, FIXED], ids=["mixed", "conditional", "fixed"])
@given(data=st.data())
def test_a_config_comes_back_from_json(space, data):
    config = space.decode(data.draw(points_of(space)))
    text = json.dumps(space.config_to_json(config), allow_nan=False)
    assert same_config(space.config_from_json(json.loads(text)), config)


@pytest.mark.parametrize("definition", [{}, {"parameters": [{}]}, {"parameters": [{"name": "a", "type": "complex"}]}])
def test_other_json_is_refused(definition):
    with pytest.raises(ValueError, match="expected"):
        Space.from_json(definition)


def test_the_first_difference_is_told():
    a, b = Real(0, 1), Integer(1, 3)
    space = Space(a=a, b=b)
    tell = space.describe_difference
    assert tell(Space(a=a, b=b)) is None
    assert tell(Space(a=a)) == "b: Integer(1, 3) in this space, absent in the other"
    assert tell(Space(a=a, b=b, c=a)) == "c: absent in this space, Real(0.0, 1.0) in the other"
    assert tell(Space(a=Real(0, 2), b=b)) == "a: Real(0.0, 1.0) in this space, Real(0.0, 2.0) in the other"
    assert tell(space.fix(b=2)) == "b: Integer(1, 3) in this space, Integer(1, 3) fixed at 2 in the other"
    assert tell(Space(b=b, a=a)) == "the order of the parameters: number 1 is a in this space, b in the other"


def test_minus_zero_is_zero():
    space = Space(x=Real(-1.0, 1.0))
    assert str(space.validate({"x": -0.0})["x"]) == "0.0"
    assert space.config_to_json({"x": -0.0}) == space.config_to_json({"x": 0.0})
