"""GPyOpt's optimiser does what its options say."""

import json
import logging
import subprocess
import sys
import warnings

import numpy as np
import pytest

import jbo
import jbo.compat.gpyopt as GPyOpt
from jbo import SpaceExhausted, batches, strategies
from jbo.compat.gpyopt.methods import BayesianOptimization
from jbo.strategies import random_search

LINE = [{"name": "x", "type": "continuous", "domain": (-1, 2)}]
PLANE = [{"name": "p", "type": "continuous", "domain": (-2, 2), "dimensionality": 2}]
SMALL = [{"name": "n", "type": "integer", "domain": (1, 4)}, {"name": "c", "type": "categorical", "domain": ("a", "b")}]


def square(row):
    return (row["x"] - 0.3) ** 2 + 5


@pytest.fixture
def no_model(monkeypatch):
    """Suggestions at random: for tests of all else."""
    monkeypatch.setattr(strategies, "bayesian", lambda space, **options: random_search(space))


def test_a_run():
    # One point to begin with, as many results as X and Y below have to have: the programs are shared.
    optimization = BayesianOptimization(lambda row: (row[:, 0] - 0.3) ** 2 + 5, LINE, initial_design_numdata=1, seed=0)
    assert optimization.X.shape == (1, 1) and optimization.Y.shape == (1, 1), "the design is evaluated"
    optimization.run_optimization(max_iter=8)
    X, Y = optimization.get_evaluations()
    assert X.shape == (9, 1) and Y.shape == (9, 1) and ((X >= -1) & (X <= 2)).all()
    np.testing.assert_array_equal(Y, (X - 0.3) ** 2 + 5)
    np.testing.assert_array_equal(optimization.Y_best, np.minimum.accumulate(Y[:, 0]))
    assert optimization.fx_opt == Y.min() and optimization.x_opt.tolist() == X[Y.argmin()].tolist()
    assert optimization.x_opt["x"] == X[Y.argmin(), 0] and abs(optimization.x_opt["x"] - 0.3) < 0.05
    expected = optimization.suggest_next_locations()
    optimization.run_optimization(max_iter=2)
    assert len(optimization.Y) == 11, "a second call goes on"
    np.testing.assert_array_equal(optimization.Y[:9], Y)
    assert optimization.X[9].tolist() == expected[0].tolist(), "where the suggestion was"

    again = BayesianOptimization(square, LINE, initial_design_numdata=1, seed=0)
    again.run_optimization(max_iter=10)
    np.testing.assert_array_equal(again.X, optimization.X, "by the seed")
    other = BayesianOptimization(square, LINE, initial_design_numdata=1, seed=1)
    other.run_optimization(max_iter=1)
    assert not np.isin(other.X, again.X).any()


def test_maximize_is_maximize_everywhere(tmp_path):
    X, Y = np.array([[-1.0], [0.5], [2.0]]), np.array([[1.0], [3.0], [2.0]])
    high = BayesianOptimization(lambda row: -square(row), LINE, X=X, Y=Y, maximize=True, sign="user", seed=0)
    low = BayesianOptimization(square, LINE, X=X, Y=-Y, seed=0)
    assert high.fx_opt == 3 and high.x_opt.tolist() == [0.5] and high.Y_best.tolist() == [1, 3, 3]
    np.testing.assert_array_equal(high.suggest_next_locations(), low.suggest_next_locations())
    for optimization in (high, low):
        optimization.run_optimization(max_iter=3, report_file=tmp_path / "report.txt")
        assert len(optimization.Y) == 6
    np.testing.assert_array_equal(high.X, low.X)
    np.testing.assert_array_equal(high.Y, -low.Y)
    assert high.fx_opt == -low.fx_opt == high.Y.max() and low.fx_opt == low.Y.min()


def test_ask_and_tell():
    X, Y = np.array([[-1.0], [0.5], [2.0]]), np.array([1.0, 3.0, 2.0])
    optimization = BayesianOptimization(None, LINE, X=X, Y=Y, batch_size=3, seed=0)
    following = optimization.suggest_next_locations()
    assert following.shape == (3, 1) and len(np.unique(following)) == 3
    np.testing.assert_array_equal(following, optimization.suggest_next_locations(), "asking changes nothing")
    np.testing.assert_array_equal(optimization.X, X)
    for name in ("pending_X", "ignored_X"):
        rest = optimization.suggest_next_locations(**{name: following[:2]})
        assert rest[0] == pytest.approx(following[2]), "what is pending counts as asked"
        with pytest.raises(ValueError, match=f"{name}: x: expected a number in"):
            optimization.suggest_next_locations(**{name: [[7.0]]})
    with pytest.raises(ValueError, match="f: expected a function to evaluate, got None"):
        optimization.run_optimization(max_iter=1)


