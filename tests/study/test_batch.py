"""Several configurations given to the objective at once."""

import numpy as np
import pytest

import jbo

SPACE = jbo.Space(x=jbo.Real(0, 1), n=jbo.Integer(1, 6))


def value(config):
    return (config["x"] - 0.3) ** 2 + 0.1 * config["n"]


def test_the_objective_gets_lists_and_every_trial_its_own_value(make):
    sizes = []

    def objective(configs):
        sizes.append(len(configs))
        return np.array([config["x"] + config["n"] for config in configs])

    study = make()
    study.optimize(objective, 10, batch=4)
    assert sizes == [4, 4, 2]
    assert [trial.value for trial in study.trials] == [t.config["x"] + t.config["n"] for t in study.trials]


@pytest.mark.thorough
def test_a_batch_is_asked_for_in_the_knowledge_of_its_own(tmp_path):
    """The same trials as by `ask` and `tell`, four at a time; and a batch in which no point comes twice."""
    batches = []

    def objective(configs):
        batches.append([(config["x"], config["n"]) for config in configs])
        return list(map(value, configs))

    with jbo.Study(SPACE, seed=3) as study, jbo.Study(SPACE, seed=3) as by_hand:
        study.optimize(objective, 12, batch=4)
        for _ in range(3):
            trials = [by_hand.ask() for _ in range(4)]
            for trial in trials:
                by_hand.tell(trial, value(trial.config))
        assert [t.config for t in study.trials] == [t.config for t in by_hand.trials]
    assert all(len(set(batch)) == 4 for batch in batches)


def test_one_bad_number_is_one_failed_trial_and_an_exception_fails_the_batch(make):
    def objective(configs):
        if len(calls := made) == 2:
            raise RuntimeError("out of memory")
        calls.append(configs)
        return [float("nan"), *[1.0] * (len(configs) - 1)]

    made = []
    study = make()
    study.optimize(objective, 9, batch=3)
    assert [trial.status for trial in study.trials] == ["failed", "ok", "ok"] * 2 + ["failed"] * 3
    assert all("out of memory" in trial.failure for trial in study.trials[6:])


@pytest.mark.parametrize(
    "answer, message", [([1.0], "a list of 3 numbers, got one of 1"), (1.0, "a list of 3 numbers, got 1.0")]
)
def test_an_answer_that_is_no_list_of_as_many_numbers_is_told_at_once(make, answer, message):
    study = make()
    with pytest.raises(TypeError, match=message):
        study.optimize(lambda configs: answer, 6, batch=3)
    assert len(study.trials) == 3


@pytest.mark.parametrize("other", [dict(workers=2), dict(timeout=1.0)])
def test_a_batch_beside_other_ways_to_run_is_refused(make, other):
    with pytest.raises(ValueError, match="batch: expected None with workers, an executor or a timeout"):
        make().optimize(lambda configs: [1.0], 2, batch=2, **other)
    with pytest.raises(ValueError, match="batch: expected at least 1, got 0"):
        make().optimize(lambda configs: [1.0], 2, batch=0)
