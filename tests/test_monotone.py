"""Functions known to rise or fall with a parameter: how well a model keeps to it, and what it gains by it."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm

import jbo
from experiments.benchmark.monotone import FUNCTIONS, kept
from jbo import Categorical, Integer, Ordinal, Real, Space, designs
from jbo.surrogates import monotone
from tests.selection import some
from tests.weights import classifier_of

from .surrogates.problems import as_dataset, as_params, as_sets, standardised


def test_definitions_come_back():
    space = Space(
        a=Real(0.0, 1.0, monotone="increasing"),
        b=Integer(1, 9, monotone="decreasing"),
        c=Ordinal(1, 2, 4, monotone="increasing"),
        d=Ordinal("s", "m", "l"),
    )
    again = Space.from_json(json.loads(json.dumps(space.to_json())))
    assert again == space and [column.monotone for column in again.encoding.columns] == [1, -1, 1, 0]
    assert repr(again["b"]) == "Integer(1, 9, monotone='decreasing')" and again["a"] != Real(0.0, 1.0)
    assert repr(again["c"]) == "Ordinal(1, 2, 4, monotone='increasing')"
    assert "monotone" not in json.dumps(Space(a=Real(0.0, 1.0), c=Ordinal(1, 2)).to_json()), "as old files have it"


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (Real(0.0, 1.0, monotone="up"), "a: monotone must be 'increasing' or 'decreasing', got monotone='up'"),
        (Ordinal(1, 2, monotone="up"), "a: monotone must be 'increasing' or 'decreasing', got monotone='up'"),
        (Real(0.0, 1.0, period=1.0, monotone="increasing"), "a: period and monotone do not go together"),
    ],
)
def test_errors_name_the_parameter(parameter, message):
    with pytest.raises(ValueError, match=message):
        Space(a=parameter)


def test_even_points_fill_the_cube():
    points = designs.even_points(63, 3)
    assert points.shape == (63, 3) and np.all((points > 0) & (points < 1))
    for column in points.T:  # with the origin each of 64 intervals has one
        np.testing.assert_array_equal(np.sort((column * 64).astype(int)), np.arange(1, 64))


def test_sites_are_at_the_most_probable_values(x64):
    """Against SciPy's minimum of the negative log density, and its curvature by finite differences."""
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    covariance, mean = 0.05 * root @ root.T + 0.01 * np.eye(6), np.array([0.3, -0.4, 0.02, -0.01, 0.2, -0.3])
    precision, shift = map(np.asarray, _sites(jnp.asarray(mean), jnp.asarray(covariance)))
    inverse = np.linalg.inv(covariance)

    def loss(g):
        return 0.5 * (g - mean) @ inverse @ (g - mean) - norm.logcdf((g - 0.005) / 0.005).sum()

    found = minimize(loss, np.maximum(mean, 0.01), method="BFGS", options={"gtol": 1e-9}).x
    ours = np.linalg.solve(inverse + np.diag(precision), inverse @ mean + shift)
    np.testing.assert_allclose(ours, found, atol=1e-5)
    step = 1e-5
    curvature = -sum(s * norm.logcdf((found + h * step - 0.005) / 0.005) for s, h in ((1, 1), (-2, 0), (1, -1)))
    np.testing.assert_allclose(precision, curvature / step**2, rtol=1e-3, atol=1.0)
    assert ours.min() > -0.01 and precision.min() > 0


NUM_STEPS, CAPACITY = 168, 80
"""Steps that a posterior is conditioned on; the ends of each follow the rows of the data."""
PARAMS = (np.log([0.5, 0.8, 0.7]), 0.2, np.log(1e-2))
RISES_AND_FALLS = Space(
    a=Real(0.0, 1.0, monotone="increasing"), b=Real(0.0, 1.0), c=Real(0.0, 1.0, monotone="decreasing")
)
MATERN = jbo.surrogates.kernels.matern52
_condition = jax.jit(lambda sets, data: monotone.condition_monotone(sets, data, MATERN, RISES_AND_FALLS.encoding))
_sites = jax.jit(monotone.positive_sites)