def test_the_design_comes_first(no_model):
    X = np.array([[0.0], [1.0], [0.0]])
    with pytest.warns(UserWarning, match="X: repeated points are evaluated only once"):
        optimization = BayesianOptimization(square, LINE, X=X, batch_size=2, seed=0)
    assert optimization.X.tolist() == [[0.0], [1.0]]

    optimization = BayesianOptimization(square, LINE, initial_design_numdata=4, initial_design_type="grid", seed=0)
    optimization.run_optimization()
    assert optimization.X[:, 0] == pytest.approx([-1, 0, 1, 2])


def test_values_that_failed_are_nan(no_model, caplog):
    def f(row):
        if row["x"] > 1:
            raise ArithmeticError("diverged")
        return square(row) if row["x"] > -0.5 else float("nan")

    with caplog.at_level(logging.ERROR, "jbo"):
        optimization = BayesianOptimization(f, LINE, initial_design_numdata=7, initial_design_type="grid", seed=0)
        optimization.run_optimization(max_iter=3)
    assert np.isnan(optimization.Y[:7, 0]).tolist() == [True, True, False, False, False, True, True]
    assert optimization.Y.shape == (10, 1) and np.isfinite(optimization.fx_opt)
    assert np.nanmin(optimization.Y) == optimization.fx_opt and optimization.Y_best[-1] == optimization.fx_opt
    given = BayesianOptimization(None, LINE, X=optimization.X, Y=optimization.Y, seed=0)
    assert [t.status for t in given.study.trials] == [t.status for t in optimization.study.trials]


def test_when_all_fail_the_run_ends_and_says_why(no_model, caplog):
    calls = []
    with caplog.at_level(logging.CRITICAL, "jbo"):
        with pytest.raises(RuntimeError, match="(?s)f: every evaluation failed.*NameError: name 'build_cnn_model'"):
            BayesianOptimization(lambda row: calls.append(1) or build_cnn_model(), LINE, seed=0)  # noqa: F821
    assert len(calls) == 5


def test_a_discrete_domain_ends_with_a_warning(no_model):
    optimization = BayesianOptimization(lambda row: row["n"] * (2 if row["c"] == "b" else 1), SMALL, seed=0)
    with pytest.warns(UserWarning, match="every point of the domain has been tried"):
        optimization.run_optimization(max_iter=50)
    assert sorted(optimization.Y[:, 0]) == [1, 2, 2, 3, 4, 4, 6, 8]
    assert sorted(map(tuple, optimization.X)) == [(n, c) for n in range(1, 5) for c in range(2)]
    assert dict(optimization.x_opt) == {"n": 1, "c": "a"} and optimization.x_opt.tolist() == [1, 0]
    with pytest.raises(SpaceExhausted):
        optimization.suggest_next_locations()


def test_the_time_is_up(no_model):
    optimization = BayesianOptimization(square, LINE, seed=0)
    optimization.run_optimization(max_iter=None, max_time=1e-9)
    assert len(optimization.Y) == 6
    optimization.run_optimization(max_iter=3, max_time=0)
    assert len(optimization.Y) == 6
    optimization.run_optimization(max_iter=None, max_time=None)
    assert len(optimization.Y) == 6, "no iteration"
    optimization.run_optimization(max_iter=None, max_time=1.0)
    assert len(optimization.Y) > 6


def test_eps_ends_exact_searches_of_reals_only(no_model):
    def run(eps, **options):
        optimization = BayesianOptimization(lambda row: 0.5 * row["x"], LINE, seed=0, **options)
        optimization.run_optimization(max_iter=6, eps=eps)
        return len(optimization.Y)

    assert run(10.0, exact_feval=True) == 7, "two suggestions of the model are needed"
    assert run(1e-8, exact_feval=True) == 11
    with pytest.warns(UserWarning, match="eps=10.0 has no effect: it ends only exact evaluations of real parameters"):
        assert run(10.0) == 11


