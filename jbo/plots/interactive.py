"""Interactive charts, for the report and for notebooks. A notebook shows a chart that is the last line of a cell.

`jbo.plots.interactive.trajectory(study)` is the interactive version of `jbo.plots.trajectory(study)`. Point at a mark
to read its values. Drag over a part to enlarge it, and double-click to see the whole chart. Click on a name in the
legend to hide its marks. A chart needs neither a network connection nor another library.
"""

import html
import json
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np

from jbo.diagnostics import (
    Health,
    Importance,
    Interval,
    Measured,
    ModelView,
    Searched,
    best_so_far,
    dependence,
    limit_in_words,
    spans,
    tradeoff,
    view_model,
    why_infeasible,
)
from jbo.diagnostics import health as health_of
from jbo.diagnostics import hypervolume as hypervolume_of
from jbo.diagnostics import importance as importance_of
from jbo.diagnostics import limits as limits_of
from jbo.encoding import CATEGORY
from jbo.numerics import widened
from jbo.outcomes import Outcomes
from jbo.parameters import Integer, Parameter, Real, Share
from jbo.plots.style import needs_log, shown_part
from jbo.study import Trial
from jbo.study.front import check_alone

Shown = Searched | ModelView
"""A study, a study file that was read, or a view of its model."""


@dataclass(frozen=True, repr=False)
class Figure:
    """A chart as plain data, in the format of plotly: ``plotly.graph_objects.Figure(chart.data, chart.layout)``."""

    data: list[dict[str, Any]]
    """The traces of the chart."""
    layout: dict[str, Any]
    """The axes, the size and the position of the legend."""

    def __repr__(self) -> str:
        names = ", ".join(trace["name"] for trace in self.data if "name" in trace and trace.get("showlegend", True))
        return f"<Figure: {names}>"

    def element(self, key: str = "") -> str:
        """The HTML element of the chart, into which `script` draws it.

        Args:
          key: Name of the chart; it need not be unique.
        """
        text = html.escape(json.dumps(vars(self), allow_nan=False, separators=(",", ":")), quote=False)
        text = text.replace("'", "&#x27;")  # the text has many double quotes, so the attribute is in single quotes
        return f'<div class="chart" data-chart="{html.escape(key)}" data-jbo-figure=\'{text}\'></div>'

    def _repr_html_(self) -> str:
        return f"{self.element()}<noscript>This chart is drawn by JavaScript.</noscript><script>{script()}</script>"


def script() -> str:
    """The JavaScript that draws all charts of a page that are not drawn yet."""
    return (resources.files("jbo.plots") / "chart.js").read_text(encoding="utf-8")


_BLUE, _VERMILION, _SKY, _GREY = "#1F83C4", "#D55E00", "#8CC8EE", "#8A8A8A"  # visible on white and on black
_BAND = "rgba(86, 180, 233, 0.3)"
_SIDE, _SIDE_OF_MAP = 128, 24
_CIVIDIS = (
    "#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838",
)  # fmt: skip
"""Colours from dark to bright that colour-blind readers can distinguish: Nuñez, Anderton and Renslow, 2018."""


def text(value: Any, limit: int = 60) -> str:
    """A user's text, escaped because a chart reads ``<b>`` as bold.

    Args:
      value: A value of any type.
      limit: Maximum number of characters.
    """
    shown = str(value)
    return html.escape(shown if len(shown) <= limit else shown[: limit - 1] + "…", quote=False)


