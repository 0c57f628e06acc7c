"""A finite list of configs as the space: its definition, the nearest candidate, the exact maximum, and every search."""

import json
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jbo
from jbo import Categorical, Integer, Ordinal, Real, Simplex, Space
from jbo.__main__ import main
from jbo.maximize import maximize, values_at
from jbo.region import Region
from jbo.types import EMPTY, OK, Trials
from tests.selection import some

ROWS = [
    {"rate": rate, "layers": layers, "kind": kind}
    for rate, layers, kind in zip(
        np.random.default_rng(0).random(14).tolist(),
        [1, 2, 3, 4, 5, 1, 2] * 2,
        ["a", "b", "c", "a", "b"] * 3,
        strict=False,
    )
]
LIST = Space.from_candidates(ROWS)
CONDITIONS = Space(
    rate=Real(1e-4, 1.0, log=True),
    kind=Categorical("sgd", "adam"),
    momentum=Real(0.0, 1.0, when=("kind", "sgd")),
    size=Integer(1, 1000, log=True),
)
MOMENTA = [
    {"rate": 0.01, "kind": "sgd", "momentum": 0.9, "size": 10},
    {"rate": 0.1, "kind": "adam", "size": 100},
    {"rate": 0.001, "kind": "adam", "size": 3},
]


def loss(config):
    return (config["rate"] - 0.4) ** 2 + 0.1 * config["layers"] + (config["kind"] == "a")


def distances(space, x):
    """Of all candidates from snapped points, by the definition: categories count 0 or 1."""
    change = space.encoding.candidates[None, :, :] - np.asarray(x)[:, None, :]
    change = np.where(space.encoding.is_category, change != 0, change)
    return np.sum(change**2, axis=-1)


def table(x, capacity=16):
    rows = np.full((capacity, np.shape(x)[1]), 0.5)
    rows[: len(x)] = x
    status = np.where(np.arange(capacity) < len(x), OK, EMPTY).astype(np.int32)
    return jax.jit(Trials.from_arrays)(rows, np.zeros(capacity), status)


# The definition.


def test_parameters_are_those_of_the_columns():
    rows = [
        {"a": 1, "b": 0.5, "c": "u", "d": True, "e": 7, "f": 1},
        {"a": 4, "b": 2, "c": "v", "d": False, "e": 7, "f": 2.5},
    ]
    space = Space.from_candidates(rows)
    expected = Space(
        a=Integer(1, 4), b=Real(0.5, 2.0), c=Categorical("u", "v"), d=Categorical(True, False), f=Real(1.0, 2.5)
    )
    assert dict(space) == dict(expected) and space.constants == {"e": 7}
    assert space.candidates == tuple(rows) == tuple(space.configs()) and space.num_configs == 2
    assert repr(space["b"]) == "Real(0.5, 2.0)" and "candidates=2" in repr(space)


def test_a_table_has_names():
    integers = Space.from_candidates(np.array([[1, 2], [3, 4]]), names=["a", "b"])
    assert integers.candidates == ({"a": 1, "b": 2}, {"a": 3, "b": 4})
    of_space = Space(
        rate=Real(1e-3, 1.0, log=True), layers=Integer(1, 4), width=Real(0.0, 1.0, when=("layers", {2, 3}))
    )
    floats = Space.from_candidates(np.array([[0.1, 1.0, np.nan], [0.01, 3.0, 0.25]]), of_space)
    assert floats.candidates == ({"rate": 0.1, "layers": 1}, {"rate": 0.01, "layers": 3, "width": 0.25})


