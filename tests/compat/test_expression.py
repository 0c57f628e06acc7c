"""Constraint texts are arithmetic and nothing else."""

import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jbo.compat.gpyopt import Design_space


def parse(text, num_columns):
    """The constraint of a domain of so many columns, as a function of rows."""
    domain = [{"name": "x", "type": "continuous", "domain": (-9, 9), "dimensionality": num_columns}]
    (expression,) = Design_space(domain, [{"name": "c", "constraint": text}]).expressions
    return expression


REFERENCE = {
    "abs": abs, "sqrt": math.sqrt, "exp": math.exp, "log": math.log, "sin": math.sin, "cos": math.cos,
    "min": min, "max": max, "minimum": min, "maximum": max,
}  # fmt: skip


def leaves(point):
    """Texts with their values, built side by side: no text is read to find a value."""
    numbers = st.floats(0.01, 99).map(lambda v: round(v, 3)) | st.integers(0, 99)
    columns = st.integers(0, len(point) - 1)
    return numbers.map(lambda v: (repr(v), float(v))) | columns.map(lambda i: (f"x[:, {i}]", point[i]))


def grown(inner):
    def binary(op, left, right):
        values = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b}
        return f"({left[0]} {op} {right[0]})", lift(values[op], left[1], right[1])

    def power(base, exponent):
        return f"({base[0]} ** {exponent})", lift(lambda a: a**exponent, base[1])

    def call(name, prefix, left, right):
        arguments = [left, right] if name in ("min", "max", "minimum", "maximum") else [left]
        prefix = "" if name in ("min", "max") else prefix  # the second argument of NumPy's is an axis
        text = f"{prefix}{name}({', '.join(a[0] for a in arguments)})"
        return text, lift(REFERENCE[name], *(a[1] for a in arguments))

    return (
        st.builds(binary, st.sampled_from("+-*/"), inner, inner)
        | st.builds(power, inner, st.integers(-3, 4))
        | st.builds(lambda a: (f"(-{a[0]})", lift(lambda v: -v, a[1])), inner)
        | st.builds(call, st.sampled_from(sorted(REFERENCE)), st.sampled_from(["np.", ""]), inner, inner)
    )


def lift(function, *values):
    """The value, or None where there is none that is finite and far from a place where rounding decides."""
    if None in values:
        return None
    try:
        result = function(*values)
    except (ArithmeticError, ValueError):
        return None
    return result if math.isfinite(result) and 1e-3 < abs(result) < 1e3 else None


POINT = (0.75, -1.5, 3.0)


@given(st.recursive(leaves(POINT), grown, max_leaves=8))
def test_the_value_is_pythons(pair):
    text, expected = pair
    expression = parse(text, 3)
    value = expression(POINT)
    assert isinstance(value, float)
    if expected is not None:
        assert value == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x[:,0]**2 + x[:,1]**2 - 1", 0.75**2 + 1.5**2 - 1),
        ("-x[:,0]**2", -(0.75**2)),
        ("2**-x[:,0]**2", 2 ** -(0.75**2)),
        ("x[:,1]**3 - 1_0", -3.375 - 10),
        ("1 - x[:,2] - x[:,0] * 2 / 4", 1 - 3 - 0.375),
        ("+np.max(x[:,0], min(x[:,1], 2))", 0.75),
        ("np.cos(np.pi) * 1e-1", -0.1),
        ("np.sqrt(x[:,1])", math.nan),
        ("x[:,1]**0.5", math.nan),
        ("np.log(0)", -math.inf),
        ("1/0 - 1/0", math.nan),
        ("9**9**9", math.inf),
        ("(0 - 1) / (x[:,0] - x[:,0])", -math.inf),
        (" x[:,0]\n", 0.75),
        pytest.param("+".join(["x[:,0]"] * 90), 67.5, marks=pytest.mark.thorough),
    ],
)
def test_values_by_hand(text, expected, dtype):
    expression = parse(text, 3)
    assert expression(POINT) == pytest.approx(expected, nan_ok=True)
    traced = jax.jit(lambda *columns: expression(columns))
    value = traced(jnp.asarray(0.75, dtype), jnp.asarray(-1.5, dtype), jnp.asarray(3, jnp.int32))
    assert value.dtype == dtype and value.shape == ()
    assert float(value) == pytest.approx(expected, rel=1e-5 if dtype == np.float32 else 1e-14, nan_ok=True)


