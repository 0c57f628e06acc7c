"""Problems of a search or of its model, in words."""

from collections.abc import Mapping, Sequence
from math import comb
from typing import Any

import numpy as np

from jbo.diagnostics._scores import LEVELS
from jbo.encoding import CATEGORY
from jbo.space import Space
from jbo.study import Trial
from jbo.surrogates import LENGTHSCALE_BOUNDS, NOISE_BOUNDS, GPParams

_NEAR = 0.02
"""Maximum range in every column for points that count as one point."""
_LAST = 10
"""Number of latest trials that are checked for a search that is stuck."""
_SURPRISING = 0.01
"""Maximum probability of a result that is reported as not due to chance."""


def on_bounds(names: Sequence[str], params: Any, is_noise_inferred: bool) -> list[str]:
    """Findings about hyperparameters of a Gaussian process on their bounds.

    Args:
      names: Names of the columns.
      params: Fitted parameters; parameters of other models give no findings.
      is_noise_inferred: False if the noise is known.
    """
    if not isinstance(params, GPParams):
        return []
    found = []
    scales = np.exp(np.asarray(params.log_lengthscale).mean(0))
    noise = float(np.exp(np.asarray(params.log_noise_variance).mean()))
    for name, scale in zip(names, scales, strict=True):
        if scale <= 1.01 * LENGTHSCALE_BOUNDS[0]:
            found.append(f"The lengthscale of {name} is the least allowed: values jump from one trial to the next.")
        if scale >= 0.99 * LENGTHSCALE_BOUNDS[1]:
            found.append(f"The lengthscale of {name} is the greatest allowed: it seems not to matter.")
    if is_noise_inferred and noise <= 1.01 * NOISE_BOUNDS[0]:
        found.append("The noise is the least allowed: the model takes the values as exact.")
    if is_noise_inferred and noise >= 0.99 * NOISE_BOUNDS[1]:
        found.append("The noise is the greatest allowed: the model takes all differences for chance.")
    return found


def of_scores(rmse: float, rmse_of_constant: float, coverage: Sequence[float], num_rows: int) -> list[str]:
    """Findings about the errors and intervals of predictions.

    Args:
      rmse: Root mean squared error of the model.
      rmse_of_constant: Root mean squared error of the mean of the other rows.
      coverage: Fractions of the observations inside the intervals of `LEVELS`.
      num_rows: Number of observations.
    """
    found = []
    if rmse >= 0.95 * rmse_of_constant:
        found.append(
            f"The model predicts no better than the mean (error {rmse:.3g}, the mean's {rmse_of_constant:.3g}): its "
            "pictures and importances say little."
        )
    for level, share in zip(LEVELS, coverage, strict=True):
        inside = round(share * num_rows)
        if _at_most(inside, num_rows, level) < _SURPRISING:
            found.append(f"The model is too sure: {share:.0%} of the trials are inside of its {level:.0%} intervals.")
            break
    return found


def of_place(x: np.ndarray) -> list[str]:
    """A finding if the latest trials are all near one point.

    Args:
      x: Points of the finished trials in the unit cube, by number.
    """
    if len(x) <= _LAST or float(np.ptp(x[-_LAST:], axis=0).max()) > _NEAR:
        return []
    return [f"The last {_LAST} trials are all near one point: the search is stuck there, or done."]


def of_failures(space: Space, trials: Sequence[Trial]) -> list[str]:
    """A finding if failures are clustered more than by chance: the best split of one parameter.

    Args:
      space: The search space.
      trials: Finished trials.
    """
    failed = np.array([trial.status == "failed" for trial in trials])
    if not failed.any():
        return []
    best: tuple[float, str] = (1.0, "")
    num_looks = 0
    for name, parameter in space.items():
        values = [trial.config.get(name) for trial in trials]
        is_there = np.array([name in trial.config for trial in trials])
        levels = np.array(
            [parameter.to_unit(v) if there else np.nan for v, there in zip(values, is_there, strict=True)]
        )
        for place in np.unique(levels[is_there]):
            value = values[int(np.flatnonzero(levels == place)[0])]
            shown = f"{value:.3g}" if isinstance(value, float) else repr(value)
            sides = {"is": levels == place}
            if parameter.kind != CATEGORY:
                sides = {"is at least": levels >= place, "is at most": levels <= place}
            for relation, inside in sides.items():
                if inside.all():
                    continue
                num_looks += 1
                chance = _chance(failed, inside)
                if chance < best[0]:
                    rate = f"{int(failed[inside].sum())} of the {int(failed.sum())} failures"
                    where = f"{name} {relation} {shown} ({int(inside.sum())} of {len(trials)} trials)"
                    best = (chance, f"Failures are clustered: {rate} are where {where}.")
    found = [best[1]] if best[0] * num_looks < _SURPRISING else []
    if failed.mean() > 0.5:
        found.append(f"Most trials fail: {int(failed.sum())} of {len(trials)}.")
    return found


def of_lack(counts: Mapping[str, int]) -> list[str]:
    """A finding if there are few successful trials.

    Args:
      counts: Number of trials by status.
    """
    if counts.get("ok", 0) >= 10:
        return []
    return [f"Only {counts.get('ok', 0)} trials have succeeded: all numbers here are rough."]


def _chance(failed: np.ndarray, inside: np.ndarray) -> float:
    """Probability of at least the observed number of failures inside, for random failures (hypergeometric tail)."""
    n, k, m, seen = len(failed), int(failed.sum()), int(inside.sum()), int((failed & inside).sum())
    return sum(comb(m, i) * comb(n - m, k - i) for i in range(seen, min(k, m) + 1)) / comb(n, k)


def _at_most(count: int, n: int, probability: float) -> float:
    """Binomial probability of at most ``count`` successes in ``n`` trials."""
    return sum(comb(n, i) * probability**i * (1 - probability) ** (n - i) for i in range(count + 1))
