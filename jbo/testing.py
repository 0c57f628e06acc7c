"""Checks for the authors of a surrogate, an acquisition function or a strategy.

Each check raises an ``AssertionError`` that names the method, what was expected, what was returned and what to do. The
checks take seconds and belong in the tests of the author's class.
"""

import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jbo.acquisitions import Front, FrontAcquisition, Scale, over_region
from jbo.encoding import Encoding
from jbo.region import Region
from jbo.space import Real, Space
from jbo.strategies import Strategy
from jbo.surrogates import FitInfo, GPParams, Posterior, gaussian_process
from jbo.types import OK, PENDING, Dataset

_ROWS, _CAPACITY, _COLUMNS, _POINTS = 6, 8, 2, 5


def check_surrogate(surrogate: Any) -> None:
    """Check that a surrogate fulfils the protocol `jbo.surrogates.Surrogate`.

    The check covers the methods with their arguments, a pytree with numbers as leaves, `jax.jit` and `jax.vmap`, shapes
    and dtypes. ``fit`` must return parameters with a leading axis of hyperparameter samples, which ``condition`` takes.
    Means must be finite and variances at least 0. Padding rows must not change the result.

    Args:
      surrogate: An object such as ``jbo.gp()``.

    Raises:
      AssertionError: The first problem, and what to do.
    """
    name = _object(surrogate, "surrogate")
    uses_start = getattr(surrogate, "uses_start", False) is True
    _methods(
        surrogate,
        name,
        {
            "bind": ("encoding",),
            "init": ("num_columns", "dtype"),
            "fit": ("key", "data", "start", *(("is_near",) if uses_start else ())),
            "condition": ("params", "data"),
            "predict": ("posterior", "x"),
        },
    )
    for flag, meaning in (
        ("is_smooth", "True if predictions have a gradient in the inputs"),
        ("uses_start", "True if a fit is cheaper near an earlier one"),
    ):
        if not isinstance(getattr(surrogate, flag, None), bool):
            _fail(name, flag, f"expected a ClassVar[bool], {meaning}; add `{flag}: ClassVar[bool] = False`")
    _pytree(surrogate, name)
    space = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0))
    surrogate = surrogate.bind(space.encoding)
    if not all(hasattr(surrogate, method) for method in ("init", "fit", "condition", "predict")):
        _fail(name, "bind", f"expected a surrogate, got {type(surrogate).__name__}; return self or a copy of it")

    data, garbage, x = _data(), _data(garbage=True), _points()
    dtype, key = data.x.dtype, jax.random.key(0)
    start = _call(name, "init", lambda: surrogate.init(_COLUMNS, dtype))
    _arrays(name, "init", start)
    more = (jnp.asarray(False),) if uses_start else ()
    fit = jax.jit(lambda part, data, start: part.fit(key, data, start, *more))
    result = _call(name, "fit", lambda: fit(surrogate, data, start), lambda: surrogate.fit(key, data, start, *more))
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], FitInfo)):
        _fail(name, "fit", "expected (params, jbo.surrogates.FitInfo(log_posterior, num_evaluations, is_finite))")
    params, info = result
    for field, value in zip(info._fields, info, strict=True):
        if np.shape(value):
            _fail(name, "fit", f"expected a scalar as info.{field}, got shape {np.shape(value)}")
    _leading_axis(name, start, params)

    def predict(part: Any, params: Any, data: Dataset, x: Any) -> Any:
        posterior = part.condition(params, data)
        return posterior.noise_variance(), posterior.predict(x), part.predict(posterior, x)

    _posterior(name, surrogate, params, data)
    program = jax.jit(predict)
    noise, (mean, variance), own = _call(
        name, "condition", lambda: program(surrogate, params, data, x), lambda: predict(surrogate, params, data, x)
    )
    _array(name, "posterior.noise_variance", noise, (), dtype)
    for what, value in (("mean", mean), ("variance", variance)):
        _array(name, f"posterior.predict: {what}", value, (_POINTS,), dtype)
        if not np.isfinite(value).all():
            _fail(name, "posterior.predict", f"expected a finite {what}, got {np.asarray(value)}")
    if (np.asarray(variance) < 0).any() or noise < 0:
        _fail(
            name,
            "posterior.predict",
            f"expected variances of at least 0, got {min(float(variance.min()), float(noise))}; "
            "take jnp.maximum(variance, 0)",
        )
    if not np.allclose(mean, own[0], rtol=1e-4, atol=1e-5):
        _fail(name, "predict", "expected what posterior.predict(x) gives")

    # Padding rows, before and after the fit.
    for method, other in (
        ("condition", program(surrogate, params, garbage, x)[1]),
        ("fit", program(surrogate, fit(surrogate, garbage, start)[0], data, x)[1]),
    ):
        if not np.allclose(np.stack(other), np.stack([mean, variance]), rtol=1e-3, atol=1e-4):
            _fail(
                name,
                method,
                "rows that are not valid change the predictions; take neutral values there, such as "
                "jnp.where(data.is_valid, data.y, 0), and count rows by jnp.sum(data.is_valid)",
            )
    many = jax.tree.map(lambda a, b: jnp.stack([a, b]), data, garbage)
    vmapped = jax.jit(jax.vmap(predict, (None, None, 0, None)))
    stacked = _call(name, "condition, under jax.vmap", lambda: vmapped(surrogate, params, many, x))[1]
    if not np.allclose(np.stack(stacked)[:, 0], np.stack([mean, variance]), rtol=1e-3, atol=1e-4):
        _fail(name, "condition", "jax.vmap over two data sets gives other predictions than one by one")
    if surrogate.is_smooth:
        slope = jax.jit(jax.grad(lambda x: program(surrogate, params, data, x)[1][0].sum()))(x)
        if not np.isfinite(slope).all() or not np.any(slope):
            _fail(
                name,
                "posterior.predict",
                "is_smooth is True, so the mean needs a finite gradient that is not 0 everywhere, got "
                f"{np.asarray(slope)[0]}; set is_smooth = False for a model that is constant by parts",
            )


