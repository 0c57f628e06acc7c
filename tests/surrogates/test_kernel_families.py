"""Periodic, rational quadratic, linear and polynomial kernels, sums, products and groups: values, laws and use."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.gaussian_process import kernels as sklearn_kernels

import jbo
from jbo.surrogates import GPParams, gaussian_process, kernels
from jbo.surrogates.kernels import matern52, multiscale, on, periodic, rbf
from tests.selection import some

from .. import references
from .problems import MIXED, NUM_CHOICES, as_dataset, mixed_points, smooth_data

D = 4


def bump(params, a, b):
    """A user's function of two points, with a hyperparameter of its own."""
    close = jnp.sum((a - b) ** 2) * jnp.exp(params.of_kernel[0])
    return jnp.exp(params.log_signal_variance - close)


FAMILIES = {
    "periodic": periodic(),
    "periodic of one period": periodic(0.3),
    "periodic multiscale": periodic(0.4, profile=multiscale),
    "rational quadratic": kernels.rational_quadratic(),
    "rational quadratic of one exponent": kernels.rational_quadratic(1.5),
    "linear": kernels.linear(),
    "linear without offset": kernels.linear(0.0),
    "cubic": kernels.polynomial(3),
    "pairwise": kernels.from_pairwise(bump, priors=[(0.0, 1.0)]),
    "group": on(matern52, 2, 0),
    "additive": kernels.additive(multiscale, (0, 1), (2, 3), (1, 2)),
    "sum": rbf + kernels.linear() + periodic(),
    "product": periodic() * matern52,
    "effects of choices": kernels.with_effects(multiscale),
    "input warped": kernels.input_warped(rbf + kernels.linear()),
    "sum of products": on(periodic() * rbf, 0)
    + on(rbf, 1) * on(kernels.linear(), 2)
    + kernels.from_pairwise(bump, [(0.0, 1.0)]),
}
BOUND = {name: kernel.bind(MIXED) for name, kernel in FAMILIES.items()}

_call = jax.jit(lambda kernel, params, x1, x2: kernel(params, x1, x2))
_same = jax.jit(lambda kernel, params, x: (kernel(params, x, x), kernel.gram(params, x), kernel.variance(params, x)))


def params_of(kernel, d, dtype="float64", seed=0):
    """Moderate hyperparameters, all different."""
    rng = np.random.default_rng(seed)
    own = rng.uniform(-0.7, 0.7, len(kernel.slots(d)))
    values = (np.log(rng.uniform(0.3, 1.5, d)), np.log(rng.uniform(0.5, 2)), np.log(1e-3))
    params = GPParams(*(jnp.asarray(value, dtype) for value in values))
    return params._replace(of_kernel=jnp.asarray(own, dtype)) if len(own) else params


def points(n, seed, d=D):
    return np.random.default_rng(seed).uniform(size=(n, d))


def close(dtype):
    return dict(rtol=1e-11, atol=1e-12) if dtype == jnp.float64 else dict(rtol=2e-5, atol=2e-6)


def cross(kernel, params, x1, x2, dtype):
    return np.asarray(_call(kernel, params, jnp.asarray(x1, dtype), jnp.asarray(x2, dtype)), np.float64)


def scaled(params, x):
    return (x - 0.5) / np.exp(np.asarray(params.log_lengthscale, np.float64))


def test_periodic_against_scikit_learn(dtype):
    x1, x2 = points(7, 1), points(5, 2)
    kernel = FAMILIES["periodic"]
    params = params_of(kernel, D, dtype)
    lengthscales, periods = (np.exp(np.asarray(v, np.float64)) for v in (params.log_lengthscale, params.of_kernel))
    expected = np.exp(np.float64(params.log_signal_variance))
    for j in range(D):
        one = sklearn_kernels.ExpSineSquared(2 * np.pi * lengthscales[j], periods[j])
        expected = expected * one(x1[:, j : j + 1], x2[:, j : j + 1])
    np.testing.assert_allclose(cross(kernel, params, x1, x2, dtype), expected, **close(dtype))
    shifted = x1 + periods[None, :]
    np.testing.assert_allclose(cross(kernel, params, shifted, x2, dtype), expected, **close(dtype))


