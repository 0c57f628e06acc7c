import math
from decimal import Decimal
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest

from jbo.study.value import as_number

NUMBERS = {
    "int": (3, 3.0),
    "float": (0.1, 0.1),
    "fraction": (Fraction(1, 4), 0.25),
    "float32": (np.float32(0.1), float(np.float32(0.1))),
    "int64": (np.int64(7), 7.0),
    "uint8": (np.uint8(7), 7.0),
    "array": (np.array(0.1), 0.1),
    "jax": (jnp.asarray(0.5), 0.5),
    "jax int": (jnp.asarray(-2), -2.0),
    "bfloat16": (jnp.asarray(1.5, jnp.bfloat16), 1.5),
    "inf": (-math.inf, -math.inf),
    "huge": (10**400, math.inf),
    "minus huge": (-(10**400), -math.inf),
}
OTHERS = {
    "none": (None, "NoneType"),
    "text": ("0.3", "'0.3'"),
    "bool": (True, "bool"),
    "numpy bool": (np.True_, "bool"),
    "jax bool": (jnp.asarray(True), "bool"),
    "complex": (1j, "complex"),
    "complex array": (np.array(1j), "complex128"),
    "vector": (np.ones(1), r"shape \(1,\)"),
    "list": ([0.3], "list"),
    "decimal": (Decimal("0.3"), "Decimal"),
    "array of objects": (np.array(None), "object"),
}


@pytest.mark.parametrize(("value", "expected"), NUMBERS.values(), ids=NUMBERS)
def test_numbers(value, expected):
    number = as_number(value)
    assert type(number) is float
    assert number == expected


def test_nan_is_a_number():
    assert math.isnan(as_number(jnp.nan))


@pytest.mark.parametrize(("value", "got"), OTHERS.values(), ids=OTHERS)
def test_everything_else_is_refused(value, got):
    with pytest.raises(TypeError, match=f"^value: expected a number, got .*{got}"):
        as_number(value)
