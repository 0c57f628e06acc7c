"""Synthetic problems whose categories matter: many choices, switches, and choices that change the effect of numbers.

Each draw is a pytree of numbers, as in `experiments.benchmark.problems`. The numeric parameters span the unit cube, and
every minimum is 0 or slightly above 0.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jbo import Categorical, Real, Space, pytree


def _space(num_choices: tuple[int, ...], num_reals: int) -> Space:
    """Categories with the given numbers of choices, then numbers between 0 and 1."""
    named = {f"c{i + 1}": Categorical(*range(k)) for i, k in enumerate(num_choices)}
    return Space(named | {f"x{i + 1}": Real(0.0, 1.0) for i in range(num_reals)})


class _OfChoices:
    """A problem of categories and numbers."""

    num_choices: tuple[int, ...]
    num_reals: int

    @property
    def space(self) -> Space:
        """Categories ``c1``, …, then numbers ``x1``, …"""
        return _space(self.num_choices, self.num_reals)

    @property
    def minimum(self) -> float:
        """Minimum of the function, or slightly below it."""
        return 0.0

    def split(self, config: Mapping[str, Any]) -> tuple[list[Any], Float[Array, " r"]]:
        """The choices, and the numbers as one array.

        Args:
          config: Values by name.
        """
        values = list(config.values())
        k = len(self.num_choices)
        reals = [jnp.asarray(value, jnp.result_type(float)) for value in values[k:]]
        return values[:k], jnp.stack(reals) if reals else jnp.zeros(0, jnp.result_type(float))


@pytree
@dataclass(frozen=True, eq=False)
class Additive(_OfChoices):
    """Each choice adds its own cost; the reals add a quadratic bowl."""

    effect: Float[Array, "c k"]
    """Cost of each choice; the best choice of a category costs 0. Columns after the last choice are not used."""
    place: Float[Array, " r"]
    num_choices: tuple[int, ...] = field(metadata={"static": True})
    num_reals: int = field(metadata={"static": True})

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value at a config."""
        choices, u = self.split(config)
        effects = [self.effect[i, choice] for i, choice in enumerate(choices)]
        return sum(effects) + 4 * jnp.sum((u - self.place) ** 2)


@pytree
@dataclass(frozen=True, eq=False)
class Needle(_OfChoices):
    """Ackley's function of the distance from one pattern of switches and one point of the reals."""

    pattern: Int[Array, " c"]
    place: Float[Array, " r"]
    num_choices: tuple[int, ...] = field(metadata={"static": True})
    num_reals: int = field(metadata={"static": True})

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value at a config."""
        choices, u = self.split(config)
        wrong = jnp.stack([1.0 * (c != p) for c, p in zip(choices, self.pattern, strict=True)])
        z = jnp.concatenate([wrong, 2 * (u - self.place)])
        root = jnp.sqrt(jnp.mean(z**2) + 1e-12)
        return -20 * jnp.exp(-0.2 * root) - jnp.exp(jnp.mean(jnp.cos(2 * jnp.pi * z))) + 20 + np.e


@pytree
@dataclass(frozen=True, eq=False)
class Latent(_OfChoices):
    """One category with many choices. Each choice is a hidden point of a plane with a curved valley."""

    hidden: Float[Array, "k 2"]
    place: Float[Array, " r"]
    lowest: Float[Array, ""]
    num_choices: tuple[int, ...] = field(metadata={"static": True})
    num_reals: int = field(metadata={"static": True})

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value at a config."""
        (choice,), u = self.split(config)
        h = self.hidden[choice]
        return jnp.sum(h**2) + jnp.sum((u - self.place - 0.3 * jnp.tanh(h[0])) ** 2) * 4 - self.lowest


@pytree
@dataclass(frozen=True, eq=False)
class Switched(_OfChoices):
    """One category decides which numbers matter, where they are best and how much, as a kernel of an SVM does."""

    weight: Float[Array, "k r"]
    place: Float[Array, "k r"]
    loss: Float[Array, " k"]
    effect: Float[Array, " j"]
    num_choices: tuple[int, ...] = field(metadata={"static": True})
    num_reals: int = field(metadata={"static": True})

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value at a config."""
        (kind, other), u = self.split(config)
        bowl = jnp.sum(self.weight[kind] * (u - self.place[kind]) ** 2)
        return jnp.minimum(self.loss[kind] + self.effect[other] + bowl, 2.0 + 0.1 * self.loss[kind])


@pytree
@dataclass(frozen=True, eq=False)
class Pairs(_OfChoices):
    """Categories that interact in pairs: each neighbouring pair of choices has its own cost (an NK landscape)."""

    cost: Float[Array, "c k k"]
    least: Float[Array, ""]
    num_choices: tuple[int, ...] = field(metadata={"static": True})
    num_reals: int = field(metadata={"static": True})

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value at a config."""
        choices, _ = self.split(config)
        after = [*choices[1:], choices[0]]
        costs = [self.cost[i, a, b] for i, (a, b) in enumerate(zip(choices, after, strict=True))]
        return sum(costs) - self.least


