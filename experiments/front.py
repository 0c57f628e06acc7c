"""Tune a network for several objectives or within limits, and use the network of a given trial.

``python -m experiments.tune cnn --objectives error latency --at-most parameters=20000`` uses this module. `MEASURES`
has the quantities that are measured of a trained network.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import jbo
from architectures.training import predict
from experiments.model import load_model, save_model
from experiments.picture import save
from experiments.report import versions, write_json
from experiments.settings import hold_settings
from experiments.task import SEARCH_SEED, Task, Trained
from experiments.tasks import TASKS
from jbo import plots
from jbo.diagnostics import hypervolume, limits
from jbo.outcomes import Outcome
from jbo.report import write_report
from jbo.study import read_study

_NUM_EXAMPLES, _NUM_TIMES = 100, 30


def _latency(task: Task, trained: Trained) -> float:
    """Minimum time to predict 100 validation examples, in milliseconds, without the compilation.

    Other work on the machine only increases a time, so the minimum of many times is the most reproducible.
    """
    inputs = jax.tree.map(lambda leaf: leaf[:_NUM_EXAMPLES], task.examples.validation.inputs)

    def once() -> float:
        start = time.perf_counter()
        jax.block_until_ready(predict(trained.structure, trained.result.params, inputs, trained.config.activation))
        return time.perf_counter() - start

    once()
    return 1e3 * min(once() for _ in range(_NUM_TIMES))


def _parameters(task: Task, trained: Trained) -> float:
    del task
    return float(sum(leaf.size for leaf in jax.tree.leaves(trained.result.params)))


MEASURES: dict[str, Callable[[Task, Trained], float]] = {
    "loss": lambda task, trained: float(trained.result.cross_entropy),
    "error": lambda task, trained: 1.0 - float(trained.result.accuracy),
    "latency": _latency,
    "parameters": _parameters,
}
"""Measured quantities of a trained network; lower is better. They are the cross-entropy and the fraction of wrong
predictions on the validation examples, milliseconds for 100 predictions, and the number of parameters."""


def outcomes_of(objectives: Sequence[str], at_most: Sequence[str]) -> list[Outcome]:
    """The outcomes of a study.

    Args:
      objectives: Names of `MEASURES`, such as ``("error", "latency")``.
      at_most: Limits, such as ``("parameters=20000",)``.

    Raises:
      ValueError: A name is unknown or repeated, or a limit is not a number.
    """
    made: list[Outcome] = [jbo.Minimize(_known(name)) for name in objectives]
    for text in at_most:
        name, _, number = text.partition("=")
        try:
            made.append(jbo.AtMost(_known(name), float(number)))
        except ValueError:
            raise ValueError(f"--at-most: expected NAME=NUMBER with a name of {list(MEASURES)}, got {text!r}") from None
    names = [outcome.name for outcome in made]
    if len(set(names)) < len(names):
        raise ValueError(f"expected each measure once, as an objective or as a limit, got {names}")
    return made


def _known(name: str) -> str:
    if name not in MEASURES:
        raise ValueError(f"--objectives: expected names of {list(MEASURES)}, got {name!r}")
    return name


def tune_front(
    name: str,
    task: Task,
    outcomes: Sequence[Outcome],
    num_trials: int,
    seed: int,
    out: Path,
    num_epochs: int | None = None,
) -> dict[str, Any]:
    """Search until ``num_trials`` trials have ended, and return the contents of ``summary.json``.

    Writes study.db, summary.json, report.html, and front.png if there are two or more objectives.

    Args:
      name: Name of the task.
      task: Task to tune.
      outcomes: Outcomes made by `outcomes_of`.
      num_trials: Total number of ended trials, including those of earlier calls.
      seed: Seed of the search; the training runs have a fixed seed.
      out: Folder for the results, created if necessary.
      num_epochs: Passes over the training examples; None: the default of the task.

    Raises:
      ValueError: The folder has a study with different settings.
    """
    console = Console()
    out.mkdir(parents=True, exist_ok=True)
    num_epochs = task.num_epochs if num_epochs is None else num_epochs
    settings = {"task": name, "seed": seed, "num_epochs": num_epochs, "outcomes": [repr(each) for each in outcomes]}
    hold_settings(out / "settings.json", settings)
    names = [outcome.name for outcome in outcomes]
    space = task.space if task.small is None else task.small
    console.print(f"tuning {settings}, default {task.default}", highlight=False)

    def objective(config: dict[str, Any]) -> Mapping[str, float]:
        trained = task.train(config, num_epochs, "validation", SEARCH_SEED)
        if not np.isfinite(trained.result.cross_entropy):
            raise FloatingPointError("the training diverged")
        return {each: MEASURES[each](task, trained) for each in names}

    with jbo.Study(space, outcomes=outcomes, seed=seed, path=out / "study.db") as study:
        study.enqueue(task.default)
        start = time.perf_counter()
        study.optimize(objective, num_trials, progress=True)
        seconds = time.perf_counter() - start
    held = read_study(out / "study.db")
    front = sorted(held.pareto, key=lambda trial: trial.values[names[0]])
    if held.outcomes.has_several and front:
        size = len(held.outcomes.objectives)
        figure = Figure(figsize=(7, 4) if size == 2 else (3.6 * size * (size - 1) / 2, 3.4), layout="constrained")
        axes = figure.subplots(1, size * (size - 1) // 2)
        plots.pareto(held, ax=axes)
        for trial in front if size == 2 else []:
            place = trial.values[names[0]], trial.values[names[1]]
            axes.annotate(
                str(trial.number), place, (-4, -4), textcoords="offset points", fontsize=8, ha="right", va="top"
            )
        save(figure, out / "front.png")
    write_report(held, out / "report.html", label=names[0])
    summary = settings | {
        "num_trials": sum(trial.is_finished for trial in held.trials),
        "num_failed": sum(trial.status == "failed" for trial in held.trials),
        "front": [{"trial": t.number, "values": t.values, "config": t.config} for t in front],
        "hypervolume": float(hypervolume(held).so_far[-1]) if held.outcomes.has_several else None,
        "limits": [str(use) for use in limits(held)],
        "seconds": seconds,
        "versions": versions(),
    }
    write_json(out / "summary.json", summary)
    table = Table("trial", *names, title="no other feasible trial is better in all" if front else "no feasible trial")
    for trial in front:
        table.add_row(str(trial.number), *(f"{trial.values[each]:.5g}" for each in names))
    console.print(table)
    for use in limits(held):
        console.print(str(use), highlight=False)
    console.print(
        f"{summary['num_trials']} trials in {seconds:.0f} s, results in {out}; "
        f"python -m experiments.predict {out} --trial NUMBER … uses the network of a trial",
        highlight=False,
    )
    return summary


def model_of_trial(folder: Path, number: int) -> tuple[str, Task, Trained]:
    """The network of a trial, with its task and the name of the task. It is trained at the first call and saved.

    Args:
      folder: Output folder of a search.
      number: Number of the trial.

    Raises:
      FileNotFoundError: The folder has no study.
      ValueError: The study has no trial of this number, its task is unknown, or the training diverges.
    """
    place = folder / "trials" / str(number)
    if not (place / "model.json").exists():
        settings = json.loads((folder / "settings.json").read_text())
        trials = read_study(folder / "study.db").trials
        if not 0 <= number < len(trials):
            raise ValueError(f"--trial: expected a number below {len(trials)}, got {number}")
        if settings["task"] not in TASKS:
            raise ValueError(f"{folder}: expected a task among {tuple(TASKS)}, got {settings['task']!r}")
        config = trials[number].config
        score, trained, _ = TASKS[settings["task"]].test(config, settings["num_epochs"])
        if not np.isfinite(score.loss):
            raise ValueError(f"--trial: expected one whose training ends well, got {number}, which diverges")
        place.mkdir(parents=True, exist_ok=True)
        save_model(place, settings["task"], config, trained)
    return load_model(place)
