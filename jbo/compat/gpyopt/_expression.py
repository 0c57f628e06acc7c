"""Arithmetic in the columns of ``x``, parsed from text into a tree of allowed nodes and never executed as code."""

import ast
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

_MAX_LENGTH, _MAX_DEPTH, _MAX_EXPONENT, _MAX_DIMENSIONS = 1000, 100, 64, 2

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.MatMult: operator.matmul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_UNARY: dict[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}
_CONSTANTS = {"np.pi": np.pi, "np.e": np.e, "numpy.pi": np.pi, "numpy.e": np.e, "math.pi": np.pi, "pi": np.pi}
_ELEMENTWISE = {
    **{
        name: 1
        for name in (
            "abs absolute fabs sqrt cbrt exp expm1 log log10 log1p log2 sin cos tan arcsin arccos arctan sinh cosh "
            "tanh square sign floor ceil negative reciprocal logical_not"
        ).split()
    },
    **{
        name: 2
        for name in (
            "minimum maximum fmin fmax power add subtract multiply divide true_divide mod hypot arctan2 dot matmul "
            "logical_and logical_or less less_equal greater greater_equal equal not_equal"
        ).split()
    },
    "where": 3,
}
"""Functions of NumPy by name, with their numbers of arguments."""
_PLAIN = {"abs": "abs", "min": "minimum", "max": "maximum", "pow": "power"}
"""Functions of Python, and the corresponding NumPy functions; ``min(a, b)`` and ``max(a, b)`` take two arguments."""
_REDUCTIONS = ("sum", "prod", "mean", "min", "max", "std", "var", "amin", "amax", "norm")
"""Functions and methods along the columns of a row; they need ``axis=1``."""
_AS_METHODS = ("sum", "prod", "mean", "min", "max", "std", "var", "dot")