def test_a_column_with_a_long_period_is_like_one_without(x64):
    kernel, params = periodic(100.0), params_of(rbf, D)
    x1, x2 = points(7, 1), points(5, 2)
    scale = params._replace(log_lengthscale=params.log_lengthscale - np.log(100.0))
    np.testing.assert_allclose(cross(kernel, scale, x1, x2, float), cross(rbf, params, x1, x2, float), rtol=2e-3)


def test_one_period_a_column_and_columns_that_do_not_repeat(x64):
    period = np.array([0.3, np.nan, 0.5, np.nan])
    kernel = kernels.Periodic(np.where(np.isnan(period), 1.0, period), matern52, (True, False, True, False))
    params = params_of(matern52, D)
    x1, x2 = points(7, 1), points(5, 2)
    angle = 2 * np.pi * x1[:, None, :] / period - 2 * np.pi * x2[None, :, :] / period
    chord = np.where(np.isnan(angle), x1[:, None] - x2[None], 2 * np.sin(angle / 2) / (2 * np.pi))
    r = np.sqrt(np.sum((chord / np.exp(params.log_lengthscale)) ** 2, -1))
    expected = np.exp(params.log_signal_variance) * references.PROFILES["matern52"](r)
    np.testing.assert_allclose(cross(kernel, params, x1, x2, float), expected, rtol=1e-11)


def test_a_period_of_categories_alone_says_nothing(x64):
    kernel = on(periodic(), 1, 3).bind(MIXED)
    x1, x2 = mixed_points(np.random.default_rng(0), 9), mixed_points(np.random.default_rng(1), 6)
    params = params_of(kernel, D)
    assert kernel.slots(D) == ()
    expected = cross(on(rbf, 1, 3).bind(MIXED), params, x1, x2, float)
    np.testing.assert_allclose(cross(kernel, params, x1, x2, float), expected, rtol=1e-13)


def test_effects_of_choices_are_added_to_the_kernel(dtype):
    """Two points that share a choice share its effect, however far apart they are in the other columns."""
    kernel = BOUND["effects of choices"]
    params = params_of(kernel, D, dtype)
    x1, x2 = mixed_points(np.random.default_rng(0), 9), mixed_points(np.random.default_rng(1), 6)
    lengthscale = np.exp(np.asarray(params.log_lengthscale, np.float64))
    signal = np.exp(np.float64(params.log_signal_variance))
    size = np.exp(np.float64(params.of_kernel[0]))
    expected = cross(multiscale.bind(MIXED), params, x1, x2, dtype)
    for j in np.flatnonzero(NUM_CHOICES):
        is_same = np.abs(x1[:, None, j] - x2[None, :, j]) < 1e-9
        expected = expected + signal * size * is_same / (2 * lengthscale[j] ** 2)
    np.testing.assert_allclose(cross(kernel, params, x1, x2, dtype), expected, **close(dtype))
    variance = np.asarray(_same(kernel, params, jnp.asarray(x1, dtype))[2], np.float64)
    np.testing.assert_allclose(variance, np.diagonal(cross(kernel, params, x1, x1, dtype)), **close(dtype))
    # Numbers have none: there the kernel is as it was.
    assert kernels.with_effects(multiscale).slots(D) == ()
    plain = params_of(multiscale, D, dtype)
    same = cross(kernels.with_effects(multiscale), plain, x1, x2, dtype)
    np.testing.assert_array_equal(same, cross(multiscale, plain, x1, x2, dtype))


