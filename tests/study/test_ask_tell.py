import dataclasses
import math
import time
from collections import Counter

import jax.numpy as jnp
import numpy as np
import pytest

from jbo.space import Categorical, Integer, Real, Space
from jbo.study import SpaceExhausted, Study, Trial

CONFIG = {"x": 0.25, "n": 2, "c": "a", "m": 1.5}


@pytest.fixture(params=["file", "memory"])
def study(request, make, tmp_path):
    return make(path=tmp_path / "a.db" if request.param == "file" else None)


def test_ask(study, space):
    before = time.time()
    trial = study.ask()
    assert (trial.number, trial.status, trial.value, trial.failure, trial.ended_at) == (0, "pending", None, None, None)
    assert before <= trial.started_at <= time.time()
    assert {name: type(value) for name, value in trial.config.items() if name != "m"} == {
        "x": float,
        "n": int,
        "c": str,
    }
    np.testing.assert_array_equal(space.validate(trial.config), trial.config)
    assert study.trials == [trial]
    assert [study.ask().number for _ in range(3)] == [1, 2, 3]


def test_many_at_once_are_the_same_as_one_after_another(make, study, outcome):
    one_by_one = make()
    assert outcome(study.ask(5)) == outcome([one_by_one.ask() for _ in range(5)])
    assert study.ask(0) == []
    assert [t.number for t in study.ask(1)] == [5]


def test_tell(study):
    trial = study.ask()
    done = study.tell(trial, 0.5)
    assert (done.number, done.config, done.status, done.value, done.failure) == (0, trial.config, "ok", 0.5, None)
    assert trial.started_at == done.started_at <= done.ended_at
    assert study.trials == [done]
    assert trial.status == "pending", "what was asked does not change under the user's hands"
    with pytest.raises(dataclasses.FrozenInstanceError):
        done.value = 1.0


@pytest.mark.parametrize("value", [2, np.float32(2), np.array(2), jnp.asarray(2.0), np.int8(2)], ids=repr)
def test_every_number_counts(study, value):
    stored = study.tell(study.ask(), value).value
    assert type(stored) is float and stored == 2.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, jnp.asarray(jnp.nan), np.float32("inf")], ids=repr)
def test_values_that_are_not_finite_fail(study, value):
    done = study.tell(study.ask(), value)
    assert (done.status, done.value, done.failure) == ("failed", None, f"the value is {float(value)}, not finite")
    with pytest.raises(ValueError, match="no trial has succeeded"):
        _ = study.best


@pytest.mark.parametrize("value", [None, True, "0.5", [0.5], np.ones(2), 1j], ids=repr)
def test_no_number_is_refused_and_the_trial_goes_on(study, value):
    trial = study.ask()
    with pytest.raises(TypeError, match="value: expected a number, got"):
        study.tell(trial, value)
    assert study.trials == [trial]
    study.tell(trial, 0.5)


def test_failed(study):
    done = study.tell(study.ask(), failed="out of memory")
    assert (done.status, done.value, done.failure) == ("failed", None, "out of memory")
    strange = "lone \ud800, NUL \0, quotes \"'; DROP TABLE trials"
    kept = study.tell(study.ask(), failed=strange).failure
    assert kept == strange.replace("\ud800", "\\ud800") == study.trials[1].failure


def test_either_a_value_or_a_failure(study):
    trial = study.ask()
    with pytest.raises(TypeError, match="value, failed: expected one of the two, got both: 0.5 and failed='why'"):
        study.tell(trial, 0.5, failed="why")
    with pytest.raises(TypeError, match="value: expected a number, got None"):
        study.tell(trial)


def test_telling_twice_names_both(study):
    first, second = study.ask(2)
    study.tell(first, 0.5)
    with pytest.raises(ValueError, match="^trial: expected one result for trial 0, got 0.7 after 0.5"):
        study.tell(first, 0.7)
    study.tell(second, failed="why")
    with pytest.raises(ValueError, match="expected one result for trial 1, got failed='again' after failed='why'"):
        study.tell(second, failed="again")
    assert [t.value for t in study.trials] == [0.5, None]


def test_a_result_of_ones_own(study, make, outcome):
    assert study.ask().number == 0
    done = study.tell(CONFIG, 0.5)
    assert outcome([done]) == [(1, CONFIG, "ok", 0.5, None)]
    assert outcome([study.tell(CONFIG, failed="why")]) == [(2, CONFIG, "failed", None, "why")]
    assert study.ask().number == 3


