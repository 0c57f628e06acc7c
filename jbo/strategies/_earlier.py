"""Transfer from an earlier study of a similar task: the mean of its model is a trend of unknown weight."""

import dataclasses
import math
from collections.abc import Iterable
from statistics import NormalDist
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jbo.space import Space
from jbo.surrogates import GP, gp
from jbo.surrogates.kernels import PosteriorMean, Trend
from jbo.types import Dataset
from jbo.world import world

_MOST = 512
"""Maximum number of earlier trials; of more, this number is used, evenly spread."""
_BLOCK = 32
"""Tables are padded to a multiple of this number of rows, so that most studies of one space share a program."""


def with_earlier(surrogate: GP, space: Space, trials: Iterable[Any]) -> GP:
    """The surrogate with a trend: the mean that a model of earlier trials predicts.

    The values are replaced by the normal scores of their ranks, because another task may have other units and tails.

    Args:
      surrogate: A Gaussian process, bound to the space.
      space: The search space.
      trials: Trials with a ``config`` of the space and a ``value``. Failed trials, whose value is None or not finite,
        are left out.

    Raises:
      ValueError: A config is not in the space, or there are fewer than two different values.

    References:
      Feurer, Letham and Bakshy, Scalable Meta-Learning for Bayesian Optimization, 2018, weight the models of earlier
      tasks by how well they rank the trials; here one regression infers the weight.
    """
    points, values = [], []
    for i, trial in enumerate(trials):
        if trial.value is None or not math.isfinite(trial.value):
            continue
        try:
            points.append(space.encode(trial.config))
        except ValueError as error:
            raise ValueError(f"prior_trials: number {i}: {error}") from None
        values.append(float(trial.value))
    if len(set(values)) < 2:
        raise ValueError(f"prior_trials: expected at least two different values, got {len(set(values))}")
    rows = np.unique(np.linspace(0, len(values) - 1, min(len(values), _MOST)).round().astype(int))
    x, y = np.array(points)[rows], _scores(np.array(values)[rows])
    padding = -len(y) % _BLOCK
    is_valid = np.arange(len(y) + padding) < len(y)
    x = np.pad(x, ((0, padding), (0, 0)), constant_values=0.5)
    with world(None):
        model = gp().bind(dataclasses.replace(space.encoding, constraint=None))
        data = Dataset(jnp.asarray(x), jnp.asarray(np.pad(y, (0, padding))), jnp.asarray(is_valid), jnp.ones(()))
        params, weights = jax.tree.map(np.asarray, _learn(model, data))
    return dataclasses.replace(
        surrogate, kernel=surrogate.kernel + Trend(PosteriorMean(params, x, weights, model.kernel))
    )


def _scores(values: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks, with mean 0 and variance 1; equal values have equal scores."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - 0.5 * (counts - 1) - 0.5)[inverse]
    scores = np.array([NormalDist().inv_cdf(r) for r in rank / len(values)])
    return (scores - scores.mean()) / scores.std()


@jax.jit
def _learn(model: GP, data: Dataset) -> Any:
    """One hyperparameter sample, and the weights of the posterior mean."""
    # The key is for the third and later starts, which do not exist here.
    params, _ = model.fit(jax.random.key(0), data, model.init(data.x.shape[1], data.x.dtype))
    posterior: Any = model.condition(params, data)  # exact and not warped
    weights = jnp.where(data.is_valid, jnp.squeeze(posterior.alpha, 0), 0)
    return jax.tree.map(lambda leaf: jnp.squeeze(leaf, 0), params), weights
