"""Scores of a search with noise: best evaluated trial, luckiest observation, recommended trial. Pure NumPy.

The *truth* of a trial is its value without noise. On the scale of a task, 1 is the mean truth of its ten best
configurations. 0 is the truth of the luckiest observation of random search after the same number of evaluations, the
median over many searches. All three scores share this scale, so they can be subtracted from each other.
"""

from typing import NamedTuple

import numpy as np

BUDGETS = (10, 20, 40, 80)
"""Numbers of evaluations after which a search is scored."""
LEAST = -1.0
"""Scores are cut here, because one failed search must not decide the result."""


class Scores(NamedTuple):
    """Three scores of each search at each budget, ``[seeds, budgets]``; 1 is best."""

    searched: np.ndarray
    """Score of the best truth among the evaluated trials."""
    luckiest: np.ndarray
    """Score of the truth of the best observation."""
    recommended: np.ndarray
    """Score of the truth of the trial that the method recommends."""


def best_truth(truth: np.ndarray, budgets: tuple[int, ...] = BUDGETS) -> np.ndarray:
    """The minimum truth among the first evaluations, ``[seeds, budgets]``.

    Args:
      truth: ``[seeds, evaluations]``, lower is better.
      budgets: Numbers of evaluations.
    """
    return np.stack([truth[:, :n].min(axis=1) for n in budgets], axis=1)


def luckiest_truth(truth: np.ndarray, observed: np.ndarray, budgets: tuple[int, ...] = BUDGETS) -> np.ndarray:
    """The truth of the minimum observation among the first evaluations, ``[seeds, budgets]``; the first if several tie.

    Args:
      truth: ``[seeds, evaluations]``, lower is better.
      observed: ``[seeds, evaluations]``, the observed values.
      budgets: Numbers of evaluations.
    """
    seeds = np.arange(len(truth))
    return np.stack([truth[seeds, observed[:, :n].argmin(axis=1)] for n in budgets], axis=1)


def on_scale(truth: np.ndarray, one: float, zero: np.ndarray) -> np.ndarray:
    """Truths as scores: 1 for ``one``, 0 for ``zero``, at least `LEAST`.

    Args:
      truth: ``[seeds, budgets]``, lower is better.
      one: The truth that scores 1.
      zero: By budget, the truth that scores 0; above ``one``.
    """
    return np.maximum((zero - truth) / (zero - one), LEAST)


def scores(
    truth: np.ndarray,
    observed: np.ndarray,
    recommended: np.ndarray,
    one: float,
    zero: np.ndarray,
    budgets: tuple[int, ...] = BUDGETS,
) -> Scores:
    """The three scores of each search on one task.

    Args:
      truth: ``[seeds, evaluations]``, the truths of the evaluated trials, lower is better.
      observed: ``[seeds, evaluations]``, the observed values of these trials.
      recommended: ``[seeds, budgets]``, the truth of the trial that is recommended after each budget.
      one: The truth that scores 1.
      zero: By budget, the truth that scores 0.
      budgets: Numbers of evaluations.
    """
    searched, lucky = best_truth(truth, budgets), luckiest_truth(truth, observed, budgets)
    return Scores(*(on_scale(t, one, zero) for t in (searched, lucky, recommended)))
