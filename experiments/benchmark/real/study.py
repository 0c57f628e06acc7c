"""Searches of a task: jbo's strategies as one compiled program, other libraries one evaluation at a time."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

import jbo
from experiments.benchmark.peer import Peer
from experiments.benchmark.real.scores import BUDGETS
from experiments.benchmark.real.tasks import Arrays, Task
from jbo import Space, pytree
from jbo.encoding import Encoding, snap
from jbo.strategies import ModelStrategy, Strategy
from jbo.types import EMPTY, OK, Trials

STRATEGIES: dict[str, Callable[[Space], Strategy]] = {
    "random": jbo.random_search,
    "bayesian": jbo.bayesian,
    "parzen": jbo.parzen,
    "forest": lambda space: jbo.bayesian(space, surrogate=jbo.forest()),
}
"""Methods of jbo by name."""


class Searches(NamedTuple):
    """Searches of one task by one method."""

    truth: np.ndarray
    """``[seeds, evaluations]``: the values of the evaluated trials without noise, lower is better."""
    observed: np.ndarray
    """``[seeds, evaluations]``: the observed values."""
    recommended: np.ndarray
    """``[seeds, budgets]``: the value, without noise, of the trial that is recommended after each budget."""


class _Told:
    """``tell`` of a strategy that observes the values of a task; a repeated evaluation of a point has new noise.

    The value that `jbo.minimize` passes is ignored, because an objective does not know the earlier evaluations.
    """

    encoding: Encoding
    base: Any
    arrays: Arrays
    seed: Int[Array, ""]

    def tell(
        self, state: Trials, trial: Any, y: Any, *, is_known: Any = None, cost: Any = None, noise: Any = None
    ) -> Trials:
        """The table with the value that the task shows at the point ``trial``."""
        del y, is_known
        x = snap(self.encoding, trial)
        is_same = jnp.all(state.x == x[None, :], axis=1) & (state.status == OK)
        shown = self.arrays.observed(self.encoding, x, self.seed, jnp.sum(is_same))
        return self.base.tell(state, x, shown.astype(state.y.dtype), cost=cost, noise=noise)


@pytree
@dataclass(frozen=True)
class Observing(_Told, Strategy):
    """A strategy without a model that observes the values of a task; made by `observing`."""

    base: Strategy
    arrays: Arrays
    seed: Int[Array, ""]

    @property
    def num_initial(self) -> int:
        """Number of initial trials of the strategy."""
        return self.base.num_initial

    # The following methods are those of the strategy.

    def suggest(self, key: Key[Array, ""], state: Trials, region: Any) -> Any:
        return self.base.suggest(key, state, region)

    def design(self, key: Key[Array, ""], state: Trials, **options: Any) -> Any:
        return self.base.design(key, state, **options)


@pytree
@dataclass(frozen=True)
class ObservingByModel(_Told, ModelStrategy):
    """A strategy with a model that observes the values of a task; made by `observing`."""

    base: ModelStrategy
    arrays: Arrays
    seed: Int[Array, ""]

    # The following methods are those of the strategy.

    def first_params(self, dtype: Any) -> Any:
        return self.base.first_params(dtype)

    def fit_to(self, key: Key[Array, ""], state: Trials, start: Any, is_near: Bool[Array, ""]) -> Any:
        return self.base.fit_to(key, state, start, is_near)

    def design_at(self, key: Key[Array, ""], state: Trials, region: Any) -> Any:
        return self.base.design_at(key, state, region)

    def suggest_by_model(self, key: Key[Array, ""], state: Trials, region: Any, model: Any) -> Any:
        return self.base.suggest_by_model(key, state, region, model)


def observing(base: Strategy, arrays: Arrays, seed: Int[Array, ""]) -> Strategy:
    """The strategy, changed so that it observes the values of a task; a repeated evaluation of a point has new noise.

    Args:
      base: The strategy.
      arrays: Arrays of the task.
      seed: Seed of the noise.
    """
    if isinstance(base, ModelStrategy):
        fields = base.encoding, base.surrogate, base.num_design, base, arrays, seed
        return ObservingByModel(*fields, schedule=base.schedule)
    return Observing(base.encoding, base, arrays, seed)


@dataclass(frozen=True)
class _Nothing:
    """An objective of points of the cube, whose value `observing` ignores. The configs of its space are points."""

    encoding: Encoding

    @property
    def space(self) -> Any:
        return self

    def decode_traced(self, x: Float[Array, " d"]) -> Float[Array, " d"]:
        return x

    def __call__(self, config: Any) -> Float[Array, ""]:
        return jnp.zeros((), config.dtype)


def search(
    method: str, task: Task, seeds: list[int], *, lanes: int = 4, num_evaluations: int = max(BUDGETS)
) -> Searches:
    """Searches of a task by a strategy of jbo.

    Args:
      method: A name in `STRATEGIES`.
      task: The task.
      seeds: One seed for each search; it decides the random numbers of the strategy, and the noise.
      lanes: Number of parallel searches.
      num_evaluations: Number of evaluations of each search.
    """
    with jax.enable_x64(True):
        strategy = STRATEGIES[method](task.space)
        found = _searches(jnp.asarray(seeds, jnp.uint32), strategy, task.arrays, num_evaluations, lanes)
        return Searches(*(np.asarray(part) for part in found))


@functools.partial(jax.jit, static_argnames=("num_evaluations", "lanes"))
def _searches(
    seeds: Array, strategy: Strategy, arrays: Arrays, num_evaluations: int, lanes: int
) -> tuple[Float[Array, "s t"], Float[Array, "s t"], Float[Array, "s b"]]:
    encoding = strategy.encoding

    def one(seed: Array) -> tuple[Array, Array, Array]:
        key = jax.random.key(seed, impl="threefry2x32")
        run = jbo.minimize(key, _Nothing(encoding), observing(strategy, arrays, seed), num_evaluations)
        truth = jax.lax.map(lambda x: arrays.true(encoding, x), run.x)
        budgets = jnp.asarray([n for n in BUDGETS if n <= num_evaluations])
        rows = jax.lax.map(lambda n: strategy.recommend(key, _first(run.trials, n)), budgets)
        return truth, run.trials.value, truth[rows]

    return jax.lax.map(one, seeds, batch_size=lanes)


def _first(trials: Trials, n: Int[Array, ""]) -> Trials:
    """The table as it was after ``n`` trials."""
    is_there = jnp.arange(len(trials.y)) < n
    return trials._replace(
        x=jnp.where(is_there[:, None], trials.x, 0),
        y=jnp.where(is_there[:, None], trials.y, 0),
        is_known=trials.is_known & is_there[:, None],
        trial=jnp.where(is_there, trials.trial, -1),
        status=jnp.where(is_there, trials.status, EMPTY),
    )


def search_by_peer(
    method: str, task: Task, seed: int, *, core: int | None = None, num_evaluations: int = max(BUDGETS)
) -> Searches:
    """One search of a task by another library, which searches the bounding box of a pool.

    In a pool, each suggestion is moved to the nearest row that was not evaluated, and the library observes the value of
    that row. The recommended trial is the luckiest observation, because the adapters of these libraries recommend
    nothing under noise.

    Args:
      method: A name in `experiments.benchmark.peer.METHODS`.
      task: The task.
      seed: Seed of the search and of the noise.
      core: The processor core that the library may use; None: any.
      num_evaluations: Number of evaluations of the search.
    """
    box = task.space if task.arrays.points is None else Space(dict(task.space))
    truth, observed, evaluated = [], [], []
    with Peer(method, box, seed, core, num_evaluations) as peer:
        for _ in range(num_evaluations):
            x = box.encode(peer.ask())
            if task.arrays.points is not None:
                x = nearest_new(np.asarray(task.arrays.points), box.encoding.is_category, x, evaluated)
            repeat = sum(np.array_equal(x, other) for other in evaluated)
            evaluated.append(x)
            with jax.enable_x64(True):
                shown, true = _shown(task.arrays, task.space.encoding, jnp.asarray(x), jnp.uint32(seed), repeat)
            truth.append(float(true))
            observed.append(float(shown))
            peer.tell(observed[-1])
    rows = [int(np.argmin(observed[:n])) for n in BUDGETS if n <= num_evaluations]
    return Searches(np.array([truth]), np.array([observed]), np.array([truth])[:, rows])


def nearest_new(points: np.ndarray, is_category: np.ndarray, x: np.ndarray, evaluated: list[np.ndarray]) -> np.ndarray:
    """The row of a pool that is nearest to a point and was not evaluated; different categories are at distance 1.

    Args:
      points: ``[rows, d]``, in the cube.
      is_category: Which columns are categories.
      x: A point of the cube.
      evaluated: Rows that are not new.
    """
    apart = np.where(is_category, 1.0 * (points != x), points - x)
    distance = (apart**2).sum(axis=1)
    for row in evaluated:
        distance[(points == row).all(axis=1)] = np.inf
    return points[int(np.argmin(distance))]


@jax.jit
def _shown(
    arrays: Arrays, encoding: Encoding, x: Float[Array, " d"], seed: Array, repeat: Array
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    return arrays.observed(encoding, x, seed, repeat), arrays.true(encoding, x)