@pytree
@dataclass(frozen=True, eq=False)
class Training(_OfChoices):
    """Resembles tuning a network: an optimiser with its own best rate, an activation, two switches and four numbers."""

    rate: Float[Array, " k"]
    steep: Float[Array, " k"]
    loss: Float[Array, " k"]
    effect: Float[Array, " a"]
    switch: Float[Array, " 2"]
    both: Float[Array, ""]
    place: Float[Array, " r"]
    weight: Float[Array, " r"]
    num_choices: tuple[int, ...] = field(metadata={"static": True})
    num_reals: int = field(metadata={"static": True})

    def __call__(self, config: Mapping[str, Any]) -> Any:
        """The value at a config."""
        (kind, act, s1, s2), u = self.split(config)
        away = u[0] - self.rate[kind]
        diverges = jnp.where(away > 0.25, 3.0, 0.0)
        bowl = self.steep[kind] * away**2 + jnp.sum(self.weight * (u[1:] - self.place[1:]) ** 2)
        bowl = bowl + 0.5 * (away - (u[1] - self.place[1])) ** 2
        switches = self.switch[0] * s1 + self.switch[1] * s2 + self.both * (s1 * s2)
        first, second = self.switch
        least = jnp.min(jnp.stack([0 * first, first, second, first + second + self.both]))
        return jnp.minimum(self.loss[kind] + self.effect[act] + bowl + switches - least + diverges, 3.0)


def draw_additive(key: Key[Array, ""], num_choices: tuple[int, ...] = (8, 8, 8), num_reals: int = 3) -> Additive:
    """A problem whose effects are sampled from a normal distribution."""
    a, b = jax.random.split(key)
    effect = jax.random.normal(a, (len(num_choices), max(num_choices)))
    inside = np.arange(max(num_choices))[None, :] < np.array(num_choices)[:, None]
    effect = effect - jnp.min(jnp.where(inside, effect, jnp.inf), axis=1, keepdims=True)
    return Additive(effect, jax.random.uniform(b, (num_reals,), minval=0.1, maxval=0.9), num_choices, num_reals)


def draw_needle(key: Key[Array, ""], num_choices: tuple[int, ...] = (2,) * 5, num_reals: int = 3) -> Needle:
    """A problem with a random pattern and a random point."""
    a, b = jax.random.split(key)
    pattern = jax.random.randint(a, (len(num_choices),), 0, jnp.array(num_choices))
    return Needle(pattern, jax.random.uniform(b, (num_reals,), minval=0.1, maxval=0.9), num_choices, num_reals)


def draw_latent(key: Key[Array, ""], num_choices: int = 25, num_reals: int = 4) -> Latent:
    """A problem whose hidden points are sampled from a normal distribution."""
    a, b = jax.random.split(key)
    hidden = 1.2 * jax.random.normal(a, (num_choices, 2))
    place = jax.random.uniform(b, (num_reals,), minval=0.35, maxval=0.65)
    return Latent(hidden, place, jnp.min(jnp.sum(hidden**2, axis=1)), (num_choices,), num_reals)


def draw_switched(key: Key[Array, ""], num_choices: tuple[int, int] = (4, 3), num_reals: int = 4) -> Switched:
    """A problem in which about half of the numbers matter for each choice."""
    a, b, c, d, e = jax.random.split(key, 5)
    k, j = num_choices
    weight = jnp.exp(jax.random.normal(a, (k, num_reals)) + 1.0) * jax.random.bernoulli(b, 0.6, (k, num_reals))
    loss, effect = 0.4 * jax.random.exponential(c, (k,)), 0.15 * jax.random.exponential(d, (j,))
    place = jax.random.uniform(e, (k, num_reals), minval=0.1, maxval=0.9)
    return Switched(weight, place, loss - jnp.min(loss), effect - jnp.min(effect), num_choices, num_reals)


def draw_pairs(key: Key[Array, ""], num_categories: int = 6, num_choices: int = 4) -> Pairs:
    """A problem whose costs are sampled from a normal distribution; its minimum is found by enumeration."""
    cost = jax.random.normal(key, (num_categories, num_choices, num_choices))
    every = np.array(list(itertools.product(range(num_choices), repeat=num_categories)))
    sums = sum(cost[i, every[:, i], every[:, (i + 1) % num_categories]] for i in range(num_categories))
    return Pairs(cost, jnp.min(jnp.asarray(sums)), (num_choices,) * num_categories, 0)


def draw_training(key: Key[Array, ""], num_kinds: int = 5, num_acts: int = 6) -> Training:
    """A problem with random rates, losses and effects."""
    a, b, c, d, e, f, g, h = jax.random.split(key, 8)
    loss, effect = 0.3 * jax.random.exponential(b, (num_kinds,)), 0.2 * jax.random.exponential(c, (num_acts,))
    return Training(
        jax.random.uniform(a, (num_kinds,), minval=0.2, maxval=0.7),
        jnp.exp(jax.random.normal(h, (num_kinds,)) * 0.7 + 1.5),
        loss - jnp.min(loss),
        effect - jnp.min(effect),
        0.3 * jax.random.normal(d, (2,)),
        0.3 * jax.random.normal(e, ()),
        jax.random.uniform(f, (4,), minval=0.1, maxval=0.9),
        jnp.exp(jax.random.normal(g, (3,)) * 0.8),
        (num_kinds, num_acts, 2, 2),
        4,
    )
