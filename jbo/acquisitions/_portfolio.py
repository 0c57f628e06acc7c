"""A portfolio of acquisitions: those with better rewards make more of the suggestions."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jbo.acquisitions._acquisition import (
    Acquisition,
    Choice,
    confidence_bound,
    log_expected_improvement,
    log_probability_of_improvement,
)
from jbo.acquisitions._older import as_acquisition
from jbo.checks import checked, number
from jbo.numerics import log_normal_cdf
from jbo.pytrees import pytree
from jbo.surrogates import Posterior
from jbo.types import Dataset

_GOLDEN = (5**0.5 - 1) / 2
_LEAST_SHARE = 0.1
"""Fraction of the suggestions that is shared equally among all members, whatever their rewards."""


def replay(data: Dataset, num_members: int, num_initial: int, rate: Float[Array, ""]) -> tuple[Array, Int[Array, ""]]:
    """The accumulated rewards of the members by the rows of a table, and the next member.

    For each row one member is chosen, with a number in ``[0, 1)`` that depends on the row. These numbers are multiples
    of the golden section, which are spread evenly. Each member owns an interval as wide as its probability. The reward
    of the row is divided by that probability, so that rarely chosen members have no disadvantage. The result is a
    function of the table.

    Args:
      data: Rows in the order of the suggestions.
      num_members: Number of members.
      num_initial: Number of initial rows, which no member suggested.
      rate: Learning rate, the weight of a reward.

    Returns:
      Accumulated rewards, one for each member, and the number of the next member.
    """
    dtype = data.y.dtype

    def probabilities(gains: Float[Array, " k"]) -> Float[Array, " k"]:
        return (1 - _LEAST_SHARE) * jax.nn.softmax(rate * gains) + _LEAST_SHARE / num_members

    def chosen(row: Int[Array, ""], probability: Float[Array, " k"]) -> Int[Array, ""]:
        place = (row.astype(dtype) * jnp.asarray(_GOLDEN, dtype)) % 1
        return jnp.minimum(jnp.sum(place >= jnp.cumsum(probability)), num_members - 1).astype(jnp.int32)

    def step(gains: Float[Array, " k"], row: Int[Array, ""]):
        probability = probabilities(gains)
        member = chosen(row, probability)
        reward = jnp.exp(log_normal_cdf(-data.y[row])) / probability[member]
        counts = data.is_valid[row] & (row >= num_initial)
        is_it = jnp.arange(num_members, dtype=jnp.int32) == member
        return gains + jnp.where(counts & is_it, reward, 0).astype(dtype), None

    rows = jnp.arange(data.y.shape[0], dtype=jnp.int32)
    gains, _ = jax.lax.scan(step, jnp.zeros(num_members, dtype), rows)
    after = jnp.max(jnp.where(data.is_valid, rows + np.int32(1), 0), initial=0).astype(jnp.int32)
    return gains, chosen(after, probabilities(gains))


@pytree
@dataclass(frozen=True)
class Portfolio(Choice):
    """Several acquisitions that take turns by their rewards; made by `portfolio`."""

    members: tuple[Acquisition, ...]
    rate: float | Float[Array, ""]
    """Learning rate, the weight of a reward."""
    num_initial: int = dataclasses.field(metadata={"static": True})

    @checked
    def prepare(
        self, key: Key[Array, ""], posterior: Posterior, data: Dataset
    ) -> tuple[Int[Array, ""], tuple[Any, ...]]:
        """The number of the acquisition that makes this suggestion, and what each acquisition prepares."""
        rate = jnp.asarray(self.rate, data.y.dtype)
        _, member = replay(data, len(self.members), self.num_initial, rate)
        keys = jax.random.split(key, len(self.members))
        return member, tuple(m.prepare(k, posterior, data) for m, k in zip(self.members, keys, strict=True))

    @checked
    def value(
        self, aux: tuple[Int[Array, ""], tuple[Any, ...]], posterior: Posterior, x: Float[Array, " d"]
    ) -> Float[Array, ""]:
        """Value at ``x`` of the acquisition that makes this suggestion."""
        member, prepared = aux
        values = [
            lambda x, m=m, own=own: m.value(own, posterior, x) for m, own in zip(self.members, prepared, strict=True)
        ]
        return jax.lax.switch(member, values, x)


def portfolio(*members: Acquisition, rate: float | Float[Array, ""] = 0.1, num_initial: int = 10) -> Portfolio:
    r"""A portfolio: one of several acquisitions makes each suggestion, more often one whose trials were good.

    A trial with the standardised value :math:`y` adds the reward :math:`\Phi(-y)` to the acquisition that suggested it.
    This is the Exp3 rule. GP-Hedge, from the same paper, also rewards points that were not evaluated; a table of trials
    does not hold them.

    Args:
      members: Acquisitions. If there are none: log expected improvement, log probability of improvement and a
        confidence bound.
      rate: Learning rate, the weight of a reward. 0: all acquisitions are equally likely.
      num_initial: Number of trials of the initial design, which no acquisition suggested.

    Raises:
      ValueError: If ``num_initial`` is below 0.

    References:
      Hoffman, Brochu and de Freitas, Portfolio Allocation for Bayesian Optimization, 2011; Auer, Cesa-Bianchi, Freund
      and Schapire, The Nonstochastic Multiarmed Bandit Problem, 2002, section 3.
    """
    if num_initial < 0:
        raise ValueError(f"num_initial: expected at least 0, got {num_initial}")
    chosen = members or (log_expected_improvement(), log_probability_of_improvement(), confidence_bound())
    return Portfolio(tuple(map(as_acquisition, chosen)), number("rate", rate), num_initial)