def test_equal_rows_are_one_candidate():
    space = Space.from_candidates([{"x": 1.0}, {"x": 3.0}, {"x": 1}, {"x": 2.0}])
    assert [config["x"] for config in space.candidates or ()] == [1.0, 3.0, 2.0]
    assert [jbo.row_of(space, {"x": x}) for x in (1.0, 3.0, 2.0)] == [0, 1, 3]


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ([], {}, "rows: expected at least one row, got none"),
        ([{"x": 1}, {"y": 1}], {}, "row 1: expected the names of row 0, 'x', got 'y'"),
        ([{"x": 1}, {"x": 1, "y": 1}], {}, "row 1: expected the names of row 0, 'x', got 'x', 'y'"),
        ([{"x": 1.0}, {"x": float("nan")}], {}, "row 1: x: expected a finite number, got nan"),
        ([{"x": 1.0}, {"x": "a"}], {}, "row 1: x: expected numbers, as in row 0, got 'a'"),
        ([{"x": "a"}, {"x": None}], {}, "row 1: x: expected texts or truth values, as in row 0, got None"),
        (
            [{"x": 0.5}, {"x": 2.0}],
            {"space": Space(x=Real(0, 1))},
            r"row 1: x: expected a number in \[0.0, 1.0\], got 2.0",
        ),
        ([{"x": 0.5, "y": 1}], {"space": Space(x=Real(0, 1))}, "row 0: y: expected one of 'x', got an unknown name"),
        (
            MOMENTA[:1] + [{**MOMENTA[1], "momentum": 0.1}],
            {"space": CONDITIONS},
            "row 1: momentum: expected to be absent",
        ),
        (np.ones((2, 2)), {}, "names: expected the names of the columns of the table, got none"),
        (np.ones((2, 2)), {"names": ["x"]}, "names: expected 2 names, one for each column of the table, got 'x'"),
        (np.ones(2), {"names": ["x"]}, r"rows: expected a table of two axes, got one of shape \[2\]"),
        ([{"x": 1}], {"names": ["x"]}, "names: expected None with rows that are dicts"),
        (
            [{"x": 1}, {"x": 2}],
            {"constraint": lambda c: False},
            "constraint: expected a function that allows some of the 2",
        ),
        ([{"x": 1}, {"x": 2}], {"constraint": lambda c: 3}, "constraint: expected True or False, got 3 for {'x': 1}"),
    ],
)
def test_what_is_no_list_is_refused(rows, options, words):
    with pytest.raises(ValueError, match=f"^{words}"):
        Space.from_candidates(rows, **options)


@pytest.mark.parametrize("rows", ["ab", {"x": 1}, 3, [3]])
def test_what_is_no_row_is_refused(rows):
    with pytest.raises(TypeError, match="expected a (list of dicts or a table|dict from names to values)"):
        Space.from_candidates(rows)


@pytest.mark.parametrize("space", [LIST, Space.from_candidates(MOMENTA, CONDITIONS)])
def test_a_list_goes_through_json(space):
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert again == space and hash(again) == hash(space) and again.candidates == space.candidates
    assert space.describe_difference(again) is None
    assert Space.from_json({"candidates": ROWS}) == LIST


def test_lists_differ_by_their_candidates():
    fewer, other = (
        Space.from_candidates(ROWS[:-1], Space(LIST)),
        Space.from_candidates([ROWS[1], *ROWS[1:]], Space(LIST)),
    )
    plain = Space(dict(LIST))
    assert len({LIST, fewer, other, plain}) == 4
    assert LIST.describe_difference(fewer) == "the candidates: 14 in this space, 13 in the other"
    assert str(LIST.describe_difference(other)).startswith("candidate 0: {'rate': ")
    assert LIST.describe_difference(plain) == "the candidates: a list of 14 in this space, no list in the other"


def test_configs_are_candidates_to_the_last_digit():
    for space in (LIST, Space.from_candidates(MOMENTA, CONDITIONS)):
        for config in space.candidates or ():
            assert space.decode(space.encode(config)) == config == space.validate(config)
    with pytest.raises(
        ValueError, match=r"^expected one of the 3 candidates, got .*; nearest is .*'adam', 'size': 3}, row 2"
    ):
        Space.from_candidates(MOMENTA, CONDITIONS).validate({"rate": 0.001, "kind": "adam", "size": 4})


def test_a_list_is_fixed_and_redefined():
    fixed = LIST.fix(kind="b")
    assert fixed.names == ("rate", "layers") and fixed.candidates == tuple(r for r in ROWS if r["kind"] == "b")
    with pytest.raises(
        ValueError, match="expected the values of one of the candidates, got {'layers': 5, 'kind': 'a'}"
    ):
        LIST.fix(layers=5, kind="a")
    logs = LIST.replace({"rate": Real(1e-3, 1.0, log=True)})
    assert logs.candidates == LIST.candidates and logs.encode(ROWS[0])[0] != LIST.encode(ROWS[0])[0]


# The nearest candidate.

PLACE = jax.jit(lambda fixed, x: Region(LIST.encoding, fixed).place(x))
ALLOWED = jax.jit(lambda fixed, x: Region(LIST.encoding, fixed).is_allowed(x))
SNAP = jax.jit(jbo.encoding.snap)
unit = st.floats(0, 1)


