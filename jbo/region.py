"""The region of a suggestion: the points that have the values of the context and are allowed by the space.

A space has a constraint, or is a finite list of candidates. In a list every suggestion is the best new candidate by
some score (`Region.best_new`): distance from a point, order in the list, a random number or an acquisition.
"""

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jbo.candidates import TIE, first_of_best, nearness
from jbo.encoding import Encoding, is_active, snap
from jbo.pytrees import pytree
from jbo.types import Trials, is_taken


class Candidate(NamedTuple):
    """The candidate with the best score."""

    x: Float[Array, " d"]
    """Point of the candidate."""
    score: Float[Array, ""]
    """Score of the candidate; ``-inf`` if no candidate is new."""
    is_new: Bool[Array, ""]
    """False if all candidates of the region are in the table."""


@pytree
@dataclass(frozen=True)
class Region:
    """The part of the unit cube that is searched for one suggestion."""

    encoding: Encoding
    """Columns of the space, and its constraint."""
    fixed: Float[Array, " d"] | None = None
    """Coordinates of the fixed columns, NaN for free columns; None: all columns are free."""

    def place(self, raw: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
        """The snapped points, with the fixed columns set.

        In a list of candidates these are the nearest candidates, see `nearness`. If no candidate has the fixed values,
        the result is the first candidate of the list, for which `is_allowed` is False.

        Args:
          raw: Points of the cube.
        """
        if self.fixed is not None:
            fixed = jnp.broadcast_to(self.fixed.astype(raw.dtype), raw.shape)
            raw = jnp.where(jnp.isnan(fixed), raw, fixed)
        x = snap(self.encoding, raw)
        if self.encoding.candidates is None:
            return x
        candidates = self.candidates(x.dtype)
        # Loop over the points, because the distances of many points at once may not fit in memory.
        rows = jax.lax.map(lambda point: first_of_best(self.nearness(point), TIE), x.reshape(-1, x.shape[-1]))
        return candidates[rows].reshape(x.shape)

    def is_allowed(self, x: Float[Array, "*b d"]) -> Bool[Array, "*b"]:
        """True for points that satisfy the constraint; in a list of candidates, for those with the fixed values.

        Args:
          x: Snapped points; in a list, candidates.
        """
        if self.encoding.candidates is not None:
            return self._has_fixed(x)
        constraint = self.encoding.constraint
        if constraint is None:
            return jnp.ones(x.shape[:-1], bool)
        check = constraint
        for _ in x.shape[:-1]:
            check = jax.vmap(check)
        return check(x)

    @property
    def is_free(self) -> Bool[Array, " d"]:
        """True for the columns that are not fixed."""
        if self.fixed is None:
            return jnp.ones(self.encoding.num_columns, bool)
        return jnp.isnan(self.fixed)

    # A list of candidates.

    def candidates(self, dtype: jnp.dtype) -> Float[Array, "m d"]:
        """The candidates of the space.

        Args:
          dtype: Floating type of the result.

        Raises:
          ValueError: The space is not a list.
        """
        if self.encoding.candidates is None:
            raise ValueError("candidates: expected a space that is a list of candidates")
        return jnp.asarray(self.encoding.candidates, dtype)

    def nearness(self, raw: Float[Array, " d"]) -> Float[Array, " m"]:
        """Minus the squared distance of each candidate from a point; ``-inf`` for candidates without the fixed values.

        Two different categories have distance 1.

        Args:
          raw: A point of the cube.
        """
        candidates = self.candidates(raw.dtype)
        score = nearness(self.encoding, candidates, raw)
        return jnp.where(self._has_fixed(candidates), score, -jnp.inf)

    def best_new(self, state: Trials, score: Float[Array, " m"], tie: int = 0) -> Candidate:
        """The candidate with the highest score, among those that have the fixed values and are not in the table.

        If several candidates have the highest score, it is the first of them.

        Args:
          state: The table.
          score: Score of each candidate; ``-inf``: it is never chosen.
          tie: Scores that differ by at most this number of rounding errors count as equal.

        Returns:
          The best new candidate. If no candidate is new, the best one in the table.
        """
        candidates = self.candidates(state.x.dtype)
        score = jnp.where(self._has_fixed(candidates), score, -jnp.inf)

        # Few of the best candidates are in the table, so repeating the argmax costs less than checking all candidates.
        def is_old(carry: tuple[Array, Array]) -> Bool[Array, ""]:
            score, row = carry
            return (score[row] > -jnp.inf) & jnp.any(is_taken(state, candidates[row]))

        def strike(carry: tuple[Array, Array]) -> tuple[Array, Array]:
            score, row = carry
            score = score.at[row].set(-jnp.inf)
            return score, first_of_best(score, tie)

        first = first_of_best(score, tie)
        score, row = jax.lax.while_loop(is_old, strike, (score, first))
        is_new = score[row] > -jnp.inf
        return Candidate(candidates[jnp.where(is_new, row, first)], score[row], is_new)

    def nearest_new(self, state: Trials, raw: Float[Array, " d"]) -> Candidate:
        """The candidate that is nearest to a point and not in the table.

        Args:
          state: The table.
          raw: A point of the cube.
        """
        return self.best_new(state, self.nearness(raw), TIE)

    def _has_fixed(self, x: Float[Array, "*b d"]) -> Bool[Array, "*b"]:
        """True for points whose fixed columns have the fixed values. Inactive columns are ignored."""
        if self.fixed is None:
            return jnp.ones(x.shape[:-1], bool)
        fixed = jnp.broadcast_to(self.fixed.astype(x.dtype), x.shape)
        is_there = jnp.abs(x - fixed) <= 8 * jnp.finfo(x.dtype).eps
        return jnp.all(jnp.isnan(fixed) | is_there | ~is_active(self.encoding, x), axis=-1)
