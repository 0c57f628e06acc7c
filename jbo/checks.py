"""Checks of the pure layer: the arguments of a call are compared with the annotations of the function.

Only static facts are checked (classes, numbers of axes, lengths, dtypes). Traced arrays are thus checked too, once,
while they are traced.
"""

import functools
import inspect
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import AbstractArray, Bool, Float, Int, Key

_Function = TypeVar("_Function", bound=Callable[..., Any])

_MADE_BY = {
    "Dataset": "Dataset.from_arrays(x, y, bounds) makes one",
    "GPParams": "gaussian_process.fit(key, data) finds them",
    "GPPosterior": "gaussian_process.condition(params, data) makes one",
    "Posterior": "surrogate.condition(params, data) makes one",
    "Trials": "strategy.init(capacity) makes one",
}
_KINDS = {Float: "float32 or float64", Int: "integer", Bool: "bool"}


def checked(function: _Function) -> _Function:
    """The function with a check of its arguments against their annotations at each call.

    An annotation ``Float[Array, "n d"]`` requires an array of two axes, in float32 or float64. A letter is the same
    length in all arguments that are arrays, and within each data set, table or posterior. The letter ``d`` is the same
    everywhere; in a method of an object with an encoding it is the number of columns.

    All arrays with an axis must have the same floating type. NumPy arrays become JAX arrays. Only annotations that are
    arrays, classes or ``int`` are checked.

    Args:
      function: A function or method with jaxtyping annotations.

    Returns:
      A function that raises ``TypeError`` or ``ValueError`` with the name of the argument, the expectation and the
      actual value.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        known = _Known()
        encoding: Any = getattr(bound.arguments.get("self"), "encoding", None)
        if hasattr(encoding, "num_columns"):
            known.sizes["d"] = (encoding.num_columns, "the space")
        for name, value in bound.arguments.items():
            hint = signature.parameters[name].annotation
            if hint is not inspect.Parameter.empty:
                bound.arguments[name] = _check(name, value, hint, known)
        return function(*bound.args, **bound.kwargs)

    return typing.cast(_Function, call)


def check_key(name: str, value: Any) -> None:
    """Raise an error unless ``value`` is a single random key.

    Args:
      name: Name of the argument.
      value: A key of `jax.random.key` or of the legacy `jax.random.PRNGKey`.

    Raises:
      TypeError: ``value`` is not a key.
      ValueError: ``value`` is an array of keys.
    """
    dtype = getattr(value, "dtype", None)
    if dtype is None or not isinstance(value, jax.Array | np.ndarray):
        raise TypeError(f"{name}: expected a random key such as jax.random.key(0), got {_shown(value)}")
    is_new = jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if not is_new and dtype != np.uint32:
        raise TypeError(f"{name}: expected a random key such as jax.random.key(0), got {_shown(value)}")
    if np.ndim(value) != (0 if is_new else 1):
        raise ValueError(f"{name}: expected one random key, got {_shown(value)}; jax.vmap maps over keys")


def scalar(name: str, what: str, value: Any, dtype: Any = None) -> jax.Array:
    """The number returned by a user's function, as a scalar array.

    Args:
      name: Name of the argument that holds the function.
      what: A word for the returned value.
      value: The returned value.
      dtype: Floating type of the result; None: unchanged.

    Raises:
      TypeError: ``value`` is not a real number.
      ValueError: ``value`` is an array with an axis.
    """
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError):
        array = None
    if array is None or not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise TypeError(f"{name}: expected a number, got a {what} that is {_shown(value)}")
    if array.shape:
        raise ValueError(
            f"{name}: expected a scalar, got a {what} of shape {array.shape}; "
            "index it, or take jnp.squeeze, jnp.sum or jnp.mean"
        )
    return array if dtype is None else array.astype(dtype)


def number(name: str, value: Any) -> Any:
    """A numeric setting as a float or a floating array.

    Args:
      name: Name of the setting.
      value: A number or an array, which may be traced.

    Raises:
      TypeError: ``value`` is not a number.
    """
    try:
        return 1.0 * value
    except TypeError:
        raise TypeError(f"{name}: expected a number, got {value!r}") from None


def not_differentiable(tree: Any, name: str, reason: str) -> Any:
    """The tree, unchanged, but with an error instead of a derivative, which would be NaN or wrong.

    Args:
      tree: A tree of arrays.
      name: Name of the function that returned it.
      reason: Why it has no derivative, and what to do.
    """

    @jax.custom_jvp
    def unchanged(tree: Any) -> Any:
        return tree

    def rule(primals: Any, tangents: Any) -> Any:
        zero = jax.custom_derivatives.SymbolicZero
        for leaf in jax.tree.leaves(tangents, is_leaf=lambda t: isinstance(t, zero)):
            if not isinstance(leaf, zero) and leaf.dtype != jax.dtypes.float0:
                raise TypeError(f"{name} cannot be differentiated: {reason}")
        return primals[0], jax.tree.map(_instantiated, tangents[0], is_leaf=lambda t: isinstance(t, zero))

    unchanged.defjvp(rule, symbolic_zeros=True)
    return unchanged(tree)


def _instantiated(tangent: Any) -> Any:
    if not isinstance(tangent, jax.custom_derivatives.SymbolicZero):
        return tangent
    like: Any = tangent
    if like.dtype == jax.dtypes.float0:
        return np.zeros(like.shape, jax.dtypes.float0)
    return jnp.zeros(like.shape, like.dtype)


class _Known:
    """The lengths and the floating type that follow from the arguments so far."""

    def __init__(self) -> None:
        self.sizes: dict[str, tuple[int, str]] = {}
        """Length of each letter, and the argument that it is from."""
        self.dtype: tuple[Any, str] | None = None


def _check(name: str, value: Any, hint: Any, known: _Known) -> Any:
    """The value, with NumPy arrays converted to JAX arrays, if it matches the annotation."""
    hints = typing.get_args(hint) if isinstance(hint, types.UnionType) or _is_union(hint) else (hint,)
    if (value is None and type(None) in hints) or (isinstance(value, bool) and bool in hints):
        return value
    arrays = [h for h in hints if isinstance(h, type) and issubclass(h, AbstractArray)]
    classes = [h for h in hints if isinstance(h, type) and h not in arrays and h is not type(None)]
    if arrays:
        is_scalar = not arrays[0].dim_str.strip() and arrays[0].dtype is not Key
        if is_scalar and isinstance(value, float | int | np.number) and not isinstance(value, bool):
            return value
        return _check_array(name, value, arrays[0], known)
    if int in classes:
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name}: expected an integer, got {_shown(value)}")
        return value
    classes = [c for c in classes if c.__module__.startswith("jbo.")]
    if not classes or len(classes) < len([h for h in hints if h is not type(None)]):
        return value
    if not any(isinstance(value, c) for c in classes):
        listed = " or ".join(_article(c.__name__) for c in classes)
        made = _MADE_BY.get(classes[0].__name__)
        raise TypeError(f"{name}: expected {listed}{f' ({made})' if made else ''}, got {_shown(value)}")
    return _check_fields(name, value, known)


def _check_fields(name: str, value: Any, known: _Known) -> Any:
    """A data set, a table, parameters or a posterior, with a check of its arrays that have an axis."""
    changes = {}
    for field, hint in getattr(type(value), "__annotations__", {}).items():
        hints = typing.get_args(hint) or (hint,)
        array = next((h for h in hints if isinstance(h, type) and issubclass(h, AbstractArray)), None)
        part = getattr(value, field, None)
        if any(getattr(h, "array_type", None) is np.ndarray for h in hints):
            continue
        if array is not None and array.dim_str.strip() and not (part is None and type(None) in hints):
            new = _check_array(f"{name}.{field}", part, array, known)
        elif isinstance(hint, type) and hint.__module__.startswith("jbo.") and hasattr(part, "_fields"):
            new = _check_fields(f"{name}.{field}", part, known)
        else:
            new = jnp.asarray(part) if isinstance(part, np.ndarray) else part
        if new is not part:
            changes[field] = new
    if not changes:
        return value
    if hasattr(value, "_replace"):
        return value._replace(**changes)
    leaves = {field: getattr(value, field) for field in type(value).__dataclass_fields__}
    copy = object.__new__(type(value))
    for field, part in (leaves | changes).items():
        object.__setattr__(copy, field, part)
    return copy


def _check_array(name: str, value: Any, hint: Any, known: _Known) -> Any:
    kind, dims = hint.dtype, hint.dim_str.split()
    if kind is Key:
        check_key(name, value)
        return value
    shape = "[" + ", ".join(dim for dim in dims) + "]"
    what = f"{_article(_KINDS.get(kind, str(kind.__name__)))} array of shape {shape}" if dims else "a number"
    expected = f"{name}: expected {what}"
    if not isinstance(value, jax.Array | np.ndarray):
        raise TypeError(f"{expected}, got {_shown(value)}")
    value = jnp.asarray(value) if isinstance(value, np.ndarray) else value
    allowed = {Float: (np.float32, np.float64), Bool: (np.bool_,)}.get(kind)
    is_right = jnp.issubdtype(value.dtype, jnp.integer) if kind is Int else allowed is None or value.dtype in allowed
    if kind is Float and not dims:  # an integer is a number too
        is_right = is_right or jnp.issubdtype(value.dtype, jnp.integer)
    if not is_right:
        raise TypeError(f"{expected}, got {_shown(value)}")
    variadic = [i for i, dim in enumerate(dims) if dim.startswith("*")]
    num_axes = len(dims) - len(variadic)
    if value.ndim < num_axes or (not variadic and value.ndim != num_axes):
        raise ValueError(f"{expected}, got {_shown(value)}{_advice(name, value, num_axes)}")
    if variadic:
        i, after = variadic[0], len(dims) - variadic[0] - 1
        pairs = [*zip(dims[:i], value.shape[:i], strict=True)]
        pairs += zip(dims[i + 1 :], value.shape[value.ndim - after :], strict=True)
    else:
        pairs = [*zip(dims, value.shape, strict=True)]
    for dim, size in pairs:
        if dim.isdigit():
            if size != int(dim):
                raise ValueError(f"{expected}, got {_shown(value)}")
        elif dim.isidentifier() and dim != "_":
            # The number of columns is the same everywhere; each argument has its own numbers of rows and samples.
            scope = dim if dim == "d" or "." not in name else f"{name.partition('.')[0]}.{dim}"
            other, who = known.sizes.setdefault(scope, (size, name))
            if other != size:
                raise ValueError(f"{expected} with {dim} = {other} as in {who}, got {_shown(value)}")
    if kind is Float and value.ndim:
        dtype, who = known.dtype = known.dtype or (value.dtype, name)
        if dtype != value.dtype:
            raise TypeError(f"{name}: expected {dtype} as in {who}, got {_shown(value)}")
    return value


def _advice(name: str, value: Any, num_axes: int) -> str:
    if num_axes == 2 and value.ndim == 1:
        return f"; {name}[:, None] makes a column of it, {name}[None, :] a row"
    if num_axes == 1 and value.ndim == 2 and value.shape[1] == 1:
        return f"; {name}[:, 0] is its column"
    return ""


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiouAEIO' else 'a'} {words}"


def _shown(value: Any) -> str:
    """A value in a few words, for an error message."""
    if isinstance(value, jax.Array | np.ndarray):
        return f"{value.dtype} of shape [{', '.join(map(str, value.shape))}]"
    if value is None or isinstance(value, bool | int | float | complex | str):
        text = repr(value)
        return text if len(text) < 60 else f"{text[:57]}..."
    return _article(type(value).__name__)


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Union