@given(
    x=st.lists(unit, min_size=3, max_size=3),
    given=st.lists(st.one_of(st.none(), st.integers(0, 13)), min_size=3, max_size=3),
)
def test_place_is_the_nearest_candidate_of_the_context(x, given):
    candidates = LIST.encoding.candidates
    with jax.enable_x64(True):
        fixed = np.array([np.nan if g is None else candidates[g, j] for j, g in enumerate(given)])
        placed = np.asarray(PLACE(fixed, np.array([x, x[::-1]])))
        is_here = (np.isnan(fixed) | (candidates == fixed)).all(1)
        np.testing.assert_array_equal(ALLOWED(fixed, candidates), is_here)
        if not is_here.any():
            assert not ALLOWED(fixed, placed).any()
            return
        snapped = np.asarray(SNAP(LIST.encoding, np.where(np.isnan(fixed), np.array([x, x[::-1]]), fixed)))
        expected = np.where(is_here, distances(LIST, snapped), np.inf).argmin(1)
        np.testing.assert_array_equal(placed, candidates[expected])


def test_ties_go_to_the_first_candidate(x64):
    around = [{"x": 0.5 + dx, "y": 0.5 + dy} for dx, dy in ((0.3, -0.1), (-0.1, 0.3), (0.1, 0.3), (-0.3, 0.1))]
    space = Space.from_candidates(around, Space(x=Real(0, 1), y=Real(0, 1)))
    np.testing.assert_allclose(Region(space.encoding).place(jnp.full((1, 2), 0.5)), [[0.8, 0.4]], atol=1e-15)


ALL = Space(
    Simplex("v", "w"),
    a=Real(-2.0, 3.0),
    b=Real(1e-4, 10.0, log=True),
    c=Real(0, 1, step=0.1),
    d=Integer(-4, 20, step=3),
    e=Integer(1, 40, log=True),
    f=Ordinal(8, 3, 1),
    g=Ordinal("low", "high"),
    h=Categorical("x", "y", "z"),
    i=Real(0.0, 1.0, when=("h", "y")),
)
THERE_AND_BACK = jax.jit(lambda x: (jbo.encoding.snap(ALL.encoding, x), ALL.encode_traced(ALL.decode_traced(x))))


@given(x=st.lists(unit, min_size=len(ALL), max_size=len(ALL)))
def test_traced_configs_are_encoded(x):
    with jax.enable_x64(True):
        np.testing.assert_allclose(*THERE_AND_BACK(jnp.array(x)), atol=1e-12)
    with pytest.raises(ValueError, match="^i: expected a value, got none"):
        ALL.encode_traced({name: jnp.zeros(()) for name in ALL.names if name != "i"})


def test_rows_of_traced_configs_and_points(x64):
    points = jnp.asarray(LIST.encoding.candidates)
    of_configs = jax.jit(jax.vmap(lambda x: jbo.row_of(LIST, LIST.decode_traced(x))))(points)
    np.testing.assert_array_equal(of_configs, np.arange(14))
    np.testing.assert_array_equal(jbo.row_of(LIST, points.reshape(2, 7, 3)), np.arange(14).reshape(2, 7))
    with pytest.raises(ValueError, match="^space: expected a list of candidates"):
        jbo.row_of(CONDITIONS, points)


# The maximum.


@some(("num_rows", "dtype"), [(2500, "float64"), (3, "float32"), (1024, "float32")], by_default=2)
def test_the_maximum_is_that_of_all_candidates(num_rows, dtype):
    with jax.enable_x64(dtype == "float64"):
        space = Space.from_candidates(np.random.default_rng(1).random((num_rows, 2)), names=["x", "y"])
        x = space.encoding.candidates
        values = np.sin(40 * x[:, 0]) + x[:, 1]
        order = np.argsort(-values)

        def function(x):
            return jnp.where(x[0] < 0.1, jnp.nan, jnp.sin(40 * x[0]) + x[1])

        order = [i for i in order if x[i, 0] >= 0.1]
        for num_taken in (0, 2):
            state = jax.tree.map(jnp.asarray, table(x[order[:num_taken]]))
            state = state._replace(x=state.x.astype(dtype), y=state.y.astype(dtype))
            found = jax.jit(
                lambda state: maximize(jax.random.key(0), function, Region(space.encoding), state, state.x[0])
            )(state)
            if num_taken == len(order):
                assert found.value == -jnp.inf
                continue
            np.testing.assert_allclose(found.x, x[order[num_taken]], atol=1e-6)
            np.testing.assert_allclose(found.value, values[order[num_taken]], atol=1e-5)
        np.testing.assert_allclose(values_at(lambda x: x[1], jnp.asarray(x, dtype)), x[:, 1], atol=1e-6)


