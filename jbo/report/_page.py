"""The report of a study as a single, self-contained HTML page."""

import html
import json
import os
import time
from importlib import metadata, resources
from pathlib import Path
from string import Template
from typing import Any

from jbo.diagnostics import (
    Health,
    Importance,
    ModelView,
    Searched,
    health,
    hypervolume,
    importance,
    improvement_left,
    view_model,
)
from jbo.plots import interactive
from jbo.plots.interactive import Figure
from jbo.report import _outcomes
from jbo.study import Snapshot, Trial
from jbo.study.view import why_none

_NUM_PAIRS = 3
"""Number of pairs of parameters with a map."""


def write_report(study: Searched, path: str | os.PathLike[str], *, label: str = "objective") -> Path:
    """Write the report of a study as one HTML page, completely or not at all.

    The page is self-contained, and opens from a file without a network. It shows the best and the recommended trial,
    the course of the search, the importance of the parameters, the quality of the model, and the failures. With several
    objectives it shows the front, and a model of each objective. With limits it shows which limits bind, and why trials
    are infeasible. `jbo.plots.interactive` shows the same charts in a notebook.

    Args:
      study: A `jbo.Study`, or a file read by `jbo.study.read_study`.
      path: Path of the page; an existing file is replaced.
      label: Name of the objective in the page.

    Returns:
      The path.

    Raises:
      OSError: The file cannot be written.
    """
    place = Path(path)
    draft = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        draft.write_text(page(study, label), encoding="utf-8", errors="backslashreplace")
        os.replace(draft, place)
    finally:
        draft.unlink(missing_ok=True)
    return place


def page(study: Searched, label: str = "objective") -> str:
    """The report as text.

    Args:
      study: As in `write_report`.
      label: As in `write_report`.
    """
    trials = study.trials
    if study.outcomes.has_several:
        return _filled(study, _of_several(study, trials))
    best = _best(study, trials)
    try:
        view, reason = view_model(study), ""
    except ValueError as error:
        view, reason = None, str(error)
    if view is not None and best is None:
        view = None
        reason = "no trial meets the limits, so none is recommended, and what another trial may improve is not known"
    has_ended = any(trial.is_finished for trial in trials)
    sections = [
        _summary(study, trials, best, view),
        _configs(study, best, None if view is None else view.recommended),
    ]
    if has_ended:
        chart = interactive.trajectory(study, label=label)
        sections.append(_section("Trajectory", _wide(chart, "trajectory")))
        if study.outcomes.limits:
            sections.append(_section("Limits", _outcomes.limits_section(study, trials)))
    if any(trial.intermediate_values for trial in trials):
        chart = interactive.learning_curves(study, label=label)
        sections.append(_section("Learning curves", _wide(chart, "curves")))
    if view is None:
        sections.append(_section("Model", f"<p>The model says nothing yet: {_text(reason)}.</p>"))
    else:
        sections += _model(view, label)
    if has_ended:
        sections.append(_section("Timeline", _wide(interactive.timeline(study), "timeline")))
    sections += [_failures(trials), _table(study, trials)]
    return _filled(study, sections)


def _of_several(study: Any, trials: list[Trial]) -> list[str]:
    """The sections of a study with several objectives: the front instead of the best trial, and a model of each."""
    has_ended = any(trial.is_finished for trial in trials)
    sections = [_summary(study, trials, None, None)]
    chart = _outcomes.front_section(study, trials)
    sections.append(_section("Front", chart or "<p>No trial has a value of each objective yet.</p>"))
    if has_ended:
        reference = ", ".join(f"{name} {value:.4g}" for name, value in hypervolume(study).reference.items())
        about = f"<p>What the trials so far dominate, up to {_text(reference)}.</p>"
        sections.append(_section("Hypervolume", about + _wide(interactive.hypervolume(study), "hypervolume")))
        if study.outcomes.limits:
            sections.append(_section("Limits", _outcomes.limits_section(study, trials)))
    for objective in study.outcomes.objectives:
        try:
            view = view_model(study.of_objective(objective.name))
            sections += _model(view, objective.name, f" of {objective.name}")
        except ValueError as error:
            sections.append(_section(f"Model of {objective.name}", f"<p>It says nothing yet: {_text(str(error))}.</p>"))
    if has_ended:
        sections.append(_section("Timeline", _wide(interactive.timeline(study), "timeline")))
    return [*sections, _failures(trials), _table(study, trials)]


def _filled(study: Searched, sections: list[str]) -> str:
    return Template(_asset("page.html")).substitute(
        title=_text(f"{_name(study)}: report"),
        style=_asset("style.css"),
        sections="\n".join(sections),
        charts=interactive.script(),
        script=_asset("page.js"),
        footer=_text(f"Written by jbo {metadata.version('jbo')} on {time.strftime('%Y-%m-%d %H:%M:%S')}."),
    )


