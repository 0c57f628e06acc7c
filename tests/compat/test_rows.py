"""Rows of numbers are configs, and answer to names."""

import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo.compat.gpyopt import Design_space
from jbo.compat.gpyopt.methods import BayesianOptimization
from jbo.space import Categorical, Integer, Ordinal, Real, Space

DOMAIN = [
    {"name": "rate", "type": "continuous", "domain": (1e-5, 1e-1), "log": True},
    {"name": "batch", "type": "integer", "domain": (32, 256)},
    {"name": "width", "type": "discrete", "domain": (0.5, 2, 8)},
    {"name": "index", "type": "categorical", "domain": (3, 1, 2)},
    {"name": "optimizer", "type": "categorical", "domain": ("sgd", "adam")},
    {"name": "arm", "type": "categorical", "domain": ((0.0, 1.5), (2.0, -1.0))},
    {"name": "flag", "type": "categorical", "domain": (True, 1, None)},
]
SPACE = Design_space(DOMAIN).space
COLUMNS = Design_space(DOMAIN).columns
CONFIG = {
    "rate": 0.01, "batch": 64, "width": 2, "index": 1, "optimizer": "adam", "arm": (2.0, -1.0), "flag": True,
}  # fmt: skip
ROW = [0.01, 64, 2, 1, 1, 2.0, -1.0, 0]


def evaluate(function):
    """The optimisation that evaluates a function at the row."""
    return BayesianOptimization(function, DOMAIN, X=[ROW], seed=0)


@pytest.fixture(scope="module")
def row():
    """What a function gets."""
    seen = []
    evaluate(lambda row: seen.append(row) or 0.0)
    (row,) = seen
    return row


def test_the_space_is_that_of_the_domain():
    assert SPACE == Space(
        rate=Real(1e-5, 1e-1, log=True),
        batch=Integer(32, 256),
        width=Ordinal(0.5, 2, 8),
        index=Categorical(3, 1, 2),
        optimizer=Categorical("sgd", "adam"),
        arm=Categorical((0.0, 1.5), (2.0, -1.0)),
        flag=Categorical(True, 1, None),
    )


def test_by_hand():
    columns = COLUMNS
    assert columns.names == ("rate", "batch", "width", "index", "optimizer", "arm_1", "arm_2", "flag")
    row = columns.to_row(CONFIG)
    assert row.dtype == np.float64 and row.tolist() == ROW
    back = columns.to_config(ROW)
    assert back == CONFIG and [type(v) for v in back.values()] == [float, int, int, int, str, tuple, bool]


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7))
def test_there_and_back(x):
    columns = COLUMNS
    config = SPACE.decode(np.array(x))
    assert SPACE.config_to_json(columns.to_config(columns.to_row(config))) == SPACE.config_to_json(config)


@given(st.lists(st.floats(0, 1), min_size=7, max_size=7))
def test_traced_numbers_are_those_of_the_host(x):
    columns = COLUMNS
    with jax.enable_x64(True):
        numbers = columns.numbers(SPACE.decode_traced(jnp.asarray(x)))
        assert [float(number) for number in numbers] == pytest.approx(columns.to_row(SPACE.decode(np.array(x))))


@pytest.mark.parametrize(
    ("j", "number", "message"),
    [
        (0, 0.2, "rate: expected a number in"),
        (0, np.nan, "rate: expected a number in"),
        (1, 64.5, "batch: expected an integer from 32 to 256, got 64.5"),
        (1, np.inf, "batch: expected an integer from 32 to 256, got inf"),
        (2, 3, "width: expected one of 0.5, 2, 8, got 3"),
        (3, 0, r"index: expected the numbers of a value of Categorical\(3, 1, 2\), got \[0.0\]"),
        (4, 2, r"optimizer: expected the numbers of a value of .*, got \[2.0\]"),
        (6, 1.5, r"arm: expected the numbers of a value of .*, got \[2.0, 1.5\]"),
    ],
)
def test_wrong_numbers(j, number, message):
    row = list(ROW)
    row[j] = number
    with pytest.raises(ValueError, match=message):
        COLUMNS.to_config(row)


def test_wrong_length():
    with pytest.raises(ValueError, match=r"expected rows of 8 numbers \(rate, .*\), got shape \(3,\)"):
        COLUMNS.to_config([1, 2, 3])