def test_effects_carry_what_is_known_of_a_choice_to_other_places(x64):
    """Values that are a sum over two categories: a pair that was never tried is predicted from its two choices."""
    space = jbo.Space(a=jbo.Categorical(*range(5)), b=jbo.Categorical(*range(5)), c=jbo.Categorical(*range(5)))
    rng = np.random.default_rng(0)
    effect, levels = rng.normal(size=(3, 5)), rng.integers(5, size=(60, 3))
    y, x = effect[np.arange(3), levels].sum(1), (levels + 0.5) / 5
    y = (y - y.mean()) / y.std()
    errors = {}
    for name, kernel in (("with", kernels.with_effects(multiscale)), ("without", multiscale)):
        surrogate = jbo.gp(kernel=kernel).bind(space.encoding)
        data = as_dataset(x[:25], y[:25], "float64")
        start = surrogate.init(3, jnp.dtype("float64"))
        params, _ = jax.jit(lambda surrogate, data, start: surrogate.fit(jax.random.key(0), data, start))(
            surrogate, data, start
        )
        mean, _ = jax.jit(lambda surrogate, params, data, x: surrogate.predict(surrogate.condition(params, data), x))(
            surrogate, params, data, jnp.asarray(x[25:])
        )
        errors[name] = float(np.sqrt(np.mean((np.asarray(mean) - y[25:]) ** 2)))
    assert errors["with"] < 0.5 * errors["without"], errors


@pytest.mark.parametrize("alpha", [None, 0.4, 1e6])
def test_rational_quadratic_against_scikit_learn(alpha, dtype):
    kernel = kernels.rational_quadratic() if alpha is None else kernels.rational_quadratic(alpha)
    params = params_of(kernel, D, dtype)
    x1, x2 = points(7, 1), points(5, 2)
    own = np.exp(np.float64(params.of_kernel[0])) if alpha is None else alpha
    expected = np.exp(np.float64(params.log_signal_variance)) * sklearn_kernels.RationalQuadratic(1.0, own)(
        scaled(params, x1), scaled(params, x2)
    )
    if alpha == 1e6:
        # The reference loses digits in 1 + r^2 / 2 alpha; the squared exponential is the limit.
        expected = cross(rbf, params, x1, x2, dtype)
        np.testing.assert_allclose(cross(kernel, params, x1, x2, dtype), expected, rtol=1e-4)
    else:
        np.testing.assert_allclose(cross(kernel, params, x1, x2, dtype), expected, **close(dtype))


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_polynomial_against_scikit_learn(degree, dtype):
    kernel = kernels.linear() if degree == 1 else kernels.polynomial(degree)
    params = params_of(kernel, D, dtype)
    x1, x2 = points(7, 1), points(5, 2)
    offset = np.exp(np.float64(params.of_kernel[0]))
    product = sklearn_kernels.DotProduct(np.sqrt(offset))(scaled(params, x1), scaled(params, x2))
    expected = np.exp(np.float64(params.log_signal_variance)) * product**degree
    np.testing.assert_allclose(cross(kernel, params, x1, x2, dtype), expected, **close(dtype))


def test_a_linear_kernel_is_bayesian_regression_with_a_value_for_each_choice(x64):
    kernel, params = BOUND["linear without offset"], params_of(rbf, D)
    x1, x2 = mixed_points(np.random.default_rng(0), 9), mixed_points(np.random.default_rng(1), 6)
    inverse = np.exp(-2 * np.asarray(params.log_lengthscale))
    expected = 0.0
    for j, k in enumerate(NUM_CHOICES):
        a, b = x1[:, j, None], x2[None, :, j]
        expected = expected + inverse[j] * (0.5 * (np.floor(a * k) == np.floor(b * k)) if k else (a - 0.5) * (b - 0.5))
    expected = np.exp(params.log_signal_variance) * expected
    np.testing.assert_allclose(cross(kernel, params, x1, x2, float), expected, rtol=1e-12)


