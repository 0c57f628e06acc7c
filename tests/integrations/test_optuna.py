"""jbo as a sampler of Optuna: Optuna's own tests, and what they do not look at."""

import copy
import datetime
import pickle

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.testing.pytest_samplers import BasicSamplerTestCase, MultiObjectiveSamplerTestCase, RelativeSamplerTestCase

import jbo
from jbo.integrations import optuna as integration
from jbo.integrations.optuna import JBOSampler
from jbo.types import FAILED, OK, PENDING


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.mark.thorough
class TestSampler(BasicSamplerTestCase, RelativeSamplerTestCase, MultiObjectiveSamplerTestCase):
    @pytest.fixture
    def sampler(self):
        return lambda: JBOSampler(seed=0)


class TestBasics(MultiObjectiveSamplerTestCase):
    test_sample_single_distribution = BasicSamplerTestCase.test_sample_single_distribution
    test_dynamic_range_objective = BasicSamplerTestCase.test_dynamic_range_objective
    test_partial_fixed_sampling = BasicSamplerTestCase.test_partial_fixed_sampling
    test_trial_relative_params = RelativeSamplerTestCase.test_trial_relative_params

    @pytest.fixture
    def sampler(self):
        return lambda: JBOSampler(strategy=jbo.random_search, seed=0)


DISTRIBUTIONS = {
    "rate": FloatDistribution(1e-5, 0.1, log=True),
    "layers": IntDistribution(2, 10, step=2),
    "kind": CategoricalDistribution([True, 0.5, "1", None]),
    "width": FloatDistribution(-10.2, 10.2, step=0.1),
    "momentum": FloatDistribution(0.0, 1.0),
}
SPACE = jbo.Space(
    kind=jbo.Categorical(0, 1, 2, 3),
    layers=jbo.Integer(2, 10, step=2),
    momentum=jbo.Real(0.0, 1.0, when=("kind", [0, 3])),
    rate=jbo.Real(1e-5, 0.1, log=True),
    width=jbo.Integer(0, 204),
)


def objective(trial):
    values = [trial._suggest(name, DISTRIBUTIONS[name]) for name in DISTRIBUTIONS if name != "momentum"]
    if values[2] is True or values[2] is None:
        return trial._suggest("momentum", DISTRIBUTIONS["momentum"]) + values[3]
    return values[3]


def as_ours(params):
    kinds = DISTRIBUTIONS["kind"].choices
    kind = next(i for i, choice in enumerate(kinds) if choice is params["kind"])
    return params | {"kind": kind, "width": round((params["width"] + 10.2) / 0.1)}


def test_conditions_on_numbers_are_read_off_the_trials():
    study = optuna.create_study(sampler=JBOSampler(strategy=jbo.random_search, seed=0))

    def objective(trial):
        x = trial.suggest_float("x", 0.0, 1.0)
        n = trial.suggest_int("n", 1, 1000)
        low = trial.suggest_float("low", 0.0, 1.0) if 200 <= n <= 800 else 0.0
        return trial.suggest_float("y", 0.0, 1.0) + x + low if x >= 0.4 else x + low

    study.optimize(objective, n_trials=60)
    distributions = {n: d for t in study.trials for n, d in t.distributions.items()}
    found = integration._conditions(distributions, study.trials)
    assert found["x"] is None and found["n"] is None
    (x, y_where), (n, low_where) = found["y"], found["low"]
    assert (x, n) == ("x", "n")
    assert abs(y_where.low - 0.4) < 0.1 and y_where.high == 1.0
    assert abs(low_where.low - 200) < 60 and abs(low_where.high - 800) < 60
    together = study.sampler.infer_relative_search_space(study, study.trials[-1])
    assert set(together) == {"x", "n", "y", "low"}


