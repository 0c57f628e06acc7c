"""What is measured of a trial: the kinds of outcomes, and searches with limits in one program."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import jbo
from jbo.outcomes import Outcomes, as_outcomes, unnamed
from jbo.types import ABANDONED, EMPTY, FAILED, OK, PENDING, Layout, Trials

THREE = (jbo.Track("steps"), jbo.AtMost("memory", 8.0), jbo.Minimize("loss"))
SPACE = jbo.Space(x=jbo.Real(0.0, 1.0), y=jbo.Real(0.0, 1.0))


def test_columns_of_the_table_are_objectives_limits_and_the_cost():
    outcomes = as_outcomes([*THREE, jbo.Cost("seconds"), jbo.AtLeast("recall", 0.9)])
    assert [outcome.name for outcome in outcomes] == ["steps", "memory", "loss", "seconds", "recall"]
    assert [outcome.name for outcome in outcomes.columns] == ["loss", "memory", "recall"]
    assert outcomes.layout == Layout(1, 2, True) and outcomes.layout.num_columns == 4
    assert outcomes.cost == jbo.Cost("seconds") and not outcomes.maximize
    assert as_outcomes(THREE).layout == Layout(1, 1, False)
    assert as_outcomes(THREE).layout_for(True) == Layout(1, 1, True)


def test_values_in_the_table_are_lower_for_better_ones_and_at_most_0_within_a_limit():
    assert jbo.Minimize("a").to_table(3.0) == 3 and jbo.Maximize("a").to_table(3.0) == -3
    assert jbo.AtMost("a", 8).to_table(7.5) == -0.5 and jbo.AtMost("a", 8).to_table(9) == 1
    assert jbo.AtLeast("a", 8).to_table(7.5) == 0.5 and jbo.AtLeast("a", 8).to_table(9) == -1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"memory": 8.0, "recall": 0.9}, True),
        ({"memory": 8.1, "recall": 0.95}, False),
        ({"memory": 7.0, "recall": 0.8}, False),
        ({"memory": 7.0}, None),
        ({"memory": None, "recall": 1.0}, None),
        ({"memory": 9.0}, False),
        ({"memory": math.nan, "recall": 1.0}, False),
        ({}, None),
    ],
)
def test_a_trial_is_feasible_if_all_limits_hold(values, expected):
    outcomes = as_outcomes([jbo.Minimize("loss"), jbo.AtMost("memory", 8), jbo.AtLeast("recall", 0.9)])
    assert outcomes.is_feasible(values) is expected
    assert as_outcomes([jbo.Minimize("loss")]).is_feasible({}) is True


def test_several_objectives_have_a_column_each_and_references_as_the_table_has_them():
    outcomes = as_outcomes(
        [jbo.AtMost("memory", 8), jbo.Maximize("recall", reference=0.5), jbo.Minimize("loss"), jbo.Minimize("ms", 50)]
    )
    assert [outcome.name for outcome in outcomes.objectives] == ["recall", "loss", "ms"]
    assert outcomes.layout == Layout(3, 1, False) and outcomes.has_several
    assert outcomes.references == (-0.5, math.inf, 50.0)
    assert not as_outcomes(THREE).has_several and as_outcomes(THREE).references == (math.inf,)
    assert repr(outcomes) == (
        "[AtMost(name='memory', limit=8.0), Maximize(name='recall', reference=0.5), Minimize(name='loss'), "
        "Minimize(name='ms', reference=50.0)]"
    )


def test_a_file_of_an_earlier_version_has_no_references():
    old = '{"is_named": true, "outcomes": [{"kind": "Minimize", "name": "loss"}, {"kind": "Track", "name": "steps"}]}'
    outcomes = Outcomes.from_json_text(old)
    assert outcomes == as_outcomes([jbo.Minimize("loss"), jbo.Track("steps")]) and outcomes.json_text == old
    assert jbo.Minimize("a", reference=1) != jbo.Minimize("a") != jbo.Maximize("a")


def test_a_table_of_several_objectives_has_no_single_value():
    x, y = np.zeros((4, 1)), np.array([[1.0, 5.0, -1.0], [2.0, 6.0, 1.0], [3.0, 7.0, 0.0], [4.0, 8.0, 0.0]])
    is_known = np.ones((4, 3), bool)
    is_known[2, 1] = False
    state = Trials.from_arrays(x, y, [OK, OK, OK, FAILED], is_known=is_known, layout=Layout(2, 1), noise=0.1 * y)
    assert state.objectives.tolist() == [[1, 5], [2, 6], [3, 0], [0, 0]]
    assert state.has_value.tolist() == [True, True, False, False]
    assert state.may_be_best.tolist() == [True, False, False, False]
    second = state.of_objective(1)
    assert second.value.tolist() == [5, 6, 0, 0] and second.has_value.tolist() == [True, True, False, False]
    np.testing.assert_allclose(second.noise_of_value, [0.5, 0.6, 0.7, 0.8], rtol=1e-6)
    assert state.of_feasible().status.tolist() == [OK, FAILED, ABANDONED, FAILED]
    for name in ("value", "noise_of_value"):
        with pytest.raises(ValueError, match=f"{name}: expected a table with one objective, got 2"):
            getattr(state, name)


@given(st.data())
def test_outcomes_go_to_text_and_back(data):
    names = data.draw(st.lists(st.text(min_size=1), min_size=1, max_size=6, unique=True))
    reference = data.draw(st.none() | st.floats(allow_nan=False, allow_infinity=False))
    objective = data.draw(st.sampled_from([jbo.Minimize, jbo.Maximize]))(names[0], reference)
    limit = st.floats(allow_nan=False, allow_infinity=False)
    kinds = [
        lambda name: jbo.AtMost(name, data.draw(limit)),
        lambda name: jbo.AtLeast(name, data.draw(limit)),
        jbo.Track,
        jbo.Maximize,
    ]
    outcomes = as_outcomes([objective, *(data.draw(st.sampled_from(kinds))(name) for name in names[1:])])
    again = Outcomes.from_json_text(outcomes.json_text)
    assert again == outcomes and again.json_text == outcomes.json_text
    assert unnamed(True) != unnamed() == Outcomes.from_json_text(unnamed().json_text)


@pytest.mark.parametrize(
    ("outcomes", "error", "message"),
    [
        ([], ValueError, "outcomes: expected at least one jbo.Minimize or jbo.Maximize, got 0"),
        ([jbo.AtMost("a", 1)], ValueError, "outcomes: expected at least one jbo.Minimize or jbo.Maximize, got 0"),
        ([jbo.Minimize("a"), jbo.Track("a")], ValueError, "outcomes: expected each name once, got 'a' twice"),
        ([jbo.Minimize("a"), jbo.Cost("b"), jbo.Cost("c")], ValueError, "at most one jbo.Cost"),
        ([jbo.Minimize("a"), "b"], TypeError, "got 'b' in it"),
        ([jbo.Minimize], TypeError, "got <class"),
        (jbo.Minimize("a"), TypeError, r"write \[Minimize\(name='a'\)\]"),
        ({"a": jbo.Minimize("a")}, TypeError, "expected a list such as"),
        ("loss", TypeError, "expected a list such as"),
    ],
)
def test_outcomes_that_make_no_sense_are_refused(outcomes, error, message):
    with pytest.raises(error, match=message):
        as_outcomes(outcomes)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: jbo.Minimize(""), ValueError),
        (lambda: jbo.Minimize(3), TypeError),
        (lambda: jbo.AtMost("a", "8"), TypeError),
        (lambda: jbo.AtMost("a", True), TypeError),
        (lambda: jbo.AtLeast("a", math.inf), ValueError),
        (lambda: jbo.AtLeast("a", math.nan), ValueError),
        (lambda: jbo.Minimize("a", reference="8"), TypeError),
        (lambda: jbo.Maximize("a", reference=True), TypeError),
        (lambda: jbo.Maximize("a", reference=math.inf), ValueError),
        (lambda: jbo.Minimize("a", reference=10**400), ValueError),
        (lambda: as_outcomes([jbo.Minimize("a"), jbo.Minimize("b")]).objective, ValueError),
        (lambda: as_outcomes([jbo.Minimize("a"), jbo.Minimize("b")]).maximize, ValueError),
        (lambda: as_outcomes(THREE, maximize=True), ValueError),
        (
            lambda: Outcomes.from_json_text('{"is_named": true, "outcomes": [{"kind": "Smallest", "name": "a"}]}'),
            ValueError,
        ),
        (lambda: Outcomes.from_json_text("[]"), ValueError),
        (lambda: Outcomes.from_json_text('{"outcomes": ["loss"]}'), ValueError),
        (lambda: Outcomes.from_json_text('{"outcomes": [{"kind": "Minimize"}]}'), ValueError),
        (lambda: Outcomes.from_json_text("nothing"), ValueError),
        (lambda: jbo.AtMost("a", 10**400), ValueError),
        (lambda: as_outcomes([jbo.outcomes.Outcome("a")]), TypeError),
        (lambda: as_outcomes([type("Own", (jbo.Minimize,), {})("a")]).json_text, ValueError),
    ],
)
def test_an_outcome_that_makes_no_sense_is_refused(make, error):
    with pytest.raises(error):
        make()


def test_an_unknown_name_is_told_the_nearest():
    with pytest.raises(
        ValueError, match=r"expected one of \['steps', 'memory', 'loss'\], got 'los'; did you mean 'loss'?"
    ):
        as_outcomes(THREE).named("los")


def test_what_a_table_says_of_its_rows():
    layout = Layout(1, 2, True)
    y = [[1, -1, 0, 5], [2, 1, -1, 0], [3, -1, -1, 2], [4, 0, 0, 3], [5, -1, -1, 1]]
    status = [OK, OK, FAILED, PENDING, OK]
    state = Trials.from_arrays(np.full((5, 1), 0.5), np.asarray(y, float), status, layout=layout)
    state = state._replace(is_known=state.is_known.at[4, 2].set(False).at[1, 3].set(False))
    assert state.is_feasible.tolist() == [True, False, False, False, False]
    assert state.has_value.tolist() == [True, True, False, False, True]
    assert state.cost.tolist() == [5, 0, 0, 0, 1]
    assert state.of_feasible().status.tolist() == [OK, FAILED, FAILED, PENDING, ABANDONED]
    assert state.num_trials == 5 and state.trial.tolist() == [0, 1, 2, 3, 4]
    lacking = state._replace(is_known=state.is_known.at[0, 0].set(False))
    assert lacking.of_feasible().status[0] == ABANDONED and not lacking.has_value[0]


STRATEGY = jbo.random_search(SPACE).for_table(Layout(1, 2, True))
POINT = jnp.array([0.25, 0.75])


@pytest.mark.parametrize(
    ("y", "told", "row"),
    [
        ([1.0, -2.0, 3.0], {}, ([1, -2, 3, 0], [1, 1, 1, 0], OK)),
        ([1.0, -2.0, 3.0, 7.0], {}, ([1, -2, 3, 7], [1, 1, 1, 1], OK)),
        (1.0, {}, ([1, 0, 0, 0], [1, 0, 0, 0], OK)),
        (1.0, {"cost": 4.0}, ([1, 0, 0, 4], [1, 0, 0, 1], OK)),
        ([1.0, math.nan, 3.0], {"cost": 4.0}, ([0, 0, 0, 4], [0, 0, 0, 1], FAILED)),
        ([1.0, math.nan, 3.0], {"is_known": [True, False, True]}, ([1, 0, 3, 0], [1, 0, 1, 0], OK)),
        ([1.0, -2.0, 3.0, -7.0], {}, ([1, -2, 3, 0], [1, 1, 1, 0], OK)),
        ([math.inf, -2.0, 3.0], {}, ([0, 0, 0, 0], [0, 0, 0, 0], FAILED)),
    ],
)
def test_what_a_trial_is_told_of_all_columns(y, told, row):
    told = {name: jnp.asarray(value) for name, value in told.items()}
    for state, trial in ((STRATEGY.init(2), POINT), (STRATEGY.pend(STRATEGY.init(2), POINT), 0)):
        state = STRATEGY.tell(state, trial, jnp.asarray(y), **told)
        assert state.y[0].tolist() == row[0] and state.is_known[0].tolist() == list(map(bool, row[1]))
        assert state.status.tolist() == [row[2], EMPTY] and state.trial.tolist() == [0, -1]


def test_noise_of_several_columns():
    state = STRATEGY.tell(STRATEGY.init(2), POINT, jnp.array([1.0, 2.0, 3.0]), noise=jnp.array([0.5, 0.0, 0.25]))
    assert state.noise.tolist() == [[0.5, 0, 0.25, 0], [0, 0, 0, 0]]
    with pytest.raises(ValueError, match=r"^y: expected a scalar or an array of shape \[4\], got shape \[2\]"):
        STRATEGY.tell(state, POINT, jnp.zeros(2))
    with pytest.raises(ValueError, match=r"^is_known: expected the shape \[3\] of y, got \[4\]"):
        STRATEGY.tell(state, POINT, jnp.zeros(3), is_known=jnp.ones(4, bool))


def measured(config):
    """Least where x = 0.8 and y = 0.7 but for the limit; within it 0.245 at (0.45, 0.35)."""
    loss = (config["x"] - 0.8) ** 2 + (config["y"] - 0.7) ** 2
    return {"loss": loss, "memory": 10 * (config["x"] + config["y"]), "steps": config["x"]}


def test_a_program_has_all_outcomes_and_the_best_feasible_value():
    outcomes = [jbo.Maximize("loss"), jbo.AtMost("memory", 8.0), jbo.Cost("price"), jbo.Track("steps")]

    def function(config):
        return measured(config) | {"price": 1 + config["y"]}

    run = jax.jit(
        lambda key: jbo.minimize(key, function, jbo.random_search(SPACE), 12, space=SPACE, outcomes=outcomes)
    )(jax.random.key(0))
    x, y = np.asarray(run.x).T
    loss, is_feasible = (x - 0.8) ** 2 + (y - 0.7) ** 2, x + y <= 0.8
    assert is_feasible.any() and not is_feasible.all()
    np.testing.assert_allclose(run.values["loss"], loss, rtol=1e-5)
    np.testing.assert_allclose(run.values["memory"], 10 * (x + y), rtol=1e-5)
    np.testing.assert_allclose(run.values["steps"], x, rtol=1e-6)
    np.testing.assert_allclose(run.trials.cost, 1 + y, rtol=1e-6)
    np.testing.assert_allclose(run.trials.y[:, :2], np.stack([-loss, 10 * (x + y) - 8], 1), atol=1e-5)
    np.testing.assert_array_equal(run.trials.is_feasible, is_feasible)
    np.testing.assert_allclose(run.best_y, np.minimum.accumulate(np.where(is_feasible, -loss, np.inf)), rtol=1e-5)


def test_a_limit_that_is_nan_fails_the_trial_and_an_absent_name_is_missing():
    outcomes = [jbo.Minimize("loss"), jbo.AtMost("memory", 8.0), jbo.AtLeast("recall", 0.5)]

    def function(config):
        memory = jnp.where(config["x"] > 0.5, jnp.nan, 1.0)
        return {"loss": config["y"], "memory": memory, "recall": None}

    run = jbo.minimize(jax.random.key(1), function, jbo.random_search(SPACE), 8, space=SPACE, outcomes=outcomes)
    failed = np.asarray(run.x)[:, 0] > 0.5
    assert 0 < failed.sum() < 8
    np.testing.assert_array_equal(run.trials.status, np.where(failed, FAILED, OK))
    np.testing.assert_array_equal(np.isnan(run.y), failed)
    np.testing.assert_array_equal(run.trials.is_known, np.stack([~failed, ~failed, failed & False], 1))
    assert np.isinf(run.best_y).all() and np.isnan(run.values["recall"]).all()


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (1.0, TypeError, r"function: expected a dict with values of \['loss', 'memory'\]"),
        ({"los": 1.0}, ValueError, "did you mean 'loss'"),
        ({"loss": jnp.zeros(2)}, ValueError, "got a value of 'loss' of shape"),
        ({"loss": 1.0}, ValueError, r"function: expected values of \['loss', 'memory'\], got none of \['memory'\]"),
        (jbo.Result({"loss": 1.0}, noise={"los": 1.0}), ValueError, "did you mean 'loss'"),
    ],
)
def test_what_a_function_may_not_return(returned, error, message):
    outcomes = [jbo.Minimize("loss"), jbo.AtMost("memory", 8.0)]
    with pytest.raises(error, match=message):
        jbo.minimize(jax.random.key(0), lambda c: returned, jbo.random_search(SPACE), 2, space=SPACE, outcomes=outcomes)


def test_a_limit_beyond_the_floating_range_is_met():
    outcomes = [jbo.Minimize("loss"), jbo.AtMost("memory", 1e300)]
    run = jbo.minimize(jax.random.key(0), measured_plainly, jbo.random_search(SPACE), 3, space=SPACE, outcomes=outcomes)
    assert run.trials.is_feasible.all() and np.isfinite(run.best_y).all()


def measured_plainly(config):
    return {"loss": config["x"], "memory": config["y"]}


@pytest.mark.thorough
@pytest.mark.parametrize("make", [jbo.bayesian, jbo.parzen, jbo.trust_region, jbo.random_search])
def test_searches_with_a_limit(make):
    """Every strategy keeps the limit in mind; the one with models of it comes to the optimum."""
    outcomes = [jbo.Minimize("loss"), jbo.AtMost("memory", 8.0), jbo.Track("steps")]

    @jax.jit
    def best(keys):
        return jax.vmap(
            lambda key: jbo.minimize(key, measured, make(SPACE), 30, space=SPACE, outcomes=outcomes).best_y[-1]
        )(keys)

    regret = np.asarray(best(jax.random.split(jax.random.key(0), 5))) - 0.245
    assert (regret > -1e-5).all()
    assert np.median(regret) < {jbo.bayesian: 2e-3, jbo.random_search: 0.2}.get(make, 0.05)


@pytest.mark.thorough
def test_a_small_feasible_part_is_found():
    """A disc of 0.8 % of the square. Thirty random points hit it in a fifth of the searches."""
    outcomes = [jbo.Minimize("loss"), jbo.AtMost("distance", 0.05)]

    def function(config):
        distance = jnp.hypot(config["x"] - 0.83, config["y"] - 0.21)
        return {"loss": config["x"], "distance": distance}

    @jax.jit
    def best(keys):
        def one(key):
            run = jbo.minimize(key, function, jbo.bayesian(SPACE), 30, space=SPACE, outcomes=outcomes)
            return run.best_y[-1]

        return jax.vmap(one)(keys)

    found = np.asarray(best(jax.random.split(jax.random.key(0), 6)))
    assert np.isfinite(found).all(), found
    np.testing.assert_allclose(found, 0.78, atol=0.01)
