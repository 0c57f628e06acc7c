"""Plots of the model and of the acquisition function over one or two parameters."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jbo.acquisitions import Scale
from jbo.diagnostics import Interval, ModelView, Searched, dependence, following, view_model
from jbo.encoding import CATEGORY
from jbo.plots.style import (
    BLUE,
    GREEN,
    MAP,
    VERMILION,
    axes_of,
    dress,
    grid,
    in_units,
    legend,
    place,
    plain,
    show_range,
    unit_of,
)

_SIDE = {1: 256, 2: 48}
"""Number of points along an axis, by the number of axes."""


def posterior(
    study: Searched | ModelView,
    names: Sequence[str] | None = None,
    *,
    label: str = "objective",
    ax: Any = None,
) -> Any:
    """Plot the posterior of the objective over one parameter, or its median over two parameters as a map.

    Other parameters have the values of the trial with the best posterior mean.

    Args:
      study: A study, a loaded study file, or a view, which saves the fit.
      names: One or two parameters; None: all parameters of a space with at most two.
      label: Name of the objective.
      ax: Matplotlib axes; None: new axes.

    Returns:
      The axes. Values are in the units of the objective; over one parameter a band shows the 95 % interval.

    Raises:
      ValueError: As in `jbo.diagnostics.view_model`; or the names are not one or two parameters.
    """
    view, names = _view(study), _names(study, names)
    ax = axes_of(ax)
    columns, x = _points(view, names)
    unit = unit_of(_values(view))
    middle, low, high = (part / unit for part in view.interval(x))
    values = _values(view) / unit
    if len(names) == 1:
        _band(ax, view, names[0], columns[0], Interval(middle, low, high), "median", "95 % of the function")
        _trials(ax, view, names, unit)
        show_range(ax, "y", np.concatenate([values, middle[np.isfinite(middle)]]), 0.25)
        dress(ax, "x", names[0], view.space[names[0]])
        ax.set_ylabel(in_units(plain(label), unit))
        ax.grid(alpha=0.25)
    else:
        _map(ax, view, names, columns, middle, in_units(f"{plain(label)}, median", unit), (values.min(), values.max()))
    legend(ax)
    return ax


def acquisition(
    study: Searched | ModelView, names: Sequence[str] | None = None, *, mark_next: bool = True, ax: Any = None
) -> Any:
    """Plot the acquisition value relative to its maximum over the plotted points, and the next suggestion.

    Args:
      study: A study, a loaded study file, or a view.
      names: As in `posterior`.
      mark_next: True: mark the configuration that the study would suggest now, which costs one suggestion.
      ax: Matplotlib axes; None: new axes.

    Returns:
      The axes. A logarithmic acquisition is plotted without the logarithm; others are plotted from their minimum.

    Raises:
      ValueError: As in `posterior`.
    """
    view, names = _view(study), _names(study, names)
    ax = axes_of(ax, (6.4, 2.6) if len(names) == 1 else (6.4, 4.0))
    columns, x = _points(view, names)
    value = view.worth(x)
    most = value.max()
    if view.strategy.acquisition.scale is Scale.LOGARITHM:
        value = np.exp(value - most)
    else:
        value = (value - value.min()) / max(most - value.min(), np.finfo(float).tiny)
    is_allowed = np.array([view.space.is_allowed(view.space.decode(point)) for point in x])
    value = np.where(is_allowed, value, np.nan)
    coming = following(view) if mark_next else None
    is_drawn = coming is not None and all(name in coming for name in names)
    where = [place(view.space[name], coming[name]) for name in names] if coming is not None and is_drawn else None
    if len(names) == 1:
        if view.space[names[0]].kind == CATEGORY:
            ax.bar(columns[0], value, color=GREEN, width=0.5, label="acquisition value")
        else:
            ax.plot(columns[0], value, color=GREEN, label="acquisition value", **_marker(view, names[0]))
            ax.fill_between(columns[0], 0, value, color=GREEN, alpha=0.2, linewidth=0)
        if where is not None:
            ax.axvline(where[0], color=VERMILION, linestyle="--", label="next")
        dress(ax, "x", names[0], view.space[names[0]])
        ax.set_ylim(-0.03, 1.08)
        ax.set_ylabel("acquisition (relative)")
        ax.grid(alpha=0.25)
    else:
        _map(ax, view, names, columns, value, "acquisition (relative)", (0.0, 1.0))
        if where is not None:
            ax.plot(*([w] for w in where), "*", color="white", markeredgecolor="black", markersize=14, label="next")
    legend(ax)
    return ax


def slice_around_best(study: Searched | ModelView, name: str, *, label: str = "objective", ax: Any = None) -> Any:
    """Plot the posterior along one parameter through the trial with the best posterior mean, and all trials.

    Args:
      study: A study, a loaded study file, or a view.
      name: The parameter, which must be active in the best trial.
      label: Label of the vertical axis.
      ax: Matplotlib axes; None: new axes.

    Returns:
      The axes, with a band for the 95 % interval.

    Raises:
      ValueError: As in `jbo.diagnostics.view_model`; or the best trial has no such parameter.
    """
    view = _view(study)
    _names(view, (name,))
    best = view.recommended
    if name not in best.config:
        raise ValueError(f"name: expected a parameter of the best trial, {', '.join(best.config)}, got {name!r}")
    ax = posterior(view, (name,), label=label, ax=ax)
    at = place(view.space[name], best.config[name])
    assert best.value is not None
    height = best.value / unit_of(_values(view))
    ax.plot([at], [height], "*", color="white", markeredgecolor="black", markersize=13, label="best", zorder=5)
    legend(ax)
    return ax


def partial_dependence(
    study: Searched | ModelView, name: str | tuple[str, str], *, label: str = "objective", ax: Any = None
) -> Any:
    """Plot the partial dependence of the objective on one or two parameters, averaged over all others.

    Args:
      study: A study, a loaded study file, or a view.
      name: One parameter, or two for a map. For a parameter with a condition, the average is over points where it is
        active. A map is empty where the two parameters are not active together.
      label: Name of the objective.
      ax: Matplotlib axes; None: new axes.

    Returns:
      The axes. Along one parameter a band shows the 95 % interval of the average.

    Raises:
      ValueError: As in `jbo.diagnostics.dependence`.
    """
    view = _view(study)
    names = _names(view, (name,) if isinstance(name, str) else name)
    ax = axes_of(ax)
    unit = unit_of(_values(view))
    about = in_units(f"{plain(label)}, average", unit)
    if len(names) == 2:
        grids = [grid(view.space[each], 24) for each in names]
        mesh = np.stack(np.meshgrid(*(units for units, _ in grids), indexing="ij"), axis=-1).reshape(-1, 2)
        middle = dependence(view, (names[0], names[1]), mesh).middle / unit
        known = middle[np.isfinite(middle)]
        ends = (known.min(), known.max()) if len(known) else (0.0, 1.0)
        _map(ax, view, names, [along for _, along in grids], middle, about, ends)
        legend(ax)
        return ax
    units, along = grid(view.space[names[0]], 48)
    found = Interval(*(part / unit for part in dependence(view, names[0], units)))
    _band(ax, view, names[0], along, found, "average", "95 % of the average")
    dress(ax, "x", names[0], view.space[names[0]])
    ax.set_ylabel(about)
    ax.grid(alpha=0.25)
    legend(ax)
    return ax


def _view(study: Searched | ModelView) -> ModelView:
    return study if isinstance(study, ModelView) else view_model(study)


def _names(study: Searched | ModelView, names: Sequence[str] | None) -> tuple[str, ...]:
    chosen = study.space.names if names is None else tuple(names)
    unknown = [name for name in chosen if name not in study.space]
    if unknown:
        raise ValueError(f"names: expected some of {', '.join(study.space.names)}, got {unknown[0]!r}")
    if not 1 <= len(chosen) <= 2 or len(set(chosen)) < len(chosen):
        raise ValueError(f"names: expected one or two parameters, got {len(chosen)}; say which of the space")
    return chosen


def _points(view: ModelView, names: tuple[str, ...]) -> tuple[list[np.ndarray], np.ndarray]:
    """Coordinates along the axes, and the corresponding points of the cube, with the first axis slowest."""
    grids = [grid(view.space[name], _SIDE[len(names)]) for name in names]
    meshes = np.meshgrid(*(units for units, _ in grids), indexing="ij")
    places = {name: mesh.ravel() for name, mesh in zip(names, meshes, strict=True)}
    return [along for _, along in grids], view.around(view.recommended.config, places)


def _values(view: ModelView) -> np.ndarray:
    return np.array([trial.value for trial in view.trials if trial.value is not None])


def _marker(view: ModelView, name: str) -> dict[str, Any]:
    """Style of the markers: dots for a parameter with few values."""
    return {"marker": "o", "markersize": 4} if 0 < view.space[name].num_levels < 20 else {}


def _band(ax: Any, view: ModelView, name: str, along: np.ndarray, interval: Interval, middle: str, band: str) -> None:
    """Plot a line in a band; for a category, points with error bars."""
    if view.space[name].kind == CATEGORY:
        errors = np.maximum([interval.middle - interval.low, interval.high - interval.middle], 0)
        bars = ax.errorbar(along, interval.middle, errors, fmt="D", color=BLUE, capsize=6, label=f"{middle}, {band}")
        bars.lines[0].set_zorder(3)
        ax.set_xlim(-0.5, len(along) - 0.5)
        return
    ax.plot(along, interval.middle, color=BLUE, label=middle, **_marker(view, name))
    ax.fill_between(along, interval.low, interval.high, color=BLUE, alpha=0.2, linewidth=0, label=band)


def _trials(ax: Any, view: ModelView, names: tuple[str, ...], unit: float = 1.0) -> None:
    """Plot completed trials as dots and failed trials as crosses, if the parameters are active."""
    there = [trial for trial in view.trials if all(name in trial.config for name in names)]
    for status, mark in (("ok", "o"), ("failed", "x")):
        trials = [trial for trial in there if trial.status == status]
        places = [[place(view.space[name], trial.config[name]) for trial in trials] for name in names]
        if not trials:
            continue
        label = "trials" if status == "ok" else "failed"
        if len(names) == 2:
            style = {"markersize": 5, "color": VERMILION if status == "ok" else "black"}
            if status == "failed":  # a white outline, to be visible on dark parts
                ax.plot(*places, mark, markersize=8, markeredgewidth=3.5, color="white")
            ax.plot(*places, mark, markeredgecolor="white" if mark == "o" else None, label=label, **style)
        elif status == "ok":
            values = [trial.value / unit for trial in trials if trial.value is not None]
            ax.plot(places[0], values, mark, color=VERMILION, markersize=4, alpha=0.8, label=label)
        else:
            edge = np.full(len(trials), 0.03)
            ax.plot(places[0], edge, mark, color="black", transform=ax.get_xaxis_transform(), label=label)


def _map(
    ax: Any,
    view: ModelView,
    names: tuple[str, ...],
    columns: list[np.ndarray],
    values: np.ndarray,
    label: str,
    ends: tuple[float, float],
) -> None:
    shape = tuple(len(along) for along in columns)
    colours = {"cmap": MAP, "vmin": ends[0], "vmax": ends[1]}
    mesh = ax.pcolormesh(columns[0], columns[1], values.reshape(shape).T, shading="nearest", **colours)
    ax.figure.colorbar(mesh, ax=ax, label=label)
    _trials(ax, view, names)
    for which, name in zip("xy", names, strict=True):
        dress(ax, which, name, view.space[name])