def test_a_row_is_an_array_with_names(row):
    assert isinstance(row, np.ndarray) and row.shape == (1, 8) and row.dtype == np.float64
    assert row["batch"] == 64 and type(row["batch"]) is int and row["optimizer"] == "adam"
    assert dict(row) == CONFIG and (lambda **values: values)(**row) == CONFIG
    assert row[0, 0] == 0.01 and not hasattr(row[:, 1], "keys") and (row[:, 1] + 1).tolist() == [65]
    with pytest.raises(KeyError, match="'momentum': expected one of 'rate', 'batch'"):
        row["momentum"]
    with pytest.raises(KeyError):
        (row + 1)["batch"]  # no longer the batch of anything


def test_an_array_of_one_number_is_a_number(row):
    """As with older NumPy: GPyOpt's manual prints ``"%f" % x_opt``, and its scripts say ``int(x[:, 1])``."""
    assert (float(row[:, 0]), int(row[:, 1]), "%.2f" % row[:, 0]) == (0.01, 64, "0.01")  # noqa: UP031  # noqa: UP031
    assert float(row[0, 1:2]) == float(row[:, 1:2]) == float(row[:, 1:2] + 1) - 1 == 64
    assert math.sin(row[:, 0] * 2) == math.sin(0.02) and range(int(row[:, 1]))[-1] == 63
    with pytest.raises(ValueError, match="only convert an array of size 1"):
        float(row)


@pytest.mark.parametrize(
    "result",
    [2.5, np.float32(2.5), np.array(2.5), np.array([2.5]), np.array([[2.5]]), [2.5], [[2.5]], jnp.ones(1) * 2.5],
)
def test_the_objective_gives_a_number_or_an_array_of_one(result):
    assert evaluate(lambda row: result).Y.tolist() == [[2.5]]


def test_more_than_one_number_is_refused():
    with pytest.raises(TypeError, match="got an array of shape"):
        evaluate(lambda row: np.ones((2, 1)))


def test_columns_can_be_sent():
    """With them an objective goes to workers; `test_methods.py` sends one to four."""
    assert pickle.loads(pickle.dumps(COLUMNS)).to_row(CONFIG).tolist() == ROW


@pytest.mark.parametrize(
    ("j", "number", "value"),
    [
        (0, 0.1 + 1e-17, 0.1),
        (0, float(np.float32(1e-5)), 1e-5),
        (1, 63.99999999999, 64),
        (2, float(np.float32(0.5)) + 1e-9, 0.5),
        (3, 1 + 1e-12, 1),
        (4, 1 - 1e-12, "adam"),
    ],
)
def test_a_rounding_away_from_a_value_is_the_value(j, number, value):
    row = list(ROW)
    row[j] = number
    found = COLUMNS.to_config(row)[["rate", "batch", "width", "index", "optimizer"][j]]
    assert type(found) is type(value)
    assert found == (value if isinstance(value, str) else pytest.approx(value, rel=1e-7, abs=0))


@pytest.mark.guard
@pytest.mark.parametrize(("j", "number"), [(0, 0.1001), (0, 0.99e-5), (1, 64.001), (2, 0.501), (4, 0.999)])
def test_more_than_a_rounding_is_refused(j, number):
    row = list(ROW)
    row[j] = number
    with pytest.raises(ValueError, match="expected"):
        COLUMNS.to_config(row)


def test_levels_of_arange_and_of_single_precision():
    levels = np.arange(0, 1, 0.1)
    single = np.array([0.1, 0.2, 0.7], np.float32)
    space = Design_space(
        [
            {"name": "a", "type": "continuous", "domain": (0, 0.3)},
            {"name": "b", "type": "discrete", "domain": levels},
            {"name": "c", "type": "discrete", "domain": single},
        ]
    )
    config = space.columns.to_config([0.1 + 0.2, 0.3, 0.7])
    assert config == {"a": 0.3, "b": levels[3], "c": float(single[2])}


def test_rows_that_are_not_of_the_domain_have_a_nearest_point():
    columns = COLUMNS
    x = columns.to_unit(np.array([[9.0, 64.4, 3.0, 2.6, 0.2, 2.1, -1.2, 0]]))
    config = SPACE.decode(x[0])
    assert config == {
        "rate": 0.1, "batch": 64, "width": 2, "index": 3, "optimizer": "sgd", "arm": (2.0, -1.0), "flag": True,
    }  # fmt: skip
    bounds = dict(zip(columns.names, columns.bounds(), strict=True))
    assert bounds["rate"] == (1e-5, 0.1) and bounds["batch"] == (32, 256) and bounds["arm_2"] == (-1, 1.5)
    assert columns.is_real == (True, *[False] * 7)
