"""The parts of a report about several objectives and about limits."""

import html
import json
from itertools import combinations

from jbo.diagnostics import Searched, hypervolume, limits, tradeoff, why_infeasible
from jbo.outcomes import Maximize
from jbo.plots import interactive
from jbo.study import Trial, front

_MOST_PAIRS = 6
"""Maximum number of pairs of objectives with a chart."""
_MOST_REASONS = 200
"""Maximum number of infeasible trials whose reason is listed."""


def goals(study: Searched) -> str:
    """The directions of the objectives in words.

    Args:
      study: A study, or a loaded study file.
    """
    words = [
        f"{'maximize' if isinstance(objective, Maximize) else 'minimize'} {objective.name}"
        for objective in study.outcomes.objectives
    ]
    return ", ".join(words)


def cards(study: Searched, trials: list[Trial]) -> list[tuple[str, str]]:
    """Names and values for the head of the page: the number of trials in the front, and the hypervolume.

    Args:
      study: A study with several objectives.
      trials: Trials of the study.
    """
    found = front.front_of(trials, study.outcomes)
    has_ended = any(trial.is_finished for trial in trials)
    volume = f"{hypervolume(study).so_far[-1]:.6g}" if has_ended else "none"
    return [("trials in the front", str(len(found))), ("hypervolume", volume)]


def front_section(study: Searched, trials: list[Trial]) -> str:
    """The front as charts and as a table of configurations to copy; empty if no trial has all objectives.

    Args:
      study: A study with several objectives.
      trials: Trials of the study.
    """
    try:
        found = tradeoff(study)
    except ValueError:
        return ""
    pairs = list(combinations(found.names, 2))
    if len(pairs) == 1:
        charts = f'<div class="wide">{interactive.pareto(study).element("pareto")}</div>'
    else:
        elements = (interactive.pareto(study, pair).element(f"pareto{i}") for i, pair in enumerate(pairs[:_MOST_PAIRS]))
        charts = f'<div class="grid">{"".join(elements)}</div>'
    best = [trial for trial, is_front in zip(found.trials, found.is_front, strict=True) if is_front]
    if not best:
        return f"{charts}<p>No trial meets all limits, so none is in the front.</p>"
    names = [outcome.name for outcome in study.outcomes.columns]
    heads = "".join(f"<th scope=col>{_text(head)}</th>" for head in ("trial", *names))
    heads += "<th scope=col class=text>configuration</th>"
    rows = "".join(_row(study, trial, names) for trial in sorted(best, key=lambda trial: trial.values[names[0]]))
    about = "<p>No other feasible trial is at least as good in all objectives and better in one.</p>"
    table = f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
    return f"{charts}{about}{table}"


def _row(study: Searched, trial: Trial, names: list[str]) -> str:
    values = [f"{trial.values[name]:.6g}" if name in trial.values else "–" for name in names]
    cells = "".join(f"<td>{_text(cell)}</td>" for cell in (str(trial.number), *values))
    code = json.dumps(study.space.config_to_json(trial.config), ensure_ascii=False)
    return f"<tr>{cells}<td class=text><code>{_text(code)}</code></td></tr>"


def limits_section(study: Searched, trials: list[Trial]) -> str:
    """How many trials break each limit, which limits bind, and why each infeasible trial is infeasible.

    Args:
      study: A study with limits and at least one finished trial.
      trials: Trials of the study.
    """
    uses = "".join(f"<li>{_text(str(use))}</li>" for use in limits(study))
    chart = f'<div class="wide">{interactive.limits(study).element("limits")}</div>'
    infeasible = [trial for trial in trials if trial.status == "ok" and not trial.is_feasible]
    if not infeasible:
        return f"{chart}<ul>{uses}</ul><p>All trials that succeeded are feasible.</p>"
    why = "".join(f"<li>{_text(why_infeasible(trial, study.outcomes))}</li>" for trial in infeasible[-_MOST_REASONS:])
    number = len(infeasible)
    title = f"Why {number} trial{'s are' if number > 1 else ' is'} infeasible"
    return f"{chart}<ul>{uses}</ul><details><summary>{title}</summary><ul>{why}</ul></details>"


def heads(study: Searched) -> list[str]:
    """Column heads of the table of trials: the value, or the outcomes by name, and the feasibility.

    Args:
      study: A study, or a loaded study file.
    """
    if not study.outcomes.is_named:
        return ["value"]
    return [*study.outcomes.by_name, *(["feasible"] if study.outcomes.limits else [])]


def measured(study: Searched, trial: Trial) -> list[float | str | None]:
    """The cells of a trial in the columns of `heads`.

    Args:
      study: A study, or a loaded study file.
      trial: A trial of the study.
    """
    if not study.outcomes.is_named:
        return [trial.value]
    values: list[float | str | None] = [trial.values.get(name) for name in study.outcomes.by_name]
    if study.outcomes.limits:
        is_known = trial.status == "ok" and trial.is_feasible is not None
        values.append(("yes" if trial.is_feasible else "no") if is_known else None)
    return values


def _text(value: str) -> str:
    return html.escape(value, quote=True)
