"""What the numbers of a pool mean: converts its columns to configs, and to the search space of an emulator."""

from typing import Any, NamedTuple

import numpy as np

from experiments.benchmark.real.tables import Pool
from jbo import Categorical, Integer, Ordinal, Real, Space

_MOST_LEVELS = 64
"""A number with at most this many distinct values is an ordinal in the space of an emulator."""


class Choice(NamedTuple):
    """A category that a file stores as indicator columns."""

    name: str
    indicators: dict[str, int]
    """By choice, the column that is 1 if the choice is taken."""


class Number(NamedTuple):
    """A number that a file stores as one column."""

    name: str
    column: int
    when: tuple[str, str] | None = None
    """The category and the choice that activate the number."""
    missing: int | None = None
    """A column that is 1 if the number is unknown."""
    default: float | None = None
    """Value of the number if it is unknown; None: such rows are left out."""


_SVM = (
    Choice("kernel", {"radial": 5, "linear": 6, "polynomial": 7}),
    Number("cost", 0),
    Number("gamma", 1, ("kernel", "radial"), 2),
    # Degrees are 2 to 5, divided by 5. The file has 2, 4 and 5; it omits 3, the default of the library.
    Number("degree", 3, ("kernel", "polynomial"), 4, 0.6),
)
_TREE = (Number("minsplit", 0, None, 1), Number("minbucket", 2), Number("cp", 3), Number("maxdepth", 4, None, 5))
_LINEAR = (Number("alpha", 0), Number("lambda", 1))
_BOOSTING = (
    Choice("booster", {"trees": 14, "linear": 15}),
    Number("eta", 0),
    Number("subsample", 5),
    Number("lambda", 10),
    Number("alpha", 11),
    Number("nrounds", 12, None, 13),
    Number("max_depth", 1, ("booster", "trees"), 2),
    Number("min_child_weight", 3, ("booster", "trees"), 4),
    Number("colsample_bytree", 6, ("booster", "trees"), 7),
    Number("colsample_bylevel", 8, ("booster", "trees"), 9),
)
_BOOSTING_6767 = (
    Choice("booster", {"trees": 16, "linear": 17}),
    Number("eta", 0),
    Number("subsample", 1),
    Number("lambda", 2),
    Number("alpha", 3),
    Number("nrounds", 6, None, 7),
    Number("max_depth", 8, ("booster", "trees"), 9),
    Number("min_child_weight", 10, ("booster", "trees"), 11),
    Number("colsample_bytree", 12, ("booster", "trees"), 13),
    Number("colsample_bylevel", 14, ("booster", "trees"), 15),
)
_FOREST = (
    Choice("replace", {"no": 6, "yes": 7}),
    Choice("respect_unordered_factors", {"no": 8, "yes": 9}),
    Number("num_trees", 0, None, 1),
    Number("mtry", 2),
    Number("sample_fraction", 3),
    Number("min_node_size", 4),  # 0 stands for the default, a node of one row
)
_FOREST_BY_MTRY = (
    Choice("respect_unordered_factors", {"no": 5, "yes": 6}),
    Choice("replace", {"no": 7, "yes": 8}),
    Number("num_trees", 0, None, 1),
    Number("mtry", 2),
    Number("min_node_size", 3),
    Number("sample_fraction", 4),
)
_LCBENCH = (
    Number("batch_size", 0),
    Number("learning_rate", 1),
    Number("max_dropout", 2),
    Number("max_units", 3),
    Number("momentum", 4),
    Number("num_layers", 5),
    Number("weight_decay", 6),
)

COLUMNS: dict[str, tuple[Choice | Number, ...]] = {
    "5527": _SVM,
    "5891": _SVM,
    "5636": _TREE,
    "5859": _TREE,
    "4796": (Number("minsplit", 0), Number("minbucket", 1), Number("cp", 2)),
    "5970": _LINEAR,
    "6766": _LINEAR,
    "5971": _BOOSTING,
    "5906": _BOOSTING,
    "6767": _BOOSTING_6767,
    "5965": _FOREST,
    "6794": _FOREST,
    "7607": _FOREST_BY_MTRY,
    "7609": _FOREST_BY_MTRY,
    "5889": (
        Choice("replace", {"no": 4, "yes": 5}),
        Number("num_trees", 0),
        Number("mtry", 2),
        Number("sample_fraction", 3),
    ),
    "lcbench": _LCBENCH,
}
"""The columns of each search space, without columns of unknown meaning."""

