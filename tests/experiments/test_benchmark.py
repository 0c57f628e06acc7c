"""The benchmark: spaces as plain data, an optimiser behind pipes, paired comparisons."""

import json

import jax
import numpy as np
import pytest
from scipy.stats import bootstrap, wilcoxon

import jbo
from experiments.benchmark import accelerator, batches, speed, throughput, waits
from experiments.benchmark.ablate import DRAWS
from experiments.benchmark.adapters import jbo_study
from experiments.benchmark.adapters.columns import Columns
from experiments.benchmark.compare import PROBLEMS, comparison, missing_runs, read, run
from experiments.benchmark.peer import METHODS, Peer, describe
from experiments.benchmark.speed import MIXED_SPACE, Cell, mixed_value, put_between, table
from experiments.benchmark.statistics import bootstrap_median, share_of_wins, signed_rank_p_value
from experiments.replicate import keys_of
from jbo.types import EMPTY, OK

SPACES = [jbo.functions.branin.space, jbo.functions.mixed.space, jbo.functions.conditional.space, MIXED_SPACE]


@pytest.mark.parametrize("space", SPACES)
def test_a_described_space_is_the_same_space(space):
    described = json.loads(json.dumps(describe(space)))
    assert dict(jbo_study.space_of(described)) == dict(space)


def test_parents_are_described_first():
    space = jbo.Space(a=jbo.Real(0.0, 1.0, when=("b", 2)), b=jbo.Integer(1, 3))
    assert [p["name"] for p in describe(space)] == ["b", "a"]
    with pytest.raises(ValueError, match="constraint"):
        describe(jbo.Space(a=jbo.Real(0.0, 1.0), constraint=lambda config: config["a"] < 0.5))


@pytest.mark.parametrize("space", SPACES)
def test_columns_give_the_config_back(space):
    columns = Columns(describe(space))
    rng = np.random.default_rng(0)
    for x in rng.uniform(size=(50, space.encoding.num_columns)):
        config = space.decode(x)
        row = columns.encode(config)
        assert row.shape == (columns.num_columns,) and row.min() >= 0 and row.max() <= 1
        again = columns.decode(row)
        assert again.keys() == config.keys()
        for name, value in config.items():
            expected = pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
            assert again[name] == expected and type(again[name]) is type(value)


def test_a_search_behind_pipes_is_the_search_in_this_process():
    problem = jbo.functions.branin
    with Peer("random", problem.space, 3, core=0) as peer:
        first, second = run(peer, problem, 4), peer.restart(3) or run(peer, problem, 4)
    study = jbo.Study(problem.space, strategy=jbo.random_search(problem.space), seed=3)
    values = [study.tell(t := study.ask(), problem(t.config)).value for _ in range(4)]
    expected = np.minimum.accumulate(values) - problem.minimum
    np.testing.assert_allclose(first["regret"], expected, rtol=1e-12)
    assert first["regret"] == second["regret"] and len(first["seconds"]) == 4 and min(first["seconds"]) > 0


def test_what_is_told_before_counts():
    space = jbo.functions.mixed.space
    optimizer = jbo_study.make("parzen", describe(space), 0, 40)
    configs = [space.decode(x) for x in np.random.default_rng(0).uniform(size=(3, space.encoding.num_columns))]
    optimizer.load(configs, [1.0, 2.0, 3.0])
    assert [t.value for t in optimizer.study.trials] == [1.0, 2.0, 3.0]
    assert [t.config for t in optimizer.study.trials] == configs


def test_errors_of_a_peer_are_told(monkeypatch, tmp_path):
    space = jbo.functions.branin.space
    with pytest.raises(ValueError, match="method: expected one of jbo, .*, got 'tpe'"):
        Peer("tpe", space, 0)
    monkeypatch.setenv("JBO_PEERS", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="make peers"):
        Peer("optuna_tpe", space, 0)
    with Peer("random", space, 0) as peer, pytest.raises(RuntimeError, match="ended in 'tell'"):
        peer.tell(0.0)


def test_runs_are_kept_and_missing_ones_are_found(tmp_path):
    path = tmp_path / "runs.jsonl"
    assert read(path) == []
    head = {"method": "a", "problem": "p", "num_evaluations": 3}
    path.write_text("".join(json.dumps(head | {"seed": s, "regret": [1.0]}) + "\n" for s in (0, 2)) + '{"method": "a')
    assert [r["seed"] for r in read(path)] == [0, 2]
    assert list(missing_runs(read(path), ["a", "b"], ["p"], [0, 1, 2], 3)) == [("a", "p", [1]), ("b", "p", [0, 1, 2])]
    assert list(missing_runs(read(path), ["a"], ["p"], [0], 4)) == [("a", "p", [0])]


def test_a_comparison_pairs_by_seed():
    regrets = {"a": {0: 0.1, 1: 0.2, 2: 0.4, 9: 1e9}, "b": {2: 4.0, 1: 2.0, 0: 1.0}}
    runs = [
        {"method": m, "problem": "p", "seed": s, "regret": [99.0, r]}
        for m, of in regrets.items()
        for s, r in of.items()
    ]
    found = comparison(runs, "a", "b", "p")
    assert found["num_seeds"] == 3 and found["median"] == 0.2 and found["median_other"] == 2.0
    np.testing.assert_allclose(found["log10_difference"], [-1, -1, -1], atol=1e-12)
    assert found["wins"] == 1.0
    assert comparison(runs, "b", "a", "p")["wins"] == 0.0


