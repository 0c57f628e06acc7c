"""A live view of a study in the terminal, which reads the file repeatedly and never writes to it."""

import os
import time
from collections.abc import Callable
from typing import Any

from jbo.diagnostics import best_so_far, hypervolume
from jbo.numerics import shares
from jbo.plots.interactive import shown
from jbo.study import Snapshot, Trial, read_study

_BARS = "▁▂▃▄▅▆▇█"
_LAST = 8
"""Number of listed trials."""


def watch(
    path: str | os.PathLike[str],
    *,
    seconds: float = 2.0,
    num_trials: int | None = None,
    is_over: Callable[[Snapshot], bool] | None = None,
    console: Any = None,
) -> None:
    """Show the best trial, the progress, the latest trials and the workers, until Ctrl-C or the last trial.

    Args:
      path: File of a study, which is opened read-only.
      seconds: Seconds between two readings, above 0.
      num_trials: Total number of finished trials, for the progress and the end; None: no end.
      is_over: Function of a snapshot that returns True to end; None: ``num_trials`` decides.
      console: Console of rich; None: standard output.

    Raises:
      OSError: As in `jbo.study.read_study`, at the first reading.
      ValueError: As in `jbo.study.read_study`, at the first reading; or ``seconds`` is not above 0.
      ImportError: rich is not installed (``pip install rich``).
    """
    from rich.console import Console
    from rich.live import Live

    if not seconds > 0:
        raise ValueError(f"seconds: expected a number above 0, got {seconds!r}")
    console = Console() if console is None else console
    snapshot, trouble = read_study(path), ""
    with Live(screen(snapshot, time.time(), num_trials), console=console, auto_refresh=False) as live:
        try:
            while True:
                live.update(screen(snapshot, time.time(), num_trials, trouble), refresh=True)
                if is_over(snapshot) if is_over is not None else _num_ended(snapshot) >= (num_trials or float("inf")):
                    return
                time.sleep(seconds)
                try:
                    snapshot, trouble = read_study(path), ""
                except (OSError, ValueError) as error:  # the file may be readable again later
                    trouble = str(error)
        except KeyboardInterrupt:
            return


def screen(snapshot: Snapshot, now: float, num_trials: int | None = None, trouble: str = "") -> Any:
    """The view of `watch` for one snapshot.

    Args:
      snapshot: Contents of the file.
      now: Current time in seconds since 1970.
      num_trials: Total number of finished trials; None: unknown.
      trouble: Reason why the snapshot is out of date; empty if it is current.

    Returns:
      A renderable of rich.
    """
    from rich.console import Group
    from rich.panel import Panel
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    trials, ended = snapshot.trials, _num_ended(snapshot)
    failed = sum(trial.status == "failed" for trial in trials)
    running = [trial for trial in trials if trial.status == "pending"]
    stopped = sum(trial.status == "stopped" for trial in trials)
    counts = f"{ended} ended, {failed} of them failed"
    counts += f" and {stopped} stopped" if stopped else ""
    counts += f", {len(running)} pending, {snapshot.num_queued} queued"
    parts: list[Any] = [Text(counts if num_trials is None else f"{counts}; {ended} of {num_trials}")]
    if num_trials is not None:
        bar = Table.grid()  # a bar outside a table has no line break
        bar.add_row(ProgressBar(total=num_trials, completed=min(ended, num_trials), width=60))
        parts.append(bar)
    if trouble:
        parts.append(Text(trouble, style="bold red"))
    parts += [Text(_best_line(snapshot), style="bold green"), Text(_spark(snapshot))]

    last = Table("trial", "status", "value", "took", "configuration", title="last trials", expand=True)
    finished = sorted((t for t in trials if t.ended_at is not None), key=lambda t: (t.ended_at or 0.0, t.number))
    for trial in finished[-_LAST:][::-1]:
        if trial.is_of_several:
            value = ", ".join(f"{name} {number:.4g}" for name, number in trial.values.items())
        else:
            value = "" if trial.value is None else f"{trial.value:.6g}"
        what = _config(trial) if trial.failure is None else (trial.failure.strip().splitlines() or [""])[-1]
        took = _clock((trial.ended_at or now) - trial.started_at)
        last.add_row(*(Text(t) for t in (str(trial.number), trial.status, value, took, what)))
    parts.append(last)
    if running:
        work = Table("trial", "worker", "since", "configuration", title="at work", expand=True)
        for trial in running:
            who = snapshot.workers.get(trial.number)
            by = "nobody: waits to be run again" if who is None else f"{who.host} process {who.pid}"
            work.add_row(*(Text(t) for t in (str(trial.number), by, _clock(now - trial.started_at), _config(trial))))
        parts.append(work)
    return Panel(Group(*parts), title=Text(snapshot.path), subtitle="Ctrl-C ends watching, not the study")


def _best_line(snapshot: Snapshot) -> str:
    if snapshot.outcomes.has_several:
        front = snapshot.pareto
        return f"front: {len(front)} trials" if front else "front: none yet"
    try:
        best = snapshot.best
    except ValueError:
        return "best: none yet"
    return f"best: {best.value:.6g} (trial {best.number})  {_config(best)}"


def _spark(snapshot: Snapshot) -> str:
    """The best value so far, or the hypervolume, as a row of at most 60 bars; higher is better."""
    ended = [trial for trial in snapshot.trials if trial.is_finished]
    if snapshot.outcomes.has_several:
        best = hypervolume(snapshot).so_far.tolist() if ended else []
        return _bars(best, True)
    values = [trial.value if trial.value is not None and trial.is_feasible else float("nan") for trial in ended]
    maximize = snapshot.outcomes.maximize
    return _bars([value for value in best_so_far(values, maximize=maximize).tolist() if value == value], maximize)


def _bars(best: list[float], maximize: bool) -> str:
    if not best:
        return ""
    picked = [best[len(best) * i // min(60, len(best))] for i in range(min(60, len(best)) - 1)] + [best[-1]]
    goodness = picked if maximize else [-value for value in picked]
    return "".join(_BARS[round(7 * float(share))] for share in shares(goodness))


def _config(trial: Trial) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in trial.config.items())


def _num_ended(snapshot: Snapshot) -> int:
    return sum(trial.is_finished for trial in snapshot.trials)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(max(seconds, 0)), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
