"""Where an optimisation begins: points at random, or spread evenly, all of them new and allowed."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jbo import designs
from jbo._world import world
from jbo.compat.gpyopt._rows import Columns
from jbo.compat.gpyopt._space import Constraint
from jbo.space import Space

_MAX_DRAWS = 2_000
_NUM_STARTS, _MAX_STEPS, _NUM_WALKED = 8, 400, 30


def initial_design(kind: str, space: Space, num_points: int, seed: int) -> list[dict[str, Any]]:
    """Configs to evaluate before there is a model; where the kind gives too few that are allowed, random ones follow.

    Args:
      kind: ``random``, ``latin``, ``sobol`` or ``grid``.
      space: Its constraint holds for all of them.
      num_points: How many; fewer come back if a discrete space has not as many.
      seed: Of the draws.

    Raises:
      ValueError: The kind is another, or the constraint allowed none of many points.
    """
    if kind not in _KINDS:
        raise ValueError(f"initial_design_type: expected one of {', '.join(map(repr, _KINDS))}, got {kind!r}")
    draw = np.random.default_rng(seed)
    d = space.encoding.num_columns
    rest = (draw.random(d) for _ in range(_MAX_DRAWS))
    configs: dict[bytes, dict[str, Any]] = {}
    for x in itertools.chain(_KINDS[kind](space, num_points, draw), rest):
        if len(configs) >= min(num_points, space.num_configs):
            break
        config = space.decode(x)
        if space.is_allowed(config):
            configs.setdefault(space.encode(config).tobytes(), config)
    if len(configs) < min(num_points, space.num_configs) and isinstance(space.constraint, Constraint):
        for config in _walk(space, space.constraint, num_points - len(configs), draw, list(configs.values())):
            if len(configs) >= num_points:
                break
            configs.setdefault(space.encode(config).tobytes(), config)
    if num_points and not configs:
        raise ValueError(f"constraints: expected some points to be allowed, got none of {_MAX_DRAWS} that were drawn")
    return list(configs.values())


def _walk(
    space: Space, constraint: Constraint, num_points: int, draw: np.random.Generator, found: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Allowed configs where random points are hardly ever allowed.

    A search by random steps goes from the least violation to none. From there hit-and-run steps along random lines go
    through the allowed set: a step is shrunk towards where it began until it is allowed.

    References:
      Smith, Efficient Monte Carlo Procedures for Generating Points Uniformly Distributed over Bounded Regions, 1984.
    """
    columns = Columns(space)

    def violation(x: np.ndarray) -> float:
        row = columns.to_row(space.decode(x))[None, :]
        values = np.array([expression.of_rows(row)[0] for expression in constraint.expressions])
        return float(np.maximum(np.nan_to_num(values, nan=np.inf), 0).sum())

    d = space.encoding.num_columns
    x, best = (space.encode(found[-1]), 0.0) if found else (draw.random(d), np.inf)
    for _ in range(_NUM_STARTS):
        if best <= 0:
            break
        x, width = min((draw.random(d) for _ in range(d + 8)), key=violation), 0.3
        best = violation(x)
        for _ in range(_MAX_STEPS):
            if best <= 0:
                break
            is_moved = draw.random(d) < max(2 / d, 0.3)
            moved = np.clip(x + width * draw.normal(size=d) * is_moved, 0, 1)
            value = violation(moved)
            is_better = value < best
            width = np.clip(width * (1.5 if is_better else 0.9), 1e-6, 0.5)
            x, best = (moved, value) if is_better else (x, best)
    if best > 0:
        return
    yield space.decode(x)
    for _ in range(4 * num_points):
        for _ in range(_NUM_WALKED):
            along = np.zeros(d)
            along[draw.integers(d)] = 1.0
            if draw.random() < 0.5:
                along = draw.normal(size=d)
                along /= np.linalg.norm(along)
            with np.errstate(divide="ignore", invalid="ignore"):
                ends = np.sort(np.stack([(0 - x) / along, (1 - x) / along]), axis=0)
            low, high = float(np.max(ends[0][along != 0])), float(np.min(ends[1][along != 0]))
            for _ in range(40):
                step = draw.uniform(low, high)
                moved = np.clip(x + step * along, 0, 1)
                if violation(moved) <= 0:
                    x = moved
                    break
                low, high = (step, high) if step < 0 else (low, step)
        yield space.decode(x)


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
    """The finest square grid of at most so many points over the reals; other columns are drawn."""
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
