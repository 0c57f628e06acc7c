"""Tables and figures that compare searches on real tasks."""

from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from experiments.benchmark.real.scores import BUDGETS, Scores, best_truth, luckiest_truth, on_scale, scores
from experiments.benchmark.real.study import Searches
from experiments.benchmark.statistics import Interval, bootstrap_groups, mean_ranks

_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#332288", "#882255", "#999999")


class Known(NamedTuple):
    """Facts about a task that a report needs."""

    kind: str
    """``table``, ``pool`` or ``emulator``."""
    group: str
    one: float
    """The truth that scores 1."""
    zero: np.ndarray
    """By budget, the truth that scores 0."""


Found = dict[tuple[str, str], dict[int, Searches]]
"""The searches by method and task, then by seed, each as arrays with one row."""


def scored(found: Found, known: dict[str, Known]) -> dict[tuple[str, str], dict[int, Scores]]:
    """The scores of all searches.

    Args:
      found: Searches.
      known: Facts about their tasks.
    """
    return {
        (method, task): {seed: scores(*searches, known[task].one, known[task].zero) for seed, searches in of.items()}
        for (method, task), of in found.items()
    }


def report(found: Found, known: dict[str, Known], methods: list[str]) -> str:
    """The comparison as Markdown: three scores by budget, groups, ranks, differences, and all tasks.

    Tables and pools are reported together, emulators separately. A method is scored on the tasks that it has searched.

    Args:
      found: Searches.
      known: Facts about their tasks.
      methods: Methods in the order of the report; the first is compared with each of the others.
    """
    of = scored(found, known)
    measured = [task for task in known if known[task].kind != "emulator"]
    emulated = [task for task in known if known[task].kind == "emulator"]
    lines = ["1: mean truth of the ten best configurations; 0: random search's luckiest observation. Mean [95 %].", ""]
    for title, tasks in (("Tables and pools", measured), ("Emulators", emulated)):
        if not tasks:
            continue
        lines += [f"## {title}: {len(tasks)} tasks", ""]
        for index, budget in enumerate(BUDGETS):
            lines += _budget(of, tasks, methods, index, budget)
        lines += _differences(of, tasks, methods)
    lines += _groups(of, known, methods) + _tasks(of, known, methods)
    return "\n".join(lines) + "\n"


def _cell(of: Any, method: str, task: str, part: str, index: int) -> list[float]:
    return [float(getattr(s, part)[0, index]) for s in of.get((method, task), {}).values()]


def _mean(of: Any, method: str, tasks: list[str], part: str, index: int) -> Interval | None:
    cells = [cell for task in tasks if (cell := _cell(of, method, task, part, index))]
    return bootstrap_groups(cells) if cells else None


def _text(interval: Interval | None) -> str:
    return "not run" if interval is None else "{:.2f} [{:.2f}, {:.2f}]".format(*interval)


def _budget(of: Any, tasks: list[str], methods: list[str], index: int, budget: int) -> list[str]:
    lines = [f"After {budget} evaluations:", ""]
    lines += ["| method | best truth among the evaluated (search) | truth of the luckiest observation |"]
    lines[-1] += " truth of the recommended trial | price of selection | mean rank | tasks, seeds |"
    lines += ["|---" * 7 + "|"]
    ranks = _ranks(of, tasks, methods, index)
    for method in methods:
        means = [_mean(of, method, tasks, part, index) for part in Scores._fields]
        prices = [
            [float(s.searched[0, index] - s.recommended[0, index]) for s in of[method, task].values()]
            for task in tasks
            if of.get((method, task))
        ]
        seeds = [len(of[method, task]) for task in tasks if of.get((method, task))]
        count = f"{len(seeds)}, {min(seeds)} to {max(seeds)}" if seeds else "none"
        price = _text(bootstrap_groups(prices) if prices else None)
        lines.append(f"| {method} | {' | '.join(map(_text, means))} | {price} | {_text(ranks.get(method))} | {count} |")
    return [*lines, ""]


def _ranks(of: Any, tasks: list[str], methods: list[str], index: int) -> dict[str, Interval]:
    """The mean rank by the recommended trial, over the tasks and seeds that all methods have."""
    groups = []
    for task in tasks:
        shared = set.intersection(*(set(of.get((m, task), {})) for m in methods))
        if shared:
            groups.append(np.array([[-of[m, task][s].recommended[0, index] for s in sorted(shared)] for m in methods]))
    return dict(zip(methods, mean_ranks(groups), strict=True)) if groups else {}


