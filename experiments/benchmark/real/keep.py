"""Searches on disk: one compressed file for each method and task, so that an interrupted comparison can continue."""

import os
from pathlib import Path

import numpy as np

from experiments.benchmark.real.study import Searches

KEPT = Path(__file__).parents[1] / "kept" / "real"
"""Searches that are kept in the repository, in single precision."""


def place(folder: Path, method: str, task: str) -> Path:
    """Path of the file that holds a method's searches of a task.

    Args:
      folder: Folder of all searches.
      method: Name of the method.
      task: Name of the task.
    """
    return folder / method / f"{task.replace('/', '.')}.npz"


def read(folder: Path, method: str, task: str) -> dict[int, Searches]:
    """The searches of a task by seed, each as arrays with one row; an empty dict if there is no file.

    Args:
      folder: Folder of all searches.
      method: Name of the method.
      task: Name of the task.
    """
    path = place(folder, method, task)
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as file:
        parts = {name: np.asarray(file[name]) for name in file.files}
    parts.setdefault("observed", parts["truth"])  # without noise both are equal and stored once
    return {
        int(seed): Searches(*(parts[name][[i]].astype(float) for name in Searches._fields))
        for i, seed in enumerate(parts["seeds"])
    }


def write(folder: Path, method: str, task: str, found: dict[int, Searches]) -> None:
    """Write all searches of a task atomically.

    Args:
      folder: Folder of all searches.
      method: Name of the method.
      task: Name of the task.
      found: Searches, a dict from seed to arrays, as `read` returns it.
    """
    path, seeds = place(folder, method, task), sorted(found)
    path.parent.mkdir(parents=True, exist_ok=True)
    parts = {
        name: np.concatenate([getattr(found[seed], name) for seed in seeds]).astype(np.float32)
        for name in Searches._fields
    }
    if np.array_equal(parts["observed"], parts["truth"]):
        del parts["observed"]
    draft = path.with_suffix(".part.npz")
    np.savez_compressed(draft, allow_pickle=False, seeds=np.array(seeds), **parts)
    os.replace(draft, path)
