"""Thompson sampling: minimise a function sampled from the posterior."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Float, Key

from jbo.acquisitions._acquisition import Drawn, Scale
from jbo.acquisitions.points import joint
from jbo.checks import checked
from jbo.pytrees import pytree
from jbo.surrogates import Posterior
from jbo.types import Dataset


@pytree
@dataclass(frozen=True)
class Thompson(Drawn):
    """A single posterior sample of the function; made by `thompson_sampling`."""

    scale = Scale.OBJECTIVE

    @checked
    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> Any:
        """The sampled function."""
        return joint(posterior, "thompson_sampling").paths(key, 1)

    @checked
    def value(self, aux: Any, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The negated sample at ``x``, so that higher is better."""
        return -aux(x[None, :])[0, 0]


def thompson_sampling() -> Thompson:
    """Thompson sampling: each suggestion minimises another function sampled from the posterior.

    The sample is a smooth function (Matheron's rule with random features), which is maximised like any other
    acquisition. Simultaneous suggestions differ, because their samples differ. There is no parameter to choose.

    References:
      Thompson, On the Likelihood that One Unknown Probability Exceeds Another, 1933; Wilson et al., Efficiently
      Sampling Functions from Gaussian Process Posteriors, 2020.
    """
    return Thompson()
