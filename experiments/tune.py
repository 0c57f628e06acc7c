"""Tune a network: ``python -m experiments.tune cnn --num-trials 30 --seed 0 --out runs/cnn``.

The folder then holds the study, a summary, a picture of its course, a page that shows it, and the network of the
recommended configuration for `experiments.predict`. The same command with a larger number of trials goes on from there,
as it does after an interruption.
"""

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console

import jbo
from experiments.clock import Clock, compile_clock
from experiments.model import save_model
from experiments.picture import save, trajectory_figure
from experiments.report import comparison_table, versions, write_json
from experiments.settings import hold_settings
from experiments.task import Task
from experiments.tasks import TASKS
from jbo.report import write_report
from jbo.study import read_study


def tune(
    name: str,
    task: Task,
    num_trials: int,
    seed: int,
    out: Path,
    num_epochs: int | None = None,
    population: int | None = None,
) -> dict[str, Any]:
    """Search until ``num_trials`` trials have ended, test what comes of it, and return what ``summary.json`` holds.

    Args:
      name: What the task is called.
      task: What to tune.
      num_trials: Finished trials there shall be, those of earlier calls among them.
      seed: Of the search; the runs of the objective have a fixed one.
      out: Folder for the results, made if need be.
      num_epochs: Passes over the training examples; None is the task's own number.
      population: Trials that are asked for together and trained in one program a structure; None trains one at a time.

    Raises:
      ValueError: The folder holds a study of something else, or no trial succeeded.
    """
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    num_epochs = task.num_epochs if num_epochs is None else num_epochs
    settings = {"task": name, "seed": seed, "num_epochs": num_epochs}
    hold_settings(out / "settings.json", settings)
    used = versions()
    console.print(f"tuning {settings}, default {task.default}", highlight=False)
    console.print(", ".join(f"{package} {version}" for package, version in used.items()), highlight=False)

    objective_clock = Clock()

    @objective_clock.timed
    def objective(config: dict[str, Any]) -> float:
        return task.loss(config, num_epochs)

    @objective_clock.timed
    def batch_objective(configs: list[dict[str, Any]]) -> list[float]:
        return task.losses(configs, num_epochs)

    with compile_clock() as compiling, jbo.Study(task.space, seed=seed, path=out / "study.db") as study:
        study.enqueue(task.default)
        num_before = sum(trial.status != "pending" for trial in study.trials)
        start = time.perf_counter()
        chosen = objective if population is None else batch_objective
        study.optimize(chosen, num_trials, batch=population, progress=True)
        seconds_search = time.perf_counter() - start
        trials, best, recommended = study.trials, study.best, study.recommended

    start = time.perf_counter()
    validation = task.validate(task.default, num_epochs), task.validate(recommended.config, num_epochs)
    default_test, _ = task.test(task.default, num_epochs)
    recommended_test, trained = task.test(recommended.config, num_epochs)
    save_model(out, name, recommended.config, trained)
    test = default_test, recommended_test
    seconds_test = time.perf_counter() - start
    save(trajectory_figure(trials, recommended, task.loss_name), out / "trajectory.png")
    write_report(read_study(out / "study.db"), out / "report.html", label=task.loss_name)

    num_finished = sum(trial.status != "pending" for trial in trials)
    summary = settings | {
        "num_trials": num_finished,
        "num_failed": sum(trial.status == "failed" for trial in trials),
        "num_new_trials": num_finished - num_before,
        "best_value": best.value,
        "best_config": best.config,
        "recommended_trial": recommended.number,
        "recommended_value": recommended.value,
        "recommended_config": recommended.config,
        "metric": task.metric_name,
        "validation_metric": validation[1].metric,
        "test_metric": test[1].metric,
        "default_config": task.default,
        "default_value": validation[0].loss,
        "default_validation_metric": validation[0].metric,
        "default_test_metric": test[0].metric,
        # Times are those of this call, over its new trials.
        "seconds_objective": objective_clock.seconds,
        "seconds_suggest": seconds_search - objective_clock.seconds,
        "seconds_compile": compiling.seconds,
        "seconds_test": seconds_test,
        "versions": used,
    }
    write_json(out / "summary.json", summary)
    scores = {"validation": validation, "test": test}
    console.print(comparison_table(task.default, recommended.config, scores, task.loss_name, task.metric_name))
    console.print(
        f"{num_finished} trials, {summary['num_new_trials']} of them now: objective {objective_clock.seconds:.1f} s, "
        f"suggestions {summary['seconds_suggest']:.1f} s, retraining {seconds_test:.1f} s; "
        f"compiling was {compiling.seconds:.1f} s of the search\nresults in {out}",
        highlight=False,
    )
    return summary


def main(
    task: Annotated[Literal[tuple(TASKS)], tyro.conf.Positional],  # pyright: ignore[reportInvalidTypeForm]
    num_trials: int = 30,
    seed: int = 0,
    out: Path | None = None,
    num_epochs: int | None = None,
    population: int | None = None,
) -> None:
    """Tune a network by Bayesian optimisation, and compare what is found with a sensible default.

    Writes study.db, summary.json, trajectory.png, report.html, and the network of the recommended configuration for
    `python -m experiments.predict`. The same command with a larger number of trials goes on.

    Args:
      task: What to tune.
      num_trials: Finished trials there shall be, those of earlier calls with the same folder among them.
      seed: Of the search.
      out: Folder for the results; runs/TASK if not given.
      num_epochs: Passes over the training examples; the task's own number if not given.
      population: Trials that are asked for together and trained side by side, in one program for each structure among
        them and on all devices there are; one at a time if not given, which is faster on a CPU.
    """
    jbo.use_compile_cache()
    try:
        tune(task, TASKS[task], num_trials, seed, Path("runs") / task if out is None else out, num_epochs, population)
    except KeyboardInterrupt:
        raise SystemExit("stopped; the same command goes on from here") from None


if __name__ == "__main__":
    tyro.cli(main)