@pytest.mark.thorough
def test_a_covariance_that_has_no_factor_ends_nothing():
    X = np.repeat([[0.25], [0.25 + 1e-15], [1.0]], 5, axis=0)
    Y = np.arange(15.0)[:, None]  # exact, it is said, and yet five values at one point
    optimization = BayesianOptimization(square, LINE, X=X, Y=Y, exact_feval=True, seed=0)
    optimization.run_optimization(max_iter=4)
    assert optimization.Y.shape == (19, 1) and np.isfinite(optimization.X).all()
    assert len(np.unique(optimization.X[15:])) == 4


def test_constraints_hold(no_model):
    constraints = [{"name": "disc", "constraint": "x[:,0]**2 + x[:,1]**2 - 1"}]
    optimization = BayesianOptimization(lambda row: np.sum(row), PLANE, constraints, batch_size=1, seed=0)
    optimization.run_optimization(max_iter=1)
    points = np.concatenate([optimization.X, optimization.suggest_next_locations()])
    assert len(points) == 7 and (np.sum(points**2, axis=1) <= 1).all()


DISC = """
import json, sys
import jbo.compat.gpyopt as GPyOpt

optimization = GPyOpt.methods.BayesianOptimization(
    lambda row: (row - 1.5).sum(),
    [{"name": "p", "type": "continuous", "domain": (-2, 2), "dimensionality": 2}],
    [{"name": "disc", "constraint": "x[:,0]**2 + x[:,1]**2 - 1"}],
    batch_size=2,
    seed=0,
)
optimization.run_optimization(max_iter=10)
json.dump([optimization.X.tolist(), optimization.suggest_next_locations().tolist(), optimization.fx_opt], sys.stdout)
"""


@pytest.mark.thorough
def test_constraints_are_never_violated_by_the_model():
    # In a process of its own: the checks of types take a hundred times as long as the constraint.
    out = subprocess.run([sys.executable, "-W", "error", "-c", DISC], capture_output=True, text=True, check=True)
    X, following, best = json.loads(out.stdout)
    points = np.concatenate([X, following])
    assert len(points) == 27 and (np.sum(points**2, axis=1) <= 1).all()
    assert best == pytest.approx(-3 - 2**0.5, abs=1e-2), "the edge of the disc"


def test_contexts(no_model):
    optimization = BayesianOptimization(lambda row: (row["n"] - 2) ** 2 + row["x"] ** 2, [*LINE, SMALL[0]], seed=0)
    optimization.run_optimization(max_iter=2, context={"n": 4})
    assert len(optimization.X) == 7 and (optimization.X[5:, 1] == 4).all()
    assert optimization.suggest_next_locations(context={"n": 1})[0, 1] == 1
    with pytest.raises(ValueError, match="m: expected one of 'x', 'n'"):
        optimization.run_optimization(max_iter=1, context={"m": 4})


@pytest.mark.thorough
def test_a_forest_finds_the_best_category():
    domain = [*LINE, {"name": "c", "type": "categorical", "domain": ("a", "b", "c")}]
    worse = {"a": 1.0, "b": 0.0, "c": 2.0}
    optimization = BayesianOptimization(lambda row: square(row) + worse[row["c"]], domain, model_type="RF", seed=0)
    optimization.run_optimization(max_iter=15)
    assert optimization.x_opt["c"] == "b" and optimization.fx_opt < 5.05


@pytest.mark.parametrize(
    ("options", "message"),
    [({"criterion": "mse"}, "criterion='mse'"), ({"max_depth": 3}, "max_depth=3"), ({"n_jobs": 2}, "n_jobs=2")],
)
def test_forests_warn(options, message):
    with pytest.warns(UserWarning, match=f"{message} has no effect"):
        GPyOpt.models.RFModel(**options)


@pytest.mark.thorough
def test_arms_of_a_bandit_know_their_distances():
    arms = np.random.default_rng(0).normal(size=(200, 2)).round(3)
    seen = []

    def f(row):
        seen.append(row["station"])
        assert row.tolist() == [list(row["station"])]
        return np.sum((row - [0.5, -0.25]) ** 2)

    optimization = BayesianOptimization(
        f, [{"name": "station", "type": "bandit", "domain": arms, "dimensionality": 2}], seed=0, exact_feval=True
    )
    optimization.run_optimization(max_iter=15)
    losses = np.sum((arms - [0.5, -0.25]) ** 2, axis=1)
    assert optimization.X.shape == (20, 2) and len(set(seen)) == 20
    assert optimization.fx_opt <= np.sort(losses)[1], "one of the two best of 200 in 20 evaluations"


