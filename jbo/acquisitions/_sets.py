"""An acquisition function averaged over several sets of hyperparameters."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Key

from jbo.acquisitions._acquisition import Acquisition, Around, Composite, Drawn, Scale, each
from jbo.checks import checked, scalar
from jbo.pytrees import pytree
from jbo.surrogates import ManySets, Posterior
from jbo.types import Dataset


@pytree
@dataclass(frozen=True)
class OverSets(Around):
    """The mean of an acquisition over the hyperparameter sets of a posterior; made by `over_sets`.

    Each set has an incumbent of its own. Of logarithms (`Scale.LOGARITHM`) the mean is taken of what they are the
    logarithms of.
    """

    acquisition: Acquisition

    @checked
    def prepare(self, key: Key[Array, ""], posterior: Any, data: Dataset) -> Any:
        """What the acquisition prepares for each set, with a leading axis."""
        data = dataclasses.replace(data, mean=None)  # which is that of all sets
        return jax.vmap(lambda one: self.acquisition.prepare(key, one, data))(posterior.sets())

    @checked
    def value(self, aux: Any, posterior: Any, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Worth of the point ``x``; higher is better."""
        values = jax.vmap(lambda own, one: scalar("acquisition", "value", self.acquisition.value(own, one, x)))(
            aux, posterior.sets()
        )
        if self.scale is Scale.LOGARITHM:
            return logsumexp(values) - float(np.log(values.shape[0]))
        return jnp.mean(values)


def over_sets(acquisition: Acquisition, posterior: Posterior) -> Acquisition:
    """The acquisition averaged over the hyperparameter sets of a posterior; itself where there is one set.

    An acquisition that draws a function (`Drawn`) is not averaged, since a mean of draws is no draw. If it is inside of
    another one, or a member of a portfolio, what stands beside it is averaged by itself.

    The moments of a mixture of Gaussians, which ``posterior.predict`` gives, are not enough: what one set sees as a
    likely improvement shows in the mean of the acquisitions and drowns in the mixture's variance.

    Args:
      acquisition: For one set.
      posterior: The model.

    References:
      Snoek, Larochelle and Adams, Practical Bayesian Optimization of Machine Learning Algorithms, 2012, section 3.2
      (the integrated acquisition function).
    """
    if not isinstance(posterior, ManySets) or posterior.num_sets == 1:
        return acquisition

    def averaged(acquisition: Any) -> Any:
        if isinstance(acquisition, Drawn):
            return acquisition
        if _draws(acquisition):
            return acquisition.with_parts(tuple(each(part, averaged) for part in acquisition.parts))
        return OverSets(acquisition)

    return each(acquisition, averaged)


def _draws(acquisition: Any) -> bool:
    """True if an acquisition, or one inside of it, draws a function."""
    inside = acquisition.parts if isinstance(acquisition, Composite) else ()
    return isinstance(acquisition, Drawn) or any(map(_draws, inside))
