"""Plots of an optimisation: its convergence, its model and its acquisition."""

import os
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo.acquisitions import Scale, over_region, over_sets
from jbo.plots.style import dress, grid, place
from jbo.region import Region
from jbo.space import Space
from jbo.strategies import Bayesian
from jbo.study.table import capacity_for
from jbo.types import Trials
from jbo.world import world

_SIDE = {1: 400, 2: 60}
"""Points along a column, by the number of columns."""


class Predictions(NamedTuple):
    """Predictions of the model at points of the cube; lower is better."""

    mean: Float[Array, " m"]
    """Posterior mean, in standardised units, with bad values compressed as in the model."""
    deviation: Float[Array, " m"]
    """Standard deviation of the function, in the same units."""
    acquisition: Float[Array, " m"]
    """Acquisition value of each point, as a fraction of the maximum."""
    y: Float[Array, " n"]
    """The values that the model saw, in the same units; NaN for trials that did not succeed."""


@jax.jit
def _predictions(strategy: Bayesian, key: Array, state: Trials, x: Array) -> Predictions:
    data = strategy.dataset(state)
    key_fit, key_prepare = jax.random.split(key)
    start = strategy.surrogate.init(data.x.shape[1], data.x.dtype)
    params, _ = strategy.surrogate.fit(key_fit, data, start)
    posterior = strategy.surrogate.condition(params, data)
    mean, variance = strategy.surrogate.predict(posterior, x)
    acquisition = over_sets(over_region(strategy.acquisition, Region(strategy.encoding)), posterior)
    aux = acquisition.prepare(key_prepare, posterior, data)
    values = jax.lax.map(lambda point: acquisition.value(aux, posterior, point), x)
    return Predictions(mean, jnp.sqrt(variance), values, jnp.where(data.is_valid, data.y, jnp.nan))


def predictions(strategy: Bayesian, seed: int, x: np.ndarray, y: np.ndarray, points: np.ndarray) -> Predictions:
    """Predictions and acquisition values of a strategy, given evaluations.

    Args:
      strategy: Strategy with the model and the acquisition.
      seed: Seed of the fit.
      x: Points of the cube that were evaluated.
      y: Their values, lower is better; NaN where one failed.
      points: Points of the cube at which to predict.
    """
    with world(None):
        state = strategy.init(capacity_for(len(x)), jnp.dtype("float64"))
        for point, value in zip(x, y, strict=True):
            state = strategy.tell(state, jnp.asarray(point), jnp.asarray(value))
        key = jax.random.key(seed, impl="threefry2x32")
        found = jax.tree.map(np.asarray, _predictions(strategy, key, state, jnp.asarray(points)))
    found = found._replace(y=found.y[: len(x)])
    value, most = found.acquisition, found.acquisition.max()
    if strategy.acquisition.scale is Scale.LOGARITHM:
        return found._replace(acquisition=np.exp(value - most))
    return found._replace(acquisition=(value - value.min()) / max(most - value.min(), np.finfo(float).tiny))