@pytest.mark.parametrize(
    "strategy", [jbo.parzen, pytest.param(jbo.bayesian, marks=pytest.mark.thorough)], ids=["parzen", "bayesian"]
)
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_it_suggests_what_a_study_of_jbo_does(strategy, direction):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), direction=direction)
    study.optimize(objective, n_trials=20)
    sampler = JBOSampler(strategy=strategy, seed=5)
    together = sampler.infer_relative_search_space(study, study.trials[-1])
    assert together == DISTRIBUTIONS, "the one with a condition among them"
    same = jbo.Study(SPACE, strategy=strategy(SPACE), maximize=direction == "maximize", seed=5)
    for trial in study.trials:
        same.tell(as_ours(trial.params), trial.value)
    study.sampler = sampler
    asked = study.ask(together)
    want = same.ask().config  # without what is not there; ``fixed_distributions`` asks for all
    assert {name: value for name, value in as_ours(asked.params).items() if name in want} == pytest.approx(want)
    for name, value in asked.params.items():
        assert DISTRIBUTIONS[name]._contains(DISTRIBUTIONS[name].to_internal_repr(value))


def ended(**params):
    distributions = {"a": CategoricalDistribution([5, 6, 7]), "b": IntDistribution(1, 3), "n": IntDistribution(1, 99)}
    named = {name: distributions.get(name, FloatDistribution(0, 1)) for name in params}
    return optuna.create_trial(value=0.0, params=params, distributions=named)


def conditions(*trials):
    return integration._conditions({n: d for t in trials for n, d in t.distributions.items()}, trials)


def test_conditions_are_read_off_the_trials():
    with_x, without = ended(a=5, x=0.5, n=1), ended(a=6, n=2)
    always = {"a": None, "n": None}
    assert conditions(with_x, without) == always, "once is too little"
    assert conditions(with_x, without, ended(a=5, x=0.5, n=3), ended(a=6, n=4)) == always | {"x": ("a", [0])}
    assert conditions(with_x, with_x, without, without, ended(a=6, x=0.5, n=7)) == always, "nothing explains it"
    nested = [ended(a=5, b=1, x=0.5), ended(a=5, b=2), ended(a=7, b=2), ended(a=7, b=1, x=0.1), ended(a=6), ended(a=6)]
    assert conditions(*nested) == {"a": None, "b": ("a", [0, 2]), "x": ("b", [1])}
    unlike = [ended(a=5 + k % 2, n=k, **({"x": 0.5} if k > 10 else {})) for k in range(1, 21)]
    assert conditions(*unlike) == always, "a number that is never the same twice explains nothing"


def rows_of(study, space, distributions, trials=None, learns_cost=False):
    trials = study.get_trials() if trials is None else trials
    outcomes = integration._outcomes(study, trials)
    return integration._table(space, distributions, trials, outcomes, {}, learns_cost).rows()


def test_what_each_state_counts_with():
    space, distributions = jbo.Space(x=jbo.Real(0.0, 1.0)), {"x": FloatDistribution(0.0, 1.0)}
    study = optuna.create_study(direction="maximize")

    def add(state, value=None, x=0.5, **more):
        trial = optuna.create_trial(state=state, value=value, params={"x": x}, distributions=distributions, **more)
        study.add_trial(trial)

    state = optuna.trial.TrialState
    add(state.COMPLETE, 3.0, x=0.25)
    add(state.COMPLETE, 5.0)
    add(state.COMPLETE, 9.0)
    add(state.COMPLETE, float("inf"))
    add(state.FAIL)
    add(state.PRUNED, intermediate_values={0: 50.0, 7: 4.0})
    add(state.PRUNED, intermediate_values={0: 8.0})
    add(state.PRUNED)
    study.add_trial(optuna.create_trial(value=1.0, params={"x": 7.0}, distributions={"x": FloatDistribution(0, 9)}))
    study.add_trial(optuna.create_trial(value=1.0))
    study.enqueue_trial({"x": 0.1})
    rows = rows_of(study, space, distributions)
    n = int(np.sum(rows.status != 0))
    assert rows.status[:n].tolist() == [OK, OK, OK, FAILED, FAILED, OK, OK, FAILED]
    assert rows.y[:n, 0].tolist() == [-3.0, -5.0, -9.0, 0.0, 0.0, -4.0, -5.0, 0.0], "no pruned one beats the median"
    assert rows.is_known[:n, 0].tolist() == [status == OK for status in rows.status[:n]]
    assert rows.x[:n, 0].tolist() == [0.25] + [0.5] * 7


