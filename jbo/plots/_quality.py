"""Plots of how well the model predicts, and of how much each parameter matters."""

from typing import Any

import numpy as np

from jbo.diagnostics import Health, Importance, ModelView, Searched
from jbo.diagnostics import health as health_of
from jbo.diagnostics import importance as importance_of
from jbo.plots.style import BLUE, GREY, SKY, VERMILION, axes_of, in_units, legend, plain, show_range, unit_of


def predicted_against_observed(
    study: Searched | ModelView | Health, *, label: str = "objective", ax: Any = None
) -> Any:
    """Plot the prediction of each value from the other trials, with 95 % intervals, against the observed value.

    Args:
      study: A study, a loaded study file, a view, or a `jbo.diagnostics.Health`, which saves the computation.
      label: Name of the objective.
      ax: Matplotlib axes; None: new axes.

    Returns:
      The axes.

    Raises:
      ValueError: As in `jbo.diagnostics.health`.
    """
    health = study if isinstance(study, Health) else health_of(study)
    ax = axes_of(ax, (4.8, 4.4))
    unit = unit_of(health.values)
    middle, low, high = (part / unit for part in health.predicted)
    values = health.values / unit
    is_in = (low <= values) & (values <= high)
    for inside, colour, name in ((True, BLUE, "inside of its interval"), (False, VERMILION, "outside")):
        rows = is_in == inside
        if rows.any():
            errors = np.maximum([middle[rows] - low[rows], high[rows] - middle[rows]], 0)
            ax.errorbar(
                values[rows], middle[rows], errors, fmt="o", color=colour, markersize=4, elinewidth=0.8,
                alpha=0.8, label=name,
            )  # fmt: skip
    show_range(ax, "x", values, 0.05)
    show_range(ax, "y", values, 0.35)
    ends = ax.get_xlim()
    ax.plot(ends, ends, color="black", linewidth=0.8, linestyle="--", label="as observed")
    ax.set_xlim(ends)
    ax.set_xlabel(in_units(f"{plain(label)}, observed", unit))
    ax.set_ylabel(in_units(f"predicted by {health.method}", unit))
    ax.grid(alpha=0.25)
    legend(ax)
    return ax


def calibration(study: Searched | ModelView | Health, *, ax: Any = None) -> Any:
    """Plot the fraction of the trials inside central intervals against the probability of the intervals.

    Below the diagonal the model is overconfident, above it underconfident.

    Args:
      study: As in `predicted_against_observed`.
      ax: Matplotlib axes; None: new axes.

    Returns:
      The axes. The band contains 95 % of the fractions of a perfectly calibrated model with this number of trials.

    Raises:
      ValueError: As in `jbo.diagnostics.health`.
    """
    from scipy.special import bdtr, ndtr

    health = study if isinstance(study, Health) else health_of(study)
    ax = axes_of(ax, (4.8, 4.4))
    residuals = health.model.residuals
    mass = np.sort(2 * ndtr(np.abs(residuals)) - 1)
    number = len(mass)
    levels = np.linspace(0, 1, 101)
    counts = np.arange(number + 1)
    below = np.array([bdtr(counts, number, p) for p in levels])  # distribution of the number inside, by level
    low, high = ((below >= q).argmax(axis=1) / number for q in (0.025, 0.975))
    ax.fill_between(levels, low, high, color=GREY, alpha=0.25, linewidth=0, label="by chance")
    ax.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--", label="right")
    share = np.concatenate([[0], np.arange(1, number + 1) / number, [1]])
    ax.step(np.concatenate([[0], mass, [1]]), share, where="post", color=BLUE, label=f"{number} trials")
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_xlabel("probability of the interval")
    ax.set_ylabel("share of the trials inside of it")
    ax.grid(alpha=0.25)
    legend(ax)
    return ax


def importance(study: Searched | ModelView | Importance, *, num_pairs: int = 3, ax: Any = None) -> Any:
    """Plot the main and the total effect of each parameter on the variance, and the strongest interactions.

    Args:
      study: A study, a loaded study file, a view, or a `jbo.diagnostics.Importance`, which saves the computation.
      num_pairs: Maximum number of pairs. Pairs that explain less than 1 % are left out.
      ax: Matplotlib axes; None: new axes.

    Returns:
      The axes.

    Raises:
      ValueError: As in `jbo.diagnostics.importance`.
    """
    found = study if isinstance(study, Importance) else importance_of(study)
    names = sorted(found.main, key=lambda name: found.total[name])
    pairs = sorted(found.pairs, key=lambda pair: -found.pairs[pair])[:num_pairs]
    pairs = [pair for pair in pairs[::-1] if found.pairs[pair] >= 0.01]
    ax = axes_of(ax, (6.4, 1.2 + 0.32 * (len(names) + len(pairs))))
    rows = np.arange(len(pairs), len(pairs) + len(names))
    ax.barh(rows, [found.total[name] for name in names], color=SKY, height=0.7, label="with its interactions")
    ax.barh(rows, [max(found.main[name], 0) for name in names], color=BLUE, height=0.42, label="alone")
    if pairs:
        shares = [found.pairs[pair] for pair in pairs]
        ax.barh(np.arange(len(pairs)), shares, color=VERMILION, height=0.42, label="two together, beyond each alone")
    ax.set_yticks(range(len(pairs) + len(names)), labels=[*(_pair(pair) for pair in pairs), *map(plain, names)])
    ax.set_xlim(0, 1.02 * max(1.0, *found.total.values()))
    ax.set_xlabel("share of the variance of the model's mean")
    ax.grid(alpha=0.25, axis="x")
    ax.set_axisbelow(True)
    legend(ax)
    return ax


def _pair(names: tuple[str, str]) -> str:
    return f"{plain(names[0])} × {plain(names[1])}"
