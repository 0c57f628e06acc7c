"""Constraints and contexts of a study: called with Python values, kept to the last digit, told when impossible."""

import pytest

import jbo
from jbo import Categorical, Integer, Real, Space
from jbo.study import SpaceExhausted, Study
from tests.selection import some


def even_or_adam(config):
    """What no trace can follow: strings, ``or``, and a name that may be absent."""
    return config["optimizer"] == "adam" or config.get("momentum", 0.0) < 0.3 and config["n"] % 2 == 0


SPACE = Space(
    optimizer=Categorical("sgd", "adam"),
    momentum=Real(0.0, 0.9, when=("optimizer", "sgd")),
    n=Integer(1, 6),
    constraint=even_or_adam,
)


@some(
    "make",
    [
        jbo.random_search,
        jbo.sobol_search,
        jbo.grid_search,
        pytest.param(jbo.bayesian, marks=pytest.mark.thorough),
    ],
)
def test_a_constraint_in_python(make, tmp_path):
    with Study(SPACE, strategy=make(SPACE), seed=0, path=tmp_path / "a.db") as study:
        study.optimize(lambda config: config["n"] - config.get("momentum", 0.5), 10)
        assert all(even_or_adam(trial.config) for trial in study.trials)
        assert {trial.config["optimizer"] for trial in study.trials} == {"sgd", "adam"}
        with pytest.raises(ValueError, match="expected a configuration that the constraint of the space allows"):
            study.enqueue({"optimizer": "sgd", "momentum": 0.5, "n": 1})
        # A result of one's own says something wherever it is.
        assert study.tell({"optimizer": "sgd", "momentum": 0.5, "n": 1}, 3.0).status == "ok"
    with Study(SPACE, strategy=make(SPACE), path=tmp_path / "a.db") as study:
        assert even_or_adam(study.ask().config), "a file goes on under the constraint it is opened with"


@pytest.mark.thorough
def test_what_no_constraint_allows_is_told():
    for constraint, message in (
        (lambda config: False, "found none at all in a bounded search"),
        (lambda config: config["y"], r"got KeyError\('y'\) for {'x': 0.5}"),
        (lambda config: config["x"], "expected True or False, got 0.5"),
    ):
        space = Space(x=Real(0.0, 1.0), constraint=constraint)
        with Study(space, strategy=jbo.random_search(space), seed=0) as study:
            with pytest.raises(ValueError, match=message.replace("0.5", r"0\.\d+")):
                study.optimize(lambda config: 0.0, 3)
            assert study.trials == []


def test_a_discrete_space_ends_with_its_last_allowed_point():
    space = Space(a=Integer(0, 9), b=Integer(0, 9), constraint=lambda c: c["a"] == 3 * c["b"])
    with Study(space, strategy=jbo.random_search(space), seed=0) as study:
        study.optimize(lambda config: config["a"], 20)
        assert sorted(t.config["a"] for t in study.trials) == [0, 3, 6, 9]
        with pytest.raises(SpaceExhausted):
            study.ask()


@pytest.mark.thorough
def test_a_context_is_kept(tmp_path):
    with Study(SPACE, strategy=jbo.random_search(SPACE), seed=0, path=tmp_path / "a.db") as study:
        for _ in range(3):
            trial = study.ask(context={"momentum": 0.1 + 0.1, "optimizer": "sgd"})
            assert trial.config["momentum"] == 0.1 + 0.1 and even_or_adam(trial.config), "to the last digit"
        assert [t.config for t in study.ask(2, context={"n": 5})] == [{"optimizer": "adam", "n": 5}], "there is but one"
        study.optimize(lambda config: 1.0, 3, context={"n": 4})
        assert [t.config["n"] for t in study.trials if t.status == "ok"] == [4, 4, 4]
        for context, message in (
            ({"lr": 1}, "lr: expected one of"),
            ({"n": 9}, "n: expected an integer from 1 to 6"),
            ({"n": 5, "optimizer": "sgd"}, "in a bounded search in the context"),
        ):
            with pytest.raises(ValueError, match=message):
                study.ask(context=context)


def test_what_waits_is_run_in_its_own_context(tmp_path):
    path = tmp_path / "a.db"
    with Study(SPACE, strategy=jbo.random_search(SPACE), seed=0, path=path) as study:
        waiting = study.ask(context={"n": 2})
        study.enqueue({"optimizer": "adam", "n": 6})
    with Study(SPACE, strategy=jbo.random_search(SPACE), path=path) as study:
        assert study.ask(context={"n": 4}).number == 1
        assert study.ask(context={"n": 6}).config == {"optimizer": "adam", "n": 6}
        assert study.ask().config == waiting.config


def test_the_space_knows_its_constraint():
    assert SPACE == Space(dict(SPACE), constraint=even_or_adam) != Space(dict(SPACE))
    assert "even_or_adam" in repr(SPACE)
    assert SPACE.fix(optimizer="adam").constraint is even_or_adam
    assert Space.from_json(SPACE.to_json()).constraint is None
    assert Space(constraint=Real(0.0, 1.0)).names == ("constraint",), "a parameter may have that name"
