"""Plots of several objectives and of limits: the Pareto front, the hypervolume, and how often limits are broken."""

from collections.abc import Iterable
from itertools import combinations
from typing import Any

import numpy as np

from jbo.diagnostics import Measured, Tradeoff, limit_in_words
from jbo.diagnostics import hypervolume as hypervolume_of
from jbo.diagnostics import limits as limits_of
from jbo.diagnostics import tradeoff as tradeoff_of
from jbo.plots.style import (
    BLUE,
    GREY,
    ORANGE,
    SKY,
    VERMILION,
    axes_of,
    in_units,
    legend,
    needs_log,
    plain,
    shown_part,
    unit_of,
)
from jbo.study import Trial


def pareto(study: Measured, *, recommended: Iterable[Trial] = (), ax: Any = None) -> Any:
    """Plot the trials in the plane of two objectives: the front, the dominated region, and the infeasible trials.

    The line is the border of the dominated region, up to the reference point of the hypervolume. With more than two
    objectives, each pair has a panel. The panels have no line, because a trial of the front need not be in the front of
    a pair. An axis is logarithmic if its values are positive and span a factor of more than 30. Values far worse than
    the front are left out, and counted in a note.

    Args:
      study: A study, or a loaded study file.
      recommended: Trials to mark with a ring, such as ``study.recommended``, the front of the posterior means.
      ax: Matplotlib axes; with more than two objectives an array with one for each pair. None: new axes.

    Returns:
      The axes, or an array of them.

    Raises:
      ValueError: The study has one objective, or no trial has a value of each objective, or ``ax`` has too few axes.
    """
    if len(study.outcomes.objectives) < 2:
        raise ValueError("study: expected several objectives, got one; see jbo.plots.trajectory")
    found = tradeoff_of(study)
    rings = {trial.number for trial in recommended}
    pairs = list(combinations(range(len(found.names)), 2))
    if len(pairs) == 1:
        ax = axes_of(ax)
        _plane(ax, found, *pairs[0], rings)
        legend(ax)
        return ax
    if ax is None:
        from matplotlib import pyplot

        columns = min(3, len(pairs))
        rows = -(-len(pairs) // columns)
        figure, grid = pyplot.subplots(rows, columns, figsize=(3.6 * columns, 3.2 * rows), layout="constrained")
        for spare in grid.ravel()[len(pairs) :]:
            figure.delaxes(spare)
        ax = grid.ravel()[: len(pairs)]
    axes = np.ravel(ax)
    if len(axes) < len(pairs):
        raise ValueError(f"ax: expected {len(pairs)} axes, one for each pair of objectives, got {len(axes)}")
    for each, (one, other) in zip(axes, pairs, strict=False):
        _plane(each, found, one, other, rings)
    legend(axes[0])
    return axes


def _plane(ax: Any, found: Tradeoff, one: int, other: int, rings: set[int]) -> None:
    values = found.values[:, [one, other]]
    edge = np.array([found.reference[found.names[j]] for j in (one, other)])
    units = np.array([unit_of(np.append(values[:, j], edge[j])) for j in range(2)])
    values, edge = values / units, edge / units
    parts = [
        shown_part(values[:, i], values[found.is_front, i], edge[i], found.is_better_high[j])
        for i, j in enumerate((one, other))
    ]
    is_inside = np.all([(values[:, i] >= low) & (values[:, i] <= high) for i, (low, high) in enumerate(parts)], axis=0)
    is_dominated = found.is_feasible & ~found.is_front
    if len(found.names) == 2:
        corners = found.staircase(one, other) / units
        if len(corners):
            area = np.array([*corners, edge])
            ax.fill(*area.T, color=SKY, alpha=0.18, linewidth=0, label="dominated")
            ax.plot(*corners.T, color=VERMILION, linewidth=1.2)
    for is_shown, style in (
        (~found.is_feasible, {"marker": "x", "color": GREY, "label": "infeasible", "markersize": 4.5}),
        (is_dominated, {"marker": "o", "color": BLUE, "label": "trial", "markersize": 4, "alpha": 0.65}),
        (found.is_front, {"marker": "o", "color": VERMILION, "label": "front", "markersize": 6}),
    ):
        if (is_shown & is_inside).any():
            ax.plot(*values[is_shown & is_inside].T, linestyle="", **style)
    ringed = np.array([trial.number in rings for trial in found.trials]) & is_inside
    if ringed.any():
        style = {"markerfacecolor": "none", "markeredgecolor": "black", "markersize": 11, "label": "recommended"}
        ax.plot(*values[ringed].T, "o", **style)
    for i, j in enumerate((one, other)):
        which = "xy"[i]
        is_log = needs_log(parts[i], values[:, i])
        if is_log:
            getattr(ax, f"set_{which}scale")("log")
        getattr(ax, f"set_{which}lim")(*_with_margin(parts[i], is_log))
        getattr(ax, f"set_{which}label")(in_units(plain(found.names[j]), units[i]))
    if not is_inside.all():
        text = f"{np.count_nonzero(~is_inside)} beyond the picture"
        ax.annotate(text, (1, 1.01), xycoords="axes fraction", ha="right", va="bottom", fontsize=7, color=GREY)
    ax.grid(alpha=0.25)


def hypervolume(study: Measured, *, ax: Any = None) -> Any:
    """Plot the hypervolume of the trials so far, with a step at each trial that moves the front.

    Args:
      study: A study, or a loaded study file, with several objectives.
      ax: Matplotlib axes; None: new axes.

    Returns:
      The axes.

    Raises:
      ValueError: No trial has ended.
    """
    found = hypervolume_of(study)
    ax = axes_of(ax)
    unit = unit_of(found.so_far)
    ax.step(found.numbers, found.so_far / unit, where="post", color=VERMILION)
    grown = np.flatnonzero(np.diff(found.so_far, prepend=0.0) > 0)
    ax.plot(found.numbers[grown], found.so_far[grown] / unit, "o", color=VERMILION, markersize=4)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("trial")
    ax.set_ylabel(in_units("hypervolume", unit))
    reference = ", ".join(f"{plain(name)} {value:.4g}" for name, value in found.reference.items())
    ax.set_title(f"up to {reference}", fontsize=8, color=GREY, loc="right")
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.25)
    return ax