def check_acquisition(acquisition: Any) -> None:
    """Check that an acquisition function fulfils its protocol, with Gaussian processes as models.

    The check covers the methods with their arguments, and a pytree with numbers as leaves. Under `jax.jit`, `jax.vmap`
    and `jax.grad` the value must be a scalar that depends on the point and has a finite gradient. Padding rows must not
    change the value.

    Args:
      acquisition: An object such as ``jbo.expected_improvement()``, or an acquisition for several objectives such as
        ``jbo.parego()``. The check uses two objectives.

    Raises:
      AssertionError: The first problem, and what to do.
    """
    name = _object(acquisition, "acquisition")
    is_of_several = isinstance(acquisition, FrontAcquisition)
    model, known = ("posteriors", "front") if is_of_several else ("posterior", "data")
    _methods(acquisition, name, {"prepare": ("key", model, known), "value": ("aux", model, "x")})
    if not isinstance(getattr(acquisition, "scale", None), Scale):
        _fail(name, "scale", "expected one of jbo.acquisitions.Scale, which says what a weight does to a value")
    _pytree(acquisition, name)
    data, garbage, points = _data(), _data(garbage=True), _points()
    dtype, key = data.x.dtype, jax.random.key(0)
    zero = jnp.zeros((), dtype)
    params = GPParams(jnp.full(_COLUMNS, -0.5, dtype), zero, zero - 4)
    acquisition = over_region(acquisition, Region(Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0)).encoding))

    def learnt(data: Dataset) -> tuple[Any, Any]:
        if not is_of_several:
            return gaussian_process.condition(params, data), data
        second = jnp.where(data.is_valid, 2 * (data.x[:, 1] - data.x[:, 0]), data.y)
        y = jnp.stack([data.y, second])
        posteriors = jax.vmap(lambda y: gaussian_process.condition(params, dataclasses.replace(data, y=y)))(y)
        return posteriors, Front(data.x, y.T, data.is_valid, jnp.full(2, 3.0, dtype))

    def prepare(part: Any, data: Dataset) -> Any:
        return part.prepare(key, *learnt(data))

    def value(part: Any, data: Dataset, x: Any) -> Any:
        posterior, known = learnt(data)
        return part.value(part.prepare(key, posterior, known), posterior, x)

    aux = _call(name, "prepare", lambda: jax.jit(prepare)(acquisition, data), lambda: prepare(acquisition, data))
    _arrays(name, "prepare", aux)
    one = _call(
        name,
        "value",
        lambda: jax.eval_shape(value, acquisition, data, points[0]),
        lambda: value(acquisition, data, points[0]),
    )
    if not hasattr(one, "shape"):
        _fail(name, "value", f"expected a scalar, got {type(one).__name__}")
    if one.shape:
        advice = "posterior.predict takes several points and gives vectors: take mean[0], variance[0]"
        _fail(name, "value", f"expected a scalar for one point, got shape {one.shape}; {advice}")
    _array(name, "value", one, (), dtype)

    slopes = jax.jit(jax.vmap(jax.value_and_grad(value, argnums=2), (None, None, 0)))
    values, slope = _call(name, "value, under jax.vmap and jax.grad", lambda: slopes(acquisition, data, points))
    if np.isnan(values).any():
        _fail(name, "value", f"expected numbers, got {np.asarray(values)}; -inf is the worst value")
    if np.ptp(values) == 0:
        _fail(name, "value", f"the same at all points, {float(values[0])}; it has to depend on x")
    if not np.isfinite(slope).all():
        _fail(
            name, "value", "its gradient in x is not finite; mind jnp.sqrt and jnp.log at 0, and jnp.where around them"
        )
    if not np.allclose(slopes(acquisition, garbage, points)[0], values, rtol=1e-3, atol=1e-4):
        rows = "front.counts" if is_of_several else "data.is_valid"
        _fail(name, "prepare", f"rows that are not valid change the values; reduce over jnp.where({rows}, …)")
    if acquisition.scale is Scale.GAIN and (np.asarray(values) < 0).any():
        _fail(name, "scale", f"is Scale.GAIN, but a value is {float(values.min())}: no gain is negative")


