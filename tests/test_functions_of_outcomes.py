"""Problems with limits or several objectives: formulas written out, minima and fronts derived, both worlds."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq, minimize, minimize_scalar

import jbo
from jbo import functions, pareto
from tests.selection import some

LIMITED = [
    functions.constrained_branin,
    functions.gramacy,
    functions.tension_spring,
    functions.welded_beam,
    functions.pressure_vessel,
    functions.speed_reducer,
]
SEVERAL = [
    functions.branin_currin,
    functions.constrained_branin_currin,
    functions.zdt1(4),
    functions.zdt2(4),
    functions.zdt3(4),
    functions.dtlz2(4, 3),
]
PROBLEMS = [*LIMITED, *SEVERAL]


def named(problem):
    return problem.name


@pytest.fixture(autouse=True)
def strict():
    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        yield


# The formulas once more, as they stand in print: each limit as g <= 0.


def constrained_branin(x):
    return [functions.branin({"x1": x[0], "x2": x[1]}), (x[0] - 2.5) ** 2 + (x[1] - 7.5) ** 2 - 50]


def gramacy(x):
    wave = 0.5 * math.sin(2 * math.pi * (x[0] ** 2 - 2 * x[1])) + x[0] + 2 * x[1] - 1.5
    return [x[0] + x[1], -wave, x[0] * x[0] + x[1] * x[1] - 1.5]


def tension_spring(x):
    d, diameter, n = x
    return [
        (n + 2) * diameter * d * d,
        1 - diameter**3 * n / (71785 * d**4),
        (4 * diameter**2 - d * diameter) / (12566 * (diameter * d**3 - d**4)) + 1 / (5108 * d**2) - 1,
        1 - 140.45 * d / (diameter**2 * n),
        diameter + d - 1.5,
    ]


def welded_beam(x, twelve=12, buckling=1 / 6):
    h, l, t, b = x  # noqa: E741
    p, overhang, e, g = 6000, 14, 30e6, 12e6
    m = p * (overhang + l / 2)
    r = math.sqrt(l**2 / 4 + ((h + t) / 2) ** 2)
    j = 2 * (math.sqrt(2) * h * l * (l**2 / twelve + ((h + t) / 2) ** 2))
    tau1, tau2 = p / (math.sqrt(2) * h * l), m * r / j
    tau = math.sqrt(tau1**2 + 2 * tau1 * tau2 * l / (2 * r) + tau2**2)
    critical = 4.013 * e * math.sqrt(t**2 * b**6) * buckling / overhang**2
    critical *= 1 - t / (2 * overhang) * math.sqrt(e / (4 * g))
    return [
        1.10471 * h**2 * l + 0.04811 * t * b * (14 + l),
        tau - 13600,
        6 * p * overhang / (b * t**2) - 30000,
        h - b,
        0.10471 * h**2 + 0.04811 * t * b * (14 + l) - 5,
        4 * p * overhang**3 / (e * t**3 * b) - 0.25,
        p - critical,
    ]


def pressure_vessel(x):
    s, h, r, l = x[0] * 0.0625, x[1] * 0.0625, x[2], x[3]  # noqa: E741
    cost = 0.6224 * s * r * l + 1.7781 * h * r**2 + 3.1661 * s**2 * l + 19.84 * s**2 * r
    return [cost, 0.0193 * r - s, 0.00954 * r - h, 1296000 - math.pi * r**2 * l - 4 / 3 * math.pi * r**3]


def speed_reducer(x):
    x1, x2, x3, x4, x5, x6, x7 = x
    weight = 0.7854 * x1 * x2**2 * (3.3333 * x3**2 + 14.9334 * x3 - 43.0934) - 1.508 * x1 * (x6**2 + x7**2)
    return [
        weight + 7.4777 * (x6**3 + x7**3) + 0.7854 * (x4 * x6**2 + x5 * x7**2),
        27 / (x1 * x2**2 * x3) - 1,
        397.5 / (x1 * x2**2 * x3**2) - 1,
        1.93 * x4**3 / (x2 * x3 * x6**4) - 1,
        1.93 * x5**3 / (x2 * x3 * x7**4) - 1,
        ((745 * x4 / (x2 * x3)) ** 2 + 16.9e6) ** 0.5 / (110 * x6**3) - 1,
        ((745 * x5 / (x2 * x3)) ** 2 + 157.5e6) ** 0.5 / (85 * x7**3) - 1,
        x2 * x3 - 40,
        5 - x1 / x2,
        1.5 * x6 + 1.9 - x4,
        1.1 * x7 + 1.9 - x5,
    ]


def currin(u, v):
    falls = 1 - math.exp(-1 / (2 * v))
    return falls * (2300 * u**3 + 1900 * u**2 + 2092 * u + 60) / (100 * u**3 + 500 * u**2 + 4 * u + 20)


def branin_currin(x):
    return [functions.branin({"x1": 15 * x[0] - 5, "x2": 15 * x[1]}), currin(*x)]


def constrained_branin_currin(x):
    return [*branin_currin(x), constrained_branin([15 * x[0] - 5, 15 * x[1]])[1]]


def zdt(x, h):
    g = 1 + 9 * sum(x[1:]) / (len(x) - 1)
    return [x[0], g * h(x[0], g)]


def zdt1(x):
    return zdt(x, lambda f, g: 1 - math.sqrt(f / g))


def zdt2(x):
    return zdt(x, lambda f, g: 1 - (f / g) ** 2)


def zdt3(x):
    return zdt(x, lambda f, g: 1 - math.sqrt(f / g) - f / g * math.sin(10 * math.pi * f))


def dtlz2(x):
    a, b = x[0] * math.pi / 2, x[1] * math.pi / 2
    g = 1 + sum((v - 0.5) ** 2 for v in x[2:])
    return [g * math.cos(a) * math.cos(b), g * math.cos(a) * math.sin(b), g * math.sin(a)]


def in_table(problem, config):
    """Objectives, then limits, at most 0 where they hold."""
    values = problem(config)
    assert list(values) == [outcome.name for outcome in problem.outcomes]
    return [float(outcome.to_table(values[outcome.name])) for outcome in problem.outcomes]


def random_points(problem, n, seed=0):
    return np.random.default_rng(seed).uniform(0.001, 1, size=(n, len(problem.space)))


@pytest.mark.parametrize("problem", PROBLEMS, ids=named)
def test_values_equal_the_formulas_written_out(problem):
    formula = globals()[problem.name.split("_4")[0]]
    for x in random_points(problem, 100):
        config = problem.space.decode(x)
        found, expected = in_table(problem, config), formula(list(config.values()))
        assert len(found) == len(expected)
        assert all(np.asarray(value).dtype == np.float64 for value in problem(config).values())
        for value, known in zip(found, expected, strict=True):
            assert value == pytest.approx(known, rel=1e-9, abs=1e-9)


def excess(problem, config):
    """By how much each limit is broken, relative to it."""
    values = problem(config)
    return np.array([o.to_table(values[o.name]) / max(1, abs(o.limit)) for o in problem.outcomes[1:]])


@pytest.mark.parametrize("problem", LIMITED, ids=named)
def test_the_minimum_is_reached_within_the_limits(problem):
    assert [type(outcome) for outcome in problem.outcomes].count(jbo.Minimize) == 1
    for config in problem.minimizers:
        assert problem.space.validate(config) == config
        assert in_table(problem, config)[0] == pytest.approx(problem.minimum, rel=1e-13)
        assert excess(problem, config).max() <= 1e-9


def test_minima_of_the_literature():
    minima = {problem.name: problem.minimum for problem in LIMITED}
    assert minima == {
        "constrained_branin": pytest.approx(0.397887, abs=1e-6),
        "gramacy": pytest.approx(0.59979, abs=1e-5),
        "tension_spring": pytest.approx(0.0126652, abs=1e-7),
        "welded_beam": pytest.approx(1.724852, abs=1e-6),
        "pressure_vessel": pytest.approx(6059.714, abs=1e-3),
        "speed_reducer": pytest.approx(2994.471, abs=1e-3),
    }


def least(objective, limits, bounds, num_starts, seed=0):
    """The least value that SLSQP finds from random starts with all limits at most 0, in units of the bounds."""
    low, high = np.array(bounds, float).T
    rng, best = np.random.default_rng(seed), (math.inf, None)

    def scaled(u):
        return low + (high - low) * np.clip(u, 0, 1)

    for _ in range(num_starts):
        start = rng.uniform(size=len(low))
        size = abs(objective(scaled(start)))
        found = minimize(
            lambda u, size=size: objective(scaled(u)) / size,
            start,
            bounds=[(0, 1)] * len(low),
            constraints={"type": "ineq", "fun": lambda u: -np.array(limits(scaled(u)))},
            method="SLSQP",
            options={"ftol": 1e-14, "maxiter": 500},
        )
        x = scaled(found.x)
        if max(limits(x)) < 1e-7 and objective(x) < best[0]:
            best = objective(x), x
    return best


@some("problem", LIMITED[:-2], LIMITED[1:2], ids=named)
def test_the_minimum_is_the_best_of_many_local_searches(problem):
    names = list(problem.space)
    goal = problem.outcomes[0].name

    def config(x):
        return dict(zip(names, map(float, x), strict=True))

    with np.errstate(all="ignore"):
        bounds = [(p.low, p.high) for p in problem.space.values()]
        value, x = least(lambda x: problem(config(x))[goal], lambda x: excess(problem, config(x)), bounds, 20)
    assert value == pytest.approx(problem.minimum, rel=1e-6)
    nearest = min(np.abs(np.array(list(m.values())) - x).max() for m in problem.minimizers)
    assert nearest < 1e-2


@pytest.mark.thorough
def test_the_best_gear_box_has_17_teeth():
    """With each number of teeth; and the other form in print, whose second span is at least 7.8."""
    problem, best = functions.speed_reducer, {}
    names = [name for name in problem.space if name != "teeth"]

    def config(x, teeth):
        return {**dict(zip(names, map(float, x), strict=True)), "teeth": teeth}

    bounds = {name: (problem.space[name].low, problem.space[name].high) for name in names}
    for teeth, low in [*((teeth, 7.3) for teeth in range(17, 29)), (17, 7.8)]:
        bounds["span2"] = (low, 8.3)
        best[teeth, low], _ = least(
            lambda x, teeth=teeth: problem(config(x, teeth))["weight"],
            lambda x, teeth=teeth: excess(problem, config(x, teeth)),
            list(bounds.values()),
            6,
        )
    assert best[17, 7.3] == pytest.approx(problem.minimum, rel=1e-8) == min(best.values())
    assert best[17, 7.8] == pytest.approx(2996.348, abs=1e-3)


def test_the_best_vessel_of_all_thicknesses():
    """For each pair of thicknesses the length follows from the radius; the cost of each radius."""
    problem, best = functions.pressure_vessel, (math.inf,)
    for shell, head in itertools.product(range(1, 100), repeat=2):
        most = min(shell / 16 / 0.0193, head / 16 / 0.00954, 200)
        radius = np.linspace(10, max(most, 10), 200)
        length = np.maximum((1296000 / math.pi - 4 / 3 * radius**3) / radius**2, 10)
        cost = problem({"shell": shell, "head": head, "radius": radius, "length": length})["cost"]
        cost = np.where((length <= 200) & (radius <= most), cost, math.inf)
        best = min(best, (cost.min(), shell, head, radius[cost.argmin()]))
    assert best == (pytest.approx(problem.minimum, rel=1e-12), 13, 7, pytest.approx(0.8125 / 0.0193, rel=1e-12))


@pytest.mark.thorough
def test_minima_of_other_forms_in_print():
    """What the docstring says of the welded beam: another moment of inertia, and another buckling load."""
    space = functions.welded_beam.space
    bounds = [(p.low, p.high) for p in space.values()]
    for options, expected in (({"twelve": 4}, 1.6952), ({"buckling": 6}, 1.5871), ({}, 1.72485)):

        def limits(x, options=options):
            return np.array(welded_beam(x, **options)[1:]) / np.array([13600, 30000, 1, 1, 1, 6000])

        value, _ = least(lambda x, options=options: welded_beam(x, **options)[0], limits, bounds, 30)
        assert value == pytest.approx(expected, abs=1e-4)


def test_two_minima_on_the_edge_of_what_is_allowed(x64):
    """Gramacy's along the wave, the spring's where deflection and stress bind: one number is left to vary."""

    def height(x):
        return brentq(lambda y: gramacy([x, y])[1], 0.38, 0.43, xtol=1e-15)

    best = minimize_scalar(lambda x: x + height(x), bounds=(0.19, 0.2), method="bounded", options={"xatol": 1e-10})
    assert best.fun == pytest.approx(functions.gramacy.minimum, rel=1e-12)

    def spring(wire):
        coil = brentq(lambda c: tension_spring([wire, c, 2])[2], 0.25, 1.3, xtol=1e-15)
        return [wire, coil, 71785 * wire**4 / coil**3]

    best = minimize_scalar(
        lambda wire: tension_spring(spring(wire))[0], bounds=(0.0505, 0.053), method="bounded", options={"xatol": 1e-10}
    )
    assert best.fun == pytest.approx(functions.tension_spring.minimum, rel=1e-10)


def hypervolume(y, reference):
    """Of two objectives, in NumPy, since there are many rows; and the front."""
    y = y[(y < reference).all(axis=1)]
    y = y[np.lexsort(y.T[::-1])]
    y = y[y[:, 1] < np.minimum.accumulate(np.concatenate([[np.inf], y[:-1, 1]]))]
    right = np.append(y[1:, 0], reference[0])
    return float(((right - y[:, 0]) * (reference[1] - y[:, 1])).sum()), y


def values_of(problem, x):
    """Objectives at many points, infinite beyond the limits."""
    columns = {name: x[:, j] for j, name in enumerate(problem.space)}
    table = [outcome.to_table(problem(columns)[outcome.name]) for outcome in problem.outcomes]
    y, limits = np.stack(table[:2], 1), np.stack([*table[2:], 0 * x[:, 0]], 1)
    return np.where((limits <= 0).all(axis=1)[:, None], y, np.inf)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("problem", "num_grids", "accuracy"),
    [(functions.branin_currin, 5, 3e-4), (functions.constrained_branin_currin, 8, 1e-3)],
    ids=["free", "constrained"],
)
def test_the_hypervolume_by_ever_finer_grids(problem, num_grids, accuracy):
    """Between two points of a front a strip misses a volume in proportion to the step, so the limit is at step 0."""
    reference = np.array(problem.reference)
    step = 1 / 1000
    grid = np.arange(1001) * step
    x = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    volumes = []
    for _ in range(num_grids):
        y = values_of(problem, x)
        order = np.lexsort(y.T[::-1])
        lowest = np.minimum.accumulate(np.concatenate([[np.inf], y[order][:-1, 1]]))
        x, y = x[order[y[order][:, 1] < lowest]], y[order[y[order][:, 1] < lowest]]
        volumes.append(hypervolume(y, reference)[0])
        step /= 2
        near = np.stack(np.meshgrid(*[np.arange(-4, 5) * step] * 2), -1)
        x = np.unique(np.round(np.clip(x[:, None, None] + near, 0, 1) / step).reshape(-1, 2), axis=0) * step
    assert max(volumes) == volumes[-1] < problem.hypervolume
    assert 2 * volumes[-1] - volumes[-2] == pytest.approx(problem.hypervolume, abs=accuracy)


@pytest.mark.parametrize("problem", [functions.branin_currin, functions.constrained_branin_currin], ids=named)
def test_a_grid_comes_near_the_hypervolume(problem):
    grid = np.linspace(0, 1, 401)
    y = values_of(problem, np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2))
    found = hypervolume(y, np.array(problem.reference))[0]
    assert problem.hypervolume * 0.985 < found < problem.hypervolume


@pytest.mark.parametrize("make", [functions.zdt1, functions.zdt2, functions.zdt3], ids=lambda make: make.__name__)
def test_the_fronts_of_zdt_are_where_g_is_1(make):
    problem = make(3)
    assert problem.reference == (11.0, 11.0)
    t = np.linspace(0, 1, 200_001)
    on_front = values_of(problem, np.stack([t, 0 * t, 0 * t], 1))
    (fine, front), (coarse, _) = (hypervolume(y, np.array([11.0, 11.0])) for y in (on_front, on_front[::2]))
    assert coarse < fine < problem.hypervolume
    assert 2 * fine - coarse == pytest.approx(problem.hypervolume, abs=1e-6)
    anywhere = values_of(problem, random_points(problem, 2000))
    below = front[np.searchsorted(front[:, 0], anywhere[:, 0], side="right") - 1]
    assert (below[:, 1] <= anywhere[:, 1] + 1e-12).all()
    with pytest.raises(ValueError, match=f"{make.__name__} needs at least 2 dimensions, got d=1"):
        make(1)


@pytest.mark.parametrize("k", [2, 3])
def test_the_front_of_dtlz2_is_a_part_of_a_sphere(k):
    """Its volume as the part of the cube that is not in the ball, by a grid of cells."""
    problem = functions.dtlz2(k + 1, k)
    assert problem.reference == (1.1,) * k and len(problem.outcomes) == k
    middle = (np.arange(110) + 0.5) / 100
    cells = np.stack(np.meshgrid(*[middle] * k), -1)
    assert ((cells**2).sum(-1) > 1).sum() / 100**k == pytest.approx(problem.hypervolume, rel=5e-3)
    for x in random_points(problem, 50):
        config = problem.space.decode(x)
        radius = math.sqrt(sum(v**2 for v in problem(config).values()))
        assert radius >= 1 - 1e-12
        config |= {f"x{i}": 0.5 for i in range(k, k + 2)}
        assert sum(v**2 for v in problem(config).values()) == pytest.approx(1, rel=1e-12)
    with pytest.raises(ValueError, match="got d=1 with 2 objectives"):
        functions.dtlz2(1)
    with pytest.raises(ValueError, match="at least 2 objectives, got num_objectives=1"):
        functions.dtlz2(3, 1)
    assert functions.dtlz2(3, 2) is functions.dtlz2(3, 2) and len(functions.zdt1().space) == 30


def test_python_and_traced_code_agree(slow_dtype):
    def all_of(points):
        return [jax.vmap(lambda x, p=p: p(p.space.decode_traced(x)))(x) for p, x in zip(PROBLEMS, points, strict=True)]

    points = [random_points(problem, 50, seed=1).astype(slow_dtype) for problem in PROBLEMS]
    tolerance = {"float64": 1e-9, "float32": 2e-3}[slow_dtype.name]
    for problem, x, traced in zip(PROBLEMS, points, jax.jit(all_of)([*map(jnp.asarray, points)]), strict=True):
        for outcome in problem.outcomes:
            values = np.asarray(traced[outcome.name])
            assert values.dtype == slow_dtype
            expected = np.array([float(problem(problem.space.decode(point))[outcome.name]) for point in x])
            np.testing.assert_allclose(values, expected, rtol=tolerance, atol=tolerance * np.abs(expected).min())


def test_gradients_are_finite_on_the_edges(x64):
    def total(problem, end):
        return sum(problem({name: end for name in problem.space}).values())

    slopes = jax.jit(lambda ends: [jax.vmap(jax.grad(lambda end, p=p: total(p, end)))(ends) for p in SEVERAL])
    assert all(np.isfinite(slope).all() for slope in slopes(jnp.array([0.0, 0.5, 1.0])))


def test_each_front_has_the_volume_that_jbo_measures(x64):
    """A few points of the front of ZDT1, so that `jbo.pareto` and the problem mean the same."""
    problem = functions.zdt1(3)
    t = np.linspace(0, 1, 300) ** 2
    y = values_of(problem, np.stack([t, 0 * t, 0 * t], 1))
    measured = float(pareto.hypervolume(jnp.asarray(y), jnp.asarray(problem.reference), jnp.ones(300, bool)))
    assert problem.hypervolume - 0.01 < measured < problem.hypervolume


@some("problem", PROBLEMS, [functions.gramacy, functions.branin_currin], ids=named)
def test_each_runs_in_a_study_and_as_one_program(problem):
    strategy = jbo.sobol_search(problem.space)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        with jbo.Study(problem.space, strategy=strategy, outcomes=problem.outcomes, seed=0) as study:
            study.optimize(problem, 4)
            values = [trial.values for trial in study.trials]
            volume, reference = study.hypervolume, tuple(study.reference.values())
        with jax.enable_x64(True):
            key = jax.random.key(0, impl="threefry2x32")
            run = jbo.minimize(key, problem, strategy, 4, outcomes=problem.outcomes)
    for outcome in problem.outcomes:
        np.testing.assert_allclose(run.values[outcome.name], [v[outcome.name] for v in values], rtol=1e-9)
    if problem in SEVERAL:
        assert reference == problem.reference
        assert volume == pytest.approx(float(run.hypervolume[-1]), rel=1e-9) and volume < problem.hypervolume
