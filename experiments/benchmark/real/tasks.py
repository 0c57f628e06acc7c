"""Real tuning tasks as functions of a point of the unit cube and a seed, stored as arrays; lower is better.

There are three kinds of tasks. A *table* holds every configuration of a grid, measured with several seeds. A search
observes the value of one seed, and the truth is the mean over seeds. A *pool* is a finite list of configurations that
were measured once. The list is the search space, and its values are the truth. Half of the pools are observed with the
noise of a validation set of 500 examples. An *emulator* is a forest fitted to a pool. It is defined everywhere and has
no noise, but it does not reproduce the pool exactly.
"""

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from experiments.benchmark.real import tables
from experiments.benchmark.real.columns import COLUMNS, configs_of, rows_of, space_of
from experiments.benchmark.real.smooth import Forest, as_lookup, features, grown
from jbo import Categorical, Ordinal, Space, pytree
from jbo.encoding import Encoding, level

_MOST_ROWS = 2_000
"""Maximum number of rows of a pool that are searched; they are sampled from a larger pool."""
_MOST_EMULATED = 6_000
"""Maximum number of rows of a pool that an emulator is fitted to."""
_NUM_NODES = 1_023
_NUM_SEEDS = 16
"""Number of values of each row of a pool."""
_GOLDEN = np.uint32(0x9E3779B9)
"""An odd number without a pattern in its bits: 2**32 divided by the golden ratio."""
NUM_BEST = 10
"""The score 1 is the mean truth of this many best configurations."""


@pytree
@dataclass(frozen=True)
class Arrays:
    """Arrays of a task; tasks with arrays of the same shapes share a compiled program."""

    measured: Float[Array, "r s"] | None
    """Values of each row by seed, padded with NaN; None for an emulator."""
    truth: Float[Array, " r"] | None
    """The value of each row without noise; None for an emulator."""
    points: Float[Array, "r d"] | None
    """Points of the rows of a pool in the cube; None: rows are the cells of a grid in counting order."""
    forest: Forest | None

    def row(self, encoding: Encoding, x: Float[Array, " d"]) -> Int[Array, ""]:
        """The row at a point; 0 for an emulator.

        Args:
          encoding: Columns of the space.
          x: A snapped point.
        """
        if self.forest is not None:
            return jnp.zeros((), jnp.int32)
        if self.points is not None:
            return jnp.argmin(jnp.sum((self.points - x[None, :]) ** 2, axis=1)).astype(jnp.int32)
        sizes = [column.num_levels for column in encoding.columns]
        strides = np.cumprod([1, *sizes[:0:-1]])[::-1]
        return jnp.sum(level(encoding, x) * strides.astype(np.int32)).astype(jnp.int32)

    def observed(self, encoding: Encoding, x: Float[Array, " d"], seed: Any, repeat: Any = 0) -> Float[Array, ""]:
        """The value that a search observes.

        Args:
          encoding: Columns of the space.
          x: A snapped point.
          seed: Seed of the noise; two searches with the same seed observe the same values.
          repeat: Number of earlier evaluations of the point by the search.
        """
        if self.measured is None:
            return self.true(encoding, x)
        row = self.row(encoding, x)
        seeds = self.measured[row]
        return seeds[which_seed(seed, row, repeat, jnp.sum(~jnp.isnan(seeds)))]

    def true(self, encoding: Encoding, x: Float[Array, " d"]) -> Float[Array, ""]:
        """The value without noise.

        Args:
          encoding: Columns of the space.
          x: A snapped point.
        """
        if self.forest is not None:
            return self.forest(features(encoding, x[None, :]))[0]
        assert self.truth is not None
        return self.truth[self.row(encoding, x)]


def which_seed(seed: Any, row: Any, repeat: Any, count: Any) -> Any:
    """Index of the measured value of a row that a search observes, for NumPy or JAX arrays.

    The seed and the row determine the first value. Each further evaluation of the row takes the next value, cyclically.

    Args:
      seed: Seed of the search.
      row: Row of the table.
      repeat: Number of earlier evaluations of the row by the search.
      count: Number of values of the row.
    """
    numpy = jnp if any(isinstance(v, jax.Array) for v in (seed, row, repeat, count)) else np
    seed, row, repeat, count = (numpy.asarray(v).astype(np.uint32) for v in (seed, row, repeat, count))
    with np.errstate(over="ignore"):
        first = _scramble(_scramble(seed) + row * _GOLDEN) % count
    return ((first + repeat) % count).astype(np.int32)


def _scramble(word: Any) -> Any:
    """A word of 32 bits whose bits all depend on all bits of ``word``.

    References:
      Appleby, MurmurHash3, 2011, the finaliser of 32 bits.
    """
    word = (word ^ (word >> 16)) * np.uint32(0x85EBCA6B)
    word = (word ^ (word >> 13)) * np.uint32(0xC2B2AE35)
    return word ^ (word >> 16)