@dataclass(frozen=True)
class Expression:
    """A number as a function of the columns of one point; made by `parse`. Expressions are equal if their texts are."""

    text: str
    num_columns: int
    tree: ast.expr = field(repr=False, compare=False)

    def __call__(self, columns: Sequence[Any]) -> Any:
        """The value in floating point; an undefined value, such as ``log(-1)``, is NaN.

        Args:
          columns: One number for each column: Python or NumPy numbers, or JAX scalars, which may be traced.
        """
        if any(isinstance(column, jax.Array) for column in columns):
            arrays = [jnp.asarray(column) for column in columns]
            floats = [a.dtype for a in arrays if jnp.issubdtype(a.dtype, jnp.floating)]
            dtype = floats[0] if floats else jnp.zeros(()).dtype
            x = jnp.stack([a.astype(dtype) for a in arrays])[None, :]
            # NumPy's rules of types and ranks apply, whatever the caller has configured.
            with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
                return jnp.asarray(_value(self.tree, x, jnp)).astype(dtype).reshape(())
        return self.of_rows(np.array([[float(column) for column in columns]], np.float64))[0]

    def of_rows(self, x: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
        """The value at each row; an undefined value is NaN.

        Args:
          x: Points in the user's units, one column for each parameter.
        """
        with np.errstate(all="ignore"):
            value = np.asarray(_value(self.tree, x, np), np.float64)
        return np.broadcast_to(value, (len(x),)) if value.ndim == 0 else value.reshape(len(x))


def parse(text: Any, num_columns: int) -> Expression:
    """The function given by a text such as ``"x[:,0]**2 + np.abs(x[:,1]) - 1"``.

    Args:
      text: An expression in ``x``, its columns (``x[:, i]``, ``x[:, -1]``, ``x[:, 0:2]``, ``x[:, [0, 2]]``), numbers,
        lists of numbers and ``np.pi``. It may use arithmetic, comparisons inside of an expression, and NumPy's
        functions of numbers such as ``np.sqrt``. Sums, products, means, extremes and norms need ``axis=1``.
      num_columns: Number of columns of ``x``.

    Raises:
      ValueError: The text is anything else, or gives no number for each row of ``x``.

    Example:
      >>> float(parse("x[:,0]**2 + x[:,1]**2 - 1", 2)([0.6, 0.8]))
      0.0
      >>> float(parse("np.sum(x, axis=1) - 1", 2)([0.25, 0.5]))
      -0.25
    """
    if not isinstance(text, str) or len(text) > _MAX_LENGTH:
        raise ValueError(f"expected an expression of at most {_MAX_LENGTH} characters, got {text!r:.80}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"expected an expression such as 'x[:,0]**2 + x[:,1] - 1', got {text!r}") from error
    _check(tree, num_columns, 0)
    expression = Expression(text, num_columns, tree)
    _check_rows(expression)
    return expression


def _check(node: ast.AST, num_columns: int, depth: int) -> None:
    """Refuse every node that is not arithmetic."""

    def check(*inner: ast.AST) -> None:
        for each in inner:
            _check(each, num_columns, depth + 1)

    if depth > _MAX_DEPTH:
        raise ValueError(f"expected an expression of at most {_MAX_DEPTH} levels, got a deeper one")
    match node:
        case ast.Name(id="x"):
            pass
        case ast.Constant(value=int() | float() as constant) if not isinstance(constant, bool):
            try:
                is_finite = np.isfinite(float(constant))
            except OverflowError:
                is_finite = False
            if not is_finite:
                raise ValueError(f"expected numbers in the range of a float, got {_shown(node)}")
        case ast.List(elts=elements) | ast.Tuple(elts=elements) if elements:
            if not all(_number(element) is not None for element in elements):
                raise ValueError(f"expected lists of numbers, got {_shown(node)}")
            check(*elements)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            check(left, right)
            if isinstance(op, ast.Pow) and abs(_integer(right) or 0) > _MAX_EXPONENT:
                raise ValueError(f"expected exponents up to {_MAX_EXPONENT}, got {_shown(right)}")
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            check(operand)
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARISONS:
            if depth == 0:
                raise ValueError(
                    f"expected an expression that is at most 0 where a point is allowed, without a comparison, "
                    f"got {_shown(node)}"
                )
            check(left, right)
        case ast.Call():
            check(*_arguments_of_call(node))
        case ast.Attribute() | ast.Name() if _dotted(node) in _CONSTANTS:
            pass
        case ast.Subscript(value=value, slice=index):
            check(value)
            place = _index(index, node)
            whole = [part for part in place if type(part) is int]
            if isinstance(value, ast.Name) and not all(-num_columns <= part < num_columns for part in whole):
                raise ValueError(f"expected columns x[:, 0] to x[:, {num_columns - 1}], got {_shown(node)}")
        case _:
            raise ValueError(
                f"expected x[:, 0] to x[:, {num_columns - 1}], numbers, + - * / ** and NumPy's functions of "
                f"numbers, got {_shown(node)}"
            )


def _check_rows(expression: Expression) -> None:
    """Refuse expressions that do not give one number for each row, such as a sum over all elements."""
    k = expression.num_columns
    n = k + 3  # a length that no other axis of the expression has
    x = np.random.default_rng(0).uniform(0.1, 0.9, (n, k))
    shown = _shown(expression.tree)
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(_value(expression.tree, x, np))
            alone = [np.asarray(_value(expression.tree, row[None, :], np)) for row in x]
    except IndexError as error:
        raise ValueError(f"expected columns x[:, 0] to x[:, {k - 1}], got {shown}") from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"expected an expression of rows of {k} columns, got {shown}: {error}") from error
    if value.dtype == bool:
        raise ValueError(f"expected a number that is at most 0 where a point is allowed, got the condition {shown}")
    is_constant = value.ndim == 0 and not any(
        isinstance(n, ast.Name) and n.id == "x" for n in ast.walk(expression.tree)
    )
    if is_constant:
        return
    if value.shape not in ((n,), (n, 1)) or any(each.size != 1 for each in alone):
        raise ValueError(f"expected one number for each row of x, such as np.sum(x, axis=1), got {shown}")
    if not np.allclose(value.ravel(), [each.item() for each in alone], equal_nan=True):
        raise ValueError(f"expected the value of each row of x to depend on that row only, got {shown}")


def _value(node: ast.AST, x: Any, xp: Any) -> Any:
    """The value of a checked tree over rows, by NumPy or by JAX."""

    def value(inner: ast.AST) -> Any:
        found = _value(inner, x, xp)
        if getattr(found, "ndim", 0) > _MAX_DIMENSIONS:
            raise ValueError(f"expected arrays of at most {_MAX_DIMENSIONS} dimensions")
        return found

    match node:
        case ast.Name(id="x"):
            return x
        case ast.Constant(value=int() | float() as constant):
            return xp.asarray(float(constant), x.dtype)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return xp.asarray([_number(element) for element in elements], x.dtype)
        case ast.BinOp(left=left, op=ast.Pow(), right=right) if _integer(right) is not None:
            return value(left) ** _integer(right)  # a repeated product, without a logarithm
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](value(left), value(right))
        case ast.UnaryOp(op=op, operand=operand):
            return _UNARY[type(op)](value(operand))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _COMPARISONS[type(op)](value(left), value(right))
        case ast.Subscript(value=inner, slice=index):
            array, place = value(inner), _index(index, node)
            return array[tuple(np.array(part) if isinstance(part, list) else part for part in place)]
        case ast.Call():
            return _called(node, value, xp)
        case _:
            return xp.asarray(_CONSTANTS[_dotted(node)], x.dtype)


