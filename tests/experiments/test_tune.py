"""The experiment at a tiny size from end to end, twice: what it writes, and that the second call goes on."""

import json
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
import tyro

import jbo
from architectures.data.digits import digits
from architectures.training import predict
from experiments import cnn
from experiments.model import load_model
from experiments.predict import classify_images
from experiments.task import NUM_REPORTS
from experiments.tune import cluster_at, main, tune

FIXED = {"num_blocks": 1, "width": 16, "kernel_size": 3}  # one structure, so one program
TINY = replace(cnn.TASK, space=cnn.SPACE.fix(**FIXED), default=cnn.DEFAULT | FIXED)


@pytest.fixture(scope="module", autouse=True)
def without_a_model():
    """Pages without their section on the model, whose programs take most of the time; `tests/report` looks at it."""

    def refuse(study):
        raise ValueError("not in these tests")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jbo.report._page.view_model", refuse)
        yield


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """The folder, and the summaries of a call with 3 trials and of one with 5."""
    out = tmp_path_factory.mktemp("tune") / "made"
    first = tune("cnn", TINY, num_trials=3, seed=7, out=out, num_epochs=1)
    return out, first, tune("cnn", TINY, num_trials=5, seed=7, out=out, num_epochs=1)


@pytest.mark.thorough
def test_the_second_call_goes_on_where_the_first_ended(calls):
    out, first, second = calls
    assert (first["num_trials"], first["num_new_trials"]) == (3, 3)
    assert (second["num_trials"], second["num_new_trials"]) == (5, 2)
    assert second["best_value"] <= first["best_value"]
    assert json.loads((out / "summary.json").read_text()) == second


def test_the_summary_tells_what_is_in_the_study(calls):
    out, _, summary = calls
    with jbo.Study(TINY.space, path=out / "study.db") as study:
        assert study.seed == summary["seed"] == 7
        assert (study.best.value, study.best.config) == (summary["best_value"], summary["best_config"])
        assert study.recommended.config == summary["recommended_config"]
        assert study.trials[0].config == TINY.default and study.trials[0].value == summary["default_value"]
        ran = sum(trial.ended_at - trial.started_at for trial in study.trials[3:])
    assert 0 < summary["seconds_objective"] <= ran + 0.05
    assert summary["seconds_suggest"] > 0
    assert {"jax", "jbo", "python", "flax"} <= summary["versions"].keys()


def test_the_metrics_are_those_of_the_recommended_and_of_the_default_configuration(calls):
    summary = calls[2]
    recommended, default = summary["recommended_config"], summary["default_config"]
    assert summary["validation_metric"] == TINY.validate(recommended, 1).metric
    assert summary["recommended_value"] == TINY.validate(recommended, 1).loss
    assert summary["test_metric"] == TINY.test(recommended, 1)[0].metric
    assert summary["default_validation_metric"] == TINY.validate(default, 1).metric
    assert summary["default_test_metric"] == TINY.test(default, 1)[0].metric


def test_the_picture_has_the_trials_and_the_best_so_far_in_it(calls):
    path = calls[0] / "trajectory.png"
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    pixels = matplotlib.image.imread(path)[..., :3]
    assert pixels.shape == (600, 1050, 3)
    for colour in ((0xD5, 0x5E, 0x00), (0x00, 0x9E, 0x73)):  # the line and the ring are opaque
        assert (np.abs(pixels - np.array(colour) / 255).max(axis=-1) < 0.02).sum() > 50


def test_the_page_has_the_trials_of_the_study_in_it(calls):
    out, _, summary = calls
    text = (out / "report.html").read_text()
    assert f"{summary['best_value']:.6g}" in text and repr(summary["best_config"]["learning_rate"]) in text
    assert text.count('<tr class="ok">') == 5


def test_runs_tell_their_losses(calls):
    with jbo.Study(TINY.space, path=calls[0] / "study.db") as study:
        for trial in study.trials:
            assert trial.status == "ok" and list(trial.intermediate_values) == list(range(1, NUM_REPORTS))


@pytest.mark.thorough
def test_runs_that_fall_behind_can_be_stopped(tmp_path):
    summary = tune("cnn", TINY, num_trials=9, seed=7, out=tmp_path, num_epochs=1, stop_early=True)
    with jbo.Study(TINY.space, path=tmp_path / "study.db") as study:
        stopped = [trial for trial in study.trials if trial.status == "stopped"]
        assert [trial.status for trial in study.trials[:5]] == ["ok"] * 5, "as many have to end before one is stopped"
        assert summary["num_stopped"] == len(stopped) > 0
        for trial in stopped:
            step = max(trial.intermediate_values)
            others = [min(list(t.intermediate_values.values())[:step]) for t in study.trials[:5]]
            assert min(trial.intermediate_values.values()) > np.min(others)
    assert summary["recommended_value"] == TINY.validate(summary["recommended_config"], 1).loss