_RANGES = {
    "batch_size": Integer(16, 512, log=True),
    "learning_rate": Real(1e-4, 1e-1, log=True),
    "max_dropout": Real(0.0, 1.0),
    "max_units": Integer(64, 1024, log=True),
    "momentum": Real(0.1, 0.99),
    "num_layers": Integer(1, 5),
    "weight_decay": Real(1e-5, 1e-1),
}
"""The ranges that LCBench sampled from; the numbers of HPO-B are scaled to the unit interval."""


def rows_of(pool: Pool, columns: tuple[Choice | Number, ...]) -> np.ndarray:
    """Indices of the rows of a pool that are complete configurations, in ascending order and without duplicates.

    Args:
      pool: Measured configurations.
      columns: Meaning of the pool's numbers, one entry for each column.
    """
    keeps = np.ones(len(pool.score), bool)
    for entry in columns:
        if isinstance(entry, Number) and entry.missing is not None and entry.default is None:
            keeps &= ~(_exists(pool, columns, entry) & (pool.x[:, entry.missing] == 1))
    rows = np.flatnonzero(keeps)
    return np.sort(rows[np.unique(pool.x[rows], axis=0, return_index=True)[1]])


def configs_of(pool: Pool, columns: tuple[Choice | Number, ...]) -> list[dict[str, Any]]:
    """The rows of a pool as configs, without columns that are constant.

    Args:
      pool: Measured configurations, only the rows of `rows_of`.
      columns: Meaning of the pool's numbers, one entry for each column.
    """
    names = {e.name: e for e in columns}
    values: dict[str, Any] = {}
    for name, entry in names.items():
        if isinstance(entry, Choice):
            chosen = np.argmax(pool.x[:, list(entry.indicators.values())], axis=1)
            column = np.array(list(entry.indicators))[chosen]
        else:
            column = pool.x[:, entry.column].copy()
            if entry.missing is not None and entry.default is not None:
                column[pool.x[:, entry.missing] == 1] = entry.default
        existing = column if isinstance(entry, Choice) else column[_exists(pool, columns, entry)]
        if len(np.unique(existing)) > 1:
            values[name] = column
    configs: list[dict[str, Any]] = []
    for i in range(len(pool.score)):
        config: dict[str, Any] = {}
        for name, column in values.items():
            when = getattr(names[name], "when", None)
            if when is None or values[when[0]][i] == when[1]:
                is_integer = isinstance(_RANGES.get(name), Integer)
                config[name] = int(column[i]) if is_integer else column[i].item()
        configs.append(config)
    return configs


def space_of(
    configs: list[dict[str, Any]], columns: tuple[Choice | Number, ...], most_levels: int = _MOST_LEVELS
) -> Space:
    """The space that configs of a pool were sampled from, inferred from the configs.

    Args:
      configs: From `configs_of`.
      columns: Meaning of the values, one entry for each column.
      most_levels: A number with at most this many distinct values is an ordinal; other numbers are real.
    """
    parameters: dict[str, Any] = {}
    for entry in columns:
        values = sorted({config[entry.name] for config in configs if entry.name in config})
        if not values:
            continue
        when = getattr(entry, "when", None)
        when = when if when is None or when[0] in parameters else None
        if isinstance(entry, Choice):
            parameters[entry.name] = Categorical(*values)
        elif entry.name in _RANGES:
            parameters[entry.name] = _RANGES[entry.name]
        elif len(values) <= most_levels:
            parameters[entry.name] = Ordinal(*values, when=when)
        else:
            parameters[entry.name] = Real(values[0], values[-1], when=when)
    return Space(parameters)


def _exists(pool: Pool, columns: tuple[Choice | Number, ...], entry: Number) -> np.ndarray:
    if entry.when is None:
        return np.ones(len(pool.score), bool)
    parent = next(e for e in columns if isinstance(e, Choice) and e.name == entry.when[0])
    return pool.x[:, parent.indicators[entry.when[1]]] == 1
