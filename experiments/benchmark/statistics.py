"""Comparisons of paired samples: the size of a difference and its uncertainty."""

from typing import NamedTuple

import numpy as np


class Interval(NamedTuple):
    """An estimate with its bootstrap interval."""

    estimate: float
    low: float
    high: float


def bootstrap_median(
    samples: np.ndarray, *, seed: int = 0, confidence: float = 0.95, num_resamples: int = 10_000
) -> Interval:
    """The median of a sample and its percentile bootstrap interval.

    Args:
      samples: One number for each pair, ``[n]``; infinite numbers are allowed.
      seed: Seed of the resampling.
      confidence: Share of the resampled medians inside the interval.
      num_resamples: Number of resamples.

    References:
      Efron, Better Bootstrap Confidence Intervals, 1987, section 2.
    """
    samples = np.asarray(samples, float)
    rows = np.random.default_rng(seed).integers(len(samples), size=(num_resamples, len(samples)))
    tail = (1 - confidence) / 2
    # A mean of two numbers fails if they are infinite, so the quantiles are always elements of the sample.
    medians = np.quantile(samples[rows], 0.5, axis=1, method="lower")
    low, high = np.quantile(medians, [tail, 1 - tail], method="nearest")
    return Interval(float(np.quantile(samples, 0.5, method="lower")), float(low), float(high))


def bootstrap_groups(
    groups: list[list[float]], *, seed: int = 0, confidence: float = 0.95, num_resamples: int = 2_000
) -> Interval:
    """The mean of the group means, with a bootstrap interval over groups and over the members of each group.

    Args:
      groups: Samples by group, such as the seeds of each problem; none of them empty.
      seed: Seed of the resampling.
      confidence: Share of the resampled means inside the interval.
      num_resamples: Number of resamples.

    References:
      Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8 (hierarchical data).
    """
    rng, sizes = np.random.default_rng(seed), np.array([len(g) for g in groups])
    padded = np.zeros((len(groups), sizes.max()))
    for row, group in zip(padded, groups, strict=True):
        row[: len(group)] = group
    drawn = rng.integers(len(groups), size=(num_resamples, len(groups)))
    members = (rng.random((*drawn.shape, sizes.max())) * sizes[drawn][:, :, None]).astype(int)
    counts = np.arange(sizes.max()) < sizes[drawn][:, :, None]
    means = (np.where(counts, padded[drawn[:, :, None], members], 0).sum(axis=2) / sizes[drawn]).mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(float(np.mean([np.mean(g) for g in groups])), float(low), float(high))


def mean_ranks(groups: list[np.ndarray]) -> list[Interval]:
    """The mean rank of each contender, 1 is best, with an interval from `bootstrap_groups`; ties share their mean rank.

    Args:
      groups: Scores by group, one row for each contender and one column for each match; lower is better.
    """
    from scipy.stats import rankdata

    places = [rankdata(scores, axis=0) for scores in groups]
    return [bootstrap_groups([list(rows) for rows in of_one]) for of_one in zip(*places, strict=True)]


def share_of_wins(a: np.ndarray, b: np.ndarray) -> float:
    """Share of pairs in which ``a`` is below ``b``; a tie counts as half."""
    return float(np.mean((a < b) + 0.5 * (a == b)))


def signed_rank_p_value(a: np.ndarray, b: np.ndarray) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test that the paired differences have a median of 0."""
    from scipy.stats import wilcoxon

    if np.all(a == b):
        return 1.0
    _, p_value = wilcoxon(a, b)
    return float(p_value)  # pyright: ignore[reportArgumentType]