def _differences(of: Any, tasks: list[str], methods: list[str]) -> list[str]:
    """Differences between the first method and each other method, paired by task and seed."""
    if len(methods) < 2:
        return []
    lines = [f"{methods[0]} less the other, paired by task and seed; above 0: {methods[0]} is better.", ""]
    lines += ["| compared with | score | " + " | ".join(f"{n} evaluations" for n in BUDGETS) + " |"]
    lines += ["|---" * (len(BUDGETS) + 2) + "|"]
    for other in methods[1:]:
        for part in ("searched", "recommended"):
            cells = []
            for index in range(len(BUDGETS)):
                groups = []
                for task in tasks:
                    one, two = of.get((methods[0], task), {}), of.get((other, task), {})
                    pairs = sorted(one.keys() & two.keys())
                    if pairs:
                        groups.append(
                            [float(getattr(one[s], part)[0, index] - getattr(two[s], part)[0, index]) for s in pairs]
                        )
                cells.append("{:+.2f} [{:+.2f}, {:+.2f}]".format(*bootstrap_groups(groups)) if groups else "not run")
            lines.append(f"| {other} | {part} | {' | '.join(cells)} |")
    return [*lines, ""]


def _groups(of: Any, known: dict[str, Known], methods: list[str]) -> list[str]:
    """Scores of search and selection of each group after 40 evaluations."""
    index = BUDGETS.index(40)
    groups = list(dict.fromkeys(k.group for k in known.values()))
    lines = ["## Groups after 40 evaluations: search, luckiest observation, recommended trial", ""]
    lines += ["| method | " + " | ".join(groups) + " |", "|---" * (len(groups) + 1) + "|"]
    for method in methods:
        cells = []
        for group in groups:
            tasks = [task for task in known if known[task].group == group]
            means = [_mean(of, method, tasks, part, index) for part in Scores._fields]
            cells.append("not run" if means[0] is None else " / ".join(f"{m.estimate:.2f}" for m in means if m))
        lines.append(f"| {method} | {' | '.join(cells)} |")
    counts = [str(sum(k.group == group for k in known.values())) for group in groups]
    return [*lines, f"| tasks | {' | '.join(counts)} |", ""]


def _tasks(of: Any, known: dict[str, Known], methods: list[str]) -> list[str]:
    """Scores of the search and of the recommended trial on each task after 40 evaluations."""
    index = BUDGETS.index(40)
    lines = ["## Tasks after 40 evaluations: search (recommended trial)", ""]
    lines += ["| task | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
    for task in known:
        cells = []
        for method in methods:
            means = [_cell(of, method, task, part, index) for part in ("searched", "recommended")]
            cells.append("{:.2f} ({:.2f})".format(*map(np.mean, means)) if means[0] else "not run")
        lines.append(f"| {task} | {' | '.join(cells)} |")
    return lines


def regret_figure(found: Found, known: dict[str, Known], methods: list[str], title: str) -> Figure:
    """Mean regret against evaluations with 95 % bands, for the best evaluated trial and for the luckiest observation.

    Regret is 0 at the mean true value of the ten best configurations. It is 1 at the luckiest observation of random
    search after 10 evaluations, and is cut at 2.

    Args:
      found: Searches.
      known: The tasks to show.
      methods: One line each.
      title: Title of the figure.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    at = tuple(range(1, max(BUDGETS) + 1))
    for axes, name in zip(panels, ("best among the evaluated", "luckiest observation"), strict=True):
        for method, colour in zip(methods, _COLOURS, strict=False):
            curves = []
            for task, k in known.items():
                of = found.get((method, task), {})
                if of:
                    truth, observed = (
                        np.concatenate([getattr(s, p) for s in of.values()]) for p in ("truth", "observed")
                    )
                    is_search = axes is panels[0]
                    values = best_truth(truth, at) if is_search else luckiest_truth(truth, observed, at)
                    curves.append(1 - on_scale(values, k.one, np.full(len(at), k.zero[0])))
            if not curves:
                continue
            means = np.array([c.mean(axis=0) for c in curves])
            spread = 1.96 * np.sqrt(np.sum([c.var(axis=0) / len(c) for c in curves], axis=0)) / len(curves)
            middle = means.mean(axis=0)
            axes.plot(at, middle, color=colour, label=f"{method} ({len(curves)})")
            axes.fill_between(at, middle - spread, middle + spread, color=colour, alpha=0.2, linewidth=0)
        axes.set_xlabel("evaluations")
        axes.set_title(f"{title}: {name}")
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("normalised regret")
    if panels[1].lines:
        panels[1].legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, title="method (tasks)")
    return figure