def test_an_expression_is_its_text():
    expression = parse("x[:,0] - 1", 1)
    assert expression == parse("x[:,0] - 1", 1) and hash(expression) == hash(parse("x[:,0] - 1", 1))
    assert expression != parse("x[:,0] - 2", 1) and expression != parse("x[:,0] - 1", 2)
    assert pickle.loads(pickle.dumps(expression))([3.0]) == 2.0


WRONG = [
    "x", "x[0]", "x[:]", "x[0, 0]", "x[:, 3]", "x[:, -4]", "x[:, 0:2]", "x[::2, 0]", "x[:, True]", "x[:, 0.0]",
    "y[:,0]", "x[:,0] <= 1", "x[:,0] if x[:,1] else 0", "x[:,0] and 1", "not x[:,0]",
    "x[:,0] @ 2", "__import__('os').system('true')", "np.linalg.norm(x)", "np.sum(x)", "np.sqrt", "x.shape",
    "(lambda: 1)()", "np.sqrt(x[:,0], out=x)", "np.sqrt(*x)", "np.sqrt()", "np.min(x[:,0])", "np.max(1, 2, 3)",
    "np.abs(x[:,0])(1)", "sqrt.__class__(1)", "other.sqrt(x[:,0])", "np.np.sqrt(1)", "(1).real", "'a'", "b'a'",
    "True", "None", "1j", "...", "", "x[:,0] +", "(", "1 1", "a = 1", "a := 1", "(a := 1)", "[1]", "(1, 2)", "{1}",
    "f'{1}'", "x[:,0]**65", "x[:,0]**-65", "x[:,0]**9999999999", "1e999", "9" * 400, "\0", "\ud800", "-" * 300 + "1",
    "not " * 200 + "1", "1+" * 200 + "1", "(" * 300, "1" + " " * 1000, None, 1, b"x[:,0]", "await x", "yield",
    "x[:,0]; 1", "# nothing", "import os", "[i for i in x]", "exp(x)",
]  # fmt: skip


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="^c: expected "):
        parse(text, 3)


def test_a_refusal_says_what_it_saw():
    with pytest.raises(ValueError, match=r"without a comparison, got x\[:, 0\] <= 1"):
        parse("x[:,0] <= 1", 3)
    with pytest.raises(ValueError, match=r"expected columns x\[:, 0\] to x\[:, 2\], got x\[:, 3\]"):
        parse("1 + x[:,3]", 3)
    with pytest.raises(ValueError, match="expected exponents up to 64, got -65"):
        parse("x[:,0]**-65", 3)
    with pytest.raises(ValueError, match=r"expected axis=1 in min \(or 2 arguments of min\), got np.min\(x\[:, 0\]\)"):
        parse("np.min(x[:,0])", 3)


pieces = st.sampled_from(
    [
        "x",
        "x[:,0]",
        "[",
        "]",
        ":",
        ",",
        "(",
        ")",
        "np.",
        "sqrt",
        "exp(",
        "**",
        "-",
        "+",
        "1",
        "2.5",
        "e9",
        "'",
        ".",
        "=",
    ]
    + ["__class__", "lambda", " if ", "else", "not ", "0x", "1_", "j", "\\", "\n", "{", "}", "import os", "for", "*"]
)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")
@given(st.lists(pieces, max_size=12).map("".join) | st.text(max_size=30))
def test_whatever_comes_it_is_a_number_or_a_refusal(text):
    try:
        expression = parse(text, 3)
    except ValueError as error:
        assert str(error).startswith("c: expected ")
    else:
        assert isinstance(expression(POINT), float)


