"""Beliefs where the optimum lies: densities against SciPy, draws against the densities, what a search makes of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm, truncnorm

import jbo
from jbo import Categorical, Integer, Ordinal, Real, Space, designs
from jbo.belief import belief_over
from jbo.region import Region
from jbo.strategies import BeliefWeight, Fitted
from jbo.types import OK, PENDING, Trials
from tests.selection import some

from .surrogates.problems import as_sets, random_params, smooth_data

SPACE = Space(
    rate=Real(1e-5, 1e-1, log=True),
    momentum=Real(0.0, 0.5, when=("optimizer", "sgd")),
    layers=Integer(2, 9),
    width=Integer(16, 1024, log=True),
    batch=Ordinal(32, 64, 128, 256),
    optimizer=Categorical("sgd", "adam", "lion"),
    free=Real(0.0, 1.0),
)
EXPECTED = {
    "rate": (1e-3, 10.0),
    "momentum": (0.4, 0.1),
    "layers": (3, 2.0),
    "width": (128, 2.0),
    "batch": (128, 1.0),
    "optimizer": {"adam": 6.0, "lion": 0.5},
}
CONFIGS = [
    {"rate": 1e-4, "layers": 5, "width": 256, "batch": 64, "optimizer": "adam", "free": 0.2},
    {"rate": 1e-1, "layers": 2, "width": 16, "batch": 128, "optimizer": "lion", "free": 0.9},
    {"rate": 2e-3, "momentum": 0.45, "layers": 3, "width": 128, "batch": 256, "optimizer": "sgd", "free": 0.5},
]


def factors():
    """Of each column that has a normal one, where it is, and its distribution, worked out by hand."""
    width_of_cube = np.log(1024.5 / 15.5)
    places = {
        "rate": (0.5, 1 / 4),
        "momentum": (0.8, 0.2),
        "layers": (1.5 / 8, 2 / 8),
        "width": (np.log(128 / 15.5) / width_of_cube, np.log(2) / width_of_cube),
        "batch": (2.5 / 4, 1 / 4),
    }
    return {name: truncnorm((0 - m) / s, (1 - m) / s, m, s) for name, (m, s) in places.items()}


def log_density(config):
    x = dict(zip(SPACE.names, SPACE.encode(config), strict=True))
    density = {"adam": 6, "lion": 0.5, "sgd": 1}[config["optimizer"]] / 2.5
    for name, factor in factors().items():
        density *= factor.pdf(x[name]) if name in config else 1
    return np.log(0.95 * density + 0.05)


def test_density(slow_dtype):
    belief = belief_over(SPACE, EXPECTED)
    for config in CONFIGS:
        value = belief.log_density(jnp.asarray(SPACE.encode(config), slow_dtype))
        assert value.dtype == slow_dtype and value.shape == ()
        np.testing.assert_allclose(value, log_density(config), rtol=1e-10 if slow_dtype == jnp.float64 else 1e-4)
    nothing = belief_over(SPACE, {}).log_density(jnp.asarray(SPACE.encode(CONFIGS[0]), slow_dtype))
    np.testing.assert_allclose(nothing, 0, atol=1e-6)


@pytest.mark.thorough
def test_draws_have_the_density(slow_dtype):
    belief = belief_over(SPACE, EXPECTED)
    points = jax.vmap(belief.quantile)(designs.sobol(jax.random.key(0), 1024, len(SPACE), slow_dtype))
    assert points.dtype == slow_dtype and np.all((points >= 0) & (points <= 1))
    columns = dict(zip(SPACE.names, np.asarray(points, np.float64).T, strict=True))
    for name, factor in factors().items():
        mass = factor.cdf(np.sort(columns[name]))
        np.testing.assert_allclose(mass, (np.arange(1024) + 0.5) / 1024, atol=1 / 1024)
    assert len(np.unique((columns["free"] * 1024).astype(int))) == 1024, "as even as it was"
    counts = np.bincount((columns["optimizer"] * 3).astype(int), minlength=3)
    np.testing.assert_allclose(counts / 1024, np.array([1, 6, 0.5]) / 7.5, atol=2 / 1024)
    extreme = belief_over(SPACE, {"rate": (1e-5, 1.001), "layers": (9, 1e-3)})
    ends = jax.vmap(extreme.quantile)(jnp.asarray(np.full((2, 7), [[1e-7], [1 - 1e-7]]), slow_dtype))
    assert np.isfinite(ends).all() and (ends[:, 0] < 1e-3).all() and (abs(ends[:, 2] - 7.5 / 8) < 0.01).all()


def test_mode(slow_dtype):
    mode = belief_over(SPACE, EXPECTED).mode(slow_dtype)
    assert mode.dtype == slow_dtype
    config = SPACE.decode(np.asarray(mode))
    assert config.pop("rate") == pytest.approx(1e-3, rel=1e-5)
    assert config == {"layers": 3, "width": 128, "batch": 128, "optimizer": "adam", "free": 0.5}


@pytest.mark.parametrize(
    ("name", "what", "message"),
    [
        ("speed", (1.0, 1.0), "belief: speed: expected one of .*got a name that is not searched"),
        ("rate", (1.0, 2.0), r"belief: rate: expected a number in \[1e-05, 0.1\], got 1.0"),
        ("rate", (1e-3, 0.5), "belief: rate: expected a factor greater than 1, got 0.5"),
        ("layers", (3, 0.0), "belief: layers: expected a standard deviation greater than 0, got 0.0"),
        ("layers", (3, float("nan")), "belief: layers: expected a standard deviation greater than 0, got nan"),
        ("layers", 3, r"belief: layers: expected \(value, standard deviation\) or {value: weight}, got 3"),
        ("optimizer", ("adam", 1.0), r"belief: optimizer: expected {choice: weight}, got \('adam', 1.0\)"),
        ("optimizer", {"adam": -1.0}, "belief: optimizer: expected a weight greater than 0 for 'adam', got -1.0"),
        ("optimizer", {"adamw": 1.0}, "belief: optimizer: expected one of .*got 'adamw'"),
        ("free", {0.5: 2.0}, "belief: free: weights are for at most 1024 values"),
    ],
)
def test_errors_name_the_parameter(name, what, message):
    with pytest.raises(ValueError, match=message):
        jbo.bayesian(SPACE, belief={name: what})


CUBE = Space(a=Real(0.0, 1.0), b=Real(0.0, 1.0), c=Real(0.0, 1.0))


@jax.jit
def _worth(strategy, params, state, points):
    """What a strategy maximises at points, and the parts of it by hand: mean and deviation, the least mean."""
    known = strategy.know(params, state, Region(strategy.encoding))
    mean, variance = known.fantasised.predict(points)
    values = jax.vmap(strategy.worth(jax.random.key(0), params, state, known))(points)
    return values, mean, jnp.sqrt(variance), known.least_mean


@some("make", [jbo.EI, jbo.log_expected_improvement, jbo.UCB], [jbo.UCB])
def test_an_acquisition_times_a_power_that_fades(make, x64):
    """By the number of results, a pending trial among them; of a bound what it promises beyond the least mean."""
    belief = {"a": (0.7, 0.2), "c": (0.1, 0.3)}
    strategy, none = (jbo.bayesian(CUBE, acquisition=make(), belief=belief, belief_weight=w) for w in (5.0, 0.0))
    points = jnp.asarray(np.random.default_rng(0).random((24, 3)))
    density = np.exp(jax.jit(jax.vmap(belief_over(CUBE, belief).log_density))(points))
    params = Fitted(as_sets([random_params(3)], "float64"), ((), ()))
    for number in (5, 15):
        x, y = smooth_data(number, 3)
        status = [OK] * (number - 1) + [PENDING]
        rows = np.zeros((24, 3)), np.zeros(24), np.zeros(24, np.int32)
        for row, column in zip(rows, (x, np.where(np.equal(status, OK), y, 0), status), strict=True):
            row[:number] = column
        state = Trials.from_arrays(*map(jnp.asarray, rows))
        value, mean, deviation, least = map(np.asarray, _worth(strategy, params, state, points))
        power = density ** (5 / number)
        z = (least - mean) / deviation
        improvement = deviation * (norm.pdf(z) + z * norm.cdf(z))
        if make is jbo.UCB:
            bound = -(mean - 2 * deviation)
            assert (bound > -least).any() and (bound < -least).any()
            plain, expected = bound, np.where(bound > -least, -least + (bound + least) * power, bound)
        elif make is jbo.EI:
            plain, expected = improvement, improvement * power
        else:
            with np.errstate(divide="ignore"):
                plain, expected = np.log(improvement), np.log(improvement) + np.log(power)
        # Of less NumPy's difference of two numbers leaves nothing.
        is_told = improvement > 1e-6 if make is jbo.log_expected_improvement else np.full(24, True)
        assert is_told.sum() > 7
        np.testing.assert_allclose(value[is_told], expected[is_told], rtol=1e-7, atol=1e-15)
        unweighed = np.asarray(_worth(none, params, state, points)[0])
        np.testing.assert_allclose(unweighed[is_told], plain[is_told], rtol=1e-7, atol=1e-15)


@pytest.mark.thorough
def test_a_design_begins_where_the_best_is_expected(x64):
    strategy = jbo.bayesian(SPACE, belief=EXPECTED)
    plain = jbo.bayesian(SPACE)
    key, state, ordinary = jax.random.key(0), strategy.init(8), plain.init(8)
    for row in range(6):
        x, y = _design(strategy, key, state), _design(plain, key, ordinary)
        if row == 0:
            np.testing.assert_array_equal(x, strategy.belief.mode(x.dtype))
        assert (row % 2 == 0 and row > 0) == np.array_equal(x, y), "every second one is drawn from the belief"
        state, ordinary = strategy.pend(state, x), plain.pend(ordinary, y)


@jax.jit
def _design(strategy, key, state):
    return strategy.design(key, state)[0]


@jax.jit
def _ask(strategy, key, state):
    return strategy.ask(key, state)[0]


@pytest.mark.thorough
def test_another_belief_compiles_nothing_and_no_belief_leaves_no_trace(x64):
    key, state = jax.random.key(0), jbo.bayesian(CUBE).init(8)
    for x, y in zip(np.random.default_rng(1).random((6, 3)), (3.0, 1.0, 2.0, 5.0, 4.0, 0.0), strict=True):
        state = jbo.bayesian(CUBE).tell(state, jnp.asarray(x), jnp.asarray(y))
    asked = []
    for place in (0.1, 0.9):
        belief = {name: (place, 0.02) for name in CUBE.names}
        asked.append(np.asarray(_ask(jbo.bayesian(CUBE, belief=belief, belief_weight=200.0), key, state)))
    assert _ask._cache_size() == 1
    assert np.abs(asked[0] - 0.1).max() < 0.1 and np.abs(asked[1] - 0.9).max() < 0.1
    plain = jbo.bayesian(CUBE)
    assert plain.belief is None and not any(isinstance(weight, BeliefWeight) for weight in plain.weights)


@pytest.mark.thorough
def test_in_a_study():
    def loss(config):
        return np.log10(config["rate"] / 1e-3) ** 2 + (config["optimizer"] != "adam") + config["layers"] / 20

    def first(belief):
        with jbo.Study(SPACE, strategy=jbo.bayesian(SPACE, belief=belief, num_initial=3), seed=0) as study:
            study.optimize(loss, num_trials=5)
            return [trial.config for trial in study.trials], study.best.value

    configs, value = first(EXPECTED)
    assert configs[0]["optimizer"] == "adam" and configs[0]["layers"] == 3
    assert value <= 0.15 + 1e-9, "the first one is good already"
    assert first(EXPECTED) == (configs, value)


@pytest.mark.thorough
@pytest.mark.searches
def test_a_right_belief_helps_and_a_wrong_one_fades():
    """Hartmann 6, 40 evaluations, 48 seeds; the figures of `docs/beliefs.md`."""
    problem, num_seeds, num_steps = jbo.functions.hartmann6, 48, 40
    minimizer = problem.space.encode(problem.minimizers[0])
    rng = np.random.default_rng(0)
    right = np.clip(minimizer + 0.1 * rng.standard_normal((num_seeds, 6)), 0, 1)
    wrong = np.tile(np.where(minimizer < 0.5, 0.9, 0.1), (num_seeds, 1))

    @jax.jit
    @jax.vmap
    def regret(strategy, key):
        return jnp.log10(jbo.minimize(key, problem, strategy, num_steps).best_y - problem.minimum)

    def curves(centres):
        def make(centre):
            belief = {name: (place, 0.15) for name, place in zip(problem.space.names, centre, strict=True)}
            return jbo.bayesian(problem.space, belief=None if np.isnan(centre[0]) else belief)

        strategies = jax.tree.map(
            lambda *leaves: jnp.stack([jnp.asarray(leaf) for leaf in leaves]), *map(make, centres)
        )
        return np.asarray(regret(strategies, jax.random.split(jax.random.key(1), num_seeds)))

    with jax.enable_x64(True):
        none, helped, misled = (curves(c) for c in (np.full((num_seeds, 6), np.nan), right, wrong))

    def interval(difference):
        error = 2 * difference.std() / num_seeds**0.5
        return difference.mean() - error, difference.mean() + error

    for step, least in ((10, 0.2), (20, 0.4), (40, 1.0)):
        assert interval(helped[:, step - 1] - none[:, step - 1])[1] < -least
    assert interval(misled[:, 19] - none[:, 19])[1] < 0.3, "after twenty evaluations little of a wrong one is left"
    assert np.median(misled[:, 39]) < np.median(none[:, 29]), "it costs less than ten evaluations in forty"