def check_strategy(strategy: Any, *, num_steps: int = 6) -> None:
    """Check that a strategy works with `jbo.Study` and `jbo.minimize`, by a search of a few steps.

    A suggestion must depend only on the key and the table. It must be an allowed point of the space that is not in the
    table, even if a trial is pending.

    Args:
      strategy: An object such as ``jbo.random_search(space)``; its ``ask`` is called under `jax.jit`.
      num_steps: Number of trials of the search, at least 1. Every third trial fails.

    Raises:
      AssertionError: The first problem, and what to do.
    """
    name = _object(strategy, "strategy")
    if not isinstance(strategy, Strategy):
        _fail(
            name,
            "its class",
            "expected one derived from jbo.strategies.Strategy, which has all methods but "
            "suggest(self, key, state, region)",
        )
    _methods(strategy, name, {"suggest": ("key", "state", "region")})
    if not isinstance(strategy.encoding, Encoding):
        _fail(name, "encoding", f"expected space.encoding, got {type(strategy.encoding).__name__}")
    _pytree(strategy, name)
    encoding, key = strategy.encoding, jax.random.key(0)
    region = Region(encoding)
    state = strategy.init(num_steps + 2)
    ask = jax.jit(lambda part, key, state: part.ask(key, state))
    for i in range(num_steps):
        result = _call(name, "suggest", lambda s=state: ask(strategy, key, s), lambda s=state: strategy.ask(key, s))
        if not (isinstance(result, tuple) and len(result) == 2):
            _fail(name, "suggest", "expected (x, info) such as jbo.strategies.AskInfo(is_new)")
        x, info = result
        _array(name, "suggest: x", x, (encoding.num_columns,), state.x.dtype)
        is_new = getattr(info, "is_new", None)
        if is_new is None or np.shape(is_new) or np.asarray(is_new).dtype != bool:
            _fail(name, "suggest", "expected info.is_new, a truth value; jbo.strategies.AskInfo(is_new) has it")
        again, _ = ask(strategy, key, state)
        if not np.array_equal(x, again):
            _fail(name, "suggest", "two calls with one key and one table differ; draw from jax.random and the key only")
        if not np.allclose(x, region.place(x), atol=1e-6):
            _fail(name, "suggest", f"expected a point of the space, got {np.asarray(x)}; return region.place(x)")
        if bool(is_new) and not bool(region.is_allowed(x)):
            _fail(name, "suggest", "says is_new of a point that the constraint forbids; ask region.is_allowed(x)")
        taken = np.asarray(state.x)[:i]
        if bool(is_new) and len(taken) and (np.abs(taken - np.asarray(x)).max(axis=1) < 1e-9).any():
            _fail(name, "suggest", "says is_new of a point that is in the table; ask jbo.types.is_taken(state, x)")
        if not bool(is_new):
            return
        value = jnp.asarray(jnp.nan if i % 3 == 2 else jnp.sum((x - 0.3) ** 2), state.y.dtype)
        state = strategy.tell(state, x, value)
        if int(jnp.sum(state.status == OK)) != i + 1 - (i + 1) // 3:
            _fail(name, "tell", f"expected {i + 1 - (i + 1) // 3} successful trials in the table; leave tell as it is")
    result = _call(name, "ask", lambda: jax.jit(lambda part, s: part.ask(key, s, 2))(strategy, state))
    points, info = result
    if points.shape != (2, encoding.num_columns):
        _fail(name, "ask", f"expected shape (2, {encoding.num_columns}) for two points, got {points.shape}")
    if bool(jnp.all(info.is_new)) and np.allclose(points[0], points[1], atol=1e-9):
        _fail(name, "suggest", f"asks the same point while it is pending; look at state.status == {PENDING}")
    row = strategy.recommend(key, state)
    if np.shape(row) or state.status[row] != OK:
        _fail(name, "recommend", "expected the row of a successful trial, a scalar")


