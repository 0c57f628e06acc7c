"""Every part in every place: surrogates, acquisitions, strategies, kinds of spaces and batch sizes, in pairs.

Each pair of members stands together in one combination at least. A combination is searched for 15 steps through `Study`
in batches or, as one program under `vmap`, through `minimize`; each member is in both.
"""

import inspect
import itertools
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo import Categorical, Integer, Ordinal, Real, Space, batches
from jbo.acquisitions import over_region, over_sets
from jbo.diagnostics import view_model
from jbo.encoding import snap
from jbo.region import Region
from jbo.surrogates import kernels
from jbo.types import FAILED, OK
from tests.selection import some
from tests.surrogates.problems import as_dataset, as_sets, condition, predict

NUM_STEPS = 15

SPACES = {
    "real": Space(a=Real(-2.0, 3.0), b=Real(1e-4, 1.0, log=True)),
    "integer": Space(a=Integer(0, 19), b=Integer(1, 300, log=True)),
    "ordinal": Space(a=Ordinal(1, 2, 4, 8, 16), b=Ordinal("low", "middle", "high")),
    "categorical": Space(a=Categorical(*range(4)), b=Categorical(*range(5))),
    "conditional": Space(
        a=Categorical("x", "y", "z"), b=Integer(1, 8, when=("a", "x")), c=Real(0.0, 1.0, when=("a", {"x", "y"}))
    ),
    "all": Space(
        c=Real(-1.0, 1.0, when=("a", "y")),
        a=Categorical("x", "y", "z"),
        b=Integer(1, 300, log=True, when=("a", {"x", "y"})),
        d=Real(1e-4, 1.0, log=True),
        e=Ordinal(1, 2, 4, 8),
        f=Integer(-3, 90),
    ),
    "known": Space(a=Real(0.0, 6.0, period=6), b=Integer(0, 9, monotone="increasing"), c=Ordinal(4, 2, 1)),
    "constrained": Space(
        a=Real(0.0, 1.0), b=Integer(1, 9), k=Categorical(0, 1), constraint=lambda c: c["a"] * 10 + c["b"] <= 9
    ),
}
SURROGATES = {
    "gp": jbo.gp,
    "forest": lambda: jbo.forest(num_trees=16),
    "gp of kernels": lambda: jbo.gp(
        kernel=kernels.on(kernels.periodic(), "a") * kernels.matern52 + kernels.linear(), mean=lambda x: jnp.sum(x)
    ),
    "gp by NUTS": lambda: jbo.gp_mcmc(num_warmup=16, num_sets=3, thinning=1),
}
ACQUISITIONS = {
    "EI": jbo.expected_improvement,
    "log EI": jbo.log_expected_improvement,
    "log EQI": jbo.log_expected_quantile_improvement,
    "PI": jbo.probability_of_improvement,
    "log PI": jbo.log_probability_of_improvement,
    "UCB": jbo.upper_confidence_bound,
    "scheduled UCB": jbo.scheduled_confidence_bound,
    "log NEI": lambda: jbo.log_noisy_expected_improvement(num_samples=16),
    "MES": lambda: jbo.max_value_entropy_search(num_samples=8, num_points=128),
    "KG": lambda: jbo.knowledge_gradient(num_points=16),
    "Thompson": jbo.thompson_sampling,
    "portfolio": jbo.portfolio,
}
RULES = {
    "believer": lambda: None,
    "joint": lambda: batches.joint_improvement(num_samples=16),
    "local": batches.local_penalization,
    "explore": batches.pure_exploration,
    "random": batches.random_batch,
    "thompson": batches.thompson_batch,
}
MODEL_FREE = {
    "random": jbo.random_search,
    "sobol": jbo.sobol_search,
    "grid": jbo.grid_search,
    "parzen": jbo.parzen,
    "trust region": lambda space: jbo.trust_region(space, num_candidates=64),
}
WITHOUT_DRAWS = {"EI", "log EI", "log EQI", "PI", "log PI", "UCB", "scheduled UCB"}
"""Acquisitions whose values hang on the model alone."""
BATCHES = (1, 2, 4)
FACES = ("study", "minimize")
"""Each compiles programs of its own, which is most of what a combination takes."""
QUICK = {
    ("parzen", None, None, "all"),
    ("random", None, None, "constrained"),
    ("sobol", None, None, "conditional"),
    ("grid", None, None, "ordinal"),
    ("bayesian", "forest", "EI", "all"),
}
BY_DEFAULT_WITHOUT = {"bayesian", "parzen"}
"""Strategies that are searched through in `make thorough` alone. By default tests of their own ask them,
`test_candidates` searches by Parzen densities and `test_minimize` by a model, both in one program."""