def trajectory(study: Shown, *, label: str = "objective") -> Figure:
    """The value of every trial and the best value so far, with the failed trials below.

    Args:
      study: A study, a loaded study file, or a view.
      label: Label of the objective.

    Raises:
      ValueError: No trial has ended, or the study has several objectives.
    """
    check_alone(study.outcomes, "jbo.plots.interactive.hypervolume")
    ended = [trial for trial in study.trials if trial.is_finished]
    if not ended:
        raise ValueError("study: expected at least one trial that ended, got none")
    succeeded = [trial for trial in ended if trial.value is not None]
    failed = [trial for trial in ended if trial.status == "failed"]
    feasible = [trial.value if trial.value is not None and trial.is_feasible else np.nan for trial in ended]
    best = best_so_far(feasible, maximize=study.outcomes.maximize)
    traces = [
        _scatter(
            [t.number for t in succeeded], [t.value for t in succeeded], "trial", mode="markers",
            marker={"color": _BLUE, "size": 7, "opacity": 0.75}, text=[_hover(t) for t in succeeded],
            hovertemplate="%{text}<extra></extra>",
        ),
        # The trace ignores the pointer, because it would otherwise hide the best trials.
        _scatter(
            [t.number for t in ended], best, "best so far", mode="lines", hoverinfo="skip",
            line={"color": _VERMILION, "shape": "hv", "width": 2},
        ),
    ]  # fmt: skip
    stopped = [trial for trial in ended if trial.status == "stopped" and trial.intermediate_values]
    if stopped:
        traces.append(
            _scatter(
                [t.number for t in stopped], [list(t.intermediate_values.values())[-1] for t in stopped], "stopped",
                mode="markers", marker={"color": _GREY, "size": 5}, text=[_hover(t) for t in stopped],
                hovertemplate="%{text}<extra></extra>",
            )
        )  # fmt: skip
    if failed:
        traces.append(
            _scatter(
                [t.number for t in failed], [0.02] * len(failed), "failed", mode="markers", yaxis="y2",
                marker={"color": _VERMILION, "symbol": "x", "size": 8}, text=[_hover(t) for t in failed],
                hovertemplate="%{text}<extra></extra>",
            )
        )  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": "trial"}, "tickformat": "d"},
        "yaxis": {"title": {"text": text(label)}},
        "yaxis2": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
    }
    return Figure(traces, layout)


def pareto(study: Measured, names: tuple[str, str] | None = None) -> Figure:
    """The trials in the plane of two objectives: the front, the dominated trials, and the infeasible trials.

    The line is the edge of the region that the front dominates, up to the reference of the hypervolume. With more than
    two objectives there is no line, because a trial of the front need not be in the front of two objectives.

    Args:
      study: A study, or a loaded study file.
      names: Two objectives; None: the first two.

    Raises:
      ValueError: The study has one objective, no trial has a value of each objective, or a name is not an objective.
    """
    known = [objective.name for objective in study.outcomes.objectives]
    if len(known) < 2:
        raise ValueError("study: expected several objectives, got one; see jbo.plots.interactive.trajectory")
    names = (known[0], known[1]) if names is None else names
    for name in names:
        if name not in known:
            raise ValueError(f"names: expected two of {', '.join(known)}, got {name!r}")
    found = tradeoff(study)
    columns = [found.names.index(name) for name in names]
    values = found.values[:, columns]
    traces = []
    corners = found.staircase(*columns) if len(found.names) == 2 else np.zeros((0, 2))
    if len(corners):
        # The trace ignores the pointer, because it would otherwise hide the trials.
        line = {"mode": "lines", "hoverinfo": "skip", "line": {"color": _VERMILION, "width": 1.5}}
        traces.append(_scatter(corners[:, 0], corners[:, 1], "edge of what they dominate", **line))
    for is_shown, name, marker in (
        (~found.is_feasible, "infeasible", {"color": _GREY, "symbol": "x", "size": 7}),
        (found.is_feasible & ~found.is_front, "trial", {"color": _BLUE, "size": 7, "opacity": 0.75}),
        (found.is_front, "front", {"color": _VERMILION, "size": 10}),
    ):
        rows = np.flatnonzero(is_shown)
        if len(rows):
            hover = [_hover_of_outcomes(found.trials[row], study.outcomes) for row in rows]
            style = {"mode": "markers", "marker": marker, "text": hover, "hovertemplate": "%{text}<extra></extra>"}
            traces.append(_scatter(values[rows, 0], values[rows, 1], name, **style))
    axes = []
    for i, j in enumerate(columns):
        low, high = shown_part(
            values[:, i], values[found.is_front, i], found.reference[found.names[j]], found.is_better_high[j]
        )
        axis: dict[str, Any] = {"title": {"text": text(names[i], 30)}}
        is_log = needs_log((low, high), values[:, i])
        if is_log:
            axis["type"] = "log"
        ends = (float(np.log10(low)), float(np.log10(high))) if is_log else (float(low), float(high))
        axes.append(axis | {"range": list(widened(*ends, 0.05))})
    return Figure(traces, {"xaxis": axes[0], "yaxis": axes[1], "height": 380})


