"""The test problems by value: against formulas written out, at their minima, and the same in Python and in JAX."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import differential_evolution, minimize

import jbo
from jbo import functions
from jbo.parameters import Real
from jbo.space import is_active
from tests.selection import some

PROBLEMS = [
    functions.branin,
    functions.hartmann3,
    functions.hartmann6,
    functions.ackley(3),
    functions.levy(3),
    functions.rosenbrock(3),
    functions.rastrigin(3),
    functions.styblinski_tang(3),
    functions.michalewicz(3),
    functions.mixed,
    functions.conditional,
]
FEW = [functions.branin, functions.conditional]


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


@pytest.fixture(params=PROBLEMS, ids=lambda problem: problem.name)
def problem(request):
    return request.param


# The formulas once more, one number at a time.


def branin(x):
    a, b, c, r, s, t = 1, 5.1 / (4 * math.pi**2), 5 / math.pi, 6, 10, 1 / (8 * math.pi)
    return a * (x[1] - b * x[0] ** 2 + c * x[0] - r) ** 2 + s * (1 - t) * math.cos(x[0]) + s


def hartmann3(x):
    a = [[3, 10, 30], [0.1, 10, 35], [3, 10, 30], [0.1, 10, 35]]
    p = [[0.3689, 0.1170, 0.2673], [0.4699, 0.4387, 0.7470], [0.1091, 0.8732, 0.5547], [0.0381, 0.5743, 0.8828]]
    exponents = [sum(a[i][j] * (x[j] - p[i][j]) ** 2 for j in range(3)) for i in range(4)]
    return -sum(height * math.exp(-e) for height, e in zip((1.0, 1.2, 3.0, 3.2), exponents, strict=True))


def hartmann6(x):
    a = [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
    p = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ]
    exponents = [sum(a[i][j] * (x[j] - p[i][j]) ** 2 for j in range(6)) for i in range(4)]
    return -sum(height * math.exp(-e) for height, e in zip((1.0, 1.2, 3.0, 3.2), exponents, strict=True))


def ackley(x):
    root = math.sqrt(sum(v**2 for v in x) / len(x))
    waves = sum(math.cos(2 * math.pi * v) for v in x) / len(x)
    return -20 * math.exp(-0.2 * root) - math.exp(waves) + 20 + math.e


def levy(x):
    w = [1 + (v - 1) / 4 for v in x]
    total = math.sin(math.pi * w[0]) ** 2 + (w[-1] - 1) ** 2 * (1 + math.sin(2 * math.pi * w[-1]) ** 2)
    return total + sum((v - 1) ** 2 * (1 + 10 * math.sin(math.pi * v + 1) ** 2) for v in w[:-1])


def rosenbrock(x):
    return sum(100 * (x[i + 1] - x[i] ** 2) ** 2 + (x[i] - 1) ** 2 for i in range(len(x) - 1))


def rastrigin(x):
    return 10 * len(x) + sum(v**2 - 10 * math.cos(2 * math.pi * v) for v in x)


def styblinski_tang(x):
    return sum(v**4 - 16 * v**2 + 5 * v for v in x) / 2


def michalewicz(x):
    return -sum(math.sin(v) * math.sin(i * v**2 / math.pi) ** 20 for i, v in enumerate(x, 1))


def mixed(config):
    slope, offset, best = {0: (-1.0, 0.5, 2), 1: (0.5, 0.0, 6), 2: (1.0, 0.2, 4)}[config["kind"]]
    x, n = config["x"], config["n"]
    value = (x - slope * n / 8) ** 2 + (math.log10(config["rate"]) + x) ** 2
    return value + 0.1 * (n - math.log2(config["width"])) ** 2 + 0.05 * (n - best) ** 2 + offset


def conditional(config):
    value = (config["x"] - 0.25) ** 2
    if config["model"] == 0:
        return value + 0.3 + (config["a"] - 0.2) ** 2
    if config["model"] == 2:
        return value + 0.5
    value += 0.1 * (config["depth"] - 4) ** 2 + (config["b"] - config["x"]) ** 2
    return value + ((config["rate"] - 0.1 * config["depth"]) ** 2 if config["depth"] >= 3 else 0.2)


def reference(problem, config):
    function = globals()[problem.name.rstrip("3") if problem.name != "hartmann3" else "hartmann3"]
    return function(config if problem.name in ("mixed", "conditional") else list(config.values()))


def random_points(problem, n, seed=0):
    return np.random.default_rng(seed).uniform(size=(n, len(problem.space)))


def test_values_equal_the_formulas_written_out(problem):
    for x in random_points(problem, 100):
        config = problem.space.decode(x)
        value = problem(config)
        assert np.asarray(value).dtype == np.float64 and np.ndim(value) == 0
        assert float(value) == pytest.approx(reference(problem, config), rel=1e-12, abs=1e-12)


def test_constants_of_the_literature():
    minima = {p.name: p.minimum for p in PROBLEMS}
    assert minima["branin"] == pytest.approx(0.397887, abs=1e-6)
    assert minima["hartmann3"] == pytest.approx(-3.86278, abs=1e-5)
    assert minima["hartmann6"] == pytest.approx(-3.32237, abs=1e-5)
    assert minima["styblinski_tang3"] == pytest.approx(-39.16599 * 3, abs=1e-3)
    for d, minimum in ((2, -1.8013), (5, -4.687658), (10, -9.66015)):
        assert functions.michalewicz(d).minimum == pytest.approx(minimum, abs=1e-5)
    assert functions.michalewicz(2).minimizers[0] == {
        "x1": pytest.approx(2.20, abs=0.01),
        "x2": pytest.approx(math.pi / 2),
    }


def test_the_minimum_is_reached_at_the_minimizers(problem):
    for config in problem.minimizers:
        assert problem.space.validate(config) == config
        assert float(problem(config)) == pytest.approx(problem.minimum, rel=1e-14, abs=1e-14)
        # Written to a point and read again, in which reals lose a digit.
        again = problem.space.decode(problem.space.encode(config))
        assert float(problem(again)) == pytest.approx(problem.minimum, rel=1e-12, abs=1e-12)


@pytest.mark.thorough
@some("problem", PROBLEMS, FEW, ids=lambda problem: problem.name)
def test_the_minimum_is_not_beaten_but_found(problem):
    """A global search on the unit cube, polished on its real columns."""
    space = problem.space
    is_real = np.array([isinstance(p, Real) for p in space.values()])

    def value(x):
        return float(problem(space.decode(x)))

    found = differential_evolution(value, [(0, 1)] * len(space), popsize=10, maxiter=50, tol=0, polish=False, rng=0).x

    def value_of_reals(reals):
        x = found.copy()
        x[is_real] = reals
        return value(x)

    polished = minimize(value_of_reals, found[is_real], bounds=[(0, 1)] * is_real.sum(), method="L-BFGS-B")
    assert polished.fun >= problem.minimum - 1e-12
    assert polished.fun <= problem.minimum + 1e-4


@pytest.mark.parametrize("problem", [functions.mixed, functions.conditional], ids=lambda problem: problem.name)
def test_every_combination_of_choices_is_at_least_the_minimum(problem):
    space = problem.space
    discrete = {name: [p.value_at(k) for k in range(p.num_levels)] for name, p in space.items() if p.num_levels}
    best = {}
    for values in itertools.product(*discrete.values()):
        part = dict(zip(discrete, values, strict=True))
        names = list(space.decode(np.array([space[n].to_unit(part[n]) if n in part else 0.5 for n in space])))
        part = {name: value for name, value in part.items() if name in names}
        reals = [name for name in names if name not in part]

        def value(x, part=part, reals=reals):
            return float(problem(part | {n: space[n].from_unit(u) for n, u in zip(reals, x, strict=True)}))

        result = minimize(value, np.full(len(reals), 0.4), bounds=[(0, 1)] * len(reals))
        assert result.fun >= -1e-12
        key = part.get("kind", part.get("model"))
        best[key] = min(best.get(key, math.inf), result.fun)
    expected = {0: 0.5 + min(0.1 * (n - 4) ** 2 + 0.05 * (n - 2) ** 2 for n in range(1, 9)), 1: 0.0, 2: 0.2}
    if problem is functions.conditional:
        expected = {0: 0.3, 1: 0.0, 2: 0.5}
    assert best == {key: pytest.approx(value, abs=1e-8) for key, value in expected.items()}


def test_python_and_traced_code_agree(problem, slow_dtype):
    x = random_points(problem, 200, seed=1)
    traced = np.asarray(TRACED[problem.name](jnp.asarray(x, slow_dtype)))
    assert traced.dtype == slow_dtype and traced.shape == (200,)
    expected = np.array([float(problem(problem.space.decode(point))) for point in x.astype(slow_dtype)])
    tolerance = {"float64": 1e-11, "float32": 1e-4}[slow_dtype.name]
    np.testing.assert_allclose(traced, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())


TRACED = {
    problem.name: jax.jit(jax.vmap(lambda x, problem=problem: problem(problem.space.decode_traced(x))))
    for problem in PROBLEMS
}


@some("problem", PROBLEMS, FEW, ids=lambda problem: problem.name)
def test_the_gradient_vanishes_at_minimizers(problem, x64):
    def value(x):
        return problem(problem.space.decode_traced(x))

    value_and_grad = jax.jit(jax.value_and_grad(value))
    for config in problem.minimizers:
        x = problem.space.encode(config)
        least, gradient = value_and_grad(jnp.asarray(x))
        assert float(least) == pytest.approx(problem.minimum, abs=1e-12)
        assert np.isfinite(gradient).all()
        if problem.name != "ackley3":  # a peak; its point is where the encoding rounds to
            np.testing.assert_allclose(gradient, np.zeros(len(x)), atol=2e-6)
    assert np.isfinite(value_and_grad(jnp.full(len(x), 0.5))[1]).all()


def test_inactive_names_change_nothing_in_traced_code(x64):
    space = functions.conditional.space

    @jax.jit
    @jax.vmap
    def values(x, y):
        config, other, active = space.decode_traced(x), space.decode_traced(y), is_active(space, x)
        changed = {name: jnp.where(active[j], config[name], other[name]) for j, name in enumerate(space)}
        return functions.conditional(config), functions.conditional(changed)

    x, y = random_points(functions.conditional, 200, seed=2), random_points(functions.conditional, 200, seed=3)
    np.testing.assert_allclose(*values(jnp.asarray(x), jnp.asarray(y)), rtol=1e-14)


def test_numpy_values_keep_their_type(problem):
    if problem.name in ("mixed", "conditional"):
        return
    config = {name: np.float32(value) for name, value in problem.space.decode(np.full(len(problem.space), 0.3)).items()}
    assert problem(config).dtype == np.float32


@some("problem", PROBLEMS, FEW, ids=lambda problem: problem.name)
def test_each_runs_in_a_study_and_as_one_program(problem):
    """The same points of a Sobol search, the same values: from host values in one, from traced ones in the other."""
    strategy = jbo.sobol_search(problem.space)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        with jbo.Study(problem.space, strategy=strategy, seed=0) as study:
            study.optimize(problem, 6)
            values = [trial.value for trial in study.trials]
            assert values == [float(problem(trial.config)) for trial in study.trials]
        with jax.enable_x64(True):
            run = jbo.minimize(jax.random.key(0, impl="threefry2x32"), problem, strategy, 6)
    np.testing.assert_allclose(run.y, values, rtol=1e-9, atol=1e-9)
    assert min(values) == pytest.approx(float(run.best_y[-1]), rel=1e-9) and min(values) >= problem.minimum


def test_a_problem_of_d_dimensions_is_made_once():
    for make in (functions.ackley, functions.levy, functions.rosenbrock, functions.rastrigin, functions.michalewicz):
        assert make(2) is make(2)
        assert len(make(5).space) == 5 and make(5).name.endswith("5")
    with pytest.raises(ValueError, match="rosenbrock needs at least 2 dimensions, got d=1"):
        functions.rosenbrock(1)
