"""The benchmark of evaluations: what is drawn, what is observed, and how the report counts."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from experiments.benchmark import ablate, rank, tuning
from experiments.benchmark.peer import METHODS, Peer
from experiments.benchmark.problems import MIXED_SPACE, Noisy, draw_embedded, draw_mixed, draw_rotated
from experiments.benchmark.rank import curve, curves_figure, normalised, report, run, scales
from experiments.benchmark.statistics import bootstrap_groups, mean_ranks
from experiments.benchmark.suite import ENTRIES
from jbo import functions, pytree
from tests.selection import some

BASES = [functions.rosenbrock(4), functions.ackley(6), functions.levy(3), functions.styblinski_tang(3)]


@pytest.mark.thorough
@some("base", BASES, ids=lambda base: base.name)
def test_a_rotated_function_has_its_minimum_where_it_was_put(x64, base):
    problem = draw_rotated(jax.random.key(3), base)
    d = len(problem.place)
    np.testing.assert_allclose(problem.rotation @ problem.rotation.T, np.eye(d), atol=1e-12)
    assert 0.1 <= problem.place.min() and problem.place.max() <= 0.9
    np.testing.assert_allclose(problem(problem.space.decode(np.asarray(problem.place))), base.minimum, atol=1e-4)
    at = np.random.default_rng(0).random((200, d))
    values = [float(problem(problem.space.decode(x))) for x in at[:5]]
    assert min(jax.vmap(lambda x: problem(problem.space.decode_traced(x)))(jnp.asarray(at))) > base.minimum
    np.testing.assert_allclose(values, [problem(problem.space.decode_traced(jnp.asarray(x))) for x in at[:5]])
    moved = draw_rotated(jax.random.key(4), base)
    assert np.abs(moved.place - problem.place).max() > 0.01


def test_an_embedded_function_sees_its_own_columns_only(x64):
    problem = draw_embedded(jax.random.key(3), functions.levy(3), 12)
    own = np.asarray(problem.columns)
    assert len(set(own)) == 3 and problem.minimum == 0 and problem.space.encoding.num_columns == 12
    at = np.random.default_rng(0).random((2, 12))
    at[0, own] = problem.base.place
    np.testing.assert_allclose(problem(problem.space.decode(at[0])), 0.0, atol=1e-12)
    value = float(problem(problem.space.decode(at[1])))
    for column in range(12):
        moved = at[1].copy()
        moved[column] = 1 - moved[column]
        assert (float(problem(problem.space.decode(moved))) == value) == (column not in own)
    others = [np.asarray(draw_embedded(jax.random.key(k), functions.levy(3), 12).columns).tolist() for k in range(4)]
    assert len({tuple(columns) for columns in others}) > 1


@pytest.mark.thorough
def test_noise_is_gaussian_and_the_same_at_the_same_config(x64):
    exact = draw_rotated(jax.random.key(3), functions.levy(3))
    noisy = Noisy(exact, jax.random.key(1), 2.0)
    configs = [jnp.asarray(x) for x in np.random.default_rng(0).random((2000, 3))]
    of = jax.jit(jax.vmap(lambda x, p: p(p.space.decode_traced(x)), (0, None)))
    observed = of(jnp.stack(configs), noisy)
    noise = np.asarray(observed - of(jnp.stack(configs), exact)) / 2
    np.testing.assert_array_equal(observed, of(jnp.stack(configs), noisy))
    assert abs(noise.mean()) < 0.1 and abs(noise.std() - 1) < 0.07 and len(set(noise)) == 2000
    assert noisy.minimum == exact.minimum


@pytest.mark.thorough
def test_a_mixed_bowl_has_a_best_pair_of_choices_and_a_plateau(x64):
    problem = draw_mixed(jax.random.key(0))
    kind, method = np.unravel_index(np.argmin(problem.loss), (3, 4))
    at_best = np.array([*problem.place[kind, method], (kind + 0.5) / 3, (method + 0.5) / 4])
    best = float(problem(MIXED_SPACE.decode(at_best)))
    x = np.random.default_rng(0).random((300, 8))
    values = np.array(jax.vmap(lambda x: problem(MIXED_SPACE.decode_traced(x)))(jnp.asarray(x)))
    assert problem.minimum <= best < np.quantile(values, 0.02) and values.max() == 3.0


@pytest.mark.parametrize("name", ["knn_digits", "svr_diabetes", "sgd_cancer"])
def test_a_tuning_task_gives_the_same_loss_each_time(name):
    task = tuning.TASKS[name]
    configs = [task.space.decode(x) for x in np.random.default_rng(1).random((4, task.space.encoding.num_columns))]
    values = [task(config) for config in configs]
    assert np.isfinite(values).all() and len(set(values)) > 1 and task(configs[0]) == values[0]


@pytest.mark.thorough
@pytest.mark.parametrize("name", tuning.TASKS)
def test_every_tuning_task_has_a_loss_for_every_config(name):
    task = tuning.TASKS[name]
    worst = -tuning.WORST[task.scoring]
    for x in np.random.default_rng(2).random((20, task.space.encoding.num_columns)):
        assert task(task.space.decode(x)) <= worst


def test_a_model_that_fails_has_the_worst_score():
    task = tuning.TASKS["svr_diabetes"]
    broken = tuning.Tuning(task.space, lambda config: tuning.SVR(C=-1.0), "diabetes", 60, "r2")
    assert broken({}) == 1.0


def test_half_of_the_problems_are_for_reporting():
    halves = [entry.is_for_choosing for entry in ENTRIES.values() if entry.is_for_choosing is not None]
    assert 0.35 <= np.mean(halves) <= 0.5
    for group in ("continuous", "noisy", "mixed", "tuning"):
        assert {e.is_for_choosing for e in ENTRIES.values() if e.group == group} == {True, False}


@pytest.mark.thorough
def test_a_noisy_search_is_scored_without_noise():
    case = ENTRIES["noisy_branin"].make(0)
    with Peer("random", case.space, 0) as peer:
        record = run(peer, case, 0, 12)
    noise = np.array(record["observed"]) - record["scores"]
    assert 3 < noise.std() < 25 and record["recommended"] in record["scores"]
    assert len(record["seconds"]) == 12


def runs_of(method, problem, scores, observed=None, recommended=None):
    return [
        {"method": method, "problem": problem, "seed": seed, "num_evaluations": len(row), "scores": row,
         "observed": row if observed is None else observed[seed], "seconds": [0.0] * len(row),
         "recommended": min(row) if recommended is None else recommended[seed]}
        for seed, row in enumerate(scores)
    ]  # fmt: skip


def test_the_luckiest_observation_decides_what_is_shown():
    (record,) = runs_of("a", "noisy_branin", [[5.0, 1.0, 3.0]], observed=[[4.0, 6.0, 2.0]])
    assert curve(record).tolist() == [5.0, 5.0, 3.0]


RUNS = [
    *runs_of("a", "branin", [[4.0, 1.0], [2.0, 1.0]]),
    *runs_of("random", "branin", [[8.0, 4.0], [4.0, 4.0]]),
    *runs_of("a", "knn_digits", [[-0.5, -0.9], [-0.9, -0.8]]),
    *runs_of("random", "knn_digits", [[-0.4, -0.5], [-0.5, -0.5]]),
]


def test_regrets_are_relative_to_the_best_known_and_to_random_search():
    assert scales(RUNS) == {"branin": (0.0, 4.0), "knn_digits": (-0.9, -0.5)}
    assert normalised([-0.9, -0.5, 0.5, -0.7], (-0.9, -0.5)).tolist() == pytest.approx([0.0, 1.0, 2.0, 0.5])


def test_the_report_counts_by_hand():
    text = report(RUNS, ["a", "random"])
    assert "| a | 0.12 [" in text and "| random | 1.00 [1.00, 1.00]" in text
    assert "| 4 : 0 | 50 % |" in text
    assert "| branin | continuous | 0.250 | 1.000 | 2 |" in text
    assert "| knn_digits | tuning | 0.000 | 1.000 | 2 |" in text
    figure = curves_figure(RUNS, ["a", "random"], "continuous")
    assert figure.axes[0].lines[0].get_ydata().tolist() == [0.75, 0.25]


def test_under_noise_what_is_recommended_stands_beside_the_luckiest_observation():
    runs = [
        *runs_of(
            "a", "noisy_branin", [[4.0, 1.0], [2.0, 1.0]], observed=[[0.0, 2.0], [5.0, 0.0]], recommended=[1.0, 2.0]
        ),
        *runs_of("random", "noisy_branin", [[4.0, 4.0], [4.0, 4.0]]),
    ]
    assert "| noisy_branin | 0.375 (0.625) | 1.000 (1.000) |" in report(runs, ["a", "random"])


@pytest.mark.thorough
def test_runs_of_the_peers_are_kept_and_not_made_again(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rank.jbo, "use_compile_cache", lambda: None)
    kept, known = tmp_path / "kept" / "runs.jsonl", {"problems": ("noisy_branin",), "num_evaluations": 3}
    rank.main(("jbo_parzen", "random"), num_seeds=2, out=tmp_path / "a", known=None, keep_in=kept, **known)
    held = rank.read(kept)
    assert [(r["method"], r["seed"]) for r in held] == [("random", 0), ("random", 1)] and "versions" not in held[0]
    made = [r for r in rank.read(tmp_path / "a" / "runs.jsonl") if r["method"] == "random"]
    for name in ("scores", "observed"):
        np.testing.assert_allclose([r[name] for r in held], [r[name] for r in made], rtol=1e-5)
    rank.keep(kept, runs_of("optuna_gp", "branin", [[2.0, 1.0]]))
    assert rank.read(kept)[0].keys() == {*held[0]} - {"observed"} and curve(rank.read(kept)[0]).tolist() == [2.0, 1.0]
    assert rank.read(kept)[1:] == held
    rank.main(("jbo_parzen", "random"), num_seeds=3, out=tmp_path / "b", known=kept, keep_in=kept, **known)
    new = [(r["method"], r["seed"]) for r in rank.read(tmp_path / "b" / "runs.jsonl")]
    assert sorted(new) == [("jbo_parzen", 0), ("jbo_parzen", 1), ("jbo_parzen", 2), ("random", 2)]
    assert [r["seed"] for r in rank.read(kept)[1:]] == [0, 1, 2] and rank.read(kept)[1:3] == held
    first, second = ((tmp_path / folder / "report.md").read_text() for folder in "ab")
    assert "| random | " in first and second.count("| 3 |") == 1


def test_what_is_kept_is_of_problems_for_reporting_and_of_peers():
    kept = rank.read(rank.KEPT)
    assert kept and {r["problem"] for r in kept} <= {n for n, e in ENTRIES.items() if e.is_for_choosing is False}
    assert not [r for r in kept if r["method"].startswith("jbo")] and {r["method"] for r in kept} <= METHODS.keys()
    for record in kept:
        lengths = {len(record.get(name, record["scores"])) for name in ("scores", "observed", "seconds")}
        assert lengths == {record["num_evaluations"]} and np.isfinite(record["recommended"])


def test_an_interval_is_over_groups_and_their_members():
    assert tuple(bootstrap_groups([[1.0, 1.0, 1.0], [3.0]])) == (2.0, 1.0, 3.0)
    rng = np.random.default_rng(0)
    groups = [list(rng.normal(size=20)) for _ in range(30)]
    interval = bootstrap_groups(groups)
    assert interval.low < np.mean(groups) < interval.high
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * np.sqrt(2 / 600), rel=0.4)


def test_ranks_are_over_groups_and_ties_share_theirs():
    first, second = np.array([[0.1, 5.0], [0.2, 5.0], [0.3, 1.0]]), np.array([[1.0], [3.0], [np.inf]])
    ranks = mean_ranks([first, second])
    assert [rank.estimate for rank in ranks] == [(1 + 2.5 + 2 * 1) / 4, (2 + 2.5 + 2 * 2) / 4, (3 + 1 + 2 * 3) / 4]
    assert ranks[0] == bootstrap_groups([[1.0, 2.5], [1.0]])


@pytest.mark.thorough
def test_the_command_goes_on_and_reports(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(rank.jbo, "use_compile_cache", lambda: None)
    for _ in range(2):
        rank.main(("sobol", "random"), problems=("branin",), num_evaluations=4, num_seeds=2, out=tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "runs.jsonl").read_text().splitlines()]
    assert len(lines) == 4 and {line["method"] for line in lines} == {"sobol", "random"}
    assert (tmp_path / "report.md").read_text() in capsys.readouterr().out
    assert (tmp_path / "continuous.png").stat().st_size > 5_000
    with pytest.raises(SystemExit, match="problems: expected some of"):
        rank.main(problems=("nothing",), out=tmp_path)
    with pytest.raises(SystemExit, match="half: expected"):
        rank.main(half="best", out=tmp_path)


def test_an_ablation_is_paired_by_draw():
    default = {"a": np.array([0.1, 0.01]), "b": np.array([3.0, 1.0])}
    other = {"a": np.array([0.01, 0.1]), "b": np.array([0.1, 0.1])}
    text = ablate.table({"default": default, "other": other})
    assert "| the default itself | 1.75 [1.25, 2.00] | 0.78 | 0.06 | 1.50 |" in text, "one regret is cut at 2"
    assert "| other | 1.25 [1.00, 1.75] | -0.70 [" in text and "| +0.00 | -1.40 |" in text


RandomSearch = type(jbo.random_search(functions.branin.space))


@pytree
@dataclasses.dataclass(frozen=True)
class RecommendsTheFirst(RandomSearch):
    def recommend(self, key, state):
        return jnp.zeros((), jnp.int32)


@pytest.mark.thorough
def test_problems_that_share_a_program_are_searched_as_if_alone(x64):
    names, keys = ("rastrigin3", "noisy_styblinski_tang3"), ablate.keys_of(5, 2)
    encoding = ablate.DRAWS["rastrigin3"](jax.random.key(0)).space.encoding

    @jax.jit
    def end(key, problem, strategy):
        run = jbo.minimize(key, problem, strategy, 6)
        if not isinstance(problem, Noisy):
            return run.best_y[-1] - problem.minimum
        x = run.trials.x[strategy.recommend(key, run.trials)]
        return problem.base(problem.space.decode_traced(x)) - problem.minimum

    found = ablate.regrets(keys, names, RecommendsTheFirst(encoding), 6, lanes=4)
    for name, row in zip(names, found, strict=True):
        for key, value in zip(keys, row, strict=True):
            key_problem, key_search, key_random = jax.random.split(key, 3)
            problem = ablate.DRAWS[name](key_problem)
            own = end(key_search, problem, RecommendsTheFirst(encoding))
            others = [end(k, problem, RandomSearch(encoding)) for k in jax.random.split(key_random, 15)]
            np.testing.assert_allclose(value, own / np.median(others), rtol=1e-9)


@pytest.mark.thorough
def test_the_ablation_searches_each_draw(tmp_path, monkeypatch, x64):
    monkeypatch.setattr(ablate.jbo, "use_compile_cache", lambda: None)
    for _ in range(2):
        ablate.main(("forest",), ("bowl",), num_evaluations=12, num_seeds=2, lanes=2, out=tmp_path)
    files = sorted(path.name for path in tmp_path.glob("*.npy"))
    assert files == ["bowl, default, 100+2, 12.npy", "bowl, forest, 100+2, 12.npy"]
    regrets = np.load(tmp_path / files[0])
    assert regrets.shape == (2,) and (0 < regrets).all() and (regrets < 3).all()
    assert "| forest |" in (tmp_path / "table.md").read_text()
