"""A trained network on disk: its parameters in orbax's format, with its task and configuration."""

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import orbax.checkpoint as ocp
from flax import nnx

from architectures.training import TrainingResult
from experiments.report import write_json
from experiments.task import Task, Trained
from experiments.tasks import TASKS


def save_model(folder: Path, name: str, config: dict[str, Any], trained: Trained) -> None:
    """Write a network of a task into a folder, replacing any earlier network."""
    with ocp.StandardCheckpointer() as checkpointer:
        path = (folder / "params").absolute()
        checkpointer.save(path, nnx.to_pure_dict(trained.result.params), force=True)
    write_json(folder / "model.json", {"task": name, "config": config})


def load_model(folder: Path) -> tuple[str, Task, Trained]:
    """The network that `save_model` wrote, with its task and the task's name.

    Raises:
      ValueError: The folder has no model, or the task of the model is unknown.
    """
    path = folder / "model.json"
    if not path.exists():
        raise ValueError(f"{folder}: expected a folder with model.json, as `python -m experiments.tune` leaves it")
    held = json.loads(path.read_text())
    if held["task"] not in TASKS:
        raise ValueError(f"{path}: expected a task among {tuple(TASKS)}, got {held['task']!r}")
    task = TASKS[held["task"]]
    structure, config = task.structure(held["config"]), task.train_config(held["config"])
    shapes = nnx.state(nnx.eval_shape(lambda: structure.build(nnx.Rngs(0))))
    with ocp.StandardCheckpointer() as checkpointer:
        params = checkpointer.restore((folder / "params").absolute(), nnx.to_pure_dict(shapes))
    nnx.replace_by_pure_dict(shapes, params)
    unknown = jnp.float32(jnp.nan)  # its scores are in summary.json
    return held["task"], task, Trained(structure, config, TrainingResult(shapes, jnp.zeros(0), unknown, unknown))