def _called(node: ast.Call, value: Callable[[ast.AST], Any], xp: Any) -> Any:
    name, arguments, options = _call(node)
    if name in ("array", "asarray"):
        return value(arguments[0])
    if name not in _REDUCTIONS or (name in ("min", "max") and len(arguments) == 2 and not options):
        function = _PLAIN.get(name, name)
        return getattr(xp, function)(*map(value, arguments))
    array = value(arguments[0])
    axis, keepdims = options["axis"], options.get("keepdims", False)
    if array.ndim != _MAX_DIMENSIONS or type(axis) is not int or axis not in (1, -1):
        raise ValueError(f"{name} takes a matrix and axis=1, got {array.ndim} dimensions and axis={axis}")
    if name == "norm":
        return xp.linalg.norm(array, ord=options.get("ord"), axis=1, keepdims=keepdims)
    return getattr(xp, name)(array, axis=1, keepdims=keepdims)


def _arguments_of_call(node: ast.Call) -> list[ast.AST]:
    """The arguments that are expressions; raises `ValueError` if the call is not allowed."""
    name, arguments, options = _call(node)
    if name in ("array", "asarray"):
        if len(arguments) != 1 or options or not isinstance(arguments[0], ast.List | ast.Tuple):
            raise ValueError(f"expected a list of numbers, got {_shown(node)}")
        return arguments
    is_pair = name in ("min", "max") and len(arguments) == 2 and not options
    if name in _REDUCTIONS and not is_pair:
        if len(arguments) != 1 or "axis" not in options or not set(options) <= {"axis", "keepdims", "ord"}:
            raise ValueError(f"expected axis=1 in {name} (or 2 arguments of {name}), got {_shown(node)}")
        return arguments
    expected = 2 if is_pair or name == "pow" else _ELEMENTWISE.get(name)
    if expected is None or options:
        names = ", ".join([*_ELEMENTWISE, *_REDUCTIONS])
        raise ValueError(f"expected one of the functions {names}, got {_shown(node)}")
    if len(arguments) != expected:
        raise ValueError(f"expected {expected} arguments of {name}, got {_shown(node)}")
    return arguments