@dataclass(frozen=True)
class Task:
    """One task with its data."""

    space: Space
    """The search space; for a pool, the list of its rows."""
    arrays: Arrays
    one: float
    """Mean truth of the ten best configurations. In a table, they are chosen by values that are not averaged."""
    num_rows: int
    """Number of configurations of the table or pool, or of the pool that an emulator was fitted to."""


class Entry(NamedTuple):
    """A task before it is read: kind, group, and the function that reads it."""

    kind: str
    """``table``, ``pool`` or ``emulator``."""
    group: str
    """Group of tasks in the report."""
    search_space: str
    data_set: str
    load: Callable[[], Task]


def _grid(names: dict[str, tuple[Any, ...]]) -> Space:
    """The space of a grid: ordinals for numbers, categories for words."""
    return Space({name: Categorical(*v) if isinstance(v[0], str) else Ordinal(*v) for name, v in names.items()})


_HPOLIB = _grid(
    {
        "activation_1": ("relu", "tanh"),
        "activation_2": ("relu", "tanh"),
        "batch_size": (8, 16, 32, 64),
        "dropout_1": (0.0, 0.3, 0.6),
        "dropout_2": (0.0, 0.3, 0.6),
        "learning_rate": (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1),
        "schedule": ("cosine", "constant"),
        "units_1": (16, 32, 64, 128, 256, 512),
        "units_2": (16, 32, 64, 128, 256, 512),
    }
)
_OPERATIONS = ("none", "skip", "convolution_1x1", "convolution_3x3", "average_3x3")
_NAS = _grid({f"edge_{i}": _OPERATIONS for i in range(6)})


def grid_space(name: str) -> Space:
    """The search space of a complete table.

    Args:
      name: Benchmark and data set, such as ``hpolib/protein_structure``.
    """
    return {"hpolib": _HPOLIB, "nasbench201": _NAS}[name.split("/")[0]]


def _load_table(name: str, metric: str, space: Space) -> Task:
    table = tables.read_table(name)
    if tuple(len(getattr(p, "choices", getattr(p, "values", ()))) for p in space.values()) != table.sizes:
        raise ValueError(f"{name}: expected a grid of the sizes of {space!r}, got {table.sizes}")
    measured = table.values[metric]
    if metric == "val_acc":
        measured = 100 - measured
    truth = np.nanmean(measured, axis=1)
    seen = np.asarray(_features(space, _centres(table.sizes)))
    return Task(space, _arrays(measured, truth), best_of_table(seen, measured), len(truth))


def best_of_table(seen: np.ndarray, measured: np.ndarray) -> float:
    """The mean truth of the ten best cells.

    A smoother fitted to the values of all seeds but one chooses the cells. The values of the left-out seed score these
    cells. The result is the mean over the left-out seeds.

    Args:
      seen: ``[cells, f]``, features of the cells.
      measured: ``[cells, seeds]``, NaN for missing values.
    """
    from scipy.stats import rankdata

    found = []
    for left_out in range(measured.shape[1]):
        others = np.delete(measured, left_out, axis=1)
        ranks = rankdata(np.nanmean(others, axis=1))
        trees = grown(seen, ranks, num_trees=50, min_samples_leaf=4, max_leaves=None, seed=left_out)
        smooth = np.where(np.isnan(measured[:, left_out]), np.inf, trees.predict(np.asarray(seen, np.float32)))
        found.append(np.mean(measured[np.argsort(smooth, kind="stable")[:NUM_BEST], left_out]))
    return float(np.mean(found))


class _Read(NamedTuple):
    """A pool: first the rows that are searched, then further rows that only an emulator is fitted to."""

    configs: list[dict[str, Any]]
    error: np.ndarray
    """Share of misclassified examples."""


@functools.cache
def _read_pool(search_space: str, name: str) -> _Read:
    pool = tables.read_lcbench(name) if search_space == "lcbench" else tables.read_hpob(search_space, int(name))
    columns = COLUMNS[search_space]
    rows = _random(f"rows of {search_space}/{name}").permutation(rows_of(pool, columns))[:_MOST_EMULATED]
    pool = pool._replace(x=pool.x[rows], score=pool.score[rows])
    error = 1 - pool.score / (100 if search_space == "lcbench" else 1)
    return _Read(configs_of(pool, columns), error)


def _random(text: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(text.encode()))


def _load_pool(search_space: str, name: str, is_noisy: bool) -> Task:
    read = _read_pool(search_space, name)
    # All numbers are real, so that pools of one search space share a compiled program.
    space = space_of(read.configs, COLUMNS[search_space], most_levels=0)
    configs, truth = read.configs[:_MOST_ROWS], read.error[:_MOST_ROWS]
    points = np.array([space.encode(config) for config in configs])
    measured = np.tile(truth[:, None], _NUM_SEEDS)  # as many as under noise, so that both share a program
    if is_noisy:
        measured = with_validation_noise(truth, _random(f"noise of {search_space}/{name}"))
    return Task(
        Space.from_candidates(configs, space), _arrays(measured, truth, points), mean_of_best(truth), len(truth)
    )