def test_parts_of_a_sum_have_their_own_lengthscales_and_variances(slow_dtype):
    kernel = rbf + matern52 + kernels.rational_quadratic()
    slots = [slot.kind for slot in kernel.slots(D)]
    assert slots == ["lengthscale"] * D + ["signal"] + ["lengthscale"] * D + ["signal", "own"]
    params = params_of(kernel, D, slow_dtype)
    own = params.of_kernel
    first = params._replace(of_kernel=())
    second = first._replace(log_lengthscale=own[:D], log_signal_variance=own[D])
    third = first._replace(log_lengthscale=own[D + 1 : -2], log_signal_variance=own[-2], of_kernel=own[-1:])
    x1, x2 = points(7, 1), points(5, 2)
    expected = sum(
        cross(k, p, x1, x2, slow_dtype)
        for k, p in ((rbf, first), (matern52, second), (kernels.rational_quadratic(), third))
    )
    np.testing.assert_allclose(cross(kernel, params, x1, x2, slow_dtype), expected, **close(slow_dtype))


def test_a_product_has_one_variance(x64):
    kernel = periodic() * matern52
    assert [slot.kind for slot in kernel.slots(D)] == ["own"] * D + ["lengthscale"] * D
    params = params_of(kernel, D)
    x1, x2 = points(7, 1), points(5, 2)
    one = params._replace(of_kernel=params.of_kernel[:D])
    two = GPParams(params.of_kernel[D:], jnp.zeros(()), params.log_noise_variance)
    expected = cross(periodic(), one, x1, x2, float) * cross(matern52, two, x1, x2, float)
    np.testing.assert_allclose(cross(kernel, params, x1, x2, float), expected, rtol=1e-12)


def test_groups_look_at_their_columns_and_share_nothing(x64):
    kernel = kernels.additive(matern52, (0, 3), (1,))
    assert [slot.kind for slot in kernel.slots(D)] == ["signal"], "each column has its lengthscale already"
    assert kernel.columns(D) == (0, 1, 3)
    np.testing.assert_array_equal(kernel.widths(D), [2, 1, 4, 2])
    params = params_of(kernel, D)
    x1, x2 = points(7, 1), points(5, 2)

    def part(columns, log_signal):
        values = (np.asarray(params.log_lengthscale)[columns], log_signal)
        return references.covariance("matern52", values, x1[:, columns], x2[:, columns])

    expected = part([0, 3], params.log_signal_variance) + part([1], params.of_kernel[0])
    np.testing.assert_allclose(cross(kernel, params, x1, x2, float), expected, rtol=1e-11)


def test_a_function_of_two_points_goes_with_the_others(x64):
    kernel = FAMILIES["pairwise"] + rbf
    params = params_of(kernel, D)
    x1, x2 = points(7, 1), points(5, 2)
    sq = np.sum((x1[:, None] - x2[None]) ** 2, -1)
    own = params.of_kernel
    second = GPParams(own[1 : 1 + D], own[-1], params.log_noise_variance)
    expected = np.exp(params.log_signal_variance - np.exp(own[0]) * sq) + cross(rbf, second, x1, x2, float)
    np.testing.assert_allclose(cross(kernel, params, x1, x2, float), expected, rtol=1e-12)
    # A plain function of matrices as well, on either side.
    both = rbf + (lambda params, x1, x2: jnp.ones((x1.shape[0], x2.shape[0]), x1.dtype))
    one = params_of(both, D)
    np.testing.assert_allclose(
        cross(both, one, x1, x2, float), cross(rbf, one._replace(of_kernel=()), x1, x2, float) + 1
    )


unit = arrays(np.float64, (8, D), elements=st.floats(0, 1))