def test_cores_are_workers(monkeypatch):
    asked = []
    monkeypatch.setattr(jbo.Study, "optimize", lambda study, f, num_trials, **options: asked.append(options))
    build(num_cores=4)
    assert asked[0]["workers"] == 4


@pytest.mark.thorough
def test_four_at_once(no_model, tmp_path):
    def f(row, folder=tmp_path):
        import time

        (folder / f"{row['x']!r}").touch()
        end = time.monotonic() + 100
        while len(list(folder.iterdir())) < 4 and time.monotonic() < end:
            time.sleep(0.01)
        return len(list(folder.iterdir())) >= 4 and 1.0

    optimization = BayesianOptimization(f, LINE, num_cores=4, seed=0)
    optimization.run_optimization(max_iter=0)
    assert optimization.Y.shape == (5, 1) and (optimization.Y == 1.0).all()


@pytest.mark.thorough
def test_reports_and_evaluations(tmp_path):
    optimization = BayesianOptimization(
        lambda row: -square(row),
        LINE,
        maximize=True,
        sign="user",
        initial_design_numdata=1,
        seed=0,
        objective_name="parabola",
    )
    optimization.run_optimization(
        max_iter=5, report_file=str(tmp_path / "report.txt"), evaluations_file=str(tmp_path / "evaluations.tsv")
    )
    before = optimization.get_evaluations()
    optimization.plot_acquisition(tmp_path / "picture.png")
    report = (tmp_path / "report.txt").read_text()
    for text in ("parabola", "max_iter=5 is reached", "6, 0 of them failed", "Seed:", repr(optimization.fx_opt)):
        assert text in report
    assert "Value at maximum" in report and "minimum" not in report
    again = BayesianOptimization(
        lambda row: -square(row), LINE, X=before[0][:1], Y=before[1][:1], maximize=True, sign="user", seed=0
    )
    lines = (tmp_path / "evaluations.tsv").read_text().splitlines()
    (tmp_path / "rest.tsv").write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    again.load_evaluations(tmp_path / "rest.tsv")
    np.testing.assert_array_equal(again.get_evaluations(), before)
    np.testing.assert_array_equal(again.suggest_next_locations(), optimization.suggest_next_locations())
    again.run_optimization(max_iter=1)
    assert len(again.Y) == 7
    optimization.save_report(tmp_path / "report.txt")
    assert "max_iter=5 is reached" in (tmp_path / "report.txt").read_text(), "a picture does not end a run anew"
    with pytest.raises(ValueError, match="bad.tsv: x: expected a number in"):
        (tmp_path / "bad.tsv").write_text("Iteration\tY\tx\n1\t0.0\t5.0\n")
        again.load_evaluations(tmp_path / "bad.tsv")


def test_verbosity(no_model, capsys):
    BayesianOptimization(square, LINE, seed=0, verbosity=True)
    assert capsys.readouterr().err.count("best") >= 1
    BayesianOptimization(square, LINE, seed=0).run_optimization(max_iter=1)
    assert capsys.readouterr() == ("", "")


# Options

EVALUATORS = {
    "sequential": None,
    "random": batches.random_batch(),
    "local_penalization": batches.local_penalization(),
    "thompson_sampling": batches.thompson_batch(),
}


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_evaluators_are_rules_for_batches(evaluator):
    def strategy(batch_size):
        return BayesianOptimization(square, LINE, evaluator_type=evaluator, batch_size=batch_size).study.strategy

    assert strategy(3).batch == EVALUATORS[evaluator]
    assert strategy(1).batch is None, "where there is no batch"


@pytest.mark.thorough
@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_a_batch_of_each_evaluator(evaluator):
    X = np.linspace(-1, 2, 6)[:, None]
    options = {"X": X, "Y": (X - 0.3) ** 2, "evaluator_type": evaluator, "batch_size": 3, "seed": 0}
    points = BayesianOptimization(None, LINE, **options).suggest_next_locations()
    assert points.shape == (3, 1) and abs(points[0, 0] - 0.3) < 0.3
    assert np.diff(np.sort(points[:, 0])).min() > 1e-3, "they keep apart"
    again = BayesianOptimization(None, LINE, **options).suggest_next_locations()
    np.testing.assert_array_equal(points, again)