def plot_acquisition(
    space: Space,
    strategy: Bayesian,
    seed: int,
    x: np.ndarray,
    y: np.ndarray,
    following: np.ndarray,
    maximize: bool,
    filename: str | os.PathLike[str] | None,
    label_x: str | None,
    label_y: str | None,
) -> Any:
    """Draw the model and the acquisition over one or two parameters; save the figure, or show it without a file name.

    Args:
      space: A space of one or two parameters.
      strategy: Strategy with the model and the acquisition.
      seed: Seed of the fit.
      x: Points of the cube that were evaluated.
      y: Their values, lower is better.
      following: Points of the cube that come next.
      maximize: True if the user's values are those of ``y`` with the other sign.
      filename: File to save the figure in; None: the figure is shown.
      label_x: Label of the first axis; None: the parameter's name.
      label_y: Label of the second axis; None: the second parameter's name, or the name of the model's values.
    """
    columns = [grid(parameter, _SIDE[len(space)]) for parameter in space.values()]
    points = np.stack([axis.ravel() for axis in np.meshgrid(*(units for units, _ in columns), indexing="ij")], axis=1)
    found = predictions(strategy, seed, x, y, points)
    is_allowed = np.array([space.is_allowed(space.decode(point)) for point in points])
    acquisition = np.where(is_allowed, found.acquisition, np.nan)
    sign = -1.0 if maximize else 1.0
    names, parameters = list(space), list(enumerate(space.values()))
    places, nexts = (
        [np.array([place(p, p.from_unit(float(unit))) for unit in np.clip(rows[:, j], 0, 1)]) for j, p in parameters]
        for rows in (x, following)
    )
    label_x = label_x or names[0]

    figure, finish = _figure(filename, (10, 5) if len(space) == 1 else (15, 4.5))
    if len(space) == 1:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        along, mean = columns[0][1], sign * found.mean
        above.plot(along, mean, color="black", label="posterior mean")
        half = 1.96 * found.deviation
        above.fill_between(along, mean - half, mean + half, color="tab:blue", alpha=0.25, label="95 % of the function")
        above.plot(places[0], sign * found.y, "o", color="tab:red", label="evaluations")
        above.set_ylabel(label_y or "standardised value")
        above.legend(fontsize="small")
        below.plot(along, acquisition, color="tab:green")
        below.set_ylabel("acquisition\n(relative)")
        for axes in (above, below):
            for i, value in enumerate(nexts[0]):
                axes.axvline(value, color="tab:red", linestyle=":", label="next" if i == 0 else None)
        dress(below, "x", label_x, parameters[0][1])
    else:
        shape = tuple(len(units) for units, _ in columns)
        panels = {
            "posterior mean": sign * found.mean,
            "posterior deviation": found.deviation,
            "acquisition (relative)": acquisition,
        }
        for axes, (title, values) in zip(figure.subplots(1, 3, sharey=True), panels.items(), strict=True):
            mesh = axes.pcolormesh(columns[0][1], columns[1][1], values.reshape(shape).T, shading="nearest")
            figure.colorbar(mesh, ax=axes)
            axes.plot(*places, "o", color="tab:red", markersize=4, label="evaluations")
            axes.plot(*nexts, "*", color="white", markeredgecolor="black", markersize=12, label="next")
            axes.set_title(title)
            for name, label, (_, parameter) in zip("xy", (label_x, label_y or names[1]), parameters, strict=True):
                dress(axes, name, label, parameter)
            axes.label_outer()
        figure.axes[0].legend(fontsize="small")
    return finish()


def plot_convergence(
    X: np.ndarray, Y: np.ndarray, Y_best: np.ndarray, filename: str | os.PathLike[str] | None, label: str = "objective"
) -> Any:
    """Draw the distances between consecutive points, and the best value; save the figure, or show it.

    Args:
      X: Points as rows, in the user's units.
      Y: Values, NaN where an evaluation failed.
      Y_best: The best of them so far.
      filename: File to save the figure in; None: the figure is shown.
      label: Name of the values.
    """
    figure, finish = _figure(filename, (10, 4.5))
    left, right = figure.subplots(1, 2)
    left.plot(np.arange(2, len(X) + 1), np.linalg.norm(np.diff(X, axis=0), axis=1), "o-", color="tab:red")
    left.set_title("Distance between consecutive points")
    left.set_ylabel("distance")
    right.plot(np.arange(1, len(Y) + 1), Y, "o", color="lightgray", label="value")
    right.step(np.arange(1, len(Y) + 1), Y_best, where="post", color="tab:blue", label="best so far")
    right.set_title("Value of the best point")
    right.set_ylabel(label)
    right.legend(fontsize="small")
    for axes in (left, right):
        axes.set_xlabel("evaluation")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
    return finish()


def plot_model(X: np.ndarray, Y: np.ndarray, line: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> Any:
    """Draw and show a model over one column: its mean, two standard deviations on each side, and the data.

    Args:
      X: Points of the data.
      Y: Values of the data.
      line: Points at which the mean and the standard deviation are given, in ascending order.
      mean: Mean of the model at these points.
      deviation: Standard deviation of an observation at these points.
    """
    figure, finish = _figure(None, (8, 4.5))
    axes = figure.subplots()
    axes.fill_between(line, mean - 2 * deviation, mean + 2 * deviation, alpha=0.2, label="two deviations")
    axes.plot(line, mean, label="mean")
    axes.plot(X, Y, "kx", label="data")
    axes.legend(fontsize="small")
    return finish()


def _figure(filename: str | os.PathLike[str] | None, size: tuple[int | float, int | float]) -> tuple[Any, Any]:
    """An empty figure, and a function that saves or shows the figure and returns it. Saving does not use pyplot."""
    if filename is None:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=size, layout="constrained")

        def finish() -> Any:
            pyplot.show()
            return figure
    else:
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")

        def finish() -> Any:
            figure.savefig(filename, dpi=120)
            return figure

    return figure, finish
