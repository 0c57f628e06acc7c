"""How a long call shows how far it is: a bar in a terminal, plain lines elsewhere, or nothing."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, cast

from jbo.study._trial import Trial

Show = Callable[[Trial, Trial | None, int], None]
"""Called with the trial that ended, the best one so far and the number of finished ones."""


@contextmanager
def progress_of(num_trials: int, num_finished: int, progress: bool | None) -> Iterator[Show]:
    """What to call after each trial; it writes to the standard error stream.

    Args:
      num_trials: How many finished trials there shall be.
      num_finished: How many there are.
      progress: None: a bar if that is a terminal and rich is installed, otherwise nothing; True: plain lines where
        there can be no bar; False: nothing.
    """
    start = time.monotonic()

    def line(trial: Trial, best: Trial | None, finished: int) -> dict[str, str]:
        left = (time.monotonic() - start) / max(finished - num_finished, 1) * max(num_trials - finished, 0)
        value = trial.status if trial.value is None else f"{trial.value:.6g}"
        best_value = "none" if best is None or best.value is None else f"{best.value:.6g}"
        return {"trial": str(trial.number), "value": value, "best": best_value, "left": _clock(left)}

    rich = _rich() if progress is not False and sys.stderr.isatty() else None
    if rich is not None:
        with rich(num_trials, num_finished) as advance:
            yield lambda *report: advance(report[2], line(*report))
    elif progress:
        yield lambda *report: print(
            f"{report[2]}/{num_trials}: " + ", ".join(f"{k} {v}" for k, v in line(*report).items()), file=sys.stderr
        )
    else:
        yield lambda *report: None


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def _rich() -> Callable[[int, int], AbstractContextManager[Callable[[int, dict[str, str]], None]]] | None:
    try:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
    except ImportError:
        return None

    @contextmanager
    def bar(num_trials: int, num_finished: int) -> Iterator[Callable[[int, dict[str, str]], None]]:
        names = ("trial", "value", "best", "left")
        columns = [TextColumn(f"{name} {{task.fields[{name}]}}") for name in names]
        console = Console(stderr=True)
        with Progress(TextColumn("{task.completed}/{task.total}"), BarColumn(), *columns, console=console) as rich:
            task = rich.add_task("", total=num_trials, completed=num_finished, **dict.fromkeys(names, "-"))
            yield lambda finished, fields: rich.update(task, completed=finished, **cast(Any, fields))

    return bar