def test_configs_are_validated(study):
    for bad, word in [
        (CONFIG | {"x": 2.0}, "x: expected .* got 2.0"),
        (CONFIG | {"y": 0}, "y: expected .* unknown"),
        ({"x": 0.5}, "n: expected .* got none"),
        (CONFIG | {"c": "b"}, "m: expected to be absent"),
        (CONFIG | {"x": math.nan}, "x: expected .* got nan"),
    ]:
        with pytest.raises(ValueError, match=word):
            study.tell(bad, 0.5)
        with pytest.raises(ValueError, match=word):
            study.enqueue(bad)
    assert study.trials == []


def test_configs_become_plain_python(study):
    done = study.tell({"m": np.float64(1.5), "c": np.str_("a"), "n": np.int32(2), "x": np.float32(0.25)}, 0.5)
    assert repr(done.config) == repr(CONFIG)


def test_a_trial_of_another_study_is_refused(study, make):
    trial, ours = make().ask(), study.ask().study_id
    words = f"trial 0 is of study {trial.study_id}, expected one of this study, {ours}"
    with pytest.raises(ValueError, match=words):
        study.tell(trial, 0.5)
    ghost = dataclasses.replace(study.ask(), number=17)
    with pytest.raises(ValueError, match="there is no trial 17 in <Study"):
        study.tell(ghost, 0.5)


def test_enqueued_come_first_and_once(study):
    second = CONFIG | {"n": 3}
    assert study.enqueue(CONFIG) and study.enqueue(second)
    assert not study.enqueue(dict(reversed(CONFIG.items()))), "the same in another order"
    trials = study.ask(3)
    assert [t.config for t in trials[:2]] == [CONFIG, second]
    assert trials[2].config not in (CONFIG, second)
    assert not study.enqueue(CONFIG)
    assert study.ask().number == 3


def test_best_and_trajectory(make):
    values = [None, 3.0, 1.0, None, 2.0, 1.0, 4.0]
    for maximize, best, so_far in [
        (False, 2, [math.nan, 3, 1, 1, 1, 1, 1]),
        (True, 6, [math.nan, 3, 3, 3, 3, 3, 4]),
    ]:
        study = make(maximize=maximize)
        with pytest.raises(ValueError, match="no trial has succeeded, so none is best: <Study"):
            _ = study.best
        with pytest.raises(ValueError, match="no trial has succeeded, so none can be recommended: <Study"):
            _ = study.recommended
        assert [a.shape for a in study.trajectory] == [(0,), (0,)]
        for trial, value in zip(study.ask(7), values, strict=True):
            study.tell(trial, value) if value is not None else study.tell(trial, failed="why")
        study.ask()
        assert (study.best.number, study.best.value) == (best, values[best])
        assert study.recommended == study.best, "without a model"
        told, best_so_far = study.trajectory
        np.testing.assert_array_equal(told, [math.nan if v is None else v for v in values])
        np.testing.assert_array_equal(best_so_far, so_far)
        assert told.dtype == best_so_far.dtype == np.float64


def test_nobody_changes_the_study_through_a_trial(study):
    trial = study.ask()
    for given in [trial, study.trials[0], study.tell(trial, 0.5), study.best, study.recommended]:
        given.config.clear()
    assert study.trials[0].config == study.best.config != {}
    assert len({trial, study.trials[0]}) == 2, "trials can be keys"


def test_exhausted(make, draws):
    space = Space(n=Integer(1, 2), c=Categorical("a", "b"), m=Integer(1, 2, when=("c", "a")))
    study = make(space, strategy=draws(space.encoding))
    for config in list(space.configs())[1:]:
        study.tell(config, 1.0)
    assert space.num_configs == 6
    study.tell({"n": 2, "c": "b"}, 1.0)
    assert study.ask().number == 6, "the sixth trial repeats a configuration, one is left"
    study.tell(next(space.configs()), 1.0)
    with pytest.raises(SpaceExhausted, match="nothing new to try: 8 trials cover"):
        study.ask()
    with pytest.raises(SpaceExhausted):
        study.ask(2)
    study.enqueue({"n": 1, "c": "b"})
    assert study.ask().config == {"n": 1, "c": "b"}, "what is enqueued is tried all the same"


def test_a_strategy_that_has_nothing_new(make, draws, space):
    study = make(strategy=draws(space.encoding, num_new=3))
    assert [t.number for t in study.ask(5)] == [0, 1, 2]
    with pytest.raises(SpaceExhausted):
        study.ask(5)


