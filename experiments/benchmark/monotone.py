"""How much it helps to know that a function rises in its first parameter: ``python -m experiments.benchmark.monotone``.

The default model and a model that knows the direction are fitted to ten points of a function. Both predict 400 other
points, and 1,000 pairs of points that differ only in the first parameter.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import tyro
from rich.console import Console
from rich.progress import track

import jbo
from jbo.types import Dataset

NUM_POINTS, NUM_NEW, NUM_PAIRS = 10, 400, 1000


class Rising(NamedTuple):
    """A function on the unit cube that rises in its first column."""

    num_columns: int
    value: Callable[[np.ndarray], np.ndarray]
    """Function of points of shape ``(n, num_columns)``."""


FUNCTIONS = {
    "exponential": Rising(2, lambda x: np.exp(2 * x[:, 0]) * (0.5 + x[:, 1]) + 0.5 * np.sin(6 * x[:, 1])),
    "hyperbola": Rising(2, lambda x: -1 / (0.05 + x[:, 0]) + 2 * (x[:, 1] - 0.5) ** 2),
    "hyperbolic tangent": Rising(3, lambda x: np.tanh(4 * x[:, 0] - 2) * (1 + x[:, 1]) + np.cos(5 * x[:, 2])),
}


class Kept(NamedTuple):
    """How well a model agrees with the true function."""

    error: float
    """Root mean squared error, in standard deviations of the ten values."""
    in_order: float
    """Share of the pairs whose predicted means are in the right order."""
    violation: float
    """Largest fall of the mean within a pair, in standard deviations; below 0 if the mean rises in every pair."""


def kept(
    function: Rising, seed: int, knows: bool, direction: Literal["increasing", "decreasing"] = "increasing"
) -> Kept:
    """Fit a model to ten points of a function and compare its predictions with other points.

    Args:
      function: A function that rises in its first column.
      seed: Seed of all points.
      knows: True if the model is given the direction.
      direction: "decreasing" mirrors the function; the model is then given "decreasing".
    """
    rng, d = np.random.default_rng(seed), function.num_columns
    sign = 1 if direction == "increasing" else -1
    x, new, low = (rng.uniform(size=(n, d)) for n in (NUM_POINTS, NUM_NEW, NUM_PAIRS))
    high = low.copy()
    ends = np.sort([low[:, 0], rng.uniform(size=NUM_PAIRS)], axis=0)
    low[:, 0], high[:, 0] = ends
    y = function.value(x)

    def standardised(values: np.ndarray) -> np.ndarray:
        return (values - y.mean()) / y.std()

    others = {f"b{i}": jbo.Real(0.0, 1.0) for i in range(1, d)}
    space = jbo.Space(a=jbo.Real(0.0, 1.0, monotone=direction if knows else None), **others)
    with jax.enable_x64(True):
        data = Dataset(jnp.asarray(x), jnp.asarray(sign * standardised(y)), jnp.ones(NUM_POINTS, bool))
        points = jnp.asarray(np.concatenate([new, low, high]))
        mean = sign * np.asarray(_mean(jbo.gp().bind(space.encoding), data, points))
    at_new, at_low, at_high = np.split(mean, [NUM_NEW, NUM_NEW + NUM_PAIRS])
    rise = at_high - at_low
    error = np.sqrt(np.mean((at_new - standardised(function.value(new))) ** 2))
    return Kept(float(error), float(np.mean(rise >= 0)), float(-rise.min()))


@jax.jit
def _mean(surrogate, data, points):
    params, _ = surrogate.fit(jax.random.key(0), data, surrogate.init(data.x.shape[1], data.x.dtype))
    return surrogate.predict(surrogate.condition(params, data), points)[0]


def main(num_draws: int = 40, first_seed: int = 100) -> None:
    """Print the table of docs/beliefs.md.

    Args:
      num_draws: Number of random sets of points for each function.
      first_seed: Seed of the first draw; the next seeds follow.
    """
    console = Console(width=200)
    seeds = range(first_seed, first_seed + num_draws)
    lines = [
        "| | error without | with | lower in | pairs in order without | with: mean, least "
        "| largest violation without | with: mean, greatest |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, function in FUNCTIONS.items():
        draws = [
            [kept(function, seed, knows) for knows in (False, True)]
            for seed in track(seeds, name, console=Console(stderr=True))
        ]
        plain, knowing = (np.array(one) for one in zip(*draws, strict=True))
        lower = int((knowing[:, 0] < plain[:, 0]).sum())
        order, most = 100 * knowing[:, 1], np.maximum(knowing[:, 2], 0)
        lines.append(
            f"| {name} | {plain[:, 0].mean():.3f} | {knowing[:, 0].mean():.3f} | {lower} of {num_draws} "
            f"| {100 * plain[:, 1].mean():.1f} % | {order.mean():.1f} %, {order.min():.1f} % "
            f"| {np.maximum(plain[:, 2], 0).mean():.3f} | {most.mean():.3f}, {most.max():.3f} |"
        )
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    tyro.cli(main)
