"""A study in TensorBoard, trial by trial, by tensorboardX."""

import os
import uuid
from typing import Any

from tensorboardX import SummaryWriter

from jbo.study import Study, Trial


class TensorBoard:
    """A callback that writes each trial that ends: ``study.optimize(..., on_trial_end=TensorBoard(study, "board"))``.

    ``tensorboard --logdir board`` then shows the values, the best so far and the seconds by the number of the trial,
    the reasons of failures as text, what the trials reported on their way as curves, a run for each, and under HPARAMS
    the configurations beside their values. A study that goes on adds its new trials to the same folder.

    Args:
      study: Whose trials they are.
      folder: For the files of TensorBoard, made if need be.

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
        """Write a trial that has ended."""
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
        """Write what is left and close the files."""
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
    # The name of a file has the second in it: a second one begun in the same would overwrite the first.
    return SummaryWriter(folder, filename_suffix=f".{uuid.uuid4().hex}")


def _shown(value: Any) -> bool | int | float | str:
    """A value as TensorBoard takes it."""
    return value if isinstance(value, bool | int | float | str) else repr(value)