def test_the_maximum_in_a_context_and_of_nothing(x64):
    candidates = LIST.encoding.candidates
    kind = LIST.encode(next(r for r in ROWS if r["kind"] == "c"))[2]
    is_here = np.flatnonzero(candidates[:, 2] == kind)
    find = jax.jit(
        lambda state: maximize(
            jax.random.key(0),
            lambda x: -x[0],
            Region(LIST.encoding, jnp.array([jnp.nan, jnp.nan, kind])),
            state,
            state.x[0],
        )
    )
    np.testing.assert_array_equal(find(table(np.empty((0, 3)))).x, candidates[is_here[candidates[is_here, 0].argmin()]])
    assert find(table(candidates[is_here])).value == -jnp.inf


# Every search.

SEARCHES = {
    "random": jbo.random_search,
    "sobol": jbo.sobol_search,
    "grid": jbo.grid_search,
    "parzen": partial(jbo.parzen, num_initial=3),
    "bayesian": partial(jbo.bayesian, num_initial=3),
    "trust region": partial(jbo.trust_region, num_initial=3),
    "forest": lambda space: jbo.bayesian(space, surrogate=jbo.forest(), num_initial=3),
    "portfolio": lambda space: jbo.bayesian(space, acquisition=jbo.portfolio(jbo.EI(), jbo.LCB()), num_initial=3),
    "entropy": lambda space: jbo.bayesian(space, acquisition=jbo.max_value_entropy_search(), num_initial=3),
    "batch": lambda space: jbo.bayesian(space, batch=jbo.batches.local_penalization(), num_initial=3),
}
LOSSES = np.array([loss(row) for row in ROWS])


@some("name", SEARCHES, by_default=["random", "sobol", "grid"])
def test_each_search_suggests_each_candidate_once(name):
    run = jax.jit(
        lambda key: jbo.minimize(
            key, lambda c: jnp.asarray(LOSSES)[jbo.row_of(LIST, c)], SEARCHES[name](LIST), 16, space=LIST
        )
    )(jax.random.key(1))
    rows = np.asarray(jbo.row_of(LIST, run.x))
    np.testing.assert_allclose(run.x, LIST.encoding.candidates[rows], atol=1e-6)
    assert sorted(rows[:14]) == list(range(14)), rows
    np.testing.assert_allclose(run.y, LOSSES[rows], rtol=1e-5)
    if name == "grid":
        assert list(rows[:14]) == list(range(14))


def test_random_search_is_uniform_over_what_is_new():
    with jax.enable_x64(True):
        state = table(LIST.encoding.candidates[[2, 5]])
        keys = jax.vmap(jax.random.key)(jnp.arange(4000))
        x, _ = jax.vmap(lambda key: jbo.random_search(LIST).ask(key, state))(keys)
        counts = np.bincount(jbo.row_of(LIST, x), minlength=14)
    assert counts[2] == counts[5] == 0
    # Sum of squares over the mean, chi-squared of 11 degrees: above 31.3 once in a thousand times.
    assert np.sum((np.delete(counts, [2, 5]) - 4000 / 12) ** 2) / (4000 / 12) < 31.3


def test_the_design_is_the_nearest_new_candidate_to_a_point_of_the_sequence(x64):
    strategy = jbo.sobol_search(LIST)
    key, state = jax.random.key(3), jax.tree.map(np.asarray, strategy.init(16))
    ask, pend, taken = jax.jit(strategy.ask), jax.jit(strategy.pend), []

    @jax.jit
    def snapped(i):
        raw = jbo.designs.sobol_point(key, i, 3, jnp.dtype("float64"))
        return jbo.encoding.snap(LIST.encoding, raw)[None, :]

    for i in range(14):
        distance = np.where(np.isin(np.arange(14), taken), np.inf, distances(LIST, snapped(jnp.asarray(i)))[0])
        taken.append(int(distance.argmin()))
        x, info = ask(key, state)
        assert info.is_new
        np.testing.assert_array_equal(x, LIST.encoding.candidates[taken[-1]])
        state = pend(state, x)
    assert not ask(key, state)[1].is_new


@pytest.mark.thorough
def test_a_batch_that_moves_as_a_whole_stays_in_the_list(x64):
    strategy = jbo.bayesian(LIST, batch=jbo.batches.joint_improvement(), num_initial=3)
    state = strategy.init(14)
    for row in (0, 3, 6, 9):
        state = strategy.tell(state, jnp.asarray(LIST.encoding.candidates[row]), jnp.asarray(LOSSES[row]))
    x, info = jax.jit(lambda state: strategy.ask(jax.random.key(0), state, 4))(state)
    rows = np.asarray(jbo.row_of(LIST, x)).tolist()
    np.testing.assert_allclose(x, LIST.encoding.candidates[rows], atol=1e-12)
    assert info.is_new.all() and len({*rows, 0, 3, 6, 9}) == 8


