"""Shares that sum to 1: exact configs, uniform designs, a model that sees the shares, and optima by value."""

import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo import Real, Simplex, Space
from jbo.diagnostics import partial_dependence
from jbo.encoding import held, shares, snap
from jbo.maximize import maximize
from jbo.region import Region
from jbo.surrogates import kernels
from tests.selection import some

NAMES = ("w1", "w2", "w3")
THREE = Space(Simplex(*NAMES), rate=Real(0.0, 1.0))
EIGHT = Space(Simplex(*(f"s{i}" for i in range(8))))
TWO_OF_THEM = Space(a=Simplex("a1", "a2"), rate=Real(1.0, 2.0), b=Simplex(*NAMES))


def weights(config, names=NAMES):
    return [config[name] for name in names]


def test_names_are_flat_and_the_key_of_a_simplex_is_not_one():
    assert THREE.names == (*NAMES, "rate") and TWO_OF_THEM.names == ("a1", "a2", "rate", *NAMES)
    assert Space({"x": Simplex("p", "q")}).names == Space(Simplex("p", "q")).names == ("p", "q")
    assert eval(repr(TWO_OF_THEM), vars(jbo)) == TWO_OF_THEM  # noqa: S307 - our own text
    assert THREE.num_configs == float("inf")


@pytest.mark.parametrize("values", [[1, 0, 0], [0, 0, 1], [0.5, 0, 0.5], [0.25, 0.25, 0.5], [1e-12, 0, 1 - 1e-12]])
def test_corners_and_edges_come_back_exactly(values):
    config = dict(zip(NAMES, values, strict=True)) | {"rate": 0.5}
    back = weights(THREE.decode(THREE.encode(config)))
    assert sum(back) == 1.0
    np.testing.assert_allclose(back, values, rtol=0, atol=2.0**-46)
    assert [b in (0.0, 1.0) for b in back] == [v in (0, 1) for v in values], "a share of 0 or 1 is one to the last bit"
    assert THREE.validate(config) == config, "what is stored is what was given"


jit_snap, jit_shares = jax.jit(snap), jax.jit(shares)


def test_shares_sum_to_one_in_every_order(x64):
    x = np.random.default_rng(0).random((2000, 8))
    for row in x[:400]:
        config = EIGHT.decode(row)
        values = list(config.values())
        assert sum(values) == 1.0 == sum(values[::-1]) and min(values) >= 0
        assert EIGHT.decode(EIGHT.encode(config)) == config
    for dtype in (jnp.float32, jnp.float64):
        snapped = jit_snap(EIGHT.encoding, jnp.asarray(x, dtype))
        np.testing.assert_array_equal(jit_snap(EIGHT.encoding, snapped), snapped)
        assert (np.asarray(jit_shares(EIGHT.encoding, snapped)).sum(-1) == 1).all()
    traced = jax.jit(jax.vmap(EIGHT.decode_traced))(jnp.asarray(x))
    plain = [EIGHT.decode(row) for row in x[:400]]
    for name in EIGHT.names:
        np.testing.assert_allclose(traced[name][:400], [config[name] for config in plain], rtol=0, atol=2.0**-46)


@some("make", [jbo.random_search, jbo.sobol_search])
def test_designs_are_uniform_over_the_simplex(x64, make):
    """Moments of Dirichlet(1, …, 1): mean 1/k, variance (k - 1) / (k^2 (k + 1)), covariance -1 / (k^2 (k + 1))."""
    for space, k in ((Space(Simplex(*NAMES)), 3), (EIGHT, 8)):
        strategy = make(space)
        x = jax.jit(lambda key: strategy.ask(key, strategy.init(512), 512)[0])(jax.random.key(0))  # noqa: B023
        w = np.asarray(jit_shares(space.encoding, x))
        np.testing.assert_allclose(w.mean(0), 1 / k, atol=0.04)
        expected = (np.eye(k) * k - 1) / (k**2 * (k + 1))
        np.testing.assert_allclose(np.cov(w.T), expected, atol=0.015 if k == 3 else 0.004)
        assert np.mean(w[:, 0] < 1 - 0.5 ** (1 / (k - 1))) == pytest.approx(0.5, abs=0.08), (
            "the median of Beta(1, k - 1)"
        )