@pytest.mark.thorough
def test_a_population_has_the_losses_of_its_members(tmp_path):
    summary = tune("cnn", TINY, num_trials=4, seed=7, out=tmp_path, num_epochs=1, population=3)
    assert summary["num_trials"] == 4
    with jbo.Study(TINY.space, path=tmp_path / "study.db") as study:
        for trial in study.trials[:2]:
            np.testing.assert_allclose(trial.value, TINY.loss(trial.config, 1), rtol=1e-3)


@pytest.fixture
def cluster():
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster


@pytest.mark.thorough
def test_a_cluster_gives_the_losses_that_this_process_does(calls, cluster, tmp_path):
    with cluster_at(cluster.scheduler_address) as (executor, workers):
        assert workers == 2
        summary = tune("cnn", TINY, 4, 7, tmp_path, 1, executor=executor, workers=workers)
    assert summary["num_new_trials"] == 4 and summary["seconds_objective"] > 0 and summary["seconds_suggest"] is None
    with (
        jbo.Study(TINY.space, path=tmp_path / "study.db") as there,
        jbo.Study(TINY.space, path=calls[0] / "study.db") as here,
    ):
        assert [t.config for t in there.trials[:2]] == [t.config for t in here.trials[:2]]
        assert there.trials[0].value == pytest.approx(here.trials[0].value, rel=1e-6)


@pytest.mark.thorough
def test_the_command_line_takes_the_address_of_a_cluster(cluster, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr("jbo.use_compile_cache", lambda: None)
    monkeypatch.setattr(
        "experiments.tune.tune", lambda *args: seen.append((args[0], args[-2].submit(abs, -3).result(), args[-1]))
    )
    tyro.cli(main, args=["cnn", "--out", str(tmp_path), "--dask", cluster.scheduler_address])
    assert seen == [("cnn", 3, 2)]


def test_a_network_that_was_written_down_is_the_one_that_was_tested(calls):
    out, _, summary = calls
    name, task, trained = load_model(out)
    assert (name, task) == ("cnn", cnn.TASK)
    logits = predict(trained.structure, trained.result.params, digits().test.inputs, trained.config.activation)
    assert np.mean(np.asarray(logits).argmax(-1) == digits().test.targets) == pytest.approx(summary["test_metric"])
    shown = classify_images(trained, ["0", "1"])
    assert [text.split()[0] for text in shown] == [str(label) for label in np.asarray(logits[:2]).argmax(-1)]
    with pytest.raises(ValueError, match="expected a number below 400 or a file, got 400"):
        classify_images(trained, ["400"])
    with pytest.raises(ValueError, match="expected a folder with model.json"):
        load_model(out / "elsewhere")


def test_an_image_of_a_file_is_read_as_the_digit_it_is(calls, tmp_path):
    trained = load_model(calls[0])[2]
    image = digits().test.inputs[3][..., 0]
    matplotlib.image.imsave(tmp_path / "digit.png", image, cmap="gray", vmin=0, vmax=1)
    assert (
        classify_images(trained, [str(tmp_path / "digit.png")])[0].split()[0]
        == classify_images(trained, ["3"])[0].split()[0]
    )
    matplotlib.image.imsave(tmp_path / "large.png", np.zeros((9, 8)))
    with pytest.raises(ValueError, match="expected 8 by 8 pixels, got 9 by 8"):
        classify_images(trained, [str(tmp_path / "large.png")])


def test_a_folder_of_other_settings_is_refused(calls):
    with pytest.raises(ValueError, match="holds results with num_epochs=1, got 2"):
        tune("cnn", TINY, num_trials=5, seed=7, out=calls[0], num_epochs=2)
    with pytest.raises(ValueError, match="holds results with seed=7, got 8"):
        tune("cnn", TINY, num_trials=5, seed=8, out=calls[0], num_epochs=1)


@pytest.mark.thorough
def test_progress_and_the_comparison_are_shown(calls, capsys):
    tune("cnn", TINY, num_trials=6, seed=7, out=calls[0], num_epochs=1)
    shown = capsys.readouterr()
    assert "6/6: trial 5, value" in shown.err and "best" in shown.err and "left" in shown.err
    for words in ("default", "recommended", "learning_rate", "validation accuracy", "test accuracy"):
        assert words in shown.out


def test_an_interrupt_ends_the_command_with_a_word_on_how_to_go_on(tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("jbo.use_compile_cache", lambda: None)
    monkeypatch.setattr("experiments.tune.tune", interrupted)
    with pytest.raises(SystemExit, match="the same command goes on"):
        tyro.cli(main, args=["cnn", "--out", str(tmp_path)])


@pytest.mark.parametrize("arguments, status", [(["--help"], 0), (["vgg"], 2), (["cnn", "--num-trials", "many"], 2)])
def test_the_command_line_explains_itself(arguments, status, capsys):
    with pytest.raises(SystemExit) as stopped:
        tyro.cli(main, args=arguments)
    assert stopped.value.code == status
    if status == 0:
        shown = capsys.readouterr().out
        assert all(
            option in shown for option in ("transformer-names", "--num-trials", "--seed", "--out", "--num-epochs")
        )