def with_validation_noise(
    error: np.ndarray, rng: np.random.Generator, num_examples: int = 500, num_seeds: int = _NUM_SEEDS
) -> np.ndarray:
    """Shares of misclassified examples of a validation set, ``[rows, seeds]``, sampled from binomial distributions.

    Args:
      error: Probability that an example is misclassified, for each row.
      rng: Random generator of the noise.
      num_examples: Number of examples in the validation set.
      num_seeds: Number of values of each row.
    """
    return rng.binomial(num_examples, error[:, None], (len(error), num_seeds)) / num_examples


def mean_of_best(truth: np.ndarray) -> float:
    """The mean of the ten best values. Known truths can choose the best rows themselves.

    Args:
      truth: Values without noise, lower is better.
    """
    return float(np.mean(np.sort(truth)[:NUM_BEST]))


def _load_emulator(search_space: str, name: str) -> Task:
    read = _read_pool(search_space, name)
    space = space_of(read.configs, COLUMNS[search_space])
    seen = _features(space, np.array([space.encode(config) for config in read.configs]))
    trees = grown(np.asarray(seen), read.error, num_trees=30, min_samples_leaf=3, max_leaves=512, seed=0)
    with jax.enable_x64(True):
        forest = as_lookup(trees, _NUM_NODES)
        fitted = np.asarray(jax.jit(lambda forest, seen: forest(seen))(forest, seen))
    return Task(space, Arrays(None, None, None, forest), mean_of_best(fitted), len(fitted))


def _arrays(measured: np.ndarray, truth: np.ndarray, points: np.ndarray | None = None) -> Arrays:
    with jax.enable_x64(True):
        return Arrays(jnp.asarray(measured), jnp.asarray(truth), None if points is None else jnp.asarray(points), None)


def _features(space: Space, points: np.ndarray) -> Float[Array, "m f"]:
    with jax.enable_x64(True):
        return features(space.encoding, jnp.asarray(points))


def _centres(sizes: tuple[int, ...]) -> np.ndarray:
    """The points of all cells of a grid in counting order."""
    levels = np.stack(np.unravel_index(np.arange(np.prod(sizes)), sizes), axis=1)
    return (levels + 0.5) / np.array(sizes)


_GROUPS = {
    "5527": "conditional",
    "5891": "conditional",
    "5971": "conditional",
    "5906": "conditional",
    "6767": "conditional",
    "5965": "mixed",
    "6794": "mixed",
    "7607": "mixed",
    "7609": "mixed",
    "5889": "mixed",
    "5636": "numbers",
    "5859": "numbers",
    "4796": "numbers",
    "5970": "numbers",
    "6766": "numbers",
    "lcbench": "numbers",
}

_EMULATED = {"5527": 2, "5891": 3, "5971": 3, "6767": 3, "5965": 2, "6794": 2}
"""Number of pools of each search space of HPO-B that are also emulated: the first pools by number of the task."""


def entries() -> dict[str, Entry]:
    """All tasks by name, including those that `experiments.benchmark.real.halves` leaves out."""
    found: dict[str, Entry] = {}
    for name, metrics, space, group in (
        ("hpolib/protein_structure", ("val_loss", "train_time"), _HPOLIB, "ordered"),
        ("hpolib/slice_localization", ("val_loss", "train_time"), _HPOLIB, "ordered"),
        ("nasbench201/cifar10", ("val_acc", "latency", "train_time"), _NAS, "categories"),
    ):
        benchmark, data_set = name.split("/")
        for metric in metrics:
            load = functools.partial(_load_table, name, metric, space)
            found[f"{name}/{metric}"] = Entry("table", f"table: {group}", benchmark, tables.plain(data_set), load)
    pools = [("lcbench", name, name) for name in tables.LCBENCH]
    pools += [(space, str(task), tables.DATA_SETS[task]) for space, tasks in tables.HPOB.items() for task in tasks]
    for number, (space, name, data_set) in enumerate(pools):
        is_noisy = number % 2 == 1
        load = functools.partial(_load_pool, space, name, is_noisy)
        group = f"pool: {_GROUPS[space]}{', noisy' if is_noisy else ''}"
        found[f"pool/{space}/{name}"] = Entry("pool", group, space, tables.plain(data_set), load)
    emulated = [("lcbench", name, name) for name in tables.LCBENCH[::3]]
    emulated += [
        (space, str(task), tables.DATA_SETS[task])
        for space, most in _EMULATED.items()
        for task in sorted(tables.HPOB[space])[:most]
    ]
    for space, name, data_set in emulated:
        load = functools.partial(_load_emulator, space, name)
        found[f"emulator/{space}/{name}"] = Entry(
            "emulator", f"emulator: {_GROUPS[space]}", space, tables.plain(data_set), load
        )
    return found
