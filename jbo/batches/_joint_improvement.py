"""Joint expected improvement of a batch (q-EI), including the pending trials."""

from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtri
from jaxtyping import Array, Float, Key

from jbo import designs
from jbo.acquisitions import Acquisition, Scale, incumbent
from jbo.acquisitions.points import DrawnValues, draw_values, joint, log_improvement_on_drawn
from jbo.knowledge import Knowledge
from jbo.pytrees import pytree

_MOST_POINTS = 64


class _Aux(NamedTuple):
    drawn: DrawnValues
    normal: Float[Array, "s q"]
    """Standard normal samples, for batches of up to 64 points."""


@pytree
@dataclass(frozen=True)
class JointImprovement:
    """Logarithm of the expected improvement by the best of several points; made by `joint_improvement`."""

    margin: float | Float[Array, ""]
    num_samples: int = field(metadata={"static": True})

    scale = Scale.LOGARITHM

    def prepare(self, key: Key[Array, ""], acquisition: Acquisition, known: Knowledge) -> _Aux:
        """Samples of the results of the pending trials, and for each sample the value to improve on."""
        del acquisition
        key_rows, key_points = jax.random.split(key)
        rows, dtype = known.feasible_data_with_pending.x, known.feasible_data_with_pending.x.dtype
        best = incumbent(known.observed, known.feasible_data) - jnp.asarray(self.margin, dtype)
        model = joint(known.observed, "joint_improvement")
        drawn = draw_values(key_rows, model, rows, known.is_pending, best, self.num_samples)
        uniform = designs.sobol(key_points, self.num_samples, _MOST_POINTS, dtype)
        return _Aux(drawn, ndtri(jnp.clip(uniform, 1e-7, 1 - 1e-7)))

    def value(self, aux: _Aux, acquisition: Acquisition, known: Knowledge, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Logarithm of the expected improvement by ``x`` beyond the pending trials; LogEI if none is pending."""
        return self.value_together(aux, known, x[None, :])

    def value_together(self, aux: _Aux, known: Knowledge, x: Float[Array, "q d"]) -> Float[Array, ""]:
        """Logarithm of the joint expected improvement by all points.

        Args:
          aux: From `prepare`.
          known: Posteriors of the model.
          x: Points of the unit cube.
        """
        model = joint(known.observed, "joint_improvement")
        return log_improvement_on_drawn(aux.drawn, model, x, aux.normal[:, : x.shape[0]])


def joint_improvement(margin: float | Float[Array, ""] = 0.0, num_samples: int = 128) -> JointImprovement:
    """The joint expected improvement of a batch (q-LogEI), which replaces the strategy's acquisition.

    In ``strategy.ask(key, state, q)`` the points are first chosen one after another, and then moved jointly. A `Study`
    asks for one point after another, each given the pending ones.

    Args:
      margin: Minimum improvement, in standard deviations of the objective.
      num_samples: Number of quasi-Monte Carlo samples of the results; a power of two is spread most evenly. For a
        single point without pending trials nothing is sampled, and the rule equals `jbo.log_expected_improvement`.

    Raises:
      ValueError: If ``num_samples`` is below 1.

    References:
      Ginsbourger, Le Riche and Carraro, Kriging Is Well-Suited to Parallelize Optimization, 2010, eq. 13; Ament et al.,
      Unexpected Improvements to Expected Improvement for Bayesian Optimization, 2023.
    """
    if num_samples < 1:
        raise ValueError(f"num_samples: expected at least 1, got {num_samples}")
    return JointImprovement(1.0 * margin, num_samples)
