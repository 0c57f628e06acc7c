"""Train one configuration without a search: ``python -m experiments.train attention-names '{"width": 80}'``."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

import jbo
from experiments.model import save_model
from experiments.task import Score, Task
from experiments.tasks import TASKS


def train(name: str, task: Task, changes: dict[str, Any], out: Path, num_epochs: int | None = None) -> Score:
    """The score on the test examples of the default configuration with some values changed; the network is saved.

    Parameters of the default that do not exist after the changes, such as the L2 of another optimizer, are left out.

    Args:
      name: Name of the task.
      task: Task to train.
      changes: Values by name.
      out: Folder for the network, created if necessary.
      num_epochs: Passes over the training examples; None: the default of the task.

    Raises:
      ValueError: The configuration is not in the space of the task.
    """
    config = task.default | changes
    inactive = [name for name in task.default if name not in changes and not _is_active(task.space.get(name), config)]
    config = dict(task.space.validate({name: value for name, value in config.items() if name not in inactive}))
    score, trained, _ = task.test(config, task.num_epochs if num_epochs is None else num_epochs)
    out.mkdir(parents=True, exist_ok=True)
    save_model(out, name, config, trained)
    return score


def _is_active(parameter: Any, config: dict[str, Any]) -> bool:
    return parameter is None or parameter.parent is None or config.get(parameter.parent) in parameter.parent_values


def main(
    task: Annotated[Literal[tuple(TASKS)], tyro.conf.Positional],  # pyright: ignore[reportInvalidTypeForm]
    changes: Annotated[str, tyro.conf.Positional] = "{}",
    out: Path | None = None,
    num_epochs: int | None = None,
) -> None:
    """Train one configuration and keep the network for `python -m experiments.predict`.

    Args:
      task: Task to train.
      changes: Differences from the default configuration, as JSON.
      out: Folder for the network; default: runs/TASK.
      num_epochs: Passes over the training examples; default: the default of the task.
    """
    jbo.use_compile_cache()
    try:
        given = json.loads(changes)
        if not isinstance(given, dict):
            raise ValueError(f"changes: expected a JSON object, got {changes}")
        score = train(task, TASKS[task], given, Path("runs") / task if out is None else out, num_epochs)
    except ValueError as error:
        raise SystemExit(str(error)) from None
    print(f"{TASKS[task].metric_name} {score.metric:.4f}, loss {score.loss:.4f}, both on the test part")


if __name__ == "__main__":
    tyro.cli(main)