def _model(view: ModelView, label: str, which: str = "") -> list[str]:
    found, recommended = importance(view), view.recommended
    names = [name for name in view.space.names if name in recommended.config]
    slices = "".join(
        interactive.slice_around_best(view, name, label=label).element(f"slice{i}") for i, name in enumerate(names)
    )
    pairs = "".join(
        interactive.partial_dependence(view, pair, label=label).element(f"pair{i}")
        for i, pair in enumerate(_strongest_pairs(view, found))
    )
    about = (
        "<p>Shares of the variance of the model's mean over the space. Values in the worse half are compressed, as "
        "the model sees them.</p>"
    )
    along = "<p>The model through the recommended trial, with the interval that holds 95 % of the function.</p>"
    together = (
        "<p>The pairs of parameters that explain most together. Each map is the model's average over all other "
        "parameters; it is empty where the two do not exist together.</p>"
    )
    return [
        _section(f"Health of the model{which}", _health(health(view), view, label)),
        _section(
            f"Importance{which and ' for' + which[3:]}", about + _wide(interactive.importance(found), "importance")
        ),
        _section(f"Slices{which}", f'{along}<div class="grid">{slices}</div>'),
        _section(f"Pairs{which and ' for' + which[3:]}", f'{together}<div class="grid">{pairs}</div>') if pairs else "",
    ]


def _strongest_pairs(view: ModelView, found: Importance) -> list[tuple[str, str]]:
    """The pairs with the largest explained variance, main effects included. Two shares of one simplex are no pair."""
    columns = dict(zip(view.space.names, view.strategy.encoding.columns, strict=True))
    sizes = [column.simplex for column in columns.values()]

    def is_pair(one: str, other: str) -> bool:
        simplex = columns[one].simplex
        return simplex < 0 or simplex != columns[other].simplex or sizes.count(simplex) > 2

    explained = {
        (one, other): found.main[one] + found.main[other] + shared
        for (one, other), shared in found.pairs.items()
        if is_pair(one, other)
    }
    return sorted(explained, key=lambda pair: -explained[pair])[:_NUM_PAIRS]


def _health(found: Health, view: ModelView, label: str) -> str:
    findings = "".join(f"<li>{_text(finding)}</li>" for finding in found.findings)
    findings = f'<ul class="findings">{findings}</ul>' if findings else "<p>No finding: nothing speaks against it.</p>"
    rows = [
        ("error (root mean square)", f"{found.model.rmse:.3g}", f"{found.constant.rmse:.3g}"),
        ("log density", f"{found.model.log_density:.3g}", f"{found.constant.log_density:.3g}"),
        ("rank correlation", f"{found.model.rank_correlation:.3f}", ""),
        *(
            (f"inside of {level:.0%} intervals", f"{share:.0%}", f"{found.constant.coverage[level]:.0%}")
            for level, share in found.model.coverage.items()
        ),
    ]
    body = "".join(f"<tr><th scope=row>{_text(a)}</th><td>{_text(b)}</td><td>{_text(c)}</td></tr>" for a, b, c in rows)
    lengths = ", ".join(f"{_text(name)} {value:.3g}" for name, value in found.lengthscales.items())
    more = f"<p>Lengthscales, in ranges of each parameter: {lengths}.</p>" if lengths else ""
    left = improvement_left(view)
    chance = ", the probability that it meets the limits taken into account" if view.outcomes.limits else ""
    return (
        f"{findings}<p>Predictions of each of {len(found.values)} trials by {_text(found.method)}, in units in which "
        "the values have deviation 1, beside the mean of the other trials:</p>"
        f'<div class="scroll"><table><thead><tr><td></td><th scope=col>model</th><th scope=col>mean</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        f'<div class="grid">{interactive.predicted_against_observed(found, label=label).element("predicted")}'
        f"{interactive.calibration(found).element('calibration')}</div>"
        f"<p>Noise around the objective: {found.noise:.3g}. "
        f"Another trial is expected to improve by {left:.3g}{chance}.</p>"
        f"{more}"
    )


_STATUSES = ("ok", "stopped", "failed", "pending", "abandoned")


def _summary(study: Searched, trials: list[Trial], best: Trial | None, view: ModelView | None) -> str:
    count = {status: sum(t.status == status for t in trials) for status in _STATUSES}
    several = study.outcomes.has_several
    cards = [
        *(_outcomes.cards(study, trials) if several else []),
        *([] if several else [("best value", "none" if best is None else f"{best.value:.6g}")]),
        ("succeeded", str(count["ok"])),
        *([("stopped early", str(count["stopped"]))] if count["stopped"] else []),
        *([("abandoned", str(count["abandoned"]))] if count["abandoned"] else []),
        ("failed", str(count["failed"])),
        ("running", str(count["pending"])),
        ("goal", _outcomes.goals(study) if several else "maximize" if study.outcomes.maximize else "minimize"),
        ("seed", str(study.seed)),
    ]
    ended = [trial.ended_at for trial in trials if trial.ended_at is not None]
    if ended:
        cards.append(("from first start to last end", _clock(max(ended) - min(t.started_at for t in trials))))
    if view is not None and (isinstance(study, Snapshot) or view.strategy is not study.strategy):
        cards.append(("model", "jbo's default"))
    boxes = "".join(f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in cards)
    return f'<header><h1>{_text(_name(study))}</h1><dl class="cards">{boxes}</dl></header>'