def _fail(name: str, what: str, message: str) -> None:
    raise AssertionError(f"{name}: {what}: {message}")


def _object(part: Any, kind: str) -> str:
    if inspect.isclass(part) or inspect.isfunction(part):
        raise AssertionError(f"{kind}: expected an object, got {part.__name__} itself; call it: {part.__name__}(…)")
    return type(part).__name__


def _methods(part: Any, name: str, wanted: dict[str, Sequence[str]]) -> None:
    missing = [f"{m}(self, {', '.join(names)})" for m, names in wanted.items() if not callable(getattr(part, m, None))]
    if missing:
        _fail(name, "its methods", f"add {'; '.join(missing)}")
    for method, names in wanted.items():
        signature = inspect.signature(getattr(part, method))
        own = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        try:
            signature.bind(*names)
        except TypeError:
            got = ", ".join(["self", *signature.parameters])
            _fail(name, method, f"expected the arguments (self, {', '.join(names)}), got ({got})")
        places = [names.index(p.name) for p in own if p.name in names]
        if places != sorted(places):
            _fail(name, method, f"expected the arguments in the order ({', '.join(names)})")


def _pytree(part: Any, name: str) -> None:
    leaves = jax.tree_util.tree_leaves_with_path(part)
    if any(leaf is part for _, leaf in leaves):
        _fail(name, "its class", "is no pytree; write @jbo.pytree above @dataclass(frozen=True)")
    for path, leaf in leaves:
        if not isinstance(leaf, int | float | np.ndarray | np.number | jax.Array):
            where = jax.tree_util.keystr(path)
            _fail(
                name,
                f"field {where}",
                f"expected a number or an array, got {type(leaf).__name__}; structure is marked "
                'field(metadata={"static": True})',
            )
    try:
        hash(jax.tree.structure(part))
    except TypeError as error:
        _fail(name, "static fields", f"have to be hashable ({error}); a tuple in place of a list, a number as a leaf")
    for field in dataclasses.fields(part) if dataclasses.is_dataclass(part) else ():
        is_float = isinstance(getattr(part, field.name), float | np.floating)
        if field.metadata.get("static") and is_float and not field.metadata.get("decides_shapes"):
            _fail(
                name,
                f"field {field.name}",
                "is a float and static, so that each value of it compiles another program; leave `static` out, or say "
                'that it decides a shape: metadata={"static": True, "decides_shapes": True}',
            )


def _call(name: str, method: str, traced: Callable[[], Any], plain: Callable[[], Any] | None = None) -> Any:
    """The result of a method under `jax.jit`. If it fails, the error says whether it also fails without."""
    try:
        return traced()
    except Exception as error:
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        if plain is not None:
            try:
                plain()
            except Exception:
                raise AssertionError(f"{name}: {method}: raises {reason}") from error
            reason += "; without jax.jit it runs: it needs the value of something that is traced"
        raise AssertionError(f"{name}: {method}: cannot be traced by JAX, {reason}") from error


def _arrays(name: str, method: str, tree: Any) -> None:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        if not isinstance(leaf, int | float | np.ndarray | np.number | jax.Array):
            where = jax.tree_util.keystr(path)
            _fail(name, method, f"expected a pytree of arrays, got {type(leaf).__name__} at {where or 'the root'}")


def _array(name: str, what: str, value: Any, shape: tuple[int, ...], dtype: Any) -> None:
    if not hasattr(value, "shape") or tuple(value.shape) != shape:
        _fail(name, what, f"expected shape {shape}, got {getattr(value, 'shape', type(value).__name__)}")
    if value.dtype != dtype:
        _fail(name, what, f"expected {dtype}, the type of the data, got {value.dtype}; .astype(data.x.dtype)")