def limits(study: Measured, *, ax: Any = None) -> Any:
    """Plot how many trials break each limit, and which limits bind.

    Args:
      study: A study, or a loaded study file, with limits.
      ax: Matplotlib axes; None: new axes.

    Returns:
      The axes: a bar for each limit, and next to it the value of the best trial that is nearest to the limit.

    Raises:
      ValueError: The study has no limits.
    """
    found = limits_of(study)
    if not found:
        raise ValueError("study: expected limits, such as jbo.AtMost, among its outcomes, got none")
    ax = axes_of(ax, (6.4, 1.2 + 0.5 * len(found)))
    places = np.arange(len(found))[::-1]
    broken, alone = (np.array([getattr(use, name) for use in found]) for name in ("num_broken", "num_alone"))
    ax.barh(places, broken, color=ORANGE, label="break it and others")
    ax.barh(places, alone, color=VERMILION, label="break it alone")
    most = max(int(broken.max()), 1)
    for place, use in zip(places, found, strict=True):
        if use.nearest is None:
            text = "no trial is feasible"
        else:
            text = f"{'binds' if use.binds else 'does not bind'}: {use.value}"
        weight = "bold" if use.binds else "normal"
        ax.text(use.num_broken + 0.02 * most, place, text, va="center", fontsize=8, weight=weight)
    ax.set_yticks(places, labels=[plain(limit_in_words(use.outcome)) for use in found])
    ax.set_ylim(-0.6, len(found) - 0.4)
    ax.set_xlim(0, 1.45 * most)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel(f"trials of {max(use.num_trials for use in found)}")
    ax.legend(fontsize="small", loc="lower left", bbox_to_anchor=(0, 1), ncols=2, frameon=False)
    return ax


def _with_margin(part: tuple[float, float], is_log: bool) -> tuple[float, float]:
    low, high = part
    if is_log:
        return low * (low / high) ** 0.05, high * (high / low) ** 0.05
    room = 0.05 * high - 0.05 * low or 0.05 * abs(high) or 1.0
    return low - room, high + room