def test_the_grid_holds_the_shares_that_are_multiples():
    space = Space(Simplex(*NAMES))
    with jbo.Study(space, strategy=jbo.grid_search(space, resolution=5), seed=0) as study:
        study.optimize(lambda config: 0.0, 40, progress=False)
        found = sorted(tuple(weights(trial.config)) for trial in study.trials)
    lattice = [(i / 4, j / 4, 1 - (i + j) / 4) for i, j in itertools.product(range(5), repeat=2) if i + j <= 4]
    np.testing.assert_allclose(found, sorted(lattice), atol=1e-12)


def test_the_kernel_sees_distances_of_shares(x64):
    """The same for all names; two corners are as far apart as any other two."""
    space = Space(Simplex(*NAMES))
    kernel = jax.jit(kernels.rbf.bind(space.encoding))
    params = kernels.GPParams(jnp.zeros(3), jnp.zeros(()), jnp.zeros(()))
    first, second = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.8, 0.1])
    expected = np.exp(-0.5 * np.sum((first - second) ** 2))
    for order in itertools.permutations(range(3)):
        points = [
            np.asarray(space.encode(dict(zip(NAMES, w[list(order)], strict=True))))[None, :] for w in (first, second)
        ]
        assert float(kernel(params, *points)[0, 0]) == pytest.approx(expected, abs=1e-12)
    corners = np.stack([space.encode(dict(zip(NAMES, row, strict=True))) for row in np.eye(3)])
    np.testing.assert_allclose(kernel(params, corners, corners), np.exp(-(1 - np.eye(3))), atol=1e-12)


