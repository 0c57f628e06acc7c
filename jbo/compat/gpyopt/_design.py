"""Initial designs: random or evenly spread points, all of them new and allowed."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jbo import designs
from jbo.space import Space
from jbo.strategies import random_search
from jbo.world import world

_MAX_DRAWS = 500
"""Number of consecutive samples without a new point, after which the remaining points are searched for."""


def initial_design(kind: str, space: Space, num_points: int, seed: int) -> list[dict[str, Any]]:
    """Configs to evaluate before there is a model. If the design has too few allowed configs, random configs follow.

    Args:
      kind: ``random``, ``latin``, ``sobol`` or ``grid``.
      space: Its constraint holds for all of them.
      num_points: Number of points; a smaller discrete space gives fewer.
      seed: Seed of the random numbers.

    Raises:
      ValueError: The kind is another, or the constraint allowed none of many points.
    """
    if kind not in _KINDS:
        raise ValueError(f"initial_design_type: expected one of {', '.join(map(repr, _KINDS))}, got {kind!r}")
    draw = np.random.default_rng(seed)
    d = space.encoding.num_columns
    wanted = min(num_points, space.num_configs)
    configs: dict[bytes, dict[str, Any]] = {}
    num_vain = 0
    for x in itertools.chain(_KINDS[kind](space, num_points, draw), (draw.random(d) for _ in itertools.count())):
        if len(configs) >= wanted or num_vain >= _MAX_DRAWS:
            break
        config = space.decode(x)
        num_before = len(configs)
        if space.is_allowed(config):
            configs.setdefault(space.encode(config).tobytes(), config)
        num_vain = num_vain + 1 if len(configs) == num_before else 0
    found = list(configs.values())
    if len(found) < wanted and space.constraint is not None:
        found += _search(space, found, int(wanted) - len(found), seed)
    if num_points and not found:
        raise ValueError(
            f"constraints: expected some points to be allowed, found none among {_MAX_DRAWS} that were drawn, "
            "and none by a search for thin sets"
        )
    return found


def _search(space: Space, known: list[dict[str, Any]], num_points: int, seed: int) -> list[dict[str, Any]]:
    """More allowed configs where random points are hardly ever allowed; none if the search ends without one."""
    strategy = random_search(space)
    with world(None):
        ask = jax.jit(type(strategy).ask)
        key = jax.random.key(seed, impl="threefry2x32")
        state = strategy.init(len(known) + num_points, jnp.dtype("float64"))
        for config in known:
            state = strategy.pend(state, jnp.asarray(space.encode(config)))
        found = []
        for _ in range(num_points):
            x, info = ask(strategy, key, state)
            if not info.is_new:
                break
            state = strategy.pend(state, x)
            found.append(space.decode(np.asarray(x)))
    return [config for config in found if space.is_allowed(config)]


def _random(space: Space, num_points: int, draw: np.random.Generator) -> Iterator[np.ndarray]:
    del space, num_points, draw
    return iter(())


def _latin(space: Space, num_points: int, draw: np.random.Generator) -> Iterator[np.ndarray]:
    """One point in each of ``num_points`` slices of every column (McKay, Beckman and Conover 1979)."""
    shape = (space.encoding.num_columns, num_points)
    slices = draw.permuted(np.broadcast_to(np.arange(num_points), shape), axis=1)
    return iter(((slices + draw.random(shape)) / max(num_points, 1)).T)


def _sobol(space: Space, num_points: int, draw: np.random.Generator) -> Iterator[np.ndarray]:
    with world(None):
        key = jax.random.key(int(draw.integers(2**31)), impl="threefry2x32")
        return iter(np.array(designs.sobol(key, num_points, space.encoding.num_columns, jnp.dtype("float64"))))


def _grid(space: Space, num_points: int, draw: np.random.Generator) -> Iterator[np.ndarray]:
    """The finest square grid over the reals with at most this number of points; other columns are sampled."""
    is_real = space.encoding.num_levels == 0
    num_real = int(is_real.sum())
    size = 1
    while num_real and (size + 1) ** num_real <= num_points:
        size += 1
    along = np.linspace(0, 1, size) if size > 1 else np.array([0.5])
    for point in itertools.product(along, repeat=num_real):
        x = draw.random(len(is_real))
        x[is_real] = point
        yield x


_KINDS: dict[str, Callable[[Space, int, np.random.Generator], Iterator[np.ndarray]]] = {
    "random": _random,
    "latin": _latin,
    "sobol": _sobol,
    "grid": _grid,
}