def test_statistics_by_value():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 41)) + [[0.0], [0.7]]
    ours = bootstrap_median(a - b)
    theirs = bootstrap((a - b,), np.median, method="percentile", n_resamples=10_000, rng=0).confidence_interval
    assert ours.estimate == np.median(a - b)
    np.testing.assert_allclose([ours.low, ours.high], theirs, atol=0.05)
    assert bootstrap_median(np.array([-np.inf, -np.inf, 0.0, np.inf])).estimate == -np.inf
    assert share_of_wins(np.array([1, 2, 3]), np.array([2, 2, 2])) == 0.5
    assert signed_rank_p_value(a, b) == wilcoxon(a, b).pvalue
    assert signed_rank_p_value(a, a) == 1.0


def test_tables_tell_multiples_of_the_first_method():
    text = table(
        "p",
        [10, 20],
        {"a": [Cell(1, 0.002, 0.003, 32), Cell(1, 0.004, 0.005, 32)], "b": [Cell(1, 0.01, 0.02, 3), None]},
    )
    assert text.splitlines()[2:] == ["| a | 2 (3) | 4 (5) |", "| b | 10 (20), 5.0 × | not run |"]


def test_problems_and_methods_are_named():
    assert {"branin", "hartmann6", "rosenbrock4", "mixed", "conditional"} <= PROBLEMS.keys()
    assert {adapter for adapter, _, _ in METHODS.values()} >= {"jbo_study", "optuna_study"}
    config = MIXED_SPACE.decode(np.full(8, 0.5))
    assert mixed_value(config) != mixed_value(config | {"dropout": 0.0})


def test_evaluations_of_batches_are_counted_to_the_sequential_end():
    sequential = np.array([[5.0, 4.0, 1.0], [5.0, 2.0, 1.0], [5.0, 3.0, 2.0]])
    own = np.array([[5.0, 5.0, 4.0, 3.0, 1.0, 0.5]] * 3)
    assert batches.evaluations_to(sequential, 3.5) == 2 and batches.evaluations_to(sequential, 0.5) == np.inf
    value, low, high = batches.ratio(own, sequential, 3)
    assert value == 5 / 3 and low <= value <= high


@pytest.mark.thorough
@pytest.mark.parametrize("q", [1, 4])
def test_a_search_in_batches_that_learns_nothing_is_the_sequential_one(q, x64):
    problem, keys = DRAWS["rastrigin3"], keys_of(5, 2)
    strategy = jbo.random_search(problem(keys[0]).space)
    curves = batches.regrets(keys, "rastrigin3", strategy, q, 10, 2)
    for key, curve in zip(keys, curves, strict=True):
        key_problem, key_search = jax.random.split(key)
        drawn = problem(key_problem)
        expected = jbo.minimize(key_search, drawn, strategy, 10).best_y - drawn.minimum
        np.testing.assert_allclose(curve, expected, rtol=1e-9)


def test_always_fitted_fits_all_results_and_begins_at_the_fit_before_where_the_default_does():
    strategy = jbo_study.always_fitted(jbo.functions.branin.space)
    for count, num_start in ((5, 0), (33, 32), (131, 130), (132, 0), (701, 700)):
        status = np.where(np.arange(768) < count, OK, EMPTY)
        assert strategy.rows_of_fit(status).sum() == count and strategy.rows_of_warm_start(status).sum() == num_start
    assert jbo.bayesian(jbo.functions.branin.space).rows_of_fit(np.array([OK] * 33)).sum() == 32


def test_tables_are_put_between_their_marks(tmp_path):
    document = tmp_path / "a.md"
    document.write_text("before\n<!-- speed -->\nold\n<!-- end of speed -->\nafter\n")
    put_between(document, "new")
    assert document.read_text() == "before\n<!-- speed -->\n\nnew\n\n<!-- end of speed -->\nafter\n"
    document.write_text("no marks\n")
    with pytest.raises(ValueError, match="into: expected a document with the lines"):
        put_between(document, "new")
    assert document.read_text() == "no marks\n"


@pytest.mark.thorough
def test_throughput_counts_the_same_searches():
    problem = PROBLEMS["branin"]
    mine = throughput.of_jbo(problem, 8, 4, 2)
    other = throughput.of_peer("random", problem, 8, 3)
    assert len(mine.regrets) == 4 and len(other.regrets) == 3
    assert (mine.regrets > 0).all() and (other.regrets > 0).all()
    assert mine.rate == 4 / mine.seconds and mine.seconds_compile > 0


@pytest.mark.thorough
def test_an_accelerator_is_compared_with_the_cpu(tmp_path, capsys):
    accelerator.main(
        problem="branin", rows=(20,), searches=(2,), num_steps=7, families=("cnn",), sizes=(2,), out=tmp_path
    )
    record = json.loads((tmp_path / "accelerator.json").read_text())
    assert len(record["equality"]) == 5
    assert all(row["float32"] <= 1e-2 and row["float64"] <= 1e-8 for row in record["equality"])
    assert record["suggestion"][0]["ms a suggestion"] > 0
    assert record["searches"][0]["suggestions a second"] > 0
    assert record["population"][0]["together, s"] > 0
    assert "largest difference" in capsys.readouterr().out


@pytest.mark.thorough
def test_waits_are_those_of_asks_and_tells(monkeypatch):
    monkeypatch.setattr(waits, "PROBLEM", PROBLEMS["branin"])
    found = waits.waits_of_study(6, 0.0, 3)
    assert 0 < found.median <= found.model and found.design > 0 and found.num_long in range(4)


def test_speed_says_what_it_does_not_know(tmp_path):
    with pytest.raises(SystemExit, match="problems: expected some of continuous, d = 6, .* got \\['mixed'\\]"):
        speed.main(problems=("mixed",), out=tmp_path)
    with pytest.raises(SystemExit, match="methods: expected some of jbo, .* got \\['nothing'\\]"):
        speed.main(methods=("nothing",), out=tmp_path)