def test_every_family_has_its_variance_on_the_diagonal(x64):
    """All of them in one program; with many tables each in the next test."""
    params = {name: params_of(kernel, D) for name, kernel in BOUND.items()}

    @jax.jit
    def values(params, x):
        return {
            name: (k(params[name], x, x), k.gram(params[name], x), k.variance(params[name], x))
            for name, k in BOUND.items()
        }

    for called, gram, variance in values(params, jnp.asarray(points(8, 5))).values():
        np.testing.assert_allclose(called, gram, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(np.diag(gram), variance, rtol=1e-12)


@some("name", FAMILIES, ["periodic", "input warped", "sum of products"])
def test_symmetric_and_positive_semi_definite(name):
    kernel = BOUND[name]

    @given(unit, st.integers(0, 1000))
    def check(x, seed):
        with jax.enable_x64(True):
            params = params_of(kernel, D, seed=seed)
            called, gram, variance = map(np.asarray, _same(kernel, params, jnp.asarray(x)))
        scale = variance.max()
        np.testing.assert_allclose(called, gram, rtol=1e-12, atol=1e-12 * scale)
        np.testing.assert_allclose(np.diag(gram), variance, rtol=1e-12)
        np.testing.assert_allclose(gram, gram.T, rtol=0, atol=1e-13 * scale)
        assert np.linalg.eigvalsh(gram).min() > -1e-11 * scale

    check()


_evidence = jax.jit(lambda kernel, params, data: gaussian_process.log_marginal_likelihood(params, data, kernel))
_evidence_slope = jax.jit(
    jax.grad(lambda params, kernel, data: gaussian_process.log_marginal_likelihood(params, data, kernel))
)


@some("name", FAMILIES, ["sum of products"])
def test_gradient_of_the_evidence_against_finite_differences(name, x64):
    kernel = FAMILIES[name]
    params, data = params_of(kernel, D), as_dataset(*smooth_data(12, D), "float64")
    params = params._replace(log_noise_variance=jnp.asarray(np.log(0.05)))
    slope = _evidence_slope(params, kernel, data)
    for field in ("log_lengthscale", "log_signal_variance", "log_noise_variance", "of_kernel"):
        value = getattr(params, field)
        if not isinstance(value, tuple):
            expected = references.gradient(
                lambda v, field=field: _evidence(kernel, params._replace(**{field: jnp.asarray(v)}), data), value, 1e-4
            )
            np.testing.assert_allclose(getattr(slope, field), expected, rtol=1e-6, atol=1e-7)


def test_a_number_that_is_given_is_data():
    traces = []

    @jax.jit
    def of(kernel, params, x):
        traces.append(1)
        return kernel(params, x, x)

    params = params_of(periodic(0.3), D, jnp.float32)
    x = jnp.asarray(points(3, 0), jnp.float32)
    results = [of(periodic(period), params, x) for period in (0.3, 0.7, 2.0)]
    assert len(traces) == 1 and not np.allclose(results[0], results[1])


@pytest.mark.thorough
@some("name", ["periodic", "cubic", "sum of products"], ["sum of products"])
def test_padding_changes_nothing_after_the_fit(name):
    with jax.enable_x64(True):
        surrogate = jbo.gp(kernel=FAMILIES[name])
        x, y = smooth_data(14, D)
        fits = []
        for capacity, garbage in ((14, 0.0), (32, 0.3), (32, 7.0)):
            data = as_dataset(x, y, "float64", capacity, garbage)
            params, info = _fit(surrogate, data)
            assert info.is_finite and info.log_posterior > _start(surrogate, data)
            fits.append((params, _predict(surrogate, params, data)))
    for fit in fits[1:]:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7), fits[0][1], fit[1])


@jax.jit
def _fit(surrogate, data):
    return surrogate.fit(jax.random.key(0), data, surrogate.init(data.x.shape[1], data.x.dtype))


@jax.jit
def _start(surrogate, data):
    params = surrogate.init(data.x.shape[1], data.x.dtype)
    evidence = gaussian_process.log_marginal_likelihood(params, data, surrogate.kernel)
    return evidence + surrogate.log_prior(params)


@jax.jit
def _predict(surrogate, params, data):
    return surrogate.condition(params, data).predict(data.x[:14])


@pytest.mark.thorough
def test_a_period_is_found(x64):
    x = points(40, 3, 1)
    y = np.sin(2 * np.pi * x[:, 0] / 0.23 + 1) + 0.3 * np.cos(4 * np.pi * x[:, 0] / 0.23)
    surrogate = jbo.gp(kernel=periodic((-1.5, 0.5)), num_starts=4)
    data = as_dataset(x, (y - y.mean()) / y.std(), "float64")
    params, _ = _fit(surrogate, data)
    assert float(jnp.exp(params.of_kernel[0, 0])) == pytest.approx(0.23, rel=1e-3)
    mean, _ = surrogate.condition(params, data).predict(data.x - 0.23 * 2)
    np.testing.assert_allclose(mean, data.y, atol=1e-2)


