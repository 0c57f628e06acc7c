"""An acquisition function averaged over several hyperparameter samples."""

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
    """The mean of an acquisition over the hyperparameter samples of a posterior; made by `over_sets`.

    Each hyperparameter sample has its own incumbent. With `Scale.LOGARITHM` the result is the logarithm of the mean of
    the exponentials.
    """

    acquisition: Acquisition

    @checked
    def prepare(self, key: Key[Array, ""], posterior: Any, data: Dataset) -> Any:
        """The prepared quantities for each hyperparameter sample, with a leading axis."""
        data = dataclasses.replace(data, mean=None)  # the mean is an average over all samples
        return jax.vmap(lambda one: self.acquisition.prepare(key, one, data))(posterior.sets())

    @checked
    def value(self, aux: Any, posterior: Any, x: Float[Array, " d"]) -> Float[Array, ""]:
        """Acquisition value at ``x``; higher is better."""
        values = jax.vmap(lambda own, one: scalar("acquisition", "value", self.acquisition.value(own, one, x)))(
            aux, posterior.sets()
        )
        if self.scale is Scale.LOGARITHM:
            return logsumexp(values) - float(np.log(values.shape[0]))
        return jnp.mean(values)


def over_sets(acquisition: Acquisition, posterior: Posterior) -> Acquisition:
    """The acquisition averaged over the hyperparameter samples of a posterior; unchanged if there is one sample.

    An acquisition that samples a function (`Drawn`) is not averaged, because a mean of samples is not a sample. If it
    is inside another acquisition, or a member of a portfolio, the other parts are averaged separately.

    The moments of ``posterior.predict``, a mixture of Gaussians, are not enough. A likely improvement under one
    hyperparameter sample shows in the mean of the acquisitions, but is lost in the variance of the mixture.

    Args:
      acquisition: Acquisition for a single hyperparameter sample.
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
    """True if an acquisition, or one of its inner acquisitions, samples a function."""
    inside = acquisition.parts if isinstance(acquisition, Composite) else ()
    return isinstance(acquisition, Drawn) or any(map(_draws, inside))
