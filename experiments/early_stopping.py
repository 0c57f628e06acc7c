"""What early stopping saves, and how much quality it loses: ``python -m experiments.early_stopping cnn``.

Random configurations are trained to their end, and report their loss during training. A stopping rule depends on these
losses only, so its decisions can be computed from them exactly: which runs it stops and when, the fraction of training
steps that it saves, and the loss of the best remaining run.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

import jbo
from architectures.population import Stop, halving
from experiments.report import versions, write_json
from experiments.task import NUM_REPORTS, SEARCH_SEED, Task
from experiments.tasks import TASKS


class Outcome(NamedTuple):
    """Result of a stopping rule on some runs."""

    share_saved: float
    """Fraction of the training steps that were saved, in [0, 1]."""
    best_of_all: float
    """Minimum loss of all full runs."""
    best_left: float
    """Minimum loss of the runs that the rule did not stop; inf if none of them is finite."""


def curves(task: Task, num: int, seed: int, num_epochs: int) -> np.ndarray:
    """The losses of random configurations at each report, the last at the end of the run; shape [num, reports].

    Args:
      task: Task whose space is sampled.
      num: Number of configurations.
      seed: Seed of the samples; all runs have the seed of a search.
      num_epochs: Passes over the training examples.
    """
    losses = np.full((num, NUM_REPORTS), np.nan)
    with jbo.Study(task.space, strategy=jbo.random_search(task.space), seed=seed) as study:
        for row, trial in enumerate(study.ask(num)):

            def report(step: int, loss: float, row: int = row) -> bool:
                losses[row, step - 1] = loss
                return False

            losses[row, -1] = task.train(trial.config, num_epochs, "validation", SEARCH_SEED, report).result[2]
    return losses


def stopped_together(losses: np.ndarray, stop: Stop) -> np.ndarray:
    """Number of reports that each run in a population makes; the rule is not applied at the last report.

    Args:
      losses: Losses of the full runs, [members, reports].
      stop: Stopping rule, as in `architectures.population.train_population`.
    """
    num_seen = np.full(len(losses), losses.shape[1])
    running = np.ones(len(losses), bool)
    for step in range(1, losses.shape[1]):
        is_over = stop(step, np.where(running, losses[:, step - 1], np.nan)) & running
        num_seen[is_over], running = step, running & ~is_over
    return num_seen


def stopped_in_turn(losses: np.ndarray, rule: jbo.MedianPruner) -> np.ndarray:
    """Number of reports of each run if the runs are consecutive trials of a study.

    Args:
      losses: Losses of the full runs, [trials, reports].
      rule: Pruner, as in `jbo.Study.optimize`.
    """
    trials: list[jbo.Trial] = []
    num_seen = np.full(len(losses), losses.shape[1])
    for number, row in enumerate(losses):
        seen: dict[int, float] = {}
        for step in range(1, losses.shape[1]):
            seen[step] = float(row[step - 1])
            if rule(jbo.Trial(number, {}, "pending", None, 0.0, None, None, "", seen), trials, False):
                num_seen[number] = step
                break
        is_whole = num_seen[number] == losses.shape[1] and np.isfinite(row[-1])
        status = "ok" if is_whole else "stopped"
        value = float(row[-1]) if is_whole else None
        trials.append(jbo.Trial(number, {}, status, value, 0.0, 1.0, None, "", seen))
    return num_seen


def outcome(losses: np.ndarray, num_seen: np.ndarray) -> Outcome:
    """Result of stopping runs.

    Args:
      losses: Losses of the full runs, [runs, reports].
      num_seen: Number of reports of each run until it was stopped.
    """
    last = np.where(np.isfinite(losses[:, -1]), losses[:, -1], np.inf)
    left = last[num_seen == losses.shape[1]]
    return Outcome(
        1 - num_seen.sum() / losses.size, float(last.min()), float(left.min()) if len(left) else float("inf")
    )


def outcomes(losses: np.ndarray, size: int) -> dict[str, list[Outcome]]:
    """Results of the rules: halving and thirding of each population, and the median rule over all runs in turn.

    Args:
      losses: Losses of the full runs, [runs, reports].
      size: Size of a population; an incomplete last population is left out.
    """
    groups = [losses[start : start + size] for start in range(0, len(losses) - size + 1, size)]
    found = {
        f"halving of {size}": [outcome(group, stopped_together(group, halving(2))) for group in groups],
        f"halving of {size}, each second report": [
            outcome(group, stopped_together(group, _each_second(halving(2)))) for group in groups
        ],
    }
    for min_step in (0, 2):
        rule = jbo.MedianPruner(min_step=min_step)
        found[f"median rule from report {max(min_step, 1)} on"] = [outcome(losses, stopped_in_turn(losses, rule))]
    return found


def _each_second(stop: Stop) -> Stop:
    return lambda step, losses: stop(step, losses) if step % 2 == 0 else np.zeros(len(losses), bool)


def main(
    task: Annotated[Literal[tuple(TASKS)], tyro.conf.Positional],  # pyright: ignore[reportInvalidTypeForm]
    num_runs: int = 24,
    population: int = 8,
    seed: int = 0,
    num_epochs: int | None = None,
    out: Path = Path("runs/early_stopping"),
) -> None:
    """Train random configurations to their end and print the savings and the loss of quality of stopping rules.

    Args:
      task: Task whose space is sampled.
      num_runs: Number of configurations.
      population: Size of a population that is halved.
      seed: Seed of the samples.
      num_epochs: Passes over the training examples; default: the default of the task.
      out: Folder for TASK.json.
    """
    jbo.use_compile_cache()
    chosen: Task = TASKS[task]
    losses = curves(chosen, num_runs, seed, chosen.num_epochs if num_epochs is None else num_epochs)
    table = Table("rule", "steps saved", "best remaining / best of all", "best kept", title=task)
    rows: dict[str, Any] = {}
    for name, found in outcomes(losses, population).items():
        saved, ratios = [each.share_saved for each in found], _ratios(found)
        kept = sum(each.best_left == each.best_of_all for each in found)
        table.add_row(name, f"{np.mean(saved):.0%}", f"{np.mean(ratios):.3f}", f"{kept} of {len(found)}")
        rows[name] = [each._asdict() for each in found]
    out.mkdir(parents=True, exist_ok=True)
    plain = [[float(loss) if np.isfinite(loss) else None for loss in row] for row in losses]
    settings = {"task": task, "num_runs": num_runs, "population": population, "seed": seed}
    write_json(out / f"{task}.json", settings | {"losses": plain, "rows": rows, "versions": versions()})
    Console().print(table)


def _ratios(found: Sequence[Outcome]) -> list[float]:
    return [each.best_left / each.best_of_all for each in found]


if __name__ == "__main__":
    tyro.cli(main)