def test_strategies_of_another_list_are_refused():
    other = Space.from_candidates([*ROWS[:-1], {**ROWS[-1], "rate": 0.5}], Space(LIST))
    for strategy in (jbo.random_search(other), jbo.random_search(Space(dict(LIST)))):
        with pytest.raises(ValueError, match="over another list of candidates"):
            jbo.minimize(jax.random.key(0), loss, strategy, 3, space=LIST)
        with pytest.raises(ValueError, match="for another list of candidates"):
            jbo.Study(LIST, strategy=strategy)


# Studies.


def two_layers(config):
    return config["layers"] <= 2


@some("make", [jbo.random_search, lambda space: jbo.bayesian(space, num_initial=3)], ids=["random", "bayesian"])
def test_a_study_of_a_list_goes_on_where_it_stopped(tmp_path, caplog, make):
    space = Space.from_candidates(ROWS, constraint=two_layers)
    allowed = [row for row in ROWS if two_layers(row)]
    ends = []
    for stops in ((8,), (2, 5, 8)):
        path = tmp_path / f"{len(stops)}.db"
        for num_trials in stops:
            with jbo.Study(space, strategy=make(space), seed=4, path=path) as study:
                study.optimize(loss, num_trials, progress=False)
                if num_trials == 5:
                    study.ask()  # and the process dies: the trial is run again first
                ends.append([trial.config for trial in study.trials])
    assert ends[0] == ends[-1] and len(ends[0]) == 8
    assert all(config in allowed for config in ends[0]) and len({c["rate"] for c in ends[0]}) == 8 == len(allowed)
    with jbo.Study(space, strategy=make(space), path=tmp_path / "1.db") as study:
        with pytest.raises(jbo.SpaceExhausted, match="nothing new to try"):
            study.ask()
        study.optimize(loss, 20, progress=False)
        assert study.best.value == min(map(loss, allowed)) and "nothing new to try" in caplog.text
    with pytest.raises(
        ValueError, match="another space than the one given: the candidates: 14 in the file, 13 as given"
    ):
        jbo.Study(Space.from_candidates(ROWS[:-1], Space(LIST)), path=tmp_path / "1.db")
    with jbo.Study.open(tmp_path / "1.db", strategy=jbo.random_search) as study:
        assert study.space == LIST and study.ask().config in [row for row in ROWS if row not in allowed]


def test_a_study_takes_candidates_only():
    space = Space.from_candidates(ROWS, constraint=two_layers)
    with jbo.Study(space, strategy=jbo.random_search(space), seed=0) as study:
        stranger = {**ROWS[0], "rate": 0.123}
        for take in (study.enqueue, lambda config: study.tell(config, 1.0)):
            with pytest.raises(
                ValueError, match=r"^expected one of the 14 candidates, got .*; nearest is .*, row \d+$"
            ):
                take(stranger)
        with pytest.raises(ValueError, match="expected a configuration that the constraint of the space allows"):
            study.enqueue(ROWS[2])
        study.enqueue(ROWS[5])
        study.tell(ROWS[6], 0.5)
        assert study.ask().config == ROWS[5]
        here = [study.ask(context={"kind": "c"}).config for _ in range(2)]
        assert all(config["kind"] == "c" and config in ROWS for config in here)
        with pytest.raises(jbo.SpaceExhausted):
            [study.ask(context={"kind": "c"}) for _ in range(14)]
        with pytest.raises(ValueError, match="expected the values of one of the candidates, got {'layers': 3}"):
            study.ask(context={"layers": 3})
        assert len(study.ask(20)) == 8 - 2 - sum(two_layers(r) and r["kind"] == "c" for r in ROWS)


def test_a_list_from_the_shell(tmp_path, capsys):
    definition, path = tmp_path / "space.json", str(tmp_path / "study.db")
    definition.write_text(json.dumps({"candidates": MOMENTA, "parameters": CONDITIONS.to_json()["parameters"]}))
    assert main(["new", path, "--space", str(definition), "--seed", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["space"]["candidates"][1] == [0.1, "adam", None, 100]
    asked = []
    for _ in range(3):
        assert main(["ask", path]) == 0
        asked.append(json.loads(capsys.readouterr().out)["config"])
    assert sorted(map(str, asked)) == sorted(map(str, MOMENTA))
    assert main(["ask", path]) == 3 and "nothing new to try" in capsys.readouterr().err
    definition.write_text(json.dumps({"candidates": [[0.1]], "parameters": CONDITIONS.to_json()["parameters"]}))
    assert main(["new", path + "2", "--space", str(definition)]) == 1
    assert "candidates: row 0: expected 4 values, got [0.1]" in capsys.readouterr().err