WARNED = [
    ({"normalize_Y": False}, "normalize_Y=False has no effect: values are standardised"),
    ({"acquisition_optimizer_type": "CMA"}, "acquisition_optimizer_type='CMA' has no effect"),
    ({"model_update_interval": 3}, "model_update_interval=3 has no effect: the model is fitted for each suggestion"),
    ({"verbosity_model": True}, "verbosity_model=True has no effect"),
    ({"ARD": False}, "ARD=False has no effect: each parameter has a lengthscale"),
    ({"max_iters": 5}, "max_iters=5 has no effect"),
    ({"model_type": "GP_MCMC", "optimize_restarts": 3}, "optimize_restarts=3 has no effect: model_type 'GP_MCMC' has"),
    ({"model_type": "warpedGP", "noise_var": 1.0}, "noise_var=1.0 has no effect: the noise is one of warped values"),
    ({"model_type": "RF", "noise_var": 1.0}, "noise_var=1.0 has no effect: model_type 'RF' has no such option"),
    ({"num_inducing": 10}, "num_inducing=10 has no effect: only a sparse Gaussian process has inducing points"),
    ({"noise_var": 1.0, "exact_feval": True}, "noise_var=1.0 has no effect: exact_feval=True says"),
    (
        {"aquisition_type": "LCB"},
        "aquisition_type='LCB' has no effect: GPyOpt has no such option and ignores it; was acqu",
    ),
    ({"Initial_design_numdata": 9}, "and ignores it; was initial_design_numdata meant?"),
    ({"model_optimizer_type": "scg"}, "optimizer='scg' has no effect"),
    ({"acquisition_weight": 3}, "acquisition_weight=3 has no effect: EI has none"),
    ({"acquisition_type": "LCB", "acquisition_jitter": 0.1}, "acquisition_jitter=0.1 has no effect: LCB has none"),
]

REFUSED = [
    ({"cost_withGradients": "seconds"}, "^cost_withGradients: expected None, 'evaluation_time' or a function, got"),
    ({"model_type": "gp"}, "^model_type: expected one of 'GP', 'sparseGP', 'GP_MCMC', .*, got 'gp'"),
    ({"acquisition_type": "EI_MCMC"}, "^model_type: expected 'GP_MCMC' with acquisition_type='EI_MCMC', got 'GP'"),
    ({"acquisition_type": "UCB"}, "^acquisition_type: expected 'EI', 'MPI' or 'LCB', .*got 'UCB'"),
    ({"initial_design_type": "halton"}, "^initial_design_type: expected one of"),
    ({"evaluator_type": "parallel"}, "^evaluator_type: expected one of 'sequential'"),
    ({"batch_size": 0}, "^batch_size: expected an integer of at least 1, got 0"),
    ({"num_cores": -1}, "^num_cores: expected an integer of at least 1, got -1"),
    ({"noise_var": -1.0}, "^noise_var: expected a finite variance of at least 0"),
    ({"kernel": "Matern52"}, "^kernel: expected one of jbo.surrogates.kernels"),
    ({"model": "GP"}, "^model: expected one of jbo.compat.gpyopt.models"),
    ({"acquisition": "EI"}, "^acquisition: expected one of jbo.compat.gpyopt.acquisitions"),
    ({"X": [[0.0]], "Y": [[1.0], [2.0]]}, "^Y: expected one value for each of the 1 rows of X"),
    ({"Y": [[1.0]]}, "^X: expected the points of Y, got none"),
    ({"X": [[0.0, 1.0]]}, r"^X: expected rows of 1 numbers \(x\)"),
    ({"X": [[9.0]]}, "^X: x: expected a number in"),
    ({"f": None}, "^f: expected a function, or both X and Y"),
    ({"domain": None}, "^domain: expected a list of dicts"),
    ({"domain": [{"name": "learning_rate", "domain": (1e5, 1e1)}]}, r"^learning_rate: .* was \(1e-05, 0.1\) meant\?"),
    ({"constraints": "x"}, "^constraints: expected a list"),
    ({"seed": -1}, "expected a seed from 0"),
]


def build(**options):
    return BayesianOptimization(**{"f": square, "domain": LINE, "seed": 0, **options})


@pytest.mark.parametrize(("options", "message"), WARNED, ids=[next(iter(o)) for o, _ in WARNED])
def test_warned_about(options, message):
    with pytest.warns(UserWarning) as caught:
        build(**options)
    assert len(caught) == 1 and message in str(caught[0].message)


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[next(iter(o)) for o, _ in REFUSED])
def test_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build(**options)