def hypervolume(study: Measured) -> Figure:
    """The hypervolume that the trials so far dominate, with a fixed reference point.

    Args:
      study: A study, or a loaded study file, with several objectives.

    Raises:
      ValueError: No trial has ended.
    """
    found = hypervolume_of(study)
    trials = {trial.number: trial for trial in study.trials}
    hover = [_hover_of_outcomes(trials[int(number)], study.outcomes) for number in found.numbers]
    line = {"color": _VERMILION, "shape": "hv", "width": 2}
    trace = _scatter(
        found.numbers, found.so_far, "hypervolume", mode="lines", line=line, text=hover,
        hovertemplate="<b>hypervolume %{y:.5g}</b><br>%{text}<extra></extra>",
    )  # fmt: skip
    axes = {"xaxis": {"title": {"text": "trial"}, "tickformat": "d"}, "yaxis": {"title": {"text": "hypervolume"}}}
    axes["yaxis"]["rangemode"] = "tozero"
    return Figure([trace], axes | {"height": 260, "showlegend": False})


def limits(study: Measured) -> Figure:
    """The number of trials that break each limit, alone or together with other limits.

    Args:
      study: A study, or a loaded study file, with limits.

    Raises:
      ValueError: The study has no limits.
    """
    found = limits_of(study)[::-1]
    if not found:
        raise ValueError("study: expected limits, such as jbo.AtMost, among its outcomes, got none")
    rows, hover = [text(limit_in_words(use.outcome), 30) for use in found], [text(use, 200) for use in found]
    style = {
        "type": "bar",
        "orientation": "h",
        "y": rows,
        "hovertext": hover,
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
    traces = [
        {"x": [use.num_broken for use in found], "name": "break it and others", "marker": {"color": _SKY}},
        {"x": [use.num_alone for use in found], "name": "break it alone", "marker": {"color": _VERMILION}},
    ]
    layout = {
        "barmode": "overlay", "height": 130 + 34 * len(found),
        "xaxis": {"title": {"text": "trials"}, "tickformat": "d", "rangemode": "tozero"},
        "yaxis": {"type": "category", "automargin": True},
    }  # fmt: skip
    return Figure([trace | style for trace in traces], layout)


def learning_curves(study: Shown, *, step: str = "step", label: str = "objective") -> Figure:
    """The intermediate values of each trial, with the best trial in colour.

    Args:
      study: A study, a loaded study file, or a view.
      step: Label of the horizontal axis.
      label: Label of the objective.

    Raises:
      ValueError: No trial has reported a value, or the study has several objectives.
    """
    check_alone(study.outcomes)
    reported = [trial for trial in study.trials if trial.intermediate_values]
    if not reported:
        raise ValueError("study: expected at least one trial that reported values, got none")
    sign = -1.0 if study.outcomes.maximize else 1.0
    whole = [trial for trial in reported if trial.value is not None and trial.is_feasible]
    best = min(whole, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)
    traces = []
    for trial in [*(trial for trial in reported if trial is not best), *([] if best is None else [best])]:
        steps, values = list(trial.intermediate_values), list(trial.intermediate_values.values())
        is_best = trial is best
        traces.append(
            _scatter(
                steps, values,
                "best" if is_best else f"trial {trial.number}", mode="lines+markers",
                line={"color": _VERMILION if is_best else _BLUE, "width": 2.5 if is_best else 1}, marker={"size": 4},
                opacity=1.0 if is_best else 0.5, showlegend=is_best, text=[_hover(trial)] * len(steps),
                hovertemplate="step %{x}: %{y:.6g}<br>%{text}<extra></extra>",
            )
        )  # fmt: skip
    layout = {"xaxis": {"title": {"text": text(step)}, "tickformat": "d"}, "yaxis": {"title": {"text": text(label)}}}
    return Figure(traces, layout)


def timeline(study: Shown) -> Figure:
    """A bar for each trial from its start to its end. Trials that overlap in time have separate rows.

    Args:
      study: A study, the result of `jbo.study.read_study`, or a view of a model. The bar of a pending trial ends at the
        latest known time.

    Raises:
      ValueError: The study has no trials.
    """
    found = spans(study.trials)
    if not found:
        raise ValueError("study: expected at least one trial, got none")
    traces = []
    colours = {"ok": _BLUE, "stopped": _GREY, "failed": _VERMILION, "pending": _SKY, "abandoned": "white"}
    for status, colour in colours.items():
        pattern = "/" if status == "pending" else ""
        bars = [span for span in found if span.trial.status == status]
        if bars:
            marker = {"color": colour, "line": {"width": 1, "color": "white"}, "pattern": {"shape": pattern}}
            hover = [f"{_hover(span.trial)}<br>{span.end - span.start:.3g} s" for span in bars]
            traces.append(
                {
                    "type": "bar", "orientation": "h", "name": status, "marker": marker, "hovertext": hover,
                    "y": [span.lane + 1 for span in bars], "base": [span.start for span in bars],
                    "x": [span.end - span.start for span in bars], "hovertemplate": "%{hovertext}<extra></extra>",
                }
            )  # fmt: skip
    num_lanes = max(span.lane for span in found) + 1
    layout = {
        "barmode": "overlay", "bargap": 0.2, "height": 150 + 26 * num_lanes, "showlegend": True,
        "xaxis": {"title": {"text": "seconds since the first trial began"}, "rangemode": "tozero"},
        "yaxis": {
            "title": {"text": "at the same time"}, "dtick": max(1, num_lanes // 8), "range": [0.4, num_lanes + 0.6],
        },
    }  # fmt: skip
    return Figure(traces, layout)


def importance(study: Searched | ModelView | Importance) -> Figure:
    """Share of the variance that each parameter explains, alone and with its interactions.

    Args:
      study: A study, a loaded study file, a view, or an importance, which is not computed again.

    Raises:
      ValueError: As in `jbo.diagnostics.importance`.
    """
    found = study if isinstance(study, Importance) else importance_of(study)
    names = sorted(found.total, key=lambda name: found.total[name])
    rows = [text(name, 30) for name in names]
    style = {"type": "bar", "orientation": "h", "hovertemplate": "%{y}: %{x:.1%}<extra></extra>"}
    traces = [
        {"x": [found.total[n] for n in names], "y": rows, "name": "with its interactions", "marker": {"color": _SKY}},
        {"x": [max(found.main[n], 0) for n in names], "y": rows, "name": "alone", "marker": {"color": _BLUE}},
    ]
    layout = {
        "barmode": "overlay",
        "xaxis": {"title": {"text": "share of the variance"}, "tickformat": ".0%", "rangemode": "tozero"},
        "yaxis": {"type": "category", "automargin": True},
        "height": 130 + 34 * len(names),
    }
    return Figure([trace | style for trace in traces], layout)


def slice_around_best(study: Searched | ModelView, name: str, *, label: str = "objective") -> Figure:
    """The model along one parameter through the trial with the best posterior mean, together with all trials.

    Args:
      study: A study, a loaded study file, or a view, whose model is not fitted again.
      name: A parameter that is active at the best trial.
      label: Label of the objective.

    Raises:
      ValueError: As in `jbo.diagnostics.view_model`; or the best trial has no such parameter.
    """
    view = _view(study)
    best = view.recommended
    if name not in best.config:
        raise ValueError(f"name: expected a parameter of the best trial, {', '.join(best.config)}, got {name!r}")
    parameter = view.space[name]
    units = _units(parameter)
    found = view.interval(view.around(best.config, {name: units}))
    along = [_place(parameter, parameter.from_unit(float(unit))) for unit in units]
    there = [trial for trial in view.trials if trial.value is not None and name in trial.config]
    values = np.array([trial.value for trial in view.trials if trial.value is not None])
    traces = [
        *_band(parameter, along, found),
        _scatter(
            [_place(parameter, t.config[name]) for t in there], [t.value for t in there], "trials", mode="markers",
            marker={"color": _VERMILION, "size": 6, "opacity": 0.75}, text=[_hover(t) for t in there],
            hovertemplate="%{text}<extra></extra>",
        ),
        _scatter(
            [_place(parameter, best.config[name])], [best.value], "recommended", mode="markers",
            marker={"color": "white", "symbol": "star", "size": 14, "line": {"color": "black", "width": 1.5}},
            hovertemplate="recommended: %{x}<extra></extra>",
        ),
    ]  # fmt: skip
    yaxis = {"title": {"text": text(label)}, "range": list(widened(float(values.min()), float(values.max()), 0.2))}
    layout = {"xaxis": _axis(name, parameter), "yaxis": yaxis, "showlegend": False, "height": 300}
    return Figure(traces, layout)


def partial_dependence(study: Searched | ModelView, name: str | tuple[str, str], *, label: str = "objective") -> Figure:
    """The model's objective along one parameter, or over two, averaged over all others.

    Args:
      study: A study, a loaded study file, or a view, whose model is not fitted again.
      name: The parameter, or two parameters for a map. The map is empty where the two are not active together.
      label: Label of the objective.

    Raises:
      ValueError: As in `jbo.diagnostics.dependence`.
    """
    view = _view(study)
    names = (name,) if isinstance(name, str) else tuple(name)
    unknown = [each for each in names if each not in view.space]
    if unknown:
        raise ValueError(f"name: expected one of {', '.join(view.space.names)}, got {unknown[0]!r}")
    sides = [_units(view.space[each], _SIDE if len(names) == 1 else _SIDE_OF_MAP) for each in names]
    along = [
        [_place(view.space[each], view.space[each].from_unit(float(unit))) for unit in units]
        for each, units in zip(names, sides, strict=True)
    ]
    axes = [_axis(each, view.space[each]) for each in names]
    if len(names) == 1:
        found = dependence(view, names[0], sides[0])
        layout = {"xaxis": axes[0], "yaxis": {"title": {"text": f"{text(label)}, average"}}, "height": 300}
        return Figure(_band(view.space[names[0]], along[0], found), layout)
    # The first parameter is horizontal, so each row of the map has one value of the second parameter.
    mesh = np.stack(np.meshgrid(*sides), axis=-1)
    middle = dependence(view, (names[0], names[1]), mesh.reshape(-1, 2)).middle.reshape(mesh.shape[:2])
    known = middle[np.isfinite(middle)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    stops = [[i / (len(_CIVIDIS) - 1), colour] for i, colour in enumerate(_CIVIDIS)]
    trace = {
        "type": "heatmap", "x": along[0], "y": along[1], "z": [_plain(row) for row in middle], "zmin": low,
        "zmax": high, "colorscale": stops, "name": f"{text(label)}, average",
        "hovertemplate": f"{text(names[0], 30)}: %{{x:.4g}}<br>{text(names[1], 30)}: %{{y:.4g}}<br>"
        f"<b>{text(label, 30)}: %{{z:.5g}}</b><extra></extra>",
    }  # fmt: skip
    return Figure([trace], {"xaxis": axes[0], "yaxis": axes[1], "height": 340, "showlegend": False})


def predicted_against_observed(study: Searched | ModelView | Health, *, label: str = "objective") -> Figure:
    """Each value against its prediction from the other trials.

    Args:
      study: A study, a loaded study file, a view, or a health result, which is not computed again.
      label: Label of the objective.

    Raises:
      ValueError: As in `jbo.diagnostics.health`.
    """
    health = study if isinstance(study, Health) else health_of(study)
    middle, low, high = health.predicted
    ends = [float(health.values.min()), float(health.values.max())]
    errors = {
        "type": "data", "symmetric": False, "array": _lengths(middle, high), "arrayminus": _lengths(low, middle),
        "thickness": 1, "width": 0, "color": _SKY,
    }  # fmt: skip
    hover = [f"trial {number}" for number in health.numbers]
    traces = [
        _scatter(ends, ends, "as observed", mode="lines", line={"dash": "dash", "width": 1, "color": _VERMILION}),
        _scatter(
            health.values, middle, "trials, 95 %", mode="markers", error_y=errors, text=hover,
            marker={"color": _BLUE, "size": 7}, hovertemplate="%{text}: %{x}, predicted %{y}<extra></extra>",
        ),
    ]  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": f"{text(label)}, observed"}},
        "yaxis": {
            "title": {"text": f"predicted, {health.method}"},
            "range": list(widened(float(ends[0]), float(ends[1]), 0.375)),
        },
    }
    return Figure(traces, layout)


def calibration(study: Searched | ModelView | Health) -> Figure:
    """Share of the trials inside the central interval of each probability.

    Args:
      study: As in `predicted_against_observed`.

    Raises:
      ValueError: As in `jbo.diagnostics.health`.
    """
    from scipy.special import ndtr

    health = study if isinstance(study, Health) else health_of(study)
    mass = np.sort(2 * ndtr(np.abs(health.model.residuals)) - 1)
    share = np.arange(1, len(mass) + 1) / len(mass)
    traces = [
        _scatter([0, 1], [0, 1], "right", mode="lines", line={"dash": "dash", "width": 1, "color": _VERMILION}),
        _scatter(
            [0, *mass, 1], [0, *share, 1], "trials", mode="lines", line={"color": _BLUE, "shape": "hv"},
            hovertemplate="%{x:.0%} interval: %{y:.0%} of the trials<extra></extra>",
        ),
    ]  # fmt: skip
    layout = {
        "xaxis": {"title": {"text": "probability of the interval"}, "range": [0, 1], "tickformat": ".0%"},
        "yaxis": {"title": {"text": "share of the trials inside"}, "range": [0, 1], "tickformat": ".0%"},
    }
    return Figure(traces, layout)


def _view(study: Searched | ModelView) -> ModelView:
    return study if isinstance(study, ModelView) else view_model(study)


def _scatter(x: Any, y: Any, name: str, **style: Any) -> dict[str, Any]:
    return {"type": "scatter", "x": _plain(x), "y": _plain(y), "name": name, **style}


def _plain(values: Any) -> list[Any]:
    """The values as Python objects for JSON, with None for NaN and infinities."""
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    return [None if isinstance(value, float) and not np.isfinite(value) else value for value in values]


def _lengths(starts: np.ndarray, ends: np.ndarray) -> list[Any]:
    """Distances from the starts to the ends, limited to the largest float."""
    with np.errstate(over="ignore"):
        return _plain(np.minimum(ends - starts, np.finfo(np.float64).max))


def _band(parameter: Parameter, along: list[Any], found: Interval) -> list[dict[str, Any]]:
    if parameter.kind == CATEGORY:
        errors = {
            "type": "data", "symmetric": False, "array": _lengths(found.middle, found.high),
            "arrayminus": _lengths(found.low, found.middle), "color": _SKY,
        }  # fmt: skip
        marker = {"symbol": "diamond", "size": 9, "color": _BLUE}
        return [_scatter(along, found.middle, "median", mode="markers", error_y=errors, marker=marker)]
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False}
    median = {"mode": "lines", "line": {"color": _BLUE, "width": 2}, "hovertemplate": "%{x}: %{y}<extra>median</extra>"}
    return [
        _scatter(along, found.low, "low", **edge),
        _scatter(along, found.high, "95 %", fill="tonexty", fillcolor=_BAND, **edge),
        _scatter(along, found.middle, "median", **median),
    ]


def _units(parameter: Parameter, size: int = _SIDE) -> np.ndarray:
    if 0 < parameter.num_levels <= size:
        return np.array([parameter.unit_of_level(level) for level in range(parameter.num_levels)])
    units = parameter.units(size)
    places = [_place(parameter, parameter.from_unit(float(unit))) for unit in units]
    return units[np.unique(places, return_index=True)[1]]  # removes repeated levels of a long grid


def _place(parameter: Parameter, value: Any) -> float:
    """Position on the axis: a number as it is, or the index of a choice, so that choices with one label stay apart."""
    return float(value) if isinstance(parameter, Real | Integer | Share) else float(parameter.level_of(value))


def _axis(name: str, parameter: Parameter) -> dict[str, Any]:
    title = {"title": {"text": text(name, 30)}}
    if isinstance(parameter, Real | Integer | Share):
        if getattr(parameter, "log", False):
            return title | {"type": "log"}
        return title | ({"tickformat": "d"} if isinstance(parameter, Integer) else {})
    levels = range(parameter.num_levels)
    labels = [text(parameter.value_at(level), 20) for level in levels]
    return title | {"tickvals": list(levels), "ticktext": labels, "range": [-0.5, parameter.num_levels - 0.5]}


def _hover(trial: Trial) -> str:
    if trial.is_of_several:
        values = [f"{text(name, 30)}: {value:.6g}" for name, value in trial.values.items()]
        config = [f"{text(name, 30)}: {text(shown(value), 30)}" for name, value in trial.config.items()]
        return "<br>".join([f"<b>trial {trial.number}: {trial.status}</b>", *values, *config])
    value = trial.status if trial.value is None else f"{trial.value:.6g}"
    lines = [f"{text(name, 30)}: {text(shown(value), 30)}" for name, value in trial.config.items()]
    return "<br>".join([f"<b>trial {trial.number}: {value}</b>", *lines])


def _hover_of_outcomes(trial: Trial, outcomes: Outcomes) -> str:
    """Number, outcomes and configuration of a trial, and the reason if it is infeasible."""
    values = [f"<b>{text(name, 30)}: {value:.6g}</b>" for name, value in trial.values.items()]
    config = [f"{text(name, 30)}: {text(shown(value), 30)}" for name, value in trial.config.items()]
    why = [] if trial.is_feasible or trial.status == "failed" else [text(why_infeasible(trial, outcomes), 200)]
    return "<br>".join([f"<b>trial {trial.number}</b>", *values, *why, *config])


def shown(value: Any) -> str:
    """A value of a configuration as text for a reader.

    Args:
      value: A value of any type.
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)