def _configs(study: Searched, best: Trial | None, recommended: Trial | None) -> str:
    if best is None:
        why = why_none(study.trials, study.outcomes)
        return _section("Best", f"<p>{_text(why[0].upper() + why[1:])}.</p>")
    parts = [("best", "Best: the best value that was seen", best)]
    if recommended is not None:
        title = "Recommended: the best posterior mean, for use when values are noisy"
        parts.append(("recommended", title, recommended))
    return _section("Configurations", f'<div class="grid">{"".join(_config(study, *part) for part in parts)}</div>')


def _config(study: Searched, key: str, title: str, trial: Trial) -> str:
    entries = "".join(f"    {name!r}: {value!r},\n" for name, value in trial.config.items())
    texts = {
        "Python": f"config = {{\n{entries}}}",
        "JSON": json.dumps(study.space.config_to_json(trial.config), indent=2, ensure_ascii=False),
    }
    blocks = "".join(
        f'<figure><figcaption>{kind} <button type="button" data-copy="{key}-{kind}">copy</button></figcaption>'
        f'<pre id="{key}-{kind}">{_text(code)}</pre></figure>'
        for kind, code in texts.items()
    )
    return f"<article><h3>{_text(title)}</h3><p>Trial {trial.number}: {trial.value:.6g}</p>{blocks}</article>"


def _failures(trials: list[Trial]) -> str:
    reasons: dict[str, list[Trial]] = {}
    for trial in trials:
        if trial.failure is not None:
            lines = trial.failure.strip().splitlines() or [""]
            reasons.setdefault(lines[-1], []).append(trial)
    if not reasons:
        return _section("Failures", "<p>No trial has failed.</p>")
    parts = []
    for reason, failed in sorted(reasons.items(), key=lambda item: -len(item[1])):
        numbers = ", ".join(str(trial.number) for trial in failed)
        parts.append(
            f"<details><summary><b>{len(failed)} ×</b> {_text(reason)}</summary><p>Trials {numbers}. The first of them "
            f"in full:</p><pre>{_text(failed[0].failure or '')}</pre></details>"
        )
    return _section("Failures", "".join(parts))


def _table(study: Searched, trials: list[Trial]) -> str:
    names = list(dict.fromkeys(name for trial in trials for name in trial.config)) or list(study.space.names)
    heads = ["trial", "status", *_outcomes.heads(study), "seconds", *names]
    head = "".join(f'<th scope=col aria-sort="none"><button type="button">{_text(h)}</button></th>' for h in heads)
    rows = []
    for trial in trials:
        seconds = None if trial.ended_at is None else trial.ended_at - trial.started_at
        cells = [
            _cell(trial.number),
            _cell(trial.status),
            *(_cell(value, ".8g") for value in _outcomes.measured(study, trial)),
            _cell(seconds, ".3g"),
            *(_cell(trial.config.get(name)) for name in names),
        ]
        rows.append(f'<tr class="{trial.status}">{"".join(cells)}</tr>')
    return _section(
        "Trials",
        '<p class="controls"><label>Filter <input type="search" id="filter" placeholder="part of any cell"></label> '
        '<label>Status <select id="status"><option value="">all</option><option>ok</option><option>failed</option>'
        "<option>stopped</option><option>pending</option><option>abandoned</option></select></label> "
        '<output id="count"></output></p>'
        f'<div class="scroll"><table id="trials"><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>",
    )


def _cell(value: Any, form: str = ".4g") -> str:
    """A cell of a table, which sorts as a number if the value is one."""
    if value is None:
        return '<td class="none">–</td>'
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    order = f' data-order="{value!r}"' if is_number else ""
    return f"<td{order}>{_text(format(value, form) if isinstance(value, float) else str(value))}</td>"


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_text(title)}</h2>{body}</section>"


def _wide(chart: Figure, key: str) -> str:
    return f'<div class="wide">{chart.element(key)}</div>'


def _best(study: Searched, trials: list[Trial]) -> Trial | None:
    succeeded = [trial for trial in trials if trial.value is not None and trial.is_feasible]
    sign = -1.0 if study.outcomes.maximize else 1.0
    return min(succeeded, key=lambda trial: (sign * (trial.value or 0.0), trial.number), default=None)


def _name(study: Any) -> str:
    path = getattr(study, "path", None)
    return "Study in memory" if path is None else Path(path).name


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"


def _text(value: str) -> str:
    return html.escape(value, quote=True)


def _asset(name: str) -> str:
    return (resources.files("jbo.report") / name).read_text(encoding="utf-8")
