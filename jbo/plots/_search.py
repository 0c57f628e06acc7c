"""Plots of a search: its trajectory, its trials in parallel coordinates, its time, and its learning curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jbo.diagnostics import ModelView, Searched, best_so_far, simple_regret, spans
from jbo.numerics import midpoint, shares
from jbo.plots.style import BLUE, CYCLE, GREY, MAP, VERMILION, axes_of, in_units, legend, plain, unit_of
from jbo.study import Trial
from jbo.study.front import check_alone

Shown = Searched | ModelView
"""A study, a study file that was read, or a view of its model."""


def trajectory(
    study: Shown | Sequence[Shown] | Mapping[str, Sequence[Shown]],
    *,
    optimum: float | None = None,
    label: str = "objective",
    ax: Any = None,
) -> Any:
    """The trials and the best value so far of one study, or the best value so far of several studies.

    The best value so far is a step line. A failed trial is a cross. A stopped trial is small and grey, at its last
    value.

    Args:
      study: One study; or several studies that differ by their seed; or a dict from a name to such a group. A group is
        shown by the median of the best value so far, with a band from the lower to the upper quartile. It ends with its
        shortest study.
      optimum: The best possible value, if it is known. The plot then shows the distance to the optimum on a log scale.
      label: Label of the vertical axis.
      ax: Matplotlib axes to draw on; None: new axes.

    Returns:
      The axes.

    Raises:
      ValueError: The argument holds no study, or a study has no finished trials or several objectives.
    """
    ax = axes_of(ax)
    single = None if isinstance(study, Mapping) or isinstance(study, Sequence) else study
    if isinstance(study, Mapping):
        groups = dict(study)
    else:
        groups = {"": study if isinstance(study, Sequence) else [study]}
    if not groups or not all(groups.values()):
        raise ValueError("study: expected at least one study, got none")
    for member in (member for members in groups.values() for member in members):
        check_alone(member.outcomes, "jbo.plots.hypervolume")
    shown = [trial for members in groups.values() for member in members for trial in member.trials]
    unit = unit_of(
        [0.0 if optimum is None else optimum]
        + [trial.value for trial in shown if trial.value is not None]
        + [value for trial in shown for value in trial.intermediate_values.values()]
    )
    if single is None:
        for (name, members), colour in zip(groups.items(), CYCLE * len(groups), strict=False):
            curves = [_course(member, optimum, unit)[2] for member in members]
            length = min(map(len, curves))
            curves = np.array([curve[:length] for curve in curves])
            low, middle, high = np.nanquantile(curves, [0.25, 0.5, 0.75], axis=0)
            number = np.arange(length)
            text = f"{plain(name)} " if name else ""
            ax.step(number, middle, where="post", color=colour, label=f"{text}best so far, median of {len(curves)}")
            ax.fill_between(number, low, high, step="post", color=colour, alpha=0.2, linewidth=0)
    else:
        finished, values, best = _course(single, optimum, unit)
        numbers = np.array([trial.number for trial in finished])
        failed = np.array([trial.status == "failed" for trial in finished])
        stopped = [trial for trial in finished if trial.status == "stopped"]
        ax.plot(numbers, values, "o", color=BLUE, alpha=0.6, markersize=4, label="trial")
        ax.step(numbers, best, where="post", color=VERMILION, label="best so far")
        if stopped:
            last = np.array([list(trial.intermediate_values.values())[-1] / unit for trial in stopped])
            last = last if optimum is None else np.abs(last - optimum / unit)
            ax.plot([trial.number for trial in stopped], last, ".", color=GREY, label="stopped")
        if failed.any():
            edge = np.full(failed.sum(), 0.03)
            ax.plot(numbers[failed], edge, "x", color="black", transform=ax.get_xaxis_transform(), label="failed")
    if optimum is not None and ax.dataLim.y1 > 0:  # a log scale cannot show distances that are all 0
        ax.set_yscale("log")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("trial")
    ax.set_ylabel(in_units(plain(label) if optimum is None else f"{plain(label)}: distance to {optimum:.4g}", unit))
    ax.grid(alpha=0.25)
    legend(ax)
    return ax


def parallel_coordinates(study: Shown, *, label: str = "objective", ax: Any = None) -> Any:
    """One line for each trial through a vertical scale for each parameter and for the value, coloured by the value.

    Each parameter has its own scale, such as a log scale. A line has a gap at an inactive parameter. Trials without a
    value, failed or stopped, are dotted and end before the last scale. Trials that are not known to meet the limits are
    grey; only feasible trials have a colour.

    Args:
      study: A study, a loaded study file, or a view.
      label: Label of the last scale.
      ax: Matplotlib axes to draw on; None: new axes.

    Returns:
      The axes.

    Raises:
      ValueError: No trial has ended, or the study has several objectives.
    """
    from matplotlib import colormaps

    check_alone(study.outcomes, "jbo.plots.pareto")
    ax = axes_of(ax, (max(6.4, 1.3 * (len(study.space) + 1)), 4.2))
    trials = _finished(study)
    values = np.array([np.nan if trial.value is None else trial.value for trial in trials])
    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0.0, 1.0)
    heights = shares(values)
    shade = shares(np.where([bool(trial.is_feasible) for trial in trials], values, np.nan))
    goodness = shade if study.outcomes.maximize else 1 - shade
    order = np.argsort(np.where(np.isnan(goodness), -1, goodness), kind="stable")  # the best trials are on top
    for i in order:
        config, is_failed = trials[i].config, np.isnan(values[i])
        line = [p.to_unit(config[name]) if name in config else np.nan for name, p in study.space.items()]
        is_grey = np.isnan(goodness[i])
        colour = GREY if is_grey else colormaps[MAP](0.95 * goodness[i])
        style = {"alpha": 0.6 if is_grey else 0.35 + 0.65 * goodness[i], "linestyle": ":" if is_failed else "-"}
        way = np.array([*line, heights[i]])
        ax.plot(np.arange(len(way)), way, color=colour, linewidth=1.3, **style)
        around = np.isfinite([np.nan, *way, np.nan])
        alone = around[1:-1] & ~around[:-2] & ~around[2:]  # no line reaches a value between two gaps
        ax.plot(np.flatnonzero(alone), way[alone], ".", color=colour)
    for column, (_name, parameter) in enumerate(study.space.items()):
        ax.axvline(column, color="black", linewidth=0.8)
        if 0 < parameter.num_levels <= 6:
            marks = [(parameter.unit_of_level(k), parameter.value_at(k)) for k in range(parameter.num_levels)]
        else:
            marks = [(unit, parameter.from_unit(unit)) for unit in (0.0, 0.5, 1.0)]
        for unit, value in marks:
            _mark(ax, column, unit, f"{value:.3g}" if isinstance(value, float) else str(value))
    ax.axvline(len(study.space), color="black", linewidth=0.8)
    for height, value in ((0.0, low), (0.5, midpoint(float(low), float(high))), (1.0, high)):
        _mark(ax, len(study.space), height, f"{value:.4g}")
    ax.set_xticks(range(len(study.space) + 1), labels=[plain(name) for name in (*study.space, label)])
    ax.set_yticks([])
    ax.set_xlim(-0.1, len(study.space) + 0.45)
    ax.set_ylim(-0.05, 1.05)
    for side in ("left", "right", "top", "bottom"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="x", length=0)
    return ax


def timeline(study: Shown, *, ax: Any = None) -> Any:
    """A bar for each trial from its start to its end. Trials that overlap in time have separate rows.

    Args:
      study: A study, the result of `jbo.study.read_study`, or a view of a model. The bar of a pending trial ends at the
        latest known time.
      ax: Matplotlib axes to draw on; None: new axes.

    Returns:
      The axes; time is in seconds since the start of the first trial.

    Raises:
      ValueError: The study has no trials.
    """
    from matplotlib.patches import Patch

    found = spans(study.trials)
    if not found:
        raise ValueError("study: expected at least one trial, got none")
    ax = axes_of(ax, (7.0, 3.2))
    colours = {"ok": BLUE, "stopped": GREY, "failed": VERMILION, "pending": "white", "abandoned": "white"}
    longest, num_lanes = max(span.end for span in found), max(span.lane for span in found) + 1
    for trial, start, end, lane in found:
        ax.barh(
            lane, end - start, left=start, height=0.8, color=colours[trial.status], edgecolor="black", linewidth=0.5,
            hatch="//" if trial.status == "pending" else None,
        )  # fmt: skip
        if end - start > 0.03 * longest:
            colour, middle = "black" if colours[trial.status] == "white" else "white", 0.5 * (start + end)
            ax.text(middle, lane, str(trial.number), ha="center", va="center", color=colour, fontsize=7, clip_on=True)
    ax.set_yticks(range(num_lanes), labels=[str(i + 1) for i in range(num_lanes)])
    ax.set_ylim(-0.6, num_lanes - 0.4)
    ax.set_xlabel("seconds since the first trial began")
    ax.set_ylabel("at the same time")
    seen = {s: "//" if s == "pending" else "" for s in colours if any(span.trial.status == s for span in found)}
    ax.legend(
        handles=[Patch(facecolor=colours[s], edgecolor="black", hatch=h, label=s) for s, h in seen.items()],
        fontsize="small", loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False,
    )  # fmt: skip
    return ax


def learning_curves(
    curves: Shown | Sequence[tuple[Any, Any]],
    *,
    maximize: bool | None = None,
    step: str = "step",
    label: str = "objective",
    ax: Any = None,
) -> Any:
    """The intermediate values of each trial as one line; the line with the best last value is in colour.

    Args:
      curves: A study whose trials reported values, or the steps and values of each trial. A curve that ends before
        other curves was stopped, and its end has a dot.
      maximize: True if higher values are better; None: as in the study, or False without a study.
      step: Label of the horizontal axis.
      label: Label of the vertical axis.
      ax: Matplotlib axes to draw on; None: new axes.

    Returns:
      The axes.

    Raises:
      ValueError: No trial has a curve, or steps and values differ in length, or the study has several objectives.
    """
    if not isinstance(curves, Sequence):
        check_alone(curves.outcomes)
        maximize = curves.outcomes.maximize if maximize is None else maximize
        seen = [trial.intermediate_values for trial in curves.trials if trial.intermediate_values]
        curves = [(list(values), list(values.values())) for values in seen]
    if not len(curves):
        raise ValueError("curves: expected at least one, got none")
    arrays = [(np.atleast_1d(steps), np.asarray(values, np.float64).reshape(-1)) for steps, values in curves]
    for i, (steps, values) in enumerate(arrays):
        if len(steps) != len(values) or not len(steps):
            raise ValueError(
                f"curves: expected as many steps as values, got {len(steps)} and {len(values)} in curve {i}"
            )
    ax = axes_of(ax)
    ends = np.array([values[-1] for _, values in arrays])
    ends = np.where(np.isfinite(ends), ends, np.nan)
    best = None if np.isnan(ends).all() else int(np.nanargmax(ends) if maximize else np.nanargmin(ends))
    last = max(steps[-1] for steps, _ in arrays)
    unit = unit_of(np.concatenate([values for _, values in arrays]))
    arrays = [(steps, values / unit) for steps, values in arrays]
    for i, (steps, values) in enumerate(arrays):
        if i != best:
            ax.plot(steps, values, color=GREY, alpha=0.55, linewidth=1, marker="o" if len(steps) == 1 else None, ms=3)
            if steps[-1] < last:
                ax.plot(steps[-1:], values[-1:], "o", color=GREY, alpha=0.55, markersize=3)
    if best is not None:
        ax.plot(*arrays[best], color=VERMILION, linewidth=2, label=f"best at its end ({ends[best]:.4g})")
        legend(ax)
    ax.set_xlabel(plain(step))
    ax.set_ylabel(in_units(plain(label), unit))
    ax.grid(alpha=0.25)
    return ax


def _finished(study: Shown) -> list[Trial]:
    trials = [trial for trial in study.trials if trial.is_finished]
    if not trials:
        raise ValueError("study: expected at least one trial that ended, got none")
    return trials


def _course(study: Shown, optimum: float | None, unit: float) -> tuple[list[Trial], np.ndarray, np.ndarray]:
    """Finished trials, their values and the best values so far, in a unit; with an optimum, distances to it."""
    trials = _finished(study)
    values = np.array([np.nan if trial.value is None else trial.value / unit for trial in trials])
    feasible = np.where([bool(trial.is_feasible) for trial in trials], values, np.nan)
    if optimum is None:
        return trials, values, best_so_far(feasible, maximize=study.outcomes.maximize)
    optimum = optimum / unit
    return trials, np.abs(values - optimum), simple_regret(feasible, optimum, maximize=study.outcomes.maximize)


def _mark(ax: Any, x: int, y: float, text: str) -> None:
    """A label beside a vertical scale, legible on top of lines."""
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8}
    ax.text(x + 0.04, y, plain(text), fontsize=7, va="center", bbox=box, zorder=5)
