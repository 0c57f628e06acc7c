"""What trials trade and which limit binds, by values that are known by hand."""

import numpy as np
import pytest

import jbo
from jbo.diagnostics import hypervolume, limit_in_words, limits, tradeoff, why_infeasible
from jbo.study import read_study
from tests.study.measured import FRONT, OUTCOMES, VOLUMES, made


@pytest.fixture(scope="module")
def study():
    with made() as study:
        yield study


def test_the_tradeoff_has_the_front_and_what_is_feasible(study):
    found = tradeoff(study)
    assert (found.names, found.is_better_high) == (("loss", "score"), (False, True))
    assert [trial.number for trial in found.trials] == [0, 1, 2, 3, 4, 5, 7, 8]
    assert [t.number for t, is_front in zip(found.trials, found.is_front, strict=True) if is_front] == FRONT
    assert [t.number for t, holds in zip(found.trials, found.is_feasible, strict=True) if holds] == [0, 1, 2, 7]
    np.testing.assert_array_equal(found.values[0], [4, 5])
    assert found.reference == {"loss": 10.0, "score": 0.0}


def test_the_staircase_goes_from_reference_to_reference(study):
    found = tradeoff(study)
    corners = [(2, 0), (2, 3), (4, 3), (4, 5), (6, 5), (6, 8), (10, 8)]
    np.testing.assert_array_equal(found.staircase(0, 1), corners)
    # With the axes exchanged it is the same edge from its other end.
    np.testing.assert_array_equal(found.staircase(1, 0), [corner[::-1] for corner in corners[::-1]])
    beyond = found._replace(reference={"loss": 1.0, "score": 20.0})
    assert beyond.staircase(0, 1).shape == (0, 2)
    only_one = found._replace(reference={"loss": 5.0, "score": 0.0})
    np.testing.assert_array_equal(only_one.staircase(0, 1), [*corners[:4], (5, 5)])


def test_the_volume_after_each_trial(study):
    found = hypervolume(study)
    np.testing.assert_allclose(found.so_far, VOLUMES)
    np.testing.assert_array_equal(found.numbers, np.arange(9))
    assert found.reference == {"loss": 10.0, "score": 0.0}


def test_a_file_says_the_same(study, tmp_path):
    made(tmp_path / "study.db").close()
    read = read_study(tmp_path / "study.db")
    np.testing.assert_array_equal(hypervolume(read).so_far, hypervolume(study).so_far)
    np.testing.assert_array_equal(tradeoff(read).values, tradeoff(study).values)
    assert [str(use) for use in limits(read)] == [str(use) for use in limits(study)]


def test_which_limit_binds(study):
    memory, speed = limits(study)
    assert (memory.num_trials, memory.num_broken, memory.num_alone, memory.binds) == (7, 2, 1, True)
    assert (speed.num_trials, speed.num_broken, speed.num_alone, speed.binds) == (8, 2, 1, False)
    assert memory.nearest.number == 7 and speed.nearest.number in (0, 1)
    assert str(memory) == (
        "memory ≤ 8 binds: without it trial 3 would be among the best. "
        "2 of 7 trials break it, and 1 break it alone. The nearest of the best trials, 7, has 7.9."
    )
    assert str(speed).startswith("speed ≥ 1 does not bind: no trial that breaks it alone would be among the best. ")


def test_limits_while_nothing_is_feasible():
    with jbo.Study(jbo.Space(x=jbo.Real(0, 1)), outcomes=[jbo.Minimize("a"), jbo.AtMost("b", 1.0)], seed=0) as study:
        (use,) = limits(study)
        assert (use.num_trials, use.num_broken, use.nearest, use.binds) == (0, 0, None, False)
        study.tell({"x": 0.5}, {"a": 1.0, "b": 3.0})
        assert str(limits(study)[0]) == (
            "b ≤ 1 binds: without it trial 0 would be among the best. "
            "1 of 1 trials break it, and 1 break it alone. No trial is feasible."
        )
        study.tell({"x": 0.6}, {"a": 1.0, "b": 1.0})
        assert not limits(study)[0].binds, "an equal trial is feasible"
        for i in range(4):
            study.tell({"x": 0.1 * i}, {"a": 0.5, "b": 3.0})
        assert "trials 2, 3, 4 and 1 more would be" in str(limits(study)[0])
        study.tell({"x": 0.95}, {"a": 0.4, "b": 2.0})
        assert [trial.number for trial in limits(study)[0].gained] == [6]


def test_why_a_trial_is_infeasible(study):
    said = [why_infeasible(trial, OUTCOMES) for trial in study.trials]
    assert said == [
        "Trial 0 is feasible: all limits hold; the nearest is memory ≤ 8, and memory is 4.",
        "Trial 1 is feasible: all limits hold; the nearest is memory ≤ 8, and memory is 5.",
        "Trial 2 is feasible: all limits hold; the nearest is memory ≤ 8, and memory is 5.",
        "Trial 3 is infeasible: memory is 9.2, above its limit of 8 by 1.2 (15 %).",
        "Trial 4 is infeasible: memory is 9, above its limit of 8 by 1 (12 %); "
        "speed is 0.5, below its limit of 1 by 0.5 (50 %).",
        "Trial 5 is infeasible: speed is 0.8, below its limit of 1 by 0.2 (20 %).",
        "Trial 6 has failed (no <memory>), so its limits are not known.",
        "Trial 7 is feasible: all limits hold; the nearest is memory ≤ 8, and memory is 7.9.",
        "Trial 8 may be infeasible: it has no value of memory.",
        "Trial 9 has not ended, so nobody knows whether it is feasible.",
    ]


def test_why_with_one_limit_or_none(study):
    first, infeasible = study.trials[0], study.trials[3]
    one = [jbo.Minimize("loss"), jbo.AtMost("memory", 8.0)]
    assert why_infeasible(first, one) == "Trial 0 is feasible: its limit holds, memory ≤ 8, and memory is 4."
    assert why_infeasible(first, one[:1]) == "Trial 0 is feasible: the study has no limits."
    zero = [jbo.Minimize("loss"), jbo.AtMost("memory", 0.0)]
    assert why_infeasible(infeasible, zero) == "Trial 3 is infeasible: memory is 9.2, above its limit of 0 by 9.2."
    assert limit_in_words(zero[1]) == "memory ≤ 0"
    many = [jbo.Minimize("loss"), jbo.AtMost("memory", 20000.0)]
    assert limit_in_words(many[1]) == "memory ≤ 20000", "thousands are written out"


def test_without_a_trial_there_is_nothing():
    with jbo.Study(jbo.Space(x=jbo.Real(0, 1)), outcomes=OUTCOMES, seed=0) as study:
        with pytest.raises(ValueError, match="at least one trial that ended, got none"):
            hypervolume(study)
        with pytest.raises(ValueError, match=r"values of \['loss', 'score'\], got none"):
            tradeoff(study)
        study.tell({"x": 0.5}, {"loss": 1.0, "score": 2.0, "memory": 9.0, "speed": 2.0})
        assert hypervolume(study).so_far.tolist() == [0.0]
        assert tradeoff(study).staircase(0, 1).shape == (0, 2)