def conditioned(x, y):
    """The posterior of one hyperparameter sample, and the lower and the upper ends of its steps."""
    posterior = _condition(as_sets([PARAMS], "float64"), as_dataset(x, y, "float64", CAPACITY, garbage=0.4))
    assert posterior.x.shape == (CAPACITY + 2 * NUM_STEPS, 3) and not posterior.is_exact
    assert np.asarray(posterior.is_valid).sum() == len(y) + 2 * NUM_STEPS
    ends = np.asarray(posterior.x)[CAPACITY:]
    return posterior, ends[::2], ends[1::2]


def test_the_posterior_is_regression_on_data_and_steps(x64):
    """A dense solve with the sites as observations of differences."""
    rng = np.random.default_rng(0)
    n, u = 5, NUM_STEPS
    x, y, new = rng.uniform(size=(n, 3)), standardised(rng.normal(size=n)), rng.uniform(size=(20, 3))
    posterior, low, high = conditioned(x, y)
    params, kernel = as_params(PARAMS, "float64"), jax.jit(MATERN)
    points = np.concatenate([x, np.stack([low, high], 1).reshape(-1, 3)])
    gram = np.asarray(kernel(params, jnp.asarray(points), jnp.asarray(points)))

    seen = np.zeros((n + u, len(points)))
    seen[:n, :n] = np.eye(n)
    seen[n:, n:] = np.kron(np.eye(u), [-1, 1])
    joint = seen @ gram @ seen.T + np.diag([1e-2] * n + [1e-6 * np.exp(0.2)] * u)
    weights = np.linalg.solve(joint[:n, :n], joint[:n, n:]).T
    mean, covariance = weights @ y, joint[n:, n:] - weights @ joint[:n, n:]
    precision, shift = map(np.asarray, _sites(jnp.asarray(mean), jnp.asarray(covariance)))
    joint[n:, n:] += np.diag(1 / precision)
    cross = np.asarray(kernel(params, jnp.asarray(new), jnp.asarray(points))) @ seen.T
    found, variance = jax.jit(lambda posterior: posterior.predict(jnp.asarray(new)))(posterior)
    np.testing.assert_allclose(found, cross @ np.linalg.solve(joint, np.concatenate([y, shift / precision])), atol=1e-5)
    expected = np.exp(0.2) - np.einsum("ij,ji->i", cross, np.linalg.solve(joint, cross.T))
    np.testing.assert_allclose(variance, expected, atol=1e-6)


@pytest.mark.guard
def test_steps_go_through_the_best_rows_in_the_direction_in_which_the_function_rises(x64):
    """Of 80 rows the 64 best, and 64 even points: a step keeps the other columns, and is a 15th of the column long."""
    rng = np.random.default_rng(0)
    x, y = rng.random((80, 3)), standardised(rng.normal(size=80))
    _, low, high = conditioned(x, y)
    best, even = x[np.argsort(y)[:64]], designs.even_points(64, 3)
    along_a, along_c = (low[:, 0] != high[:, 0]), (low[:, 2] != high[:, 2])
    assert (along_a ^ along_c).all() and along_a.sum() > 40 and along_c.sum() > 40
    for is_along, column, direction in ((along_a, 0, 1), (along_c, 2, -1)):
        others = [j for j in range(3) if j != column]
        first, last = low[is_along], high[is_along]
        np.testing.assert_array_equal(first[:, others], last[:, others])
        rise = direction * (last - first)[:, column]
        is_inner = (first[:, column] * (1 - first[:, column]) * last[:, column] * (1 - last[:, column])) > 0
        np.testing.assert_allclose(rise[is_inner], 1 / 15, atol=1e-12)
        assert (rise > 0.49 / 15).all() and (rise < 1.51 / 15).all(), "those at the ends are longer or shorter"
        near = [np.abs(first[:, None, others] - rows[None, :, others]).max(2) < 1e-12 for rows in (best, even)]
        assert (near[0].any(1) | near[1].any(1)).all()
        assert near[0].any(0).sum() > 10 and near[1].any(0).sum() > 10, "each kind of line has steps"


@pytest.mark.thorough
@some("name", FUNCTIONS, ["exponential"])
def test_pairs_are_ordered_and_the_error_is_lower(name):
    plain, knowing = (kept(FUNCTIONS[name], 2, knows) for knows in (False, True))
    assert knowing.in_order >= 0.99 and knowing.violation <= 0.01, "no violation above 1 % of the deviation"
    assert knowing.error < plain.error and plain.in_order < knowing.in_order


