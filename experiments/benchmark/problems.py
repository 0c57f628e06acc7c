"""Random synthetic problems: rotated and shifted functions, noisy functions, mixed spaces.

Each draw is a pytree of numbers, so one program can search many draws in parallel. Called with the Python values of a
config, a draw is an ordinary objective.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jbo import Categorical, Integer, Ordinal, Real, Space, pytree
from jbo.functions import Problem


@pytree
@dataclass(frozen=True, eq=False)
class Rotated:
    """A function in rotated coordinates, shifted so that its minimum is at a given point of the unit cube.

    The function must not be below its minimum outside of its domain, because the cube reaches beyond the domain.
    """

    rotation: Float[Array, "d d"]
    place: Float[Array, " d"]
    """The minimiser."""
    base: Problem = field(metadata={"static": True})

    @property
    def space(self) -> Space:
        """The unit cube."""
        return cube(len(self.base.minimizers[0]))

    @property
    def minimum(self) -> float:
        """Minimum value."""
        return self.base.minimum

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value at a config of the unit cube."""
        names, u = list(self.base.space), jnp.stack([jnp.asarray(value) for value in config.values()])
        lows, highs = (np.array([getattr(self.base.space[n], end) for n in names]) for end in ("low", "high"))
        best = np.array([self.base.minimizers[0][n] for n in names])
        moved = best + (highs - lows) * (self.rotation.astype(u.dtype) @ (u - self.place.astype(u.dtype)))
        return self.base(dict(zip(names, moved, strict=True)))


def cube(d: int) -> Space:
    """The unit cube as a space."""
    return Space({f"x{i + 1}": Real(0.0, 1.0) for i in range(d)})


def draw_rotated(key: Key[Array, ""], base: Problem) -> Rotated:
    """A problem with a uniformly random rotation, and with its minimum in the middle 80 % of each axis.

    Args:
      key: Random key of the draw.
      base: The function.
    """
    d = len(base.minimizers[0])
    key_rotation, key_place = jax.random.split(key)
    return Rotated(
        jax.random.orthogonal(key_rotation, d), jax.random.uniform(key_place, (d,), minval=0.1, maxval=0.9), base
    )


@pytree
@dataclass(frozen=True, eq=False)
class Embedded:
    """A problem on the unit cube, embedded in a larger cube. Most columns of the larger cube have no effect."""

    base: Rotated
    columns: Int[Array, " d"]
    """The columns that the problem uses, in the order of the problem."""
    num_columns: int = field(metadata={"static": True})

    @property
    def space(self) -> Space:
        """The larger cube."""
        return cube(self.num_columns)

    @property
    def minimum(self) -> float:
        """Minimum value."""
        return self.base.minimum

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value at a config of the larger cube."""
        u = jnp.stack([jnp.asarray(value) for value in config.values()])
        return self.base(dict(zip(self.base.space, u[self.columns], strict=True)))


def draw_embedded(key: Key[Array, ""], base: Problem, num_columns: int) -> Embedded:
    """A problem from `draw_rotated`, embedded in a random subset of many columns.

    Args:
      key: Random key of the draw.
      base: The function.
      num_columns: Total number of columns.
    """
    key_function, key_columns = jax.random.split(key)
    rotated = draw_rotated(key_function, base)
    columns = jax.random.permutation(key_columns, num_columns)[: len(rotated.place)].astype(jnp.int32)
    return Embedded(rotated, columns, num_columns)


@pytree
@dataclass(frozen=True, eq=False)
class Noisy:
    """A continuous problem with Gaussian noise. The noise is a function of the config, as with a fixed seed."""

    base: Any
    """The problem without noise."""
    key: Key[Array, ""]
    """Random key of the noise."""
    deviation: float = field(metadata={"static": True})

    @property
    def space(self) -> Space:
        """The space of the problem."""
        return self.base.space

    @property
    def minimum(self) -> float:
        """Minimum value without noise."""
        return self.base.minimum

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The observed value at a config."""
        bits = jnp.stack([jnp.asarray(value, jnp.float32) for value in config.values()]).view(jnp.uint32)
        key = jax.lax.fori_loop(0, len(bits), lambda i, key: jax.random.fold_in(key, bits[i]), self.key)
        return self.base(config) + self.deviation * jax.random.normal(key)


MIXED_SPACE = Space(
    rate=Real(1e-5, 1e-1, log=True),
    decay=Real(1e-6, 1e-2, log=True),
    mix=Real(0.0, 1.0),
    depth=Integer(1, 8),
    width=Integer(8, 512, log=True),
    batch=Ordinal(16, 32, 64, 128, 256),
    kind=Categorical(0, 1, 2),
    method=Categorical(0, 1, 2, 3),
)


@pytree
@dataclass(frozen=True, eq=False)
class MixedBowl:
    """Curved valleys whose position and depth depend on two categories, with a cliff and a plateau beyond it."""

    place: Float[Array, "3 4 6"]
    """The best numbers for each pair of choices, in the unit cube."""
    weight: Float[Array, " 6"]
    loss: Float[Array, "3 4"]
    """Cost of each pair of choices at its best numbers; the minimum is 0."""
    along: Float[Array, " 6"]
    """Direction of the cliff."""

    @property
    def space(self) -> Space:
        """Numbers of several kinds and two categories."""
        return MIXED_SPACE

    @property
    def minimum(self) -> float:
        """A lower bound of the minimum; the gap is at most the cost of the nearest levels."""
        return 0.0

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value at a config."""
        log = jnp.log10
        numbers = (
            (log(config["rate"]) + 5) / 4,
            (log(config["decay"]) + 6) / 4,
            config["mix"],
            (config["depth"] - 1) / 7,
            log(config["width"] / 8) / log(64.0),
            log(config["batch"] / 16) / log(16.0),
        )
        u = jnp.stack([jnp.asarray(number, jnp.result_type(float)) for number in numbers])
        pair = config["kind"], config["method"]
        away = u - self.place[pair]
        bowl = jnp.sum(self.weight * away**2) + 0.5 * (away[0] - away[1] * away[2]) ** 2
        value = self.loss[pair] + bowl
        # Beyond the cliff is a plateau: nothing works, as with a learning rate that is too large.
        return jnp.where(self.along @ away > 0.45, 3.0, jnp.minimum(value, 3.0))


def draw_mixed(key: Key[Array, ""]) -> MixedBowl:
    """A problem whose choices have random positions and costs.

    Args:
      key: Random key of the draw.
    """
    a, b, c, d, e = jax.random.split(key, 5)
    place = jnp.clip(jax.random.uniform(a, (6,)) * 0.6 + 0.2 + 0.15 * jax.random.normal(b, (3, 4, 6)), 0.05, 0.95)
    loss = jax.random.exponential(d, (3, 4)) * 0.3
    along = jax.random.normal(e, (6,)) * jnp.array([1.0, 0.3, 0.3, 0.3, 0.3, 0.3])
    return MixedBowl(
        place, jnp.exp(jax.random.normal(c, (6,)) * 0.8), loss - jnp.min(loss), along / jnp.linalg.norm(along)
    )
