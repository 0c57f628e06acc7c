"""A study with the strategies that come with the package."""

import jax
import numpy as np
import pytest

import jbo
from jbo import Real, Space, Study
from jbo.outcomes import unnamed
from jbo.study import model
from jbo.study.table import Table
from jbo.types import EMPTY, Layout

SPACE = jbo.Space(x=jbo.Real(-1.0, 1.0), n=jbo.Integer(1, 3))
STRATEGIES = {
    "random": jbo.random_search,
    "sobol": jbo.sobol_search,
    "grid": jbo.grid_search,
    "bayesian": lambda space: jbo.bayesian(space, num_initial=4),
}
SLOW = ("sobol", "bayesian")  # to compile
everyone = pytest.mark.parametrize(
    "make_strategy", [pytest.param(s, id=n, marks=[pytest.mark.thorough] * (n in SLOW)) for n, s in STRATEGIES.items()]
)


def noisy(config):
    """A parabola with the same error at the same place, as large as what is to be found."""
    error = np.random.default_rng(int((config["x"] + 2) * 2**40)).normal()
    return (config["x"] - 0.25) ** 2 + 0.3 * error


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_table_is_what_a_strategy_begins_with(name):
    strategy = STRATEGIES[name](SPACE)
    rows = Table.of([], SPACE, unnamed()).rows()
    with jax.enable_x64(True):
        empty = strategy.init(len(rows.y))
    assert rows._fields == empty._fields
    assert rows[5:] == empty[5:] == (None, Layout()), "no cost and no noise were told"
    for ours, theirs in zip(rows[:5], empty[:5], strict=True):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


@everyone
def test_broken_off_anywhere_it_goes_on_the_same(make_strategy, tmp_path, outcome):
    strategy = make_strategy(SPACE)
    with jbo.Study(SPACE, strategy=strategy, seed=1) as study:
        study.optimize(noisy, 9)
        unbroken = outcome(study.trials)
    for num_trials in range(1, 10):
        with jbo.Study(SPACE, strategy=make_strategy(SPACE), seed=1, path=tmp_path / "a.db") as study:
            study.optimize(noisy, num_trials)
    assert outcome(study_trials(tmp_path / "a.db", strategy)) == unbroken


@everyone
def test_maximizing_is_minimizing_the_opposite(make_strategy, outcome):
    strategy = make_strategy(SPACE)
    with jbo.Study(SPACE, strategy=strategy, seed=1) as low:
        low.optimize(noisy, 9)
        with jbo.Study(SPACE, strategy=strategy, seed=1, maximize=True) as high:
            high.optimize(lambda config: -noisy(config), 9)
            assert [t.config for t in low.trials] == [t.config for t in high.trials]
            assert low.best.number == high.best.number
            assert low.recommended.number == high.recommended.number


@everyone
def test_many_at_once_are_the_same_as_one_after_another(make_strategy, outcome):
    strategy = make_strategy(SPACE)
    with jbo.Study(SPACE, strategy=strategy, seed=1) as one, jbo.Study(SPACE, strategy=strategy, seed=1) as many:
        for study in (one, many):
            study.optimize(noisy, 6)
        assert outcome(many.ask(4)) == outcome([one.ask() for _ in range(4)])


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("make_strategy", [jbo.random_search, jbo.grid_search])
def test_discrete_spaces_end(make_strategy, log):
    space = jbo.Space(n=jbo.Integer(1, 7, log=log), c=jbo.Categorical("a", "b"), m=jbo.Integer(1, 2, when=("c", "a")))
    with jbo.Study(space, strategy=make_strategy(space), seed=0) as study:
        study.optimize(lambda config: config["n"], 100)
        assert len(study.trials) == space.num_configs == 21, "each once"
        assert {str(t.config) for t in study.trials} == {str(config) for config in space.configs()}
        with pytest.raises(jbo.SpaceExhausted):
            study.ask()


def test_a_grid_ends_where_the_space_does_not():
    with jbo.Study(SPACE, strategy=jbo.grid_search(SPACE, resolution=4), seed=0) as study:
        study.optimize(lambda config: config["x"], 100)
        assert len(study.trials) == 12


@pytest.mark.thorough
def test_bayesian_is_the_default_and_finds_the_minimum():
    with jbo.Study(SPACE, seed=0) as study:
        assert type(study.strategy) is type(jbo.bayesian(SPACE))
        study.optimize(lambda config: (config["x"] - 0.25) ** 2 + (config["n"] - 2) ** 2, 20)
        assert study.best.config["n"] == 2 and abs(study.best.config["x"] - 0.25) < 0.05


@pytest.mark.thorough
def test_recommended_is_not_the_luckiest():
    line = jbo.Space(x=jbo.Real(-1.0, 1.0))
    with jbo.Study(line, seed=0, maximize=True) as study:
        for number, x in enumerate(np.linspace(-1, 1, 25).tolist()):
            study.tell({"x": x}, -((x - 0.3) ** 2) + (1.5 if number == 2 else 0.0))
        assert study.best.number == 2
        assert abs(study.recommended.config["x"] - 0.3) < 0.3


def study_trials(path, strategy):
    with jbo.Study(SPACE, strategy=strategy, path=path) as study:
        return study.trials


@pytest.mark.thorough
def test_a_fit_is_made_when_the_schedule_says_so(monkeypatch):
    fits, real = [], model.run

    def seen(call, *then, **how):
        if call.function.__name__ == "_fit":
            fits.append(int((call.arguments[2].status != EMPTY).sum()))
        return real(call, *then, **how)

    monkeypatch.setattr(model, "run", seen)
    space = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0))
    with Study(space, seed=0) as study:
        for config in (space.decode(x) for x in np.random.default_rng(0).random((30, 2))):
            study.tell(config, config["a"])
        for _ in range(5):
            study.tell(trial := study.ask(), trial.config["a"])
        assert fits == [30, 31, 32, 34]
        assert study.recommended.value == study.best.value
        assert fits == [30, 31, 32, 34], "35 results share the fit of 34"
        ahead = study.ask(2)
        study.tell(ahead[1], 0.5)
        study.ask()
        assert fits == [30, 31, 32, 34, 36], "the 36 results, and nothing of the trial that is pending among them"
        study.tell(ahead[0], 0.1)
        study.ask()
        assert fits == [30, 31, 32, 34, 36, 36], "37 results, of which the first 36 are others now"


def test_a_study_whose_values_are_all_equal_goes_on_with_the_design():
    """No value tells one place from another: the points spread as those of the design, and no model is fitted."""
    space = Space(x=Real(0.0, 1.0), y=Real(0.0, 1.0))
    with jbo.Study(space, seed=1) as study:
        for number in range(9):
            study.tell(study.ask(), 3.0 if number % 3 else float("nan"))
            assert not study.last_suggestion.is_model_based
        points = np.array([list(trial.config.values()) for trial in study.trials])
        assert len(np.unique(np.floor(points[1:] * [4, 2]), axis=0)) == 8, "one point in each cell of the net"
        study.tell(study.ask(), 2.0)
        study.ask()
        assert study.last_suggestion.is_model_based