BY_TURNS = ("gp", "forest", "gp of kernels", "forest", "gp", "forest", "gp by NUTS", "gp")
"""Surrogates; those whose programs take long to compile stand with each acquisition and each space once or twice."""


def combinations():
    """Rows of (strategy, surrogate, acquisition, space, batch, rule, faces) with each pair of members together."""
    rows = []
    for (i, space), (j, strategy) in itertools.product(enumerate(SPACES), enumerate(MODEL_FREE)):
        row = (strategy, None, None, space, BATCHES[(i + j) % 3], None)
        rows.append((*row, FACES if row[:4] in QUICK else (FACES[(i + j) % 2],)))
    for (i, space), (j, acquisition) in itertools.product(enumerate(SPACES), enumerate(ACQUISITIONS)):
        surrogate = BY_TURNS[(i + j) % len(BY_TURNS)]
        rule = list(RULES)[(i + 2 * j + j // 3) % len(RULES)]
        row = ("bayesian", surrogate, acquisition, space, BATCHES[(i + 2 * j) % 3], rule)
        rows.append((*row, FACES if row[:4] in QUICK else (FACES[(i // 2 + j) % 2],)))
    return rows


ROWS = combinations()


def test_each_pair_of_members_stands_together():
    factors = [
        ["bayesian", *MODEL_FREE],
        [*SURROGATES, None],
        [*ACQUISITIONS, None],
        list(SPACES),
        BATCHES,
        [*RULES, None],
    ]
    seen = {(i, row[i], j, row[j]) for row in ROWS for i in range(6) for j in range(i + 1, 6)}
    for i, j in itertools.combinations(range(6), 2):
        for one, other in itertools.product(factors[i], factors[j]):
            has_model = i == 0 and j in (1, 2, 5) and (one == "bayesian") != (other is not None)
            has_one = {i, j} <= {1, 2, 5} and (one is None) != (other is None)
            assert has_model or has_one or (i, one, j, other) in seen, (one, other)
    assert {row[:4] for row in ROWS} >= QUICK
    by_face = {(face, i, row[i]) for row in ROWS for i in range(6) for face in row[6]}
    assert len(by_face) == sum(len(FACES) * len(members) for members in factors)


def strategy_of(row):
    name, surrogate, acquisition, space, _, rule, _ = row
    if name != "bayesian":
        return MODEL_FREE[name](SPACES[space])
    parts = {"surrogate": SURROGATES[surrogate](), "acquisition": ACQUISITIONS[acquisition](), "batch": RULES[rule]()}
    return jbo.bayesian(SPACES[space], **parts)


def number_of(value):
    """Something smooth to minimise, of any value, in both worlds."""
    if isinstance(value, str):
        return float(len(value) % 5)
    return jnp.sin(value) + 0.01 * value if isinstance(value, jax.Array) else np.sin(value) + 0.01 * value


@dataclass(frozen=True, eq=False)
class Objective:
    """A sum over the config that fails in a part of the space."""

    space: Space

    def __call__(self, config):
        values = [number_of(value) for value in config.values()]
        total = sum(values[1:], values[0])
        return jnp.where(total > 1.9, jnp.nan, total) if isinstance(total, jax.Array) else total


BY_FACE = [(row, face) for row in ROWS for face in row[-1]]
BY_DEFAULT = [(row, face) for row, face in BY_FACE if row[:4] in QUICK and row[0] not in BY_DEFAULT_WITHOUT]


@some(("row", "face"), BY_FACE, BY_DEFAULT, ids=str)
def test_fifteen_steps(row, face):
    space, strategy = SPACES[row[3]], strategy_of(row)
    if face == "study":
        search_through_study(space, strategy, row[4], row[2] in WITHOUT_DRAWS and row[5] == "believer")
    else:
        search_in_one_program(space, strategy)


def search_through_study(space, strategy, batch, has_worth):
    with jbo.Study(space, strategy=strategy, seed=0) as study:
        for _ in range(0, NUM_STEPS, batch):
            try:
                trials = study.ask(batch)
            except jbo.SpaceExhausted:
                break
            for i, trial in enumerate(trials):
                value = float(Objective(space)(trial.config))
                study.tell(trial, failed="now and then") if i == 3 else study.tell(trial, value)
        configs = [trial.config for trial in study.trials]
        assert len(configs) == min(-(-NUM_STEPS // batch) * batch, space.num_configs), "each step gives a trial"
        assert len({str(config) for config in configs}) == len(configs), "none comes twice"
        assert all(space.is_allowed(config) for config in configs)
        assert study.recommended.status == "ok" and np.isfinite(study.best.value)
        if has_worth and len(configs) < space.num_configs:
            the_next_point_is_worth_most(study, space)


def the_next_point_is_worth_most(study, space):
    """Its value of the acquisition is at least that of 256 others, all of them of the space and new."""
    view, known = view_model(study), {str(trial.config) for trial in study.trials}
    rng = np.random.default_rng(0)
    configs = [space.decode(point) for point in rng.random((1024, len(space)))]
    configs = [c for c in configs if space.is_allowed(c) and str(c) not in known][:256]
    others = view.worth(view.encode(configs))
    own = view.worth(view.encode([study.ask().config]))
    assert np.ptp(others) > 0 and own[0] >= others.max() - 1e-6 * np.ptp(others), (own, others.max(), others.min())


_snap = jax.jit(snap)


def search_in_one_program(space, strategy):
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(0), 2)
        run = jax.jit(jax.vmap(lambda key: jbo.minimize(key, Objective(space), strategy, NUM_STEPS)))(keys)
        for x, y, status in zip(run.x, run.y, run.trials.status, strict=True):
            np.testing.assert_allclose(_snap(space.encoding, x), x, rtol=0, atol=1e-12)
            np.testing.assert_array_equal(status, np.where(np.isfinite(y), OK, FAILED))
            points = [space.decode(point) for point in np.asarray(x)]
            assert all(space.is_allowed(config) for config in points)
            assert len(np.unique(np.asarray(x).round(12), axis=0)) == min(NUM_STEPS, space.num_configs)
        assert np.isfinite(run.best_y[:, -1]).all()


@pytest.mark.guard
@pytest.mark.parametrize("name", ACQUISITIONS)
def test_of_two_points_that_are_as_uncertain_the_lower_one_is_worth_more(name, x64):
    """By symmetry their deviations are equal and their means are not; a value with the wrong sign fails here."""
    rows, y = np.array([[0.15, 0.5], [0.85, 0.5], [0.5, 0.1], [0.5, 0.9]]), np.array([-1.0, 1.0, 0.2, 0.2])
    data = as_dataset(rows, y, "float64", 8)
    posterior = condition(as_sets([(np.log([0.4, 0.6]), 0.0, np.log(1e-2))], "float64"), data)
    points = jnp.asarray([[0.25, 0.5], [0.75, 0.5]])
    mean, variance = predict(posterior, points)
    np.testing.assert_allclose(variance[0], variance[1], rtol=1e-9)
    assert mean[0] < -0.5 and mean[1] > 0.5
    acquisition = over_sets(over_region(ACQUISITIONS[name](), Region(SPACES["real"].encoding)), posterior)

    @jax.jit
    def values(keys):
        def one(key):
            aux = acquisition.prepare(key, posterior, data)
            return jax.vmap(lambda x: acquisition.value(aux, posterior, x))(points)

        return jax.lax.map(one, keys)

    lower, upper = np.asarray(values(jax.random.split(jax.random.key(0), 8))).T
    assert np.isfinite(upper).all() and (lower > upper).all(), (lower, upper)


def test_what_does_not_fit_is_refused_at_construction():
    space = SPACES["real"]
    for part, value, message in (
        ("surrogate", jbo.gp, "surrogate: expected a surrogate such as jbo.gp"),
        ("surrogate", jbo.log_expected_improvement(), "surrogate: expected a surrogate such as jbo.gp"),
        ("acquisition", jbo.log_expected_improvement, "acquisition: expected an acquisition such as jbo.log_exp"),
        ("acquisition", jbo.gp(), "acquisition: expected an acquisition such as jbo.log_expected_improvement"),
        ("acquisition", "EI", "acquisition: expected an acquisition such as jbo.log_expected_improvement"),
    ):
        with pytest.raises(TypeError, match=message):
            inspect.unwrap(jbo.bayesian)(space, **{part: value})  # without the checks of types that tests add
    with pytest.raises(ValueError, match="expected a strategy made for the study's space"):
        jbo.Study(space, strategy=jbo.parzen(SPACES["all"]))


DEFAULTS = {
    jbo.expected_improvement: {"margin": 0.0},
    jbo.log_expected_improvement: {"margin": 0.0},
    jbo.log_expected_quantile_improvement: {"margin": 0.0},
    jbo.probability_of_improvement: {"margin": 0.01},
    jbo.log_probability_of_improvement: {"margin": 0.01},
    jbo.lower_confidence_bound: {"weight": 2.0},
    jbo.upper_confidence_bound: {"weight": 2.0},
    jbo.scheduled_confidence_bound: {"delta": 0.1, "factor": 0.2},
    jbo.log_noisy_expected_improvement: {"num_samples": 64},
    jbo.max_value_entropy_search: {"num_samples": 32, "num_points": 1024},
    jbo.knowledge_gradient: {"num_points": 64},
    jbo.portfolio: {"rate": 0.1, "num_initial": 10},
    jbo.log_expected_hypervolume_improvement: {"num_rays": 64},
    jbo.log_noisy_expected_hypervolume_improvement: {"num_samples": 16, "num_rays": 64},
    jbo.hypervolume_scalarization: {"num_directions": 1},
    jbo.parego: {"rho": 0.05, "num_samples": 64},
    batches.joint_improvement: {"margin": 0.0, "num_samples": 128},
    batches.pure_exploration: {"weight": 2.0},
    jbo.bayesian: {"belief_weight": 5.0},
    jbo.grid_search: {"resolution": 5},
    jbo.parzen: {
        "good_fraction": 0.1, "max_good": 25.0, "prior_weight": 1.0, "bandwidth": 0.07, "num_candidates": 64,
    },
    jbo.trust_region: {"num_candidates": 2048},
    jbo.MedianPruner: {"min_trials": 5, "min_step": 0},
    jbo.Study: {"maximize": False},
    jbo.Study.tell: {"stopped": False},
    jbo.Study.enqueue: {"again": False},
    jbo.Study.optimize: {"retries": 0, "stop_on_repeated_error": True},
}  # fmt: skip


@pytest.mark.parametrize("make", DEFAULTS, ids=lambda make: make.__name__)
def test_the_numbers_that_hold_unless_others_are_given(make):
    given = {name: each.default for name, each in inspect.signature(make).parameters.items()}
    assert {name: value for name, value in given.items() if isinstance(value, bool | int | float)} == DEFAULTS[make]


def floats_of(make):
    return [name for name, each in inspect.signature(make).parameters.items() if isinstance(each.default, float)]


@pytest.mark.parametrize(
    "make",
    [make for make in [*DEFAULTS, jbo.forest] if floats_of(make) and make is not jbo.bayesian],
    ids=lambda make: make.__name__,
)
def test_a_number_that_is_given_holds(make):
    space = [SPACES["real"]] if "space" in inspect.signature(make).parameters else []
    for name in floats_of(make):
        assert getattr(make(*space, **{name: 0.375}), name) == 0.375
