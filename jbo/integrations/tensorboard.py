"""A study in TensorBoard, trial by trial, by tensorboardX."""

import os
import uuid
from typing import Any

from tensorboardX import SummaryWriter

from jbo.study import Study, Trial


class TensorBoard:
    """A callback that writes each finished trial: ``study.optimize(..., on_trial_end=TensorBoard(study, "board"))``.

    ``tensorboard --logdir board`` then shows the values, the best value so far and the duration by trial number.
    Failures are shown as text. The intermediate values of each trial are a run with a curve. HPARAMS has the
    configurations with their values. A study that continues adds its new trials to the same folder.

    Args:
      study: The study of the trials.
      folder: Folder of the TensorBoard files, which is created if it does not exist.

    Example:
      >>> import jbo, tempfile
      >>> study = jbo.Study(jbo.Space(x=jbo.Real(0, 1)), strategy=..., seed=0)   # doctest: +SKIP
      >>> with TensorBoard(study, "board") as board:   # doctest: +SKIP
      ...     study.optimize(lambda config: config["x"] ** 2, num_trials=3, on_trial_end=board)
    """

    def __init__(self, study: Study, folder: str | os.PathLike[str]):
        self._study, self._folder = study, os.fspath(folder)
        self._writer = _writer(self._folder)

    def __call__(self, trial: Trial) -> None:
        """Write a finished trial."""
        write, number = self._writer, trial.number
        if trial.ended_at is not None:
            write.add_scalar("seconds", trial.ended_at - trial.started_at, number, walltime=trial.ended_at)
        if trial.failure is not None:
            write.add_text("failure", trial.failure, number, walltime=trial.ended_at)
        if trial.intermediate_values:
            with _writer(os.path.join(self._folder, f"trial-{number}")) as curve:
                for step, value in trial.intermediate_values.items():
                    curve.add_scalar("reported", value, step, walltime=trial.ended_at)
        for name, value in trial.values.items() if self._study.outcomes.is_named else ():
            write.add_scalar(f"values/{name}", value, number, walltime=trial.ended_at)
        if trial.is_of_several:
            if trial.status == "ok" and trial.values:
                config = {name: _shown(value) for name, value in trial.config.items()}
                write.add_hparams(config, dict(trial.values), name=f"trial-{number}", global_step=number)
        elif trial.value is not None:
            write.add_scalar("value", trial.value, number, walltime=trial.ended_at)
            if (best := _best_value(self._study)) is not None:
                write.add_scalar("best", best, number, walltime=trial.ended_at)
            config = {name: _shown(value) for name, value in trial.config.items()}
            write.add_hparams(config, {"value": trial.value}, name=f"trial-{number}", global_step=number)
        write.flush()

    def close(self) -> None:
        """Write buffered data and close the files."""
        self._writer.close()

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _best_value(study: Study) -> float | None:
    """The value of the best trial; None if no trial meets the limits."""
    try:
        return study.best.value
    except ValueError:
        return None


def _writer(folder: str) -> SummaryWriter:
    # The name of a file contains the time in seconds; without a suffix, two files of the same second would collide.
    return SummaryWriter(folder, filename_suffix=f".{uuid.uuid4().hex}")


def _shown(value: Any) -> bool | int | float | str:
    """A value of a type that TensorBoard accepts."""
    return value if isinstance(value, bool | int | float | str) else repr(value)
