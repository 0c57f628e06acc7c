"""Where a suggestion may be: the columns that are given for it, and what the space allows.

A space allows what its constraint allows, or a finite list of candidates. Under a list every suggestion is the best new
candidate by some score (`Region.best_new`): near a point, first in the list, drawn at random, best by an acquisition.
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
    """A candidate that was chosen by its score."""

    x: Float[Array, " d"]
    """Its point."""
    score: Float[Array, ""]
    """Its score; ``-inf`` if no candidate is new."""
    is_new: Bool[Array, ""]
    """False if all candidates of the region are in the table."""


@pytree
@dataclass(frozen=True)
class Region:
    """The part of the unit cube that one suggestion is looked for in."""

    encoding: Encoding
    """Columns of the space, and its constraint."""
    fixed: Float[Array, " d"] | None = None
    """Where the columns stand that are given, NaN for those that are free; None: all are free."""

    def place(self, raw: Float[Array, "*b d"]) -> Float[Array, "*b d"]:
        """The valid points that ``raw`` stands for, with the given columns at their places.

        In a list of candidates these are the nearest ones, see `nearness`. If no candidate has the given columns, the
        first candidate of the list stands for all points, and `is_allowed` is False there.

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
        # One point after another: the distances of many points at once would not fit in memory.
        rows = jax.lax.map(lambda point: first_of_best(self.nearness(point), TIE), x.reshape(-1, x.shape[-1]))
        return candidates[rows].reshape(x.shape)

    def is_allowed(self, x: Float[Array, "*b d"]) -> Bool[Array, "*b"]:
        """True where the constraint of the space holds, or a candidate has the given columns; without them, everywhere.

        Args:
          x: Snapped points; of a list, candidates.
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
        """True for the columns that are not given."""
        if self.fixed is None:
            return jnp.ones(self.encoding.num_columns, bool)
        return jnp.isnan(self.fixed)

    # A list of candidates.

    def candidates(self, dtype: jnp.dtype) -> Float[Array, "m d"]:
        """The candidates of the space; an error in a space without a list.

        Args:
          dtype: Floating type of the result.
        """
        if self.encoding.candidates is None:
            raise ValueError("candidates: expected a space that is a list of candidates")
        return jnp.asarray(self.encoding.candidates, dtype)

    def nearness(self, raw: Float[Array, " d"]) -> Float[Array, " m"]:
        """Minus the squared distance of each candidate from a point; ``-inf`` without the given columns.

        Two categories are at a distance of 1 if they differ.

        Args:
          raw: A point of the cube.
        """
        candidates = self.candidates(raw.dtype)
        score = nearness(self.encoding, candidates, raw)
        return jnp.where(self._has_fixed(candidates), score, -jnp.inf)

    def best_new(self, state: Trials, score: Float[Array, " m"], tie: int = 0) -> Candidate:
        """The candidate of the highest score that no trial has, with the given columns; the first of equals.

        Args:
          state: The table.
          score: One of each candidate; ``-inf``: never.
          tie: Scores that differ by so many roundings are equal.

        Returns:
          If no candidate is new, the best of those that are not.
        """
        candidates = self.candidates(state.x.dtype)
        score = jnp.where(self._has_fixed(candidates), score, -jnp.inf)

        # Few of the best are taken, so that it costs less to look at the best again than to look at every candidate.
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
        """The candidate nearest to a point that no trial has.

        Args:
          state: The table.
          raw: A point of the cube.
        """
        return self.best_new(state, self.nearness(raw), TIE)

    def _has_fixed(self, x: Float[Array, "*b d"]) -> Bool[Array, "*b"]:
        """True where the given columns stand at their places, or do not count."""
        if self.fixed is None:
            return jnp.ones(x.shape[:-1], bool)
        fixed = jnp.broadcast_to(self.fixed.astype(x.dtype), x.shape)
        is_there = jnp.abs(x - fixed) <= 8 * jnp.finfo(x.dtype).eps
        return jnp.all(jnp.isnan(fixed) | is_there | ~is_active(self.encoding, x), axis=-1)