def test_seed(make, outcome):
    same, again, other, none, nothing = make(seed=5), make(seed=5), make(seed=6), make(seed=None), make(seed=None)
    asked = [outcome(study.ask(3)) for study in (same, again, other, none, nothing)]
    assert asked[0] == asked[1]
    assert all(asked[0] != a for a in asked[2:]) and asked[3] != asked[4]
    assert same.seed == 5 and 0 <= none.seed < 2**32 and none.seed != nothing.seed
    assert outcome(make(seed=none.seed).ask(3)) == asked[3]
    assert outcome(make(seed=2**32 + 5).ask(3)) != asked[0], "all 64 bits count"
    assert make(seed=np.int64(5)).seed == 5
    for bad in (-1, 2**63, True):
        with pytest.raises(ValueError, match=f"expected a seed from 0 to 2\\*\\*63 - 1, got {bad}"):
            make(seed=bad)


def test_repr(make, tmp_path):
    study = make(maximize=True, seed=3)
    assert repr(study) == "<Study in memory: maximize, seed 3, trials: none>"
    study.tell(study.ask(), 0.5)
    study.tell(study.ask(), failed="why")
    study.ask()
    assert repr(study) == "<Study in memory: maximize, seed 3, trials: 1 ok, 1 failed, 1 pending, best: 0.5 (trial 0)>"
    assert repr(make(path=tmp_path / "a.db")).startswith(f"<Study {tmp_path}/a.db: minimize, seed 0")


def test_closed(study):
    with study as same:
        assert same is study
        study.ask()
    study.close()
    for use in (study.ask, lambda: study.trials, lambda: study.tell(CONFIG, 1.0), lambda: study.enqueue(CONFIG)):
        with pytest.raises(ValueError, match="the study is closed"):
            use()
    assert repr(study).endswith("(closed): minimize, seed 0, trials: 1 pending>")


def test_only_keywords_after_the_space(space, draws):
    with pytest.raises(TypeError):
        Study(space, draws(space.encoding))


def test_fields_of_a_trial():
    assert [f.name for f in dataclasses.fields(Trial)] == [
        "number", "config", "status", "value", "started_at", "ended_at", "failure", "study_id",
        "intermediate_values", "cost", "noise", "values", "noises", "is_feasible", "reported",
    ]  # fmt: skip


def test_names_that_are_no_identifiers(make, draws):
    space = Space({"svm.C": Real(0.1, 10.0, log=True), 'a "b"; --': Integer(1, 3)})
    study = make(space, strategy=draws(space.encoding))
    trial = study.ask()
    assert study.trials == [trial]
    assert list(study.trials[0].config) == ["svm.C", 'a "b"; --']


def test_choices_keep_their_types(make, draws, tmp_path):
    space = Space(c=Categorical(None, True, 1, 1.5, "1", (3, 4)))
    study = make(space, strategy=draws(space.encoding), path=tmp_path / "a.db")
    for config in space.configs():
        study.tell(config, 1.0)
    again = make(space, strategy=draws(space.encoding), path=tmp_path / "a.db")
    assert repr([t.config["c"] for t in again.trials]) == "[None, True, 1, 1.5, '1', (3, 4)]"


def test_a_configuration_is_validated_and_encoded_once(study, monkeypatch, loss):
    """From where it enters to the file and to the table of the model; in another process once more."""
    calls = Counter()

    def counted(name):
        real = getattr(Space, name)

        def method(self, config):
            calls[name, repr(sorted(config.items()))] += 1
            return real(self, config)

        monkeypatch.setattr(Space, name, method)

    counted("validate"), counted("encode_valid"), counted("encode")
    queued = {"x": 0.5, "n": 2, "c": "a", "m": 1.0}
    study.enqueue(queued), study.tell({"x": 0.25, "n": 1, "c": "b"}, 0.5)
    asked = study.ask(3)
    study.report(asked[1], 0, 2.0)
    study.tell(asked[1], stopped=True)
    study.tell(asked[2], 1.0)
    study.optimize(loss, 6, progress=False)
    assert asked[0].config == queued and len(study.trials) == 7 and study.best and study.recommended
    configs = [repr(sorted(trial.config.items())) for trial in study.trials]
    assert calls == {(name, config): 1 for name in ("validate", "encode_valid") for config in configs}
