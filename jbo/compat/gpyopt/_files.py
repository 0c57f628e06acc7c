"""Evaluations as a text table in GPyOpt's layout, to write and to read; arguments that a pickle cannot hold."""

import os
import pickle
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

MINIMIZED, MAXIMIZED = "Y", "Y (maximized)"
"""Names of the column of values: lower is better in the first one, which is GPyOpt's; higher is in the second one."""


def save(
    path: str | os.PathLike[str],
    names: tuple[str, ...],
    X: Float[np.ndarray, "n k"],
    Y: Float[np.ndarray, "n 1"],
    column: str = MINIMIZED,
) -> None:
    """Write evaluations, one a line after a line of names, with every digit.

    Args:
      path: The file, which is overwritten.
      names: Names of the columns of ``X``.
      X: Points.
      Y: Values, NaN where an evaluation failed.
      column: Name of the column of values.
    """
    lines = [["Iteration", column, *(" ".join(name.split()) for name in names)]]
    for i, (y, x) in enumerate(zip(Y[:, 0], X, strict=True)):
        lines.append([str(i + 1), *(repr(float(number)) for number in (y, *x))])
    Path(path).write_text("".join("\t".join(line) + "\n" for line in lines))


def load(
    path: str | os.PathLike[str], names: tuple[str, ...]
) -> tuple[Float[np.ndarray, "n k"], Float[np.ndarray, "n 1"], str]:
    """Points and values from a file that `save` or GPyOpt wrote, and the name of the column of values.

    Args:
      path: The file.
      names: Names of the columns; GPyOpt's own ``var_1``, ``var_2``, … are accepted as well.

    Raises:
      ValueError: The columns have other names, or a line holds something else than as many numbers.
    """
    lines = Path(path).read_text().splitlines()
    ours = [" ".join(name.split()) for name in names]
    header = lines[0].split("\t") if lines else []
    if (
        header[:1] != ["Iteration"]
        or header[1:2] not in ([MINIMIZED], [MAXIMIZED])
        or header[2:] not in (ours, [f"var_{i + 1}" for i in range(len(names))])
    ):
        raise ValueError(f"{path}: expected the columns {['Iteration', 'Y', *ours]}, got {header}")
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            row = [float(text) for text in line.split("\t")[1:]]
        except ValueError:
            row = []
        if len(row) != len(names) + 1:
            raise ValueError(f"{path}, line {number}: expected {len(names) + 2} numbers, got {line!r:.80}")
        rows.append(row)
    table = np.array(rows, np.float64).reshape(len(rows), len(names) + 1)
    return table[:, 1:], table[:, :1], header[1]


def check_pickles(arguments: Mapping[str, Any]) -> None:
    """Say which argument cannot be part of a pickle, and why.

    Args:
      arguments: Arguments, a dict from name to value.

    Raises:
      pickle.PicklingError: One cannot; not raised inside copy, cloudpickle or dill, which need no names.
    """
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").split(".")[-1] in ("copy", "cloudpickle", "dill", "_dill"):
            return
        frame = frame.f_back
    for name, value in arguments.items():
        try:
            pickle.dumps(value)
        except Exception as error:
            raise pickle.PicklingError(
                f"{name}: expected what pickle can write, got {value!r}; a lambda or a function in another has no"
                " name to be found by: define it with def in a module, or use dill or cloudpickle"
            ) from error