ROWS = np.array([[0.75, -1.5, 3.0], [0.25, 0.5, -2.0], [-0.5, 2.0, 0.1], [0.0, 0.0, 1.0]])
SPELLINGS = {
    "np.sum(x, axis=1)": lambda a, b, c: a + b + c,
    "np.sum(x, 1)": lambda a, b, c: a + b + c,
    "x.sum(axis=1)": lambda a, b, c: a + b + c,
    "x.sum(-1)": lambda a, b, c: a + b + c,
    "np.sum(x, axis=-1, keepdims=True)": lambda a, b, c: a + b + c,
    "x[:, 0:2].sum(axis=1) - 1": lambda a, b, c: a + b - 1,
    "x[:, [0, 2]].prod(axis=1)": lambda a, b, c: a * c,
    "x[:, :-1].mean(1)": lambda a, b, c: (a + b) / 2,
    "x[:, -1] - x[:, -3]": lambda a, b, c: c - a,
    "x[..., 1]": lambda a, b, c: b,
    "x[:, 1:2]": lambda a, b, c: b,
    "x[:, 0][:, None]": lambda a, b, c: a,
    "np.square(x[:,0]) + np.power(x[:,1], 2)": lambda a, b, c: a * a + b * b,
    "np.prod(x, axis=1)": lambda a, b, c: a * b * c,
    "np.linalg.norm(x, axis=1)": lambda a, b, c: math.sqrt(a * a + b * b + c * c),
    "np.linalg.norm(x - [1, 2, -1], axis=1)": lambda a, b, c: math.hypot(a - 1, b - 2, c + 1),
    "np.linalg.norm(x, 1, axis=1)": lambda a, b, c: abs(a) + abs(b) + abs(c),
    "np.linalg.norm(x, ord=np.inf, axis=1)": lambda a, b, c: max(abs(a), abs(b), abs(c)),
    "np.max(x, axis=1) - np.amin(x, axis=1)": lambda a, b, c: max(a, b, c) - min(a, b, c),
    "np.abs(x).max(axis=1)": lambda a, b, c: max(abs(a), abs(b), abs(c)),
    "np.dot(x, [1, -2, 0.5])": lambda a, b, c: a - 2 * b + c / 2,
    "x @ np.array([1, -2, 0.5])": lambda a, b, c: a - 2 * b + c / 2,
    "np.where(x[:,0] > 0.2, x[:,1], x[:,2])": lambda a, b, c: b if a > 0.2 else c,
    "(x[:,2] >= 1) * x[:,0] - 0.5": lambda a, b, c: (a if c >= 1 else 0) - 0.5,
    "np.mean(x**2, axis=1)": lambda a, b, c: (a * a + b * b + c * c) / 3,
    "np.tanh(x[:,0]) + numpy.exp(x[:,1]) - np.e": lambda a, b, c: math.tanh(a) + math.exp(b) - math.e,
    "x[:,2] % 2 + x[:,2] // 2": lambda a, b, c: c % 2 + c // 2,
    "max(x[:,0], x[:,1]) - pow(x[:,2], 2)": lambda a, b, c: max(a, b) - c * c,
}  # fmt: skip


@pytest.mark.parametrize("text", SPELLINGS)
def test_numpys_spellings_by_value(text, x64):
    """Rows at once, one row of Python numbers, and traced scalars give what Python computes by hand."""
    expression, expected = parse(text, 3), [SPELLINGS[text](*map(float, row)) for row in ROWS]
    np.testing.assert_allclose(expression.of_rows(ROWS), expected, rtol=1e-12)
    np.testing.assert_allclose([expression(row.tolist()) for row in ROWS], expected, rtol=1e-12)
    np.testing.assert_allclose(expression([jnp.asarray(v) for v in ROWS[0]]), expected[0], rtol=1e-12)


NOT_OF_ROWS = [
    "np.sum(x, axis=0)", "x.sum()", "x.sum(axis=0)", "x.T", "x @ x", "x.sum(1).sum(1)", "x[:, [0, 1]]", "np.array(x)",
    "np.dot(x[:,0], x[:,0])", "x[:,0] - np.mean(x, axis=0)", "x[:, None, None, 0]", "(x[:,0] < 1) & (x[:,1] < 1)",
    "np.sum(x, axis=True)", "np.sum(x, axis=1, out=x)", "x.tofile('a')", "np.load('a')", "np.sum(x, axis=1).__class__",
    "np.linalg.inv(x)", "np.random.rand(3)", "x.dump('a')", "np.sum(x, axis=x)", "x[:, x]", "x[:, 10**9]",
]  # fmt: skip


@pytest.mark.guard
@pytest.mark.parametrize("text", NOT_OF_ROWS)
def test_what_is_no_number_for_each_row_is_refused(text):
    with pytest.raises(ValueError, match="^c: expected "):
        parse(text, 3)