def test_defaults_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        build(
            constraints=None, cost_withGradients=None, model_type="GP", X=None, Y=None, initial_design_numdata=5,
            initial_design_type="random", acquisition_type="EI", normalize_Y=True, exact_feval=False,
            acquisition_optimizer_type="lbfgs", model_update_interval=1, evaluator_type="sequential", batch_size=1,
            num_cores=1, verbosity=False, verbosity_model=False, maximize=False, de_duplication=False,
        )  # fmt: skip
        build(evaluator_type="local_penalization", de_duplication=True)


def test_models_and_acquisitions_take_effect():
    from jbo.acquisitions import confidence_bound, log_expected_improvement, log_probability_of_improvement
    from jbo.surrogates import forest, gp
    from jbo.surrogates.kernels import matern32, matern52

    def parts(**options):
        strategy = build(**options).study.strategy
        return strategy.surrogate, strategy.acquisition

    def equal(a, b):
        return repr(a) == repr(b)  # dataclasses of numbers and names

    encoding = build().study.strategy.encoding
    surrogate, acquisition = parts()
    assert equal(surrogate, gp(kernel=matern52).bind(encoding)) and equal(acquisition, log_expected_improvement(0.01))
    assert parts(exact_feval=True)[0].fixed_noise == 0.0
    assert parts(noise_var=0.25)[0].fixed_noise == 0.5
    assert parts(kernel=matern32, optimize_restarts=5)[0].kernel.profile is matern32.profile
    assert parts(optimize_restarts=5)[0].num_starts == 5
    assert equal(parts(acquisition_type="MPI", acquisition_jitter=0.5)[1], log_probability_of_improvement(0.5))
    assert equal(parts(acquisition_type="LCB", acquisition_weight=3)[1], confidence_bound(3.0))

    model = GPyOpt.models.GPModel(kernel=matern32, noise_var=4.0)
    chosen = GPyOpt.acquisitions.AcquisitionLCB(model, exploration_weight=1.5)
    for options in ({"acquisition": chosen}, {"acquisition": chosen, "model": model}):
        surrogate, acquisition = parts(**options)
        assert surrogate.kernel.profile is matern32.profile and surrogate.fixed_noise == 2.0
        assert equal(acquisition, confidence_bound(1.5))
    assert equal(parts(acquisition=GPyOpt.acquisitions.ExpectedImprovement(None))[1], log_expected_improvement(0.01))
    assert equal(
        parts(acquisition=GPyOpt.acquisitions.AcquisitionMPI(None, jitter=0))[1], log_probability_of_improvement(0.0)
    )
    surrogate, acquisition = parts(model=gp(noise=1.0), acquisition=confidence_bound(7.0))
    assert surrogate.fixed_noise == 1.0 and acquisition.weight == 7.0
    assert parts(model=GPyOpt.models.GPModel())[0].kernel.profile is matern52.profile

    assert equal(parts(model_type="RF")[0], forest().bind(encoding))
    trees = GPyOpt.models.RFModel(bootstrap=True, max_features=0.5, min_samples_leaf=2, n_estimators=50)
    expected = forest(bootstrap=True, max_features=0.5, min_samples_leaf=2, num_trees=50)
    for options in ({"model": trees}, {"acquisition": GPyOpt.acquisitions.ExpectedImprovement(trees)}):
        assert equal(parts(**options)[0], expected.bind(encoding))

    with pytest.raises(ValueError, match="^model: expected the model that the acquisition was made for"):
        parts(acquisition=chosen, model=GPyOpt.models.GPModel())
    for options, reason in (
        ({"model": model, "noise_var": 1.0}, "noise_var=1.0 has no effect: it is one of the arguments of the model"),
        ({"acquisition": chosen, "exact_feval": True}, "exact_feval=True has no effect: it is one of the arguments of"),
        ({"acquisition": chosen, "acquisition_weight": 1.0}, "acquisition_weight=1.0 has no effect: it is one of"),
    ):
        with pytest.warns(UserWarning, match=reason):
            assert equal(parts(**options)[0], parts(model=model)[0])
    space = GPyOpt.Design_space(LINE)
    assert equal(parts(domain=space, acquisition=GPyOpt.acquisitions.AcquisitionEI(None, space))[0], parts()[0])
    with pytest.raises(ValueError, match="^acquisition: expected an acquisition for the domain of the optimisation"):
        parts(acquisition=GPyOpt.acquisitions.AcquisitionEI(None, GPyOpt.Design_space(PLANE)))
    with pytest.raises(ValueError, match="^constraints: expected None with a Design_space"):
        parts(domain=space, constraints=[])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mean_function": len}, "^mean_function: "),
        ({"noise_var": np.inf}, "^noise_var: "),
    ],
)
def test_models_refuse(options, message):
    with pytest.raises(ValueError, match=message):
        GPyOpt.models.GPModel(**options)


