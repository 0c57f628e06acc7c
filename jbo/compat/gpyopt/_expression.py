"""Arithmetic in the columns of ``x``, read from text into a tree of allowed nodes and never run as code."""

import ast
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_MAX_LENGTH, _MAX_DEPTH, _MAX_EXPONENT = 1000, 100, 64

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_FUNCTIONS = {
    "abs": ("abs", 1),
    "sqrt": ("sqrt", 1),
    "exp": ("exp", 1),
    "log": ("log", 1),
    "sin": ("sin", 1),
    "cos": ("cos", 1),
    "min": ("minimum", 2),
    "minimum": ("minimum", 2),
    "max": ("maximum", 2),
    "maximum": ("maximum", 2),
}
"""By the name in the text: NumPy's name and how many arguments there are."""


@dataclass(frozen=True)
class Expression:
    """A number as a function of the columns of one point; made by `parse`, equal if its text is."""

    text: str
    num_columns: int
    tree: ast.expr = field(repr=False, compare=False)

    def __call__(self, columns: Sequence[Any]) -> Any:
        """The value in floating point: where there is none, as of ``log(-1)``, it is NaN.

        Args:
          columns: One number a column: Python's or NumPy's, or JAX scalars, traced ones too.
        """
        if any(isinstance(column, jax.Array) for column in columns):
            arrays = [jnp.asarray(column) for column in columns]
            floats = [a.dtype for a in arrays if jnp.issubdtype(a.dtype, jnp.floating)]
            dtype = floats[0] if floats else jnp.zeros(()).dtype
            return _value(self.tree, [a.astype(dtype) for a in arrays], jnp, lambda number: jnp.asarray(number, dtype))
        with np.errstate(all="ignore"):
            return _value(self.tree, [np.float64(column) for column in columns], np, np.float64)


def parse(text: Any, num_columns: int) -> Expression:
    """The function that a text such as ``"x[:,0]**2 + np.abs(x[:,1]) - 1"`` stands for.

    Args:
      text: Made of ``x[:, i]``, numbers, ``np.pi``, ``+ - * / **``, and ``abs sqrt exp log sin cos`` of one and
        ``min max minimum maximum`` of two expressions, with ``np.`` before them or without.
      num_columns: How many columns ``x`` has.

    Raises:
      ValueError: The text is anything else.

    Example:
      >>> float(parse("x[:,0]**2 + x[:,1]**2 - 1", 2)([0.6, 0.8]))
      0.0
    """
    if not isinstance(text, str) or len(text) > _MAX_LENGTH:
        raise ValueError(f"expected an expression of at most {_MAX_LENGTH} characters, got {text!r:.80}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"expected an expression such as 'x[:,0]**2 + x[:,1] - 1', got {text!r}") from error
    _check(tree, num_columns, 0)
    return Expression(text, num_columns, tree)


def _check(node: ast.AST, num_columns: int, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise ValueError(f"expected an expression of at most {_MAX_DEPTH} levels, got a deeper one")
    match node:
        case ast.Constant(value=int() | float() as constant) if not isinstance(constant, bool):
            try:
                is_finite = np.isfinite(float(constant))
            except OverflowError:
                is_finite = False
            if not is_finite:
                raise ValueError(f"expected numbers in the range of a float, got {_shown(node)}")
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            _check(left, num_columns, depth + 1)
            _check(right, num_columns, depth + 1)
            if isinstance(op, ast.Pow) and abs(_integer(right) or 0) > _MAX_EXPONENT:
                raise ValueError(f"expected exponents up to {_MAX_EXPONENT}, got {_shown(right)}")
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check(operand, num_columns, depth + 1)
        case ast.Call(func=function, args=arguments, keywords=[]) if _name(function) in _FUNCTIONS:
            expected = _FUNCTIONS[_name(function)][1]
            if len(arguments) != expected:
                raise ValueError(f"expected {expected} arguments of {_name(function)}, got {_shown(node)}")
            for argument in arguments:
                _check(argument, num_columns, depth + 1)
        case ast.Attribute() if ast.unparse(node) == "np.pi":
            pass
        case ast.Subscript() if _column(node) >= 0:
            if _column(node) >= num_columns:
                raise ValueError(f"expected columns x[:, 0] to x[:, {num_columns - 1}], got {_shown(node)}")
        case ast.Compare():
            raise ValueError(
                f"expected an expression that is at most 0 where a point is allowed, without a comparison, "
                f"got {_shown(node)}"
            )
        case _:
            raise ValueError(
                f"expected x[:, 0] to x[:, {num_columns - 1}], numbers, + - * / ** and "
                f"{', '.join(_FUNCTIONS)}, got {_shown(node)}"
            )


def _value(node: ast.AST, columns: Sequence[Any], xp: Any, number: Callable[[Any], Any]) -> Any:
    def value(inner: ast.AST) -> Any:
        return _value(inner, columns, xp, number)

    match node:
        case ast.Constant(value=int() | float() as constant):
            return number(float(constant))
        case ast.BinOp(left=left, op=ast.Pow(), right=right) if _integer(right) is not None:
            return value(left) ** _integer(right)  # a product of as many factors, not a logarithm's
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](value(left), value(right))
        case ast.UnaryOp(op=op, operand=operand):
            return -value(operand) if isinstance(op, ast.USub) else value(operand)
        case ast.Call(func=function, args=arguments):
            return getattr(xp, _FUNCTIONS[_name(function)][0])(*map(value, arguments))
        case ast.Subscript():
            return columns[_column(node)]
        case _:
            return number(np.pi)


def _integer(node: ast.AST) -> int | None:
    """The exponent that is a whole number as written; None for any other."""
    match node:
        case ast.Constant(value=int() as exponent):
            return exponent
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as exponent)):
            return -exponent
    return None


def _name(node: ast.AST) -> str:
    """The function's name, without ``np.``; empty for what has none."""
    match node:
        case ast.Name(id=name) | ast.Attribute(value=ast.Name(id="np"), attr=name):
            return name
    return ""


def _column(node: ast.AST) -> int:
    """The i of ``x[:, i]``; -1 for anything else."""
    match node:
        case ast.Subscript(
            value=ast.Name(id="x"),
            slice=ast.Tuple(elts=[ast.Slice(lower=None, upper=None, step=None), ast.Constant(value=int() as i)]),
        ) if not isinstance(i, bool):
            return i
    return -1


def _shown(node: ast.AST) -> str:
    try:
        text = ast.unparse(node)
    except RecursionError:
        return "a deeply nested expression"
    return text if len(text) <= 80 else text[:77] + "..."