@pytest.mark.thorough
def test_a_fall_is_a_rise_turned_round():
    rises, falls = (kept(FUNCTIONS["exponential"], 2, True, direction) for direction in ("increasing", "decreasing"))
    np.testing.assert_allclose(falls, rises, atol=2e-3)


@pytest.mark.thorough
def test_rows_that_are_not_valid_change_nothing(x64):
    rng = np.random.default_rng(2)
    x, new = rng.uniform(size=(10, 2)), jnp.asarray(rng.uniform(size=(50, 2)))
    y = standardised(FUNCTIONS["exponential"].value(x))
    encoding = Space(a=Real(0.0, 1.0, monotone="increasing"), b=Real(0.0, 1.0)).encoding
    kernel, params = jbo.gp().bind(encoding).kernel, as_params((np.log([0.5, 0.8]), 0.2, np.log(1e-4)), "float64")
    params = jax.tree.map(lambda leaf: leaf[None], params)
    (mean, variance), garbage, short = (
        monotone.condition_monotone(params, data, kernel, encoding).predict(new)
        for data in (
            as_dataset(x, y, "float64", 16),
            as_dataset(x, y, "float64", 16, garbage=0.3),
            as_dataset(x, y, "float64"),
        )
    )
    np.testing.assert_array_equal(garbage, (mean, variance))
    np.testing.assert_allclose(short[0], mean, atol=0.01, err_msg="what differs is on which lines steps are looked for")
    assert np.all(variance > 0)


@pytest.mark.thorough
@pytest.mark.parametrize("name", FUNCTIONS)
def test_in_ten_draws(name):
    plain, knowing = (np.array([kept(FUNCTIONS[name], seed, knows) for seed in range(10)]) for knows in (False, True))
    assert np.mean(knowing[:, 0] < plain[:, 0]) >= 0.9 and knowing[:, 0].mean() < 0.99 * plain[:, 0].mean()
    assert np.all(knowing[:, 1] >= 0.99)
    assert np.all(knowing[:, 2] <= 0.01)


@pytest.mark.parametrize("make", [jbo.bayesian, jbo.trust_region])
def test_a_study_turns_the_direction_of_what_it_maximizes(make):
    space = Space(a=Real(0.0, 1.0, monotone="increasing"), k=Categorical("x", "y"))
    strategy = make(space, num_initial=3)
    for maximize, sign in ((False, 1), (True, -1)):
        with jbo.Study(space, strategy=strategy, maximize=maximize, seed=0) as study:
            assert study.strategy.surrogate.monotone.columns[0].monotone == sign
            assert study.strategy.encoding.columns == space.encoding.columns
    assert strategy.surrogate.monotone.columns[0].monotone == 1
    assert jbo.bayesian(Space(a=Real(0.0, 1.0))).surrogate.monotone is None, "no trace where nothing is known"


def test_densities_that_know_no_direction_do_not_hold_a_search_back():
    known, unknown = Space(a=Real(0.0, 1.0, monotone="increasing")), Space(a=Real(0.0, 1.0))
    assert classifier_of(jbo.bayesian(known)) is None and classifier_of(jbo.bayesian(unknown)) is not None
    assert classifier_of(jbo.bayesian(known, classifier_weight=1.0)) is not None


@pytest.mark.thorough
@pytest.mark.parametrize(("acquisition", "num_trials"), [(jbo.log_expected_improvement(), 5), (None, 7)])
def test_a_study_goes_to_the_right_end(acquisition, num_trials):
    """Improvement goes there at once, the default by way of where it knows little."""
    space = Space(a=Real(0.0, 1.0, monotone="increasing"), b=Integer(0, 4, monotone="decreasing"))
    strategy = jbo.bayesian(space, num_initial=3, acquisition=acquisition)
    with jbo.Study(space, maximize=True, seed=0, strategy=strategy) as study:
        study.optimize(lambda c: np.tanh(c["a"]) - 0.1 * c["b"], num_trials=num_trials)
        assert study.best.config["a"] > 0.9 and study.best.config["b"] == 0