def test_the_other_gaussian_processes_of_gpyopt():
    from jbo.acquisitions import confidence_bound, log_expected_improvement, log_probability_of_improvement
    from jbo.surrogates import gp, gp_mcmc
    from jbo.surrogates.kernels import input_warped, matern32, matern52

    def parts(**options):
        strategy = build(**options).study.strategy
        return strategy.surrogate, strategy.acquisition

    encoding, models = build().study.strategy.encoding, GPyOpt.models
    sampler = {"num_sets": 10, "num_warmup": 100, "thinning": 10}
    for options, expected in (
        ({"model_type": "sparseGP"}, gp(kernel=matern52, most_exact=1, num_inducing=10)),
        ({"model_type": "sparseGP", "num_inducing": 7}, gp(kernel=matern52, most_exact=1, num_inducing=7)),
        ({"model": models.GPModel(sparse=True)}, gp(kernel=matern52, most_exact=1, num_inducing=10)),
        ({"model_type": "warpedGP"}, gp(kernel=matern52, warps_output=True)),
        ({"model": models.WarpedGPModel(matern32)}, gp(kernel=matern32, warps_output=True)),
        ({"model_type": "input_warped_GP"}, gp(kernel=input_warped(matern52))),
        ({"model": models.InputWarpedGPModel(noise_var=4.0)}, gp(kernel=input_warped(matern52), noise=2.0)),
        ({"model_type": "GP_MCMC", "exact_feval": True}, gp_mcmc(kernel=matern52, noise=0.0, **sampler)),
        (
            {"model": models.GPModel_MCMC(n_samples=4, n_burnin=20, subsample_interval=2)},
            gp_mcmc(kernel=matern52, num_sets=4, num_warmup=20, thinning=2),
        ),
    ):
        assert repr(parts(**options)[0]) == repr(expected.bind(encoding)), options
    for kind, expected in (
        ("EI", log_expected_improvement(0.01)),
        ("MPI", log_probability_of_improvement(0.01)),
        ("LCB", confidence_bound(2.0)),
    ):
        _, acquisition = parts(model_type="GP_MCMC", acquisition_type=f"{kind}_MCMC")
        named = getattr(GPyOpt.acquisitions, f"Acquisition{kind}_MCMC")(models.GPModel_MCMC())
        surrogate, same = parts(acquisition=named)
        assert repr(acquisition) == repr(same) == repr(expected) and surrogate.num_sets == 10
    with pytest.warns(UserWarning, match="step_size=0.2 has no effect: NUTS finds"):
        models.GPModel_MCMC(step_size=0.2)
    with pytest.warns(UserWarning, match="warping_terms=3 has no effect"):
        models.WarpedGPModel(warping_terms=3)
    for model in (models.WarpedGPModel, models.InputWarpedGPModel):
        with pytest.raises(ValueError, match="^warping_function: expected None"):
            model(warping_function=len)
    with pytest.raises(ValueError, match="^num_sets: expected at least 1"):
        models.GPModel_MCMC(n_samples=0)


@pytest.mark.thorough
@pytest.mark.parametrize("model_type", ["sparseGP", "GP_MCMC", "warpedGP", "input_warped_GP"])
def test_the_other_gaussian_processes_find_the_minimum(model_type):
    kind = "EI_MCMC" if model_type == "GP_MCMC" else "EI"
    optimization = build(model_type=model_type, acquisition_type=kind)
    optimization.run_optimization(max_iter=10)
    assert optimization.fx_opt < np.median(optimization.Y[:5]) and len(optimization.Y) >= 10


def test_acquisitions_refuse_and_warn():
    with pytest.warns(UserWarning, match="optimizer='lbfgs' has no effect"):
        GPyOpt.acquisitions.AcquisitionEI(None, optimizer="lbfgs")
    with pytest.warns(UserWarning, match="verbose=True has no effect"):
        GPyOpt.models.GPModel(verbose=True)