def test_the_prior_of_what_is_a_kernels_own(x64):
    surrogate = jbo.gp(
        kernel=kernels.linear((0.5, 2.0)) + on(periodic((-1.0, 0.3)), 0),
        lengthscale_prior=(-0.2, 0.7),
        signal_prior=(0.1, 0.4),
        noise_prior=(-5.0, 1.5),
    )
    d = 3
    kinds = [slot.kind for slot in surrogate.kernel.slots(d)]
    assert kinds == ["own", "lengthscale", "signal", "own"]
    params = params_of(surrogate.kernel, d)
    locs = [*[-0.2 + 0.5 * np.log(d)] * d, 0.1, -5.0, 0.5, -0.2, 0.1, -1.0]
    scales = [*[0.7] * d, 0.4, 1.5, 2.0, 0.7, 0.4, 0.3]
    values = np.concatenate([np.atleast_1d(leaf) for leaf in params])
    expected = -0.5 * np.sum(((values - locs) / scales) ** 2)
    np.testing.assert_allclose(surrogate.log_prior(params), expected, rtol=1e-12)


SPACE = jbo.Space(
    angle=jbo.Real(0.0, 360.0),
    kind=jbo.Categorical("a", "b", "c"),
    depth=jbo.Integer(1, 8, when=("kind", {"a", "b"})),
    rate=jbo.Real(1e-4, 1.0, log=True),
)


@pytest.mark.thorough
def test_a_search_with_names_over_a_mixed_and_conditional_space():
    kernel = on(periodic(1.0), "angle") * on(matern52, "kind", "rate") + on(kernels.linear(), "depth", "kind")
    strategy = jbo.bayesian(SPACE, surrogate=jbo.gp(kernel=kernel), num_initial=5)
    product, second = strategy.surrogate.kernel.parts
    assert product.parts[0].chosen == (0,) and product.parts[1].chosen == (1, 3) and second.chosen == (2, 1)
    assert product.parts[1].kernel.num_choices == (3, 0) and second.kernel.base.num_choices == (0, 3)

    def objective(config):
        return np.cos(np.deg2rad(config["angle"])) + 0.1 * config.get("depth", 5) + (config["kind"] == "c")

    with jbo.Study(SPACE, strategy=strategy, seed=0) as study:
        study.optimize(objective, 12)
        assert study.last_suggestion.is_model_based and study.best.value < 0
        model = study.ask(2)
        assert len({str(trial.config) for trial in model}) == 2


def test_what_cannot_be_is_refused():
    for make, message in (
        (lambda: periodic(0.0), "period: expected a finite number above 0, got 0.0"),
        (lambda: kernels.rational_quadratic(-1.0), "alpha: expected a finite number > 0"),
        (lambda: kernels.linear(-1.0), "offset: expected a finite number >= 0"),
        (lambda: kernels.polynomial(0), "degree: expected an integer of at least 1, got 0"),
        (lambda: on(rbf), "on: expected at least one parameter"),
        (lambda: on(rbf, "a", "a"), "on: expected at least one parameter, each once"),
        (lambda: on(rbf, -1), "on: expected columns of at least 0"),
        (lambda: kernels.additive(rbf), "additive: expected at least one group"),
        (lambda: jbo.bayesian(SPACE, surrogate=jbo.gp(kernel=on(rbf, "speed"))), "names of parameters.*got 'speed'"),
        (lambda: jbo.bayesian(SPACE, surrogate=jbo.gp(kernel=on(rbf, 4))), "on: expected columns below 4"),
        (
            lambda: jbo.gp(kernel=on(rbf, "a")).init(2, jnp.dtype("float32")),
            "on: expected column numbers, because only a strategy",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            make()
