"""The report's charts as plain data for plotly.js: ``{"data": traces, "layout": layout}``.

``plotly.graph_objects.Figure(figures.trajectory(study, "loss"))`` shows a chart in a notebook.
"""

import html
from typing import Any

import numpy as np

from jbo.diagnostics import Belief, Health, Importance, Interval, Searched, best_so_far, spans
from jbo.encoding import CATEGORY
from jbo.numerics import widened
from jbo.parameters import Integer, Parameter, Real, Share
from jbo.study import Trial

Figure = dict[str, Any]

_BLUE, _VERMILION, _SKY, _GREY = "#1F83C4", "#D55E00", "#8CC8EE", "#8A8A8A"  # seen on white and on black
_BAND = "rgba(86, 180, 233, 0.3)"
_SIDE = 128


def text(value: Any, limit: int = 60) -> str:
    """A user's text for plotly.js, which would take ``<b>`` for bold.

    Args:
      value: Any.
      limit: Characters to show.
    """
    shown = str(value)
    return html.escape(shown if len(shown) <= limit else shown[: limit - 1] + "…", quote=False)


def trajectory(study: Searched, label: str) -> Figure:
    """Every trial, the best so far, and the failed ones below.

    Args:
      study: With a trial that ended.
      label: Of the objective.
    """
    ended = [trial for trial in study.trials if trial.status != "pending"]
    succeeded = [trial for trial in ended if trial.value is not None]
    failed = [trial for trial in ended if trial.status == "failed"]
    values = [np.nan if trial.value is None else trial.value for trial in ended]
    best = best_so_far(values, maximize=study.maximize)
    traces = [
        _scatter(
            [t.number for t in succeeded], [t.value for t in succeeded], "trial", mode="markers",
            marker={"color": _BLUE, "size": 7, "opacity": 0.75}, text=[_hover(t) for t in succeeded],
            hovertemplate="%{text}<extra></extra>",
        ),
        # Without an answer to the pointer, or it would hide the best trials.
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
        "xaxis": {"title": {"text": "trial"}},
        "yaxis": {"title": {"text": text(label)}},
        "yaxis2": {"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True},
    }
    return {"data": traces, "layout": layout}


def learning_curves(study: Searched, label: str) -> Figure | None:
    """What each trial reported on its way, that of the best one in colour; None if none did.

    Args:
      study: Any one.
      label: Of the objective.
    """
    reported = [trial for trial in study.trials if trial.intermediate_values]
    sign = -1.0 if study.maximize else 1.0
    whole = [trial for trial in reported if trial.value is not None]
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
    layout = {"xaxis": {"title": {"text": "step"}}, "yaxis": {"title": {"text": text(label)}}}
    return {"data": traces, "layout": layout} if traces else None


def timeline(study: Searched) -> Figure:
    """A bar for each trial from its start to its end, trials that ran at the same time above each other.

    Args:
      study: With a trial that ended.
    """
    found = spans(study.trials)
    traces = []
    colours = {"ok": _BLUE, "stopped": _GREY, "failed": _VERMILION, "pending": _SKY}
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
        "yaxis": {"title": {"text": "at once"}, "dtick": max(1, num_lanes // 8), "range": [0.4, num_lanes + 0.6]},
    }  # fmt: skip
    return {"data": traces, "layout": layout}


def importance(found: Importance) -> Figure:
    """Shares of the variance, the most important parameter on top.

    Args:
      found: Of the study.
    """
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
    return {"data": [trace | style for trace in traces], "layout": layout}


def slice_around(belief: Belief, best: Trial, name: str, label: str) -> Figure:
    """The model along one parameter through a trial, and all trials.

    Args:
      belief: The model.
      best: The trial, in which the parameter exists.
      name: Of the parameter.
      label: Of the objective.
    """
    parameter = belief.space[name]
    units = _units(parameter)
    found = belief.interval(belief.around(best.config, {name: units}))
    along = [_place(parameter, parameter.from_unit(float(unit))) for unit in units]
    there = [trial for trial in belief.trials if trial.value is not None and name in trial.config]
    values = np.array([trial.value for trial in belief.trials if trial.value is not None])
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
    return {"data": traces, "layout": layout}


def predicted(health: Health, label: str) -> Figure:
    """Each value against its prediction without it.

    Args:
      health: Of the study.
      label: Of the objective.
    """
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
    return {"data": traces, "layout": layout}


def calibration(health: Health) -> Figure:
    """Shares of the trials inside of central intervals.

    Args:
      health: Of the study.
    """
    from scipy.special import ndtr

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
    return {"data": traces, "layout": layout}


def _scatter(x: Any, y: Any, name: str, **style: Any) -> Figure:
    return {"type": "scatter", "x": _plain(x), "y": _plain(y), "name": name, **style}


def _plain(values: Any) -> list[Any]:
    """Numbers that JSON knows, None where there is none."""
    values = [value.item() if isinstance(value, np.generic) else value for value in values]
    return [None if isinstance(value, float) and not np.isfinite(value) else value for value in values]


def _lengths(starts: np.ndarray, ends: np.ndarray) -> list[Any]:
    """How far the ends are from the starts, at most the largest float."""
    with np.errstate(over="ignore"):
        return _plain(np.minimum(ends - starts, np.finfo(np.float64).max))


def _band(parameter: Parameter, along: list[Any], found: Interval) -> list[Figure]:
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


def _units(parameter: Parameter) -> np.ndarray:
    if 0 < parameter.num_levels <= _SIDE:
        return np.array([parameter.unit_of_level(level) for level in range(parameter.num_levels)])
    return parameter.units(_SIDE)


def _place(parameter: Parameter, value: Any) -> float:
    """Numbers at themselves, choices at their level: texts that are alike stay apart."""
    return float(value) if isinstance(parameter, Real | Integer | Share) else float(parameter.level_of(value))


def _axis(name: str, parameter: Parameter) -> Figure:
    title = {"title": {"text": text(name, 30)}}
    if isinstance(parameter, Real | Integer | Share):
        return title | ({"type": "log"} if getattr(parameter, "log", False) else {})
    levels = range(parameter.num_levels)
    labels = [text(parameter.value_at(level), 20) for level in levels]
    return title | {"tickvals": list(levels), "ticktext": labels, "range": [-0.5, parameter.num_levels - 0.5]}


def _hover(trial: Trial) -> str:
    value = trial.status if trial.value is None else f"{trial.value:.6g}"
    lines = [f"{text(name, 30)}: {text(shown(value), 30)}" for name, value in trial.config.items()]
    return "<br>".join([f"<b>trial {trial.number}: {value}</b>", *lines])


def shown(value: Any) -> str:
    """A value of a configuration for a reader.

    Args:
      value: Of any kind.
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)
