"""Tuning for several objectives within limits at a tiny size: what is measured, written, shown and used afterwards."""

import json
from dataclasses import replace

import jax
import numpy as np
import pytest

import jbo
from architectures.data.digits import digits
from architectures.training import predict
from experiments import cnn
from experiments.front import MEASURES, model_of_trial, outcomes_of, tune_front
from experiments.predict import main as use
from experiments.task import SEARCH_SEED
from experiments.tune import main
from jbo.study import read_study

SMALL = {"num_blocks": 1, "kernel_size": 3}
TINY = replace(cnn.TASK, small=cnn.TASK.small.fix(**SMALL), default=cnn.DEFAULT | SMALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four widths, of which one or two are too large; the folder and the summary."""
    out = tmp_path_factory.mktemp("front") / "made"
    outcomes = outcomes_of(("error", "loss"), ("parameters=30000",))
    return out, tune_front("cnn", TINY, outcomes, num_trials=6, seed=3, out=out, num_epochs=1)


def test_the_outcomes_are_those_that_were_named():
    assert outcomes_of(("error", "latency"), ("parameters=20000",)) == [
        jbo.Minimize("error"), jbo.Minimize("latency"), jbo.AtMost("parameters", 20000.0),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="--objectives: expected names of .*, got 'size'"):
        outcomes_of(("size",), ())
    for wrong in ("parameters", "parameters=many", "size=3"):
        with pytest.raises(ValueError, match=f"--at-most: expected NAME=NUMBER .*, got '{wrong}'"):
            outcomes_of(("loss",), (wrong,))
    with pytest.raises(ValueError, match="each measure once"):
        outcomes_of(("loss",), ("loss=3",))


def test_objectives_stand_beside_no_population(tmp_path):
    with pytest.raises(ValueError, match="expected none beside --population"):
        main("cnn", objectives=("error",), population=4, out=tmp_path)


@pytest.mark.thorough
def test_each_measure_is_that_of_the_network():
    trained = TINY.train(TINY.default, 1, "validation", SEARCH_SEED)
    found = {name: measure(TINY, trained) for name, measure in MEASURES.items()}
    shown = TINY.examples.validation
    logits = predict(trained.structure, trained.result.params, shown.inputs, trained.config.activation)
    wrong = np.asarray(logits).argmax(-1) != np.asarray(shown.targets)
    assert found["error"] == pytest.approx(wrong.mean(), abs=1e-6)
    assert found["loss"] == pytest.approx(float(trained.result.cross_entropy))
    assert found["parameters"] == sum(leaf.size for leaf in jax.tree.leaves(trained.result.params))
    assert 0 < found["latency"] < 1e4


@pytest.mark.thorough
def test_the_folder_has_the_front(folder):
    out, summary = folder
    assert json.loads((out / "summary.json").read_text()) == summary
    study = read_study(out / "study.db")
    assert [each["trial"] for each in summary["front"]] == [
        trial.number for trial in sorted(study.pareto, key=lambda trial: trial.values["error"])
    ]
    assert all(each["values"]["parameters"] <= 30000 for each in summary["front"])
    assert summary["num_trials"] == 6 and summary["hypervolume"] >= 0
    assert (out / "front.png").stat().st_size > 5000
    assert "Front" in (out / "report.html").read_text()
    with pytest.raises(ValueError, match="choose another folder"):
        tune_front("cnn", TINY, outcomes_of(("loss",), ()), 6, 3, out, 1)


@pytest.mark.thorough
def test_the_network_of_a_trial_that_is_named(folder, capsys):
    out, summary = folder
    number = summary["front"][0]["trial"]
    use(out, ("0", "1"), trial=number)
    assert len(capsys.readouterr().out.splitlines()) == 2
    name, task, trained = model_of_trial(out, number)
    expected = TINY.test(summary["front"][0]["config"], 1)[1]
    images = digits().test.inputs[:3]
    np.testing.assert_array_equal(
        predict(trained.structure, trained.result.params, images, trained.config.activation),
        predict(expected.structure, expected.result.params, images, expected.config.activation),
    )
    assert name == "cnn" and task is cnn.TASK
    with pytest.raises(SystemExit, match="--trial: expected a number below 6, got 17"):
        use(out, ("0",), trial=17)