def test_wrong_shares_are_named():
    for config, message in (
        ({"w1": 0.2, "w2": 0.5, "w3": 0.5}, "w1, w2, w3: expected shares that sum to 1, got sum 1.2"),
        ({"w1": -0.1, "w2": 0.6, "w3": 0.5}, r"w1: expected a share in \[0, 1\], got -0.1"),
        ({"w1": 0.5, "w2": 0.5}, "w3: expected a value of a share of Simplex"),
    ):
        with pytest.raises(ValueError, match=message):
            THREE.validate(config | {"rate": 0.5})
    single = np.float32([0.2, 0.3, 0.5])
    THREE.validate(dict(zip(NAMES, single, strict=True)) | {"rate": 0.5})
    with jbo.Study(THREE, strategy=jbo.random_search(THREE), seed=0) as study:
        for call in (study.enqueue, lambda config: study.tell(config, 1.0)):
            with pytest.raises(ValueError, match="w1, w2, w3: expected shares that sum to 1, got sum 0.9"):
                call({"w1": 0.3, "w2": 0.3, "w3": 0.3, "rate": 0.5})
    for make, message in (
        (lambda: Simplex("w1"), "Simplex: expected at least two names"),
        (lambda: Space(Simplex("w1", "w2"), w2=Real(0, 1)), "twice: w2"),
        (lambda: Space({"w1": THREE["w1"]}), r"w1: expected all of w1, w2, w3 as shares"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_shares_are_fixed_and_given_together():
    given = {"w1": 0.25, "w2": 0.25, "w3": 0.5}
    fixed = THREE.fix(given)
    assert fixed.names == ("rate",) and fixed.decode(np.array([0.5])) == given | {"rate": 0.5}
    for call in (lambda: THREE.fix(w1=0.2), lambda: THREE.fixed_columns({"w1": 0.2, "w2": 0.3})):
        with pytest.raises(ValueError, match="w1: expected all of w1, w2, w3 to be given, or none of them"):
            call()
    with pytest.raises(ValueError, match="got sum 1.2"):
        THREE.fix(w1=0.2, w2=0.5, w3=0.5)
    with jbo.Study(THREE, strategy=jbo.random_search(THREE), seed=0) as study:
        assert [t.config | {"rate": 0} for t in study.ask(2, context=given)] == [given | {"rate": 0}] * 2


def test_the_file_holds_a_simplex(tmp_path):
    space = Space(TWO_OF_THEM, c=Simplex("c1", "c2", when=("k", "x")), k=jbo.Categorical("x", "y"))
    assert Space.from_json(json.loads(json.dumps(space.to_json()))) == space
    with jbo.Study(space, strategy=jbo.random_search(space), seed=0, path=tmp_path / "a.db") as study:
        study.optimize(lambda config: config["w1"], 6, progress=False)
        trials = study.trials
    with jbo.Study(space, strategy=jbo.random_search(space), seed=0, path=tmp_path / "a.db") as study:
        assert [t.config for t in study.trials] == [t.config for t in trials]
        for config in (t.config for t in trials):
            assert sum(weights(config)) == 1 and ("c1" in config) == (config["k"] == "x")
        past = jbo.Study.from_trials(study.trials, space, strategy=jbo.random_search)
        assert [t.config for t in past.trials] == [t.config for t in trials]
    assert any("c1" in t.config and t.config["c1"] + t.config["c2"] == 1 for t in trials)


def test_a_share_is_held_and_the_others_fill_up(x64):
    x = THREE.encode({"w1": 0.5, "w2": 0.3, "w3": 0.2, "rate": 0.7})[None, :]
    is_held = np.arange(4) == 0
    move = jax.jit(lambda x, place: snap(THREE.encoding, held(THREE.encoding, x, jnp.asarray(is_held), place)))
    for value, expected in ((0.0, [0.0, 0.6, 0.4]), (0.9, [0.9, 0.06, 0.04]), (1.0, [1.0, 0.0, 0.0])):
        place = np.full_like(x, THREE["w1"].to_unit(value))
        moved = move(x, place)
        config = THREE.decode(np.asarray(moved[0]))
        np.testing.assert_allclose(weights(config), expected, atol=1e-12)
        assert config["rate"] == pytest.approx(0.7)


class _Known:
    """A posterior whose mean is the first share."""

    noise_variance = np.zeros(())

    def predict(self, x):
        return shares(THREE.encoding, x)[:, 0], jnp.zeros(len(x))


def test_partial_dependence_of_a_share_is_at_its_value(x64):
    places = jnp.asarray(THREE["w1"].units(5))
    found = partial_dependence(jax.random.key(0), _Known(), THREE.encoding, 0, places)
    np.testing.assert_allclose(found.mean, np.linspace(0, 1, 5), atol=1e-12)


TARGET = np.array([0.6, 0.3, 0.1])


class Mixture:
    """The distance from known weights, in a space with a corner at the border."""

    space = Space(Simplex(*NAMES))

    def __call__(self, config):
        return jnp.sum((jnp.stack(weights(config)) - TARGET) ** 2)


def test_maximize_finds_the_weights(x64):
    """Inside of the simplex, on an edge and at a corner, from a centre that is none of them."""
    space = Mixture.space

    @jax.jit
    def found_for(target):
        def worth(x):  # a share is at 1 - exp(-share) of its column; `shares` rounds, so it has no gradient
            return -jnp.sum((-jnp.log1p(-x) - target - 0.2) ** 2)  # best at the target, and better off the simplex

        region, none = Region(space.encoding), jbo.random_search(space).init(1)
        found = maximize(jax.random.key(0), worth, region, none, jnp.full(3, 0.5))
        return shares(space.encoding, found.x), found.value

    for target in (TARGET, np.array([0.7, 0.3, 0.0]), np.array([0.0, 0.0, 1.0])):
        w, value = found_for(jnp.asarray(target))
        np.testing.assert_allclose(w, target, atol=1e-3)
        np.testing.assert_allclose(value, -np.sum((np.asarray(w) - target - 0.2) ** 2), atol=1e-12)


@pytest.mark.thorough
def test_minimize_finds_the_weights(x64):
    problem = Mixture()
    run = jax.jit(lambda key: jbo.minimize(key, problem, jbo.bayesian(problem.space), 16))(jax.random.key(0))
    assert run.best_y[-1] < 1e-3
    w = np.asarray(shares(problem.space.encoding, run.x))
    np.testing.assert_allclose(w[np.argmin(run.y)], TARGET, atol=0.03)


@pytest.mark.thorough
def test_a_study_finds_weights_at_a_corner():
    """The best share of w3 is 0: on the border of the simplex, in float64."""
    space = Space(Simplex(*NAMES))

    def loss(config):
        return (config["w1"] - 0.7) ** 2 + config["w3"]

    with jbo.Study(space, seed=0) as study:
        study.optimize(loss, 16, progress=False)
        assert study.best.value < 2e-3 and study.best.config["w3"] < 2e-3
        assert all(sum(weights(trial.config)) == 1 for trial in study.trials)