def _leading_axis(name: str, start: Any, params: Any) -> None:
    if jax.tree.structure(start) != jax.tree.structure(params):
        _fail(
            name,
            "fit",
            f"expected parameters of the structure that init gives, {jax.tree.structure(start)}, "
            f"got {jax.tree.structure(params)}",
        )
    sizes = set()
    pairs = zip(jax.tree_util.tree_leaves_with_path(start), jax.tree.leaves(params), strict=True)
    for (path, one), leaf in pairs:
        # Lengths that depend on the number of rows, such as the nodes of a tree, may differ.
        if np.ndim(leaf) != np.ndim(one) + 1:
            where = jax.tree_util.keystr(path) or "the parameters"
            _fail(
                name,
                "fit",
                f"expected a leading axis of hyperparameter samples, shape (s, {str(np.shape(one)).strip('()')}), got "
                f"shape {np.shape(leaf)} for {where}; one sample is jax.tree.map(lambda leaf: leaf[None], params)",
            )
        sizes.add(np.shape(leaf)[0])
    if len(sizes) > 1:
        _fail(name, "fit", f"expected one length of the leading axis of sets in all parameters, got {sorted(sizes)}")


def _posterior(name: str, surrogate: Any, params: Any, data: Dataset) -> None:
    def predicts(params: Any) -> bool:
        try:
            mean, variance = jax.eval_shape(lambda p: surrogate.condition(p, data).predict(_points()), params)
            return mean.shape == variance.shape == (_POINTS,)
        except Exception:
            return False

    first = jax.tree.map(lambda leaf: leaf[0], params)
    if not predicts(params) and predicts(first):
        _fail(
            name,
            "condition",
            "fails with the parameters that fit gives and works with one set; it receives them with a leading axis of "
            "sets: take leaf[0] of each where there is one set, else jax.vmap over the axis and average",
        )
    posterior = _call(name, "condition", lambda: jax.eval_shape(surrogate.condition, params, data))
    missing = [m for m in ("noise_variance", "predict") if not callable(getattr(posterior, m, None))]
    if missing or not isinstance(posterior, Posterior):
        _fail(
            name, "condition", f"expected a posterior with noise_variance(self) and predict(self, x), without {missing}"
        )
    _pytree_of_posterior(name, posterior)
    for what, call, shapes in (
        ("posterior.predict", lambda p, x: p.predict(x), [(_POINTS,), (_POINTS,)]),
        ("posterior.noise_variance", lambda p, x: p.noise_variance(), [()]),
    ):
        result = _call(name, what, lambda call=call: jax.eval_shape(call, posterior, _points()))
        got = [tuple(leaf.shape) for leaf in jax.tree.leaves(result)]
        if got != shapes:
            more = " (mean, variance)" if len(shapes) == 2 else ""
            advice = "; average over the leading axis of sets" if any(len(shape) > 1 for shape in got) else ""
            _fail(name, what, f"expected shapes {shapes}{more} for {_POINTS} points, got {got}{advice}")


def _pytree_of_posterior(name: str, posterior: Any) -> None:
    if any(leaf is posterior for leaf in jax.tree.leaves(posterior)):
        _fail(name, "condition", "its posterior is no pytree; write @jbo.pytree above @dataclass(frozen=True)")


def _data(garbage: bool = False) -> Dataset:
    """Data of a smooth function of two columns. The padding rows at the end hold neutral values, or large ones."""
    dtype = jnp.zeros(()).dtype
    rng = np.random.default_rng(0)
    x, is_valid = rng.uniform(size=(_CAPACITY, _COLUMNS)), np.arange(_CAPACITY) < _ROWS
    y = np.sin(4 * x[:, 0]) + x[:, 1]
    y = (y - y[is_valid].mean()) / y[is_valid].std()
    x = np.where(is_valid[:, None], x, 0.97 if garbage else 0.5)
    y = np.where(is_valid, y, -1e4 if garbage else 0.0)
    return Dataset(jnp.asarray(x, dtype), jnp.asarray(y, dtype), jnp.asarray(is_valid), jnp.ones((), dtype))


def _points() -> Any:
    return jnp.asarray(np.random.default_rng(1).uniform(size=(_POINTS, _COLUMNS)), jnp.zeros(()).dtype)