def test_running_trials_are_pending_before_the_objective_has_asked(tmp_path):
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal")))
    distributions = {"x": FloatDistribution(0.0, 1.0), "y": FloatDistribution(0.0, 1.0)}
    study = optuna.create_study(storage=storage, study_name="a", sampler=JBOSampler(strategy=jbo.random_search, seed=0))
    study.tell(study.ask(distributions), 1.0)
    running = study.ask()
    x = running.suggest_float("x", 0.0, 1.0)
    other = optuna.load_study(storage=storage, study_name="a")
    space = jbo.Space(x=jbo.Real(0.0, 1.0), y=jbo.Real(0.0, 1.0))
    rows = rows_of(other, space, distributions)
    assert rows.status[:3].tolist() == [OK, PENDING, 0]
    assert rows.x[1].tolist() == [x, running.suggest_float("y", 0.0, 1.0)]
    second = optuna.load_study(storage=storage, study_name="a", sampler=JBOSampler(strategy=jbo.random_search, seed=0))
    assert second.ask(distributions).params != running.params


def test_two_processes_that_ask_at_the_same_moment_are_told_different_things():
    distributions = {"x": FloatDistribution(0.0, 1.0)}
    study = optuna.create_study(sampler=JBOSampler(strategy=jbo.random_search, seed=5))
    study.tell(study.ask(distributions), 1.0)
    space = jbo.Space(x=jbo.Real(0.0, 1.0))
    same = jbo.Study(space, strategy=jbo.random_search(space), seed=5)
    same.tell(study.trials[0].params, 1.0)
    for _ in range(2):  # of other processes, which have begun and know no more
        study._storage.create_new_trial(study._study_id)
    assert study.ask(distributions).params == same.ask(3)[2].config
    study._storage.set_trial_system_attr(1, integration._SUGGESTED, {"x": 0.25})
    assert not integration._is_asking(study.get_trials(deepcopy=False)[1])


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_failed_trial_that_was_begun_again_counts_as_the_new_one():
    study = optuna.create_study(sampler=JBOSampler(seed=0))
    distributions = {"x": FloatDistribution(0.0, 1.0)}
    study.tell(study.ask(distributions), 1.0)
    study.enqueue_trial({"x": 0.25})
    lost, failed = study.ask(distributions), study.ask(distributions)
    study.tell(lost, state=optuna.trial.TrialState.FAIL)
    study.tell(failed, state=optuna.trial.TrialState.FAIL)
    optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=1)(study, study.trials[lost.number])
    again = study.ask(distributions)
    assert again.params == lost.params
    new = study.ask()
    seen = integration._others(study, study.trials[new.number])
    assert [t.number for t in seen] == [0, failed.number, again.number], "the lost one teaches nothing"
    rows = rows_of(study, jbo.Space(x=jbo.Real(0.0, 1.0)), distributions, seen)
    assert rows.status[:4].tolist() == [OK, FAILED, PENDING, 0] and rows.x[2] == 0.25


@pytest.mark.parametrize("has_ended", [False, True])
def test_what_another_process_was_told_in_the_meantime_is_not_told_again(monkeypatch, has_ended):
    distributions = {"x": FloatDistribution(0.0, 1.0)}
    study = optuna.create_study(sampler=JBOSampler(strategy=jbo.random_search, seed=5))
    study.tell(study.ask(distributions), 1.0)
    others, write = [], study._storage.set_trial_system_attr

    def write_at_once(trial_id, key, config):
        if len(others) < 2:  # twice another one reads what we read, and writes what we write, when we have read
            others.append(config)
            end = {"state": optuna.trial.TrialState.COMPLETE, "value": 0.5} if has_ended else {}
            end |= {"params": config, "distributions": distributions} if has_ended else {}
            end |= {} if has_ended else {"state": optuna.trial.TrialState.RUNNING, "system_attrs": {key: config}}
            study.add_trial(optuna.create_trial(**end))
        write(trial_id, key, config)

    monkeypatch.setattr(study._storage, "set_trial_system_attr", write_at_once)
    told = study.ask(distributions).params
    assert len(others) == 2 and others[0] != others[1] and told not in others
    same = {"x": 0.75}, {"x": 0.75}
    monkeypatch.undo()
    for config in same:  # of the user, from before: what is there already is no reason to ask again
        study.enqueue_trial(config)
        assert study.ask(distributions).params == config


