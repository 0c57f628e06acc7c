"""Scores of a search with noise: what was evaluated, what was lucky, what is recommended. Pure NumPy.

On the scale of a task 1 is the mean truth of its ten best configurations, and 0 is the median truth, over many random
searches, of the luckiest observation after as many evaluations. All three scores share this scale, so that a difference
of two of them is in its units.
"""

from typing import NamedTuple

import numpy as np

BUDGETS = (10, 20, 40, 80)
"""Evaluations after which a search is scored."""
LEAST = -1.0
"""Scores are cut here: how bad a failed search is shall not decide everything."""


class Scores(NamedTuple):
    """Three scores of each search at each budget, ``[seeds, budgets]``; 1 is best."""

    searched: np.ndarray
    """Of the best truth among the evaluated."""
    luckiest: np.ndarray
    """Of the truth of the best observation."""
    recommended: np.ndarray
    """Of the truth of the trial that the method recommends."""


def best_truth(truth: np.ndarray, budgets: tuple[int, ...] = BUDGETS) -> np.ndarray:
    """The least truth among the first evaluations, ``[seeds, budgets]``.

    Args:
      truth: ``[seeds, evaluations]``, lower is better.
      budgets: Numbers of evaluations.
    """
    return np.stack([truth[:, :n].min(axis=1) for n in budgets], axis=1)


def luckiest_truth(truth: np.ndarray, observed: np.ndarray, budgets: tuple[int, ...] = BUDGETS) -> np.ndarray:
    """The truth of the least observation among the first evaluations, ``[seeds, budgets]``; the first of equals.

    Args:
      truth: ``[seeds, evaluations]``, lower is better.
      observed: ``[seeds, evaluations]``.
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
    """The three scores of searches of one task.

    Args:
      truth: ``[seeds, evaluations]``, the truth of what was evaluated, lower is better.
      observed: ``[seeds, evaluations]``, what the search saw of it.
      recommended: ``[seeds, budgets]``, the truth of the trial that is recommended after as many evaluations.
      one: The truth that scores 1.
      zero: By budget, the truth that scores 0.
      budgets: Numbers of evaluations.
    """
    searched, lucky = best_truth(truth, budgets), luckiest_truth(truth, observed, budgets)
    return Scores(*(on_scale(t, one, zero) for t in (searched, lucky, recommended)))