def _call(node: ast.Call) -> tuple[str, list[ast.AST], dict[str, Any]]:
    """Name, arguments and options of a call of a function or a method. The array of a method is the first argument.

    The name is empty if such a call is not allowed.
    """
    options: dict[str, Any] = {}
    for keyword in node.keywords:
        option = _constant(keyword.value)
        if keyword.arg is None or option is None:
            return "", [], {}
        options[keyword.arg] = option
    arguments: list[ast.AST] = list(node.args)
    dotted = _dotted(node.func)
    head, _, name = dotted.rpartition(".")
    if head in ("np", "numpy", "np.linalg", "numpy.linalg", "math") and (name == "norm") == head.endswith("linalg"):
        pass
    elif dotted in (*_PLAIN, *_ELEMENTWISE):  # a Python function, or one imported from NumPy
        name = dotted
    elif isinstance(node.func, ast.Attribute) and node.func.attr in _AS_METHODS and head not in ("np", "numpy"):
        name, arguments = node.func.attr, [node.func.value, *arguments]
    else:
        return "", [], {}
    if (
        name in _REDUCTIONS
        and len(arguments) > 1
        and not (name in ("min", "max") and head in ("", "np", "numpy", "math") and _constant(arguments[1]) is None)
    ):
        *first, last = arguments
        axis = _constant(last)
        if name == "norm" and "axis" in options and len(arguments) == 2:
            options["ord"], arguments = axis, first
        elif name == "norm" and len(arguments) == 3 and "axis" not in options:
            options["ord"], options["axis"], arguments = _constant(arguments[1]), axis, arguments[:1]
        elif name != "norm" and len(arguments) == 2 and axis is not None and "axis" not in options and dotted != name:
            options["axis"], arguments = axis, first
    return name, arguments, options


def _index(index: ast.AST, node: ast.AST) -> tuple[Any, ...]:
    """The index in brackets as Python objects: all rows, then columns."""
    parts = list(index.elts) if isinstance(index, ast.Tuple) else [index]
    found: list[Any] = []
    for part in parts:
        match part:
            case ast.Slice(lower=lower, upper=upper, step=step):
                ends = [None if end is None else _integer(end) for end in (lower, upper, step)]
                if any(
                    end is not None and value is None for end, value in zip((lower, upper, step), ends, strict=True)
                ):
                    raise ValueError(f"expected whole numbers in brackets, got {_shown(node)}")
                found.append(slice(*ends))
            case ast.List(elts=elements) if elements and all(_integer(element) is not None for element in elements):
                found.append([_integer(element) for element in elements])
            case ast.Constant(value=None):
                found.append(None)
            case ast.Attribute() if _dotted(part) in ("np.newaxis", "numpy.newaxis"):
                found.append(None)
            case ast.Constant(value=value) if value is Ellipsis:
                found.append(Ellipsis)
            case _ if _integer(part) is not None:
                found.append(_integer(part))
            case _:
                raise ValueError(f"expected columns such as x[:, 0] in brackets, got {_shown(node)}")
    is_of_rows = found[0] == slice(None) if isinstance(found[0], slice) else found[0] is Ellipsis
    if not is_of_rows or len(found) < 2:
        raise ValueError(f"expected all rows first, such as x[:, 0], got {_shown(node)}")
    return tuple(found)


def _integer(node: ast.AST) -> int | None:
    """The integer as written, with or without a minus sign; None for anything else."""
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as number)) if not isinstance(number, bool):
            return -number
    return None


def _number(node: ast.AST) -> float | None:
    """The number as written; None for anything else."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool) and np.isfinite(number):
            return float(number)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
            number = _number(operand)
            return None if number is None else -number if isinstance(op, ast.USub) else number
    return None


def _constant(node: ast.AST) -> int | bool | float | None:
    """The option as written: an integer, a boolean or ``np.inf``; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        return node.value
    if _dotted(node) in ("np.inf", "numpy.inf"):
        return np.inf
    return _integer(node)


def _dotted(node: ast.AST) -> str:
    """The dotted name; an empty text if the node is not a name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name) if _dotted(value):
            return f"{_dotted(value)}.{name}"
    return ""


def _shown(node: ast.AST) -> str:
    try:
        text = ast.unparse(node)
    except RecursionError:
        return "a deeply nested expression"
    return text if len(text) <= 80 else text[:77] + "..."