def test_the_same_seed_gives_the_same_trials():
    def run(seed):
        study = optuna.create_study(sampler=JBOSampler(strategy=jbo.random_search, seed=seed))
        study.optimize(objective, n_trials=6)
        return [t.params for t in study.trials]

    assert run(1) == run(1) != run(2)
    with pytest.raises(ValueError, match="expected a seed from 0"):
        JBOSampler(seed=-1)


def test_a_sampler_that_was_kept_goes_on_the_same():
    study = optuna.create_study(sampler=JBOSampler(seed=0))
    study.optimize(objective, n_trials=2)
    kept = pickle.dumps(study.sampler)  # as Ray Tune does in the middle of a search
    asked = study.ask(DISTRIBUTIONS).params
    again = optuna.create_study(sampler=pickle.loads(kept))
    again.add_trials(study.trials[:2])
    assert again.ask(DISTRIBUTIONS).params == asked
    assert copy.deepcopy(study.sampler)._seed == 0


def test_pruners():
    study = optuna.create_study(
        sampler=JBOSampler(strategy=jbo.parzen, seed=0), pruner=optuna.pruners.MedianPruner(n_startup_trials=2)
    )

    def pruned(trial):
        x = trial.suggest_float("x", -1, 1)
        for step in range(3):
            trial.report((x - 0.3) ** 2 + 1 / (step + 1), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return (x - 0.3) ** 2

    study.optimize(pruned, n_trials=16)
    states = [t.state.name for t in study.trials]
    assert set(states) == {"COMPLETE", "PRUNED"} and study.best_value < 0.05


# Several objectives, and constraints.

OUTCOMES = [
    jbo.Minimize("value 0"),
    jbo.Maximize("value 1"),
    jbo.AtMost("constraint 0", 0.0),
    jbo.AtMost("constraint 1", 0.0),
]


def several(trial):
    first = objective(trial)
    trial.set_user_attr("constraints", [trial.params["rate"] - 0.05, 3.0 - trial.params["layers"]])
    return first, trial.params["rate"] * trial.params["layers"]


def by_attribute(trial):
    return trial.user_attrs["constraints"]


def searched(sampler, set_by_trial=False):
    """Twenty random trials with two objectives and two constraints, at whose ends the sampler is called."""
    random = optuna.samplers.RandomSampler(seed=0)
    random.after_trial = sampler.after_trial
    study = optuna.create_study(sampler=random, directions=["minimize", "maximize"])
    for _ in range(20):
        trial = study.ask()
        values = several(trial)
        for number, value in enumerate(trial.user_attrs["constraints"] if set_by_trial else []):
            trial.set_constraint(str(number), value)
        study.tell(trial, values)
    study.sampler = sampler
    return study


@pytest.mark.parametrize(
    "strategy", [jbo.parzen, pytest.param(jbo.bayesian, marks=pytest.mark.thorough)], ids=["parzen", "bayesian"]
)
def test_several_objectives_and_constraints_are_those_of_a_study_of_jbo(strategy):
    sampler = JBOSampler(strategy=strategy, seed=5, constraints_func=by_attribute)
    study = searched(sampler)
    same = jbo.Study(SPACE, strategy=strategy(SPACE), outcomes=OUTCOMES, seed=5)
    for trial in study.trials:
        values = dict(zip(["value 0", "value 1"], trial.values, strict=True))
        values |= {f"constraint {number}": value for number, value in trial.constraints.items()}
        same.tell(as_ours(trial.params), values)
    assert {t.number for t in study.best_trials} == {t.number for t in same.pareto}
    together = sampler.infer_relative_search_space(study, study.trials[-1])
    asked = study.ask(together)
    want = same.ask().config
    assert {name: value for name, value in as_ours(asked.params).items() if name in want} == pytest.approx(want)
    by_trial = searched(JBOSampler(strategy=strategy, seed=5), set_by_trial=True)
    assert [t.constraints for t in by_trial.trials] == [t.constraints for t in study.trials[:20]]
    assert by_trial.ask(together).params == asked.params


def test_what_each_state_counts_with_under_constraints():
    space, distributions = jbo.Space(x=jbo.Real(0.0, 1.0)), {"x": FloatDistribution(0.0, 1.0)}
    study = optuna.create_study(directions=["minimize", "maximize"])
    state = optuna.trial.TrialState

    def add(state, values=None, **more):
        trial = optuna.create_trial(state=state, values=values, params={"x": 0.5}, distributions=distributions, **more)
        study.add_trial(trial)

    add(state.COMPLETE, [1.0, 2.0], constraints={"b": -1.0, "a": 3.0})
    add(state.COMPLETE, [1.0, 2.0], constraints={"b": 0.0})
    add(state.COMPLETE, [1.0, 2.0])
    add(state.COMPLETE, [1.0, float("inf")], constraints={"a": -1.0, "b": -1.0})
    add(state.COMPLETE, [1.0, 2.0], constraints={"a": -float("inf"), "b": -1.0})
    add(state.PRUNED, constraints={"a": 5.0})
    add(state.PRUNED, constraints={"a": -5.0})
    add(state.PRUNED, intermediate_values={0: 1.0})
    add(state.FAIL, constraints={"a": 5.0})
    add(state.RUNNING, constraints={"a": 5.0, "c": 1.0})
    rows = rows_of(study, space, distributions)
    assert rows.layout == jbo.types.Layout(num_objectives=2, num_limits=2), "c is of no trial that has ended"
    assert rows.status[:10].tolist() == [OK, OK, OK, FAILED, FAILED, OK, FAILED, FAILED, FAILED, PENDING]
    assert rows.y[:3].tolist() == [[1.0, -2.0, 3.0, -1.0], [1.0, -2.0, 0.0, 0.0], [1.0, -2.0, 0.0, 0.0]]
    assert rows.is_known[:3].tolist() == [[True] * 4, [True, True, False, True], [True, True, False, False]]
    assert rows.y[5].tolist() == [0.0, 0.0, 5.0, 0.0] and rows.is_known[5].tolist() == [False, False, True, False]
    assert not rows.is_known[[3, 4, 6, 7, 8, 9]].any()
    of_one = optuna.create_study()
    of_one.add_trial(study.trials[5])
    of_one.add_trial(
        optuna.create_trial(
            state=state.PRUNED, intermediate_values={0: 7.0}, params={"x": 0.5}, distributions=distributions,
            constraints={"a": -2.0},
        )
    )  # fmt: skip
    rows = rows_of(of_one, space, distributions)
    assert rows.y[:2].tolist() == [[0.0, 5.0], [7.0, -2.0]]
    assert rows.is_known[:2].tolist() == [[False, True], [True, True]]


def test_a_strategy_that_learns_the_cost_is_told_the_seconds():
    space, distributions = jbo.Space(x=jbo.Real(0.0, 1.0)), {"x": FloatDistribution(0.0, 1.0)}
    study = optuna.create_study()
    ended = optuna.create_trial(value=1.0, params={"x": 0.5}, distributions=distributions)
    ended.datetime_complete = ended.datetime_start + datetime.timedelta(seconds=2.5)
    rows = rows_of(study, space, distributions, [ended], learns_cost=True)
    assert rows.layout.has_cost and rows.y[0].tolist() == [1.0, 2.5]


def test_constraints_of_a_function():
    study = optuna.create_study(
        sampler=JBOSampler(strategy=jbo.random_search, seed=0, constraints_func=lambda trial: (trial.params["x"], -1.0))
    )
    state = optuna.trial.TrialState
    distributions = {"x": FloatDistribution(-1.0, 1.0)}
    for ends in (state.COMPLETE, state.PRUNED, state.FAIL):
        study.tell(study.ask(distributions), 1.0 if ends == state.COMPLETE else None, state=ends)
    complete, pruned, failed = study.trials
    assert complete.constraints == {"0": complete.params["x"], "1": -1.0}
    assert pruned.constraints == {"0": pruned.params["x"], "1": -1.0}
    assert failed.constraints == {}
    study.sampler = JBOSampler(strategy=jbo.random_search, seed=0, constraints_func=lambda trial: [float("nan")])
    with pytest.raises(ValueError, match="NaN"):
        study.optimize(lambda trial: trial.suggest_float("x", -1.0, 1.0), n_trials=1)


def test_a_strategy_of_one_objective_says_so():
    study = optuna.create_study(
        directions=["minimize", "maximize"], sampler=JBOSampler(strategy=jbo.trust_region, seed=0)
    )
    with pytest.raises(ValueError, match=r"strategy: expected a strategy for several objectives.*jbo.trust_region"):
        study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 0.0), n_trials=2)
