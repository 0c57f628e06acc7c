"""Thompson sampling: ask where a function that the model holds possible is least."""

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
    """One draw of the function, made by `thompson_sampling`."""

    scale = Scale.OBJECTIVE

    @checked
    def prepare(self, key: Key[Array, ""], posterior: Posterior, data: Dataset) -> Any:
        """The draw."""
        return joint(posterior, "thompson_sampling").paths(key, 1)

    @checked
    def value(self, aux: Any, posterior: Posterior, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The draw at ``x`` with its sign turned, so that higher is better."""
        return -aux(x[None, :])[0, 0]


def thompson_sampling() -> Thompson:
    """Thompson sampling: each ask minimises another function drawn from the posterior.

    The draw is a function (Matheron's rule with random features), so it is climbed like any other acquisition. Points
    asked for at the same time differ because their draws do; no number has to be chosen.

    References:
      Thompson, On the Likelihood that One Unknown Probability Exceeds Another, 1933; Wilson et al., Efficiently
      Sampling Functions from Gaussian Process Posteriors, 2020.
    """
    return Thompson()
