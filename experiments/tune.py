"""Tune a network: ``python -m experiments.tune cnn --num-trials 30 --seed 0 --out runs/cnn``.

The folder then has the study, a summary, a picture of the trajectory, an HTML report, and the network of the
recommended configuration for `experiments.predict`. The same command continues an interrupted search, or a search with
a larger number of trials.

``--objectives error latency --at-most parameters=20000`` searches for several objectives within limits
(`experiments.front`).
"""

import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import tyro
from rich.console import Console

import jbo
from experiments.clock import Clock, compile_clock
from experiments.front import outcomes_of, tune_front
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
    executor: Executor | None = None,
    workers: int | None = None,
    stop_early: bool = False,
) -> dict[str, Any]:
    """Search until ``num_trials`` trials have ended, test the result, and return the contents of ``summary.json``.

    Args:
      name: Name of the task.
      task: Task to tune.
      num_trials: Total number of ended trials, including those of earlier calls.
      seed: Seed of the search; the training runs have a fixed seed.
      out: Folder for the results, created if necessary.
      num_epochs: Passes over the training examples; None: the default of the task.
      population: Number of trials that are suggested together and trained in one program for each structure; None
        trains one trial at a time.
      executor: Executor that trains the networks; a lost trial is run again once. None: train in this process.
      workers: Number of parallel trainings of the executor.
      stop_early: Stop bad runs by the median rule; not available with an executor.

    Raises:
      ValueError: The folder has a study with different settings, or no trial succeeded.
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
    def objective(config: dict[str, Any], report: Any) -> float:
        return task.loss(config, num_epochs, report)

    @objective_clock.timed
    def batch_objective(configs: list[dict[str, Any]], report: Any) -> list[float]:
        return task.losses(configs, num_epochs, report)

    with compile_clock() as compiling, jbo.Study(task.space, seed=seed, path=out / "study.db") as study:
        study.enqueue(task.default)
        before = {trial.number for trial in study.trials if trial.status != "pending"}
        start = time.perf_counter()
        if executor is not None:  # perhaps on other machines, from which no run can report
            study.optimize(
                lambda config: task.loss(config, num_epochs), num_trials,
                batch=population, executor=executor, workers=workers, retries=1, progress=True,
            )  # fmt: skip
        else:
            chosen = objective if population is None else batch_objective
            pruner = jbo.MedianPruner() if stop_early else None
            study.optimize(chosen, num_trials, batch=population, pruner=pruner, progress=True)
        seconds_search = time.perf_counter() - start
        trials, best, recommended = study.trials, study.best, study.recommended
    ended = [trial for trial in trials if trial.ended_at is not None]
    # The seconds of trials that run in parallel elsewhere cannot be subtracted from the total time.
    seconds_elsewhere = sum(t.ended_at - t.started_at for t in ended if t.ended_at and t.number not in before)
    seconds_objective = objective_clock.seconds if executor is None else seconds_elsewhere
    seconds_suggest = seconds_search - seconds_objective if executor is None else None

    start = time.perf_counter()
    validation = task.validate(task.default, num_epochs), task.validate(recommended.config, num_epochs)
    default_test, _, _ = task.test(task.default, num_epochs)
    recommended_test, trained, num_diverged = task.test(recommended.config, num_epochs)
    save_model(out, name, recommended.config, trained)
    test = default_test, recommended_test
    seconds_test = time.perf_counter() - start
    held = read_study(out / "study.db")
    save(trajectory_figure(held, recommended, task.loss_name), out / "trajectory.png")
    write_report(held, out / "report.html", label=task.loss_name)

    num_finished = len(ended)
    summary = settings | {
        "num_trials": num_finished,
        "num_failed": sum(trial.status == "failed" for trial in trials),
        "num_stopped": sum(trial.status == "stopped" for trial in trials),
        "num_new_trials": num_finished - len(before),
        "best_value": best.value,
        "best_config": best.config,
        "recommended_trial": recommended.number,
        "recommended_value": recommended.value,
        "recommended_config": recommended.config,
        "metric": task.metric_name,
        "validation_metric": validation[1].metric,
        "test_metric": test[1].metric,
        "test_num_diverged": num_diverged,
        "default_config": task.default,
        "default_value": validation[0].loss,
        "default_validation_metric": validation[0].metric,
        "default_test_metric": test[0].metric,
        # Times are of this call and its new trials.
        "seconds_objective": seconds_objective,
        "seconds_suggest": seconds_suggest,
        "seconds_compile": compiling.seconds,
        "seconds_test": seconds_test,
        "versions": used,
    }
    write_json(out / "summary.json", summary)
    scores = {"validation": validation, "test": test}
    console.print(comparison_table(task.default, recommended.config, scores, task.loss_name, task.metric_name))
    if num_diverged:
        console.print(f"trained anew the recommended configuration diverged with {num_diverged} of the seeds tried")
    suggestions = "elsewhere" if seconds_suggest is None else f"suggestions {seconds_suggest:.1f} s"
    console.print(
        f"{num_finished} trials, {summary['num_new_trials']} of them now: objective {seconds_objective:.1f} s, "
        f"{suggestions}, retraining {seconds_test:.1f} s; "
        f"compiling was {compiling.seconds:.1f} s of the search\nresults in {out}",
        highlight=False,
    )
    return summary


@contextmanager
def cluster_at(address: str) -> Iterator[tuple[Executor, int]]:
    """An executor on the cluster of a Dask scheduler, and its number of parallel trainings.

    Raises:
      OSError: The scheduler does not answer.
      ValueError: The cluster has no workers.
    """
    from distributed import Client

    with Client(address) as client:
        workers = sum(cast(Any, client).nthreads().values())
        if not workers:
            raise ValueError(f"--dask: expected a scheduler with workers, got none at {address}")
        yield client.get_executor(), workers


def main(
    task: Annotated[Literal[tuple(TASKS)], tyro.conf.Positional],  # pyright: ignore[reportInvalidTypeForm]
    num_trials: int = 30,
    seed: int = 0,
    out: Path | None = None,
    num_epochs: int | None = None,
    population: int | None = None,
    dask: str | None = None,
    stop_early: bool = False,
    objectives: tuple[str, ...] = (),
    at_most: tuple[str, ...] = (),
) -> None:
    """Tune a network by Bayesian optimisation, and compare the result with a sensible default.

    Writes study.db, summary.json, trajectory.png, report.html, and the network of the recommended configuration for
    `python -m experiments.predict`. The same command with a larger number of trials continues the search.

    Args:
      task: Task to tune.
      num_trials: Total number of ended trials, including those of earlier calls with the same folder.
      seed: Seed of the search.
      out: Folder for the results; default: runs/TASK.
      num_epochs: Passes over the training examples; default: the default of the task.
      population: Number of trials that are suggested together and trained in parallel, in one program for each
        structure and on all devices. Default: one trial at a time, which is faster on a CPU.
      dask: Address of a Dask scheduler, such as tcp://host:8786, whose workers train the networks; they need this
        repository and the same versions.
      stop_early: Stop a run whose loss is worse than the loss of half of the completed runs at the same step; not
        available with --dask.
      objectives: Objectives to minimise instead of the loss: loss, error, latency (milliseconds for 100 predictions) or
        parameters, one or several. Then the folder has the front and its picture, and
        `python -m experiments.predict FOLDER --trial NUMBER` uses the network of a trial.
      at_most: Limits, such as parameters=20000.
    """
    jbo.use_compile_cache()
    given = task, TASKS[task], num_trials, seed, Path("runs") / task if out is None else out, num_epochs, population
    try:
        if objectives or at_most:
            if population is not None or dask is not None or stop_early:
                raise ValueError("--objectives, --at-most: expected none beside --population, --dask, --stop-early")
            chosen = outcomes_of(objectives or ("loss",), at_most)
            tune_front(task, TASKS[task], chosen, *given[2:6])
        elif dask is None:
            tune(*given, stop_early=stop_early)
        elif stop_early:
            raise ValueError("--stop-early: expected none beside --dask, from whose workers no run reports")
        else:
            with cluster_at(dask) as (executor, workers):
                tune(*given, executor, workers)
    except KeyboardInterrupt:
        raise SystemExit("stopped; the same command goes on from here") from None


if __name__ == "__main__":
    tyro.cli(main)
