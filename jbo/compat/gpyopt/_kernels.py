"""A kernel that knows where the arms of a bandit lie."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo._pytree import pytree
from jbo.encoding import Encoding
from jbo.space import Space
from jbo.surrogates.kernels import Stationary


@pytree
@dataclasses.dataclass(frozen=True)
class Arms(Stationary):
    """A stationary kernel of the distance between the points that the levels of each column stand for."""

    points: tuple[tuple[tuple[float, ...], ...], ...] = dataclasses.field(default=(), metadata={"static": True})
    """Of each column the point of each level, every coordinate spread over ``[0, 1]``."""

    def bind(self, encoding: Encoding) -> "Arms":
        """The same kernel: it knows its columns already."""
        del encoding
        return self

    def _features(self, x: Float[Array, "n d"]) -> Float[Array, "n f"]:
        features = []
        for j, points in enumerate(self.points):
            level = jnp.clip(jnp.floor(x[:, j] * len(points)), 0, len(points) - 1).astype(jnp.int32)
            features.append(jnp.asarray(np.array(points), x.dtype)[level])
        return jnp.concatenate(features, axis=1)


def arms(kernel: Any, space: Space) -> Arms:
    """The kernel over a space of bandits.

    Args:
      kernel: A stationary one, such as ``jbo.surrogates.kernels.matern52``.
      space: Its parameters are points: tuples of numbers, or numbers.

    Raises:
      ValueError: The kernel is not stationary.
    """
    if not isinstance(kernel, Stationary):
        raise ValueError(f"kernel: expected a stationary one for a bandit, got {kernel!r}")
    columns = []
    for parameter in space.values():
        values = [parameter.value_at(level) for level in range(parameter.num_levels)]
        points = np.array([value if isinstance(value, tuple) else (value,) for value in values], np.float64)
        low, width = points.min(0), np.ptp(points, 0)
        points = (points - low) / np.where(width > 0, width, 1)
        columns.append(tuple(map(tuple, points.tolist())))
    return Arms(kernel.profile, tuple(len(points[0]) for points in columns), points=tuple(columns))
