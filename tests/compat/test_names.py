"""What scripts use of GPyOpt besides its optimiser: parts, modules, designs, functions, seeds and pickles."""

import copy
import importlib
import pathlib
import pickle
import re
from typing import Any

import numpy as np
import pytest

import jbo.compat.gpyopt as GPyOpt
from jbo import strategies
from jbo.compat.gpyopt.methods import BayesianOptimization, ModularBayesianOptimization
from jbo.strategies import random_search
from jbo.surrogates import kernels

LINE = [{"name": "x", "type": "continuous", "domain": (-1, 2)}]


@pytest.fixture
def no_model(monkeypatch):
    """Suggestions at random: for tests of all else."""
    monkeypatch.setattr(strategies, "bayesian", lambda space, **options: random_search(space))


def square(x):
    return (x - 0.3) ** 2 + 5


MODULES = {
    "methods.bayesian_optimization": "BayesianOptimization",
    "methods.modular_bayesian_optimization": "ModularBayesianOptimization",
    "core.bo": "BO",
    "core.errors": "InvalidConfigError",
    "core.task.space": "Design_space bounds_to_space",
    "core.task.objective": "Objective SingleObjective",
    "core.task.cost": "CostModel constant_cost_withGradients",
    "core.task.variables": "Variable",
    "core.evaluators.base": "EvaluatorBase",
    "core.evaluators.sequential": "Sequential",
    "core.evaluators.batch_random": "RandomBatch",
    "core.evaluators.batch_local_penalization": "LocalPenalization",
    "core.evaluators.batch_thompson": "ThompsonBatch",
    "models.base": "BOModel",
    "models.gpmodel": "GPModel GPModel_MCMC",
    "models.rfmodel": "RFModel",
    "models.warpedgpmodel": "WarpedGPModel",
    "models.input_warped_gpmodel": "InputWarpedGPModel",
    "acquisitions.base": "AcquisitionBase",
    "acquisitions.EI": "AcquisitionEI",
    "acquisitions.EI_mcmc": "AcquisitionEI_MCMC",
    "acquisitions.MPI": "AcquisitionMPI",
    "acquisitions.MPI_mcmc": "AcquisitionMPI_MCMC",
    "acquisitions.LCB": "AcquisitionLCB",
    "acquisitions.LCB_mcmc": "AcquisitionLCB_MCMC",
    "acquisitions.LP": "AcquisitionLP",
    "acquisitions.ES": "AcquisitionEntropySearch",
    "optimization.acquisition_optimizer": "AcquisitionOptimizer",
    "experiment_design": "initial_design RandomDesign SobolDesign LatinDesign GridDesign",
    "objective_examples.experiments1d": "forrester",
    "objective_examples.experiments2d": "branin sixhumpcamel",
    "objective_examples.experimentsNd": "alpine1 gSobol",
    "util.stats": "initial_design",
    "util.mcmc_sampler": "AffineInvariantEnsembleSampler",
    "util.general": "samples_multidimensional_uniform reshape best_value get_quantiles",
}


@pytest.mark.parametrize("module", MODULES)
def test_modules_have_the_names_of_gpyopt(module):
    found = importlib.import_module(f"jbo.compat.gpyopt.{module}")
    assert all(hasattr(found, name) for name in MODULES[module].split())


def test_a_program_that_catches_gpyopts_errors_catches_these():
    from jbo.compat.gpyopt.core.errors import InvalidConfigError, InvalidVariableNameError

    with pytest.raises(InvalidConfigError, match="^x: expected a type among"):
        GPyOpt.Design_space([{"name": "x", "type": "nothing", "domain": (0, 1)}])
    with pytest.raises(InvalidVariableNameError, match="expected one of x, got 'y'"):
        GPyOpt.Design_space(LINE).find_variable("y")


def test_numpys_seed_makes_a_run_repeatable(no_model):
    def points(seed):
        np.random.seed(seed)  # noqa: NPY002
        optimization = BayesianOptimization(square, LINE)
        optimization.run_optimization(max_iter=2)
        return optimization.X

    np.testing.assert_array_equal(points(3), points(3))
    assert not np.isin(points(3), points(4)).any()


def test_numpys_seed_makes_designs_repeatable():
    space = GPyOpt.Design_space(LINE)

    def rows(seed):
        np.random.seed(seed)  # noqa: NPY002
        return GPyOpt.experiment_design.initial_design("latin", space, 6)

    np.testing.assert_array_equal(rows(3), rows(3))
    assert not np.isin(rows(3), rows(4)).any()
    few = GPyOpt.Design_space([{"name": "n", "type": "discrete", "domain": (1, 2, 3)}])
    assert sorted(set(GPyOpt.experiment_design.initial_design("random", few, 7)[:, 0])) == [1, 2, 3]
    assert GPyOpt.experiment_design.initial_design("random", few, 7).shape == (7, 1)


def test_the_constructor_evaluates_the_design(no_model):
    calls = []
    optimization = BayesianOptimization(lambda x: calls.append(x[0, 0]) or square(x), LINE, initial_design_numdata=4)
    assert len(calls) == 4 and optimization.X[:, 0].tolist() == calls and optimization.num_acquisitions == 0
    optimization.run_optimization()
    assert len(calls) == 4
    assert (
        optimization.Y_new.tolist() == optimization.Y[-1:].tolist() and optimization.cost.cost_type == "Constant cost"
    )
    given = BayesianOptimization(lambda x: calls.append(x[0, 0]) or square(x), LINE, X=[[0.0], [1.0]])
    assert calls[4:] == [0.0, 1.0] and given.Y[:, 0] == pytest.approx([5.09, 5.49])


def test_a_pickle_goes_on_where_it_was(no_model):
    options = {"f": np.square, "domain": LINE, "maximize": True, "sign": "user", "seed": 5}
    optimization = BayesianOptimization(**options)
    optimization.run_optimization(max_iter=2)
    back = pickle.loads(pickle.dumps(optimization))
    for name in ("X", "Y", "Y_best", "fx_opt", "initial_design_numdata", "num_acquisitions"):
        np.testing.assert_array_equal(getattr(back, name), getattr(optimization, name))
    np.testing.assert_array_equal(back.suggest_next_locations(), optimization.suggest_next_locations())
    for each in (back, optimization):
        each.run_optimization(max_iter=2)
    np.testing.assert_array_equal(back.X, optimization.X)
    assert pickle.loads(pickle.dumps(back)).fx_opt == back.Y.max()
    asked = BayesianOptimization(None, LINE, X=[[0.0], [1.0]], Y=[[2.0], [1.0]], seed=1)
    again = pickle.loads(pickle.dumps(asked))
    np.testing.assert_array_equal(again.suggest_next_locations(), asked.suggest_next_locations())
    with pytest.raises(ValueError, match="f: expected a function to evaluate, got None"):
        again.run_optimization(max_iter=1)


@pytest.mark.parametrize(
    "options",
    [
        {"kernel": kernels.matern32},
        {"kernel": kernels.rbf + kernels.periodic(0.3)},
        {"acquisition_type": "LCB", "batch_size": 2, "evaluator_type": "local_penalization"},
        {"model_type": "GP_MCMC", "acquisition_type": "EI_MCMC"},
    ],
    ids=str,
)
def test_a_pickle_of_any_part_comes_back(no_model, options):
    optimization = BayesianOptimization(square, LINE, initial_design_numdata=2, seed=5, **options)
    back = pickle.loads(pickle.dumps(optimization))
    np.testing.assert_array_equal(back.X, optimization.X)
    np.testing.assert_array_equal(back.Y, square(optimization.X))
    np.testing.assert_array_equal(back.suggest_next_locations(), optimization.suggest_next_locations())
    np.testing.assert_array_equal(copy.deepcopy(optimization).X, optimization.X)


def test_what_no_pickle_can_hold_is_told_by_name(no_model):
    with pytest.raises(
        pickle.PicklingError, match="^f: expected what pickle can write, got <function .*define it with"
    ):
        pickle.dumps(BayesianOptimization(lambda x: square(x), LINE, seed=0))
    copied = copy.deepcopy(BayesianOptimization(lambda x: square(x), LINE, seed=0))
    copied.run_optimization(max_iter=1)
    assert copied.Y.shape == (6, 1), "a copy needs no names"
    cost: dict[str, Any] = {"cost_withGradients": lambda rows: (np.exp(rows), np.exp(rows))}
    with pytest.raises(
        pickle.PicklingError, match="^cost_withGradients: expected what pickle can write, got <function"
    ):
        pickle.dumps(BayesianOptimization(square, LINE, seed=0, **cost))


@pytest.mark.parametrize(
    "options",
    [
        {"acquisition_type": None, "evaluator_type": None, "initial_design_numdata": None},
        {"model_type": "GP_MCMC", "n_samples": 3, "n_burnin": 7, "subsample_interval": 2, "step_size": 0.1},
        {"model_type": "GP_MCMC", "leapfrog_steps": 20, "acquisition_type": "EI_MCMC"},
        {
            "model_optimizer_type": "lbfgs",
            "max_iters": 1000,
            "optimize_restarts": 5,
            "acquisition_optimizer_type": "lbfgs",
        },
        {"bounds": [(-1, 2)], "domain": None},
    ],
    ids=lambda options: next(iter(options)),
)
def test_keywords_of_gpyopt_are_taken(no_model, options):
    optimization = BayesianOptimization(**{"f": square, "domain": LINE, "seed": 0, **options})
    optimization.run_optimization(max_iter=1, eps=-1, save_models_parameters=True, max_time=np.inf, context=None)
    assert optimization.Y.shape == (6, 1) and optimization.X.min() >= -1


def test_numbers_of_a_sampled_model_reach_it():
    options = {"n_samples": 3, "n_burnin": 7, "subsample_interval": 2}
    optimization = BayesianOptimization(
        None, LINE, X=[[0.0], [1.0]], Y=[[2.0], [1.0]], model_type="GP_MCMC", seed=0, **options
    )
    surrogate = optimization.study.strategy.surrogate
    assert (surrogate.num_sets, surrogate.num_warmup, surrogate.thinning) == (3, 7, 2)


def modular(acquisition, evaluator, model, **options):
    space = acquisition.space
    objective = GPyOpt.core.task.SingleObjective(square, objective_name="parabola")
    return ModularBayesianOptimization(
        model, space, objective, acquisition, evaluator, np.array([[-1.0], [0.5], [2.0]]), seed=0, **options
    )


def test_parts_put_together_by_hand(no_model):
    space, model = GPyOpt.Design_space(LINE), GPyOpt.models.GPModel(exact_feval=True, optimize_restarts=5)
    optimizer = GPyOpt.optimization.AcquisitionOptimizer(space)
    acquisition = GPyOpt.acquisitions.AcquisitionEI(model, space, optimizer=optimizer, jitter=0.1)
    optimization = modular(acquisition, GPyOpt.core.evaluators.RandomBatch(acquisition, batch_size=2), model)
    assert optimization.X[:, 0].tolist() == [-1, 0.5, 2] and optimization.objective_name == "parabola"
    optimization.run_optimization(max_iter=2)
    assert optimization.X.shape == (7, 1) and optimization.model is model and optimization.acquisition is acquisition
    np.testing.assert_array_equal(optimization.Y, square(optimization.X))
    assert optimization.evaluator.compute_batch().shape == (2, 1)
    known = modular(
        acquisition, GPyOpt.core.evaluators.Sequential(acquisition), model, Y_init=np.array([[3.0], [1.0], [2.0]])
    )
    assert known.fx_opt == 1 and known.suggest_next_locations().shape == (1, 1)

    class Mine(GPyOpt.core.task.objective.Objective):
        def evaluate(self, x):
            return square(x), np.ones((len(x), 1))

    mine = ModularBayesianOptimization(
        model, space, Mine(), acquisition, GPyOpt.core.evaluators.Sequential(acquisition), np.array([[0.0], [1.0]])
    )
    np.testing.assert_array_equal(mine.Y, square(mine.X))


def test_parts_reach_the_strategy():
    from jbo.batches import local_penalization

    space, model = GPyOpt.Design_space(LINE), GPyOpt.models.GPModel(exact_feval=True)
    inner = GPyOpt.acquisitions.AcquisitionLCB(model, space, exploration_weight=1.5)
    outer = GPyOpt.acquisitions.AcquisitionLP(model, space, None, inner)
    strategy = modular(outer, GPyOpt.core.evaluators.LocalPenalization(outer, batch_size=3), model).study.strategy
    assert strategy.batch == local_penalization() and strategy.acquisition.weight == 1.5
    assert strategy.surrogate.fixed_noise == 0.0


def test_what_python_computes_is_refused_with_a_reason():
    space, model = GPyOpt.Design_space(LINE), GPyOpt.models.GPModel()

    class Acquisition(GPyOpt.acquisitions.base.AcquisitionBase):
        def acquisition_function(self, x):
            return x

    class Changed(GPyOpt.acquisitions.AcquisitionEI):
        def _compute_acq(self, x):
            return x

    class Renamed(GPyOpt.acquisitions.AcquisitionEI):
        pass

    class Own(GPyOpt.models.base.BOModel):
        pass

    class Other(GPyOpt.models.GPModel):
        def predict(self, X, with_noise=True):
            return X, X

    def build(**options):
        return BayesianOptimization(None, LINE, X=[[0.0]], Y=[[1.0]], seed=0, **options)

    for options, name in (
        ({"acquisition": Acquisition(model, space)}, "Acquisition"),
        ({"acquisition": Changed(model, space)}, "Changed"),
        ({"model": Own()}, "Own"),
        ({"model": Other()}, "Other"),
    ):
        with pytest.raises(
            ValueError, match=f"got {name}: jbo cannot trace what a class of your own computes in Python"
        ):
            build(**options)
    assert build(acquisition=Renamed(model, space, jitter=0.5)).study.strategy.acquisition.margin == 0.5
    with pytest.raises(ValueError, match="jbo cannot trace"):
        sequential = GPyOpt.core.evaluators.Sequential(Acquisition(model, space))
        ModularBayesianOptimization(model, space, None, sequential.acquisition, sequential, [[0.0]], [[1.0]])
    with pytest.raises(ValueError, match="^evaluator: expected one of core.evaluators, got str"):
        ei = GPyOpt.acquisitions.AcquisitionEI(model, space)
        ModularBayesianOptimization(model, space, None, ei, "sequential", [[0.0]], [[1.0]])


def test_functions_have_their_minima():
    from jbo.compat.gpyopt.objective_examples import experiments1d, experiments2d, experimentsNd

    functions = [
        getattr(experiments2d, name)()
        for name in (
            "rosenbrock beale dropwave cosines branin goldstein sixhumpcamel mccormick powers eggholder".split()
        )
    ]
    functions += [
        experiments1d.forrester(),
        experimentsNd.alpine1(3),
        experimentsNd.alpine2(2),
        experimentsNd.ackley(4),
    ]
    functions.append(experimentsNd.gSobol(np.array([1.0, 3.0])))
    draw = np.random.default_rng(0)
    for function in functions:
        low, high = np.array(function.bounds, float).T
        values = function.f(draw.uniform(low, high, (500, function.input_dim)))
        assert values.shape == (500, 1) and values.min() >= function.fmin - 1e-3 * (1 + abs(function.fmin))
        for x in np.reshape(function.min, (-1, function.input_dim)):
            assert function.f(x)[0, 0] == pytest.approx(function.fmin, rel=2e-3, abs=2e-4), function.name
    assert experiments2d.branin().f(np.array([[0.0, 0.0]]))[0, 0] == pytest.approx(36 + 10 * (1 - 1 / (8 * np.pi)) + 10)
    assert experiments2d.rosenbrock().f([[0.5, 0.5]])[0, 0] == pytest.approx(-(100 * 0.25**2 + 0.25))
    assert experimentsNd.alpine1(2).f([[1.0, -2.0]])[0, 0] == pytest.approx(np.sin(1) + 0.1 + 2 * np.sin(2) - 0.2)
    np.random.seed(0)  # noqa: NPY002
    assert np.std(experiments1d.forrester(sd=2.0).f(np.full(2000, 0.5))) == pytest.approx(2, rel=0.1)
    with pytest.raises(ValueError, match="Branin: expected rows of 2 numbers"):
        experiments2d.branin().f(np.zeros((2, 3)))


def test_small_functions():
    from jbo.compat.gpyopt.util import general

    assert general.best_value(np.array([[3.0], [1.0], [2.0]])).tolist() == [3, 1, 1]
    assert general.best_value(np.array([[3.0], [1.0], [4.0]]), -1).tolist() == [3, 3, 4]
    assert general.reshape([1, 2], 2).shape == (1, 2)
    assert general.multigrid([(0, 1), (0, 2)], 3).shape == (9, 2)
    phi, Phi, u = general.get_quantiles(0.5, 2.0, np.array([[0.5]]), np.array([[2.0]]))
    assert (phi[0, 0], Phi[0, 0], u[0, 0]) == pytest.approx((0.3520653, 0.6914625, 0.5))
    assert general.merge_values((1, 2), (3, 4)).tolist() == [[1, 3], [1, 4], [2, 3], [2, 4]]
    assert general.normalize(np.array([1.0, 3.0])).tolist() == [-1, 1]
    assert general.normalize(np.array([1.0, 2.0, 5.0]), "maxmin").tolist() == [-1, -0.5, 1]
    assert general.normalize(np.array([4.0, 4.0]), "maxmin").tolist() == [0, 0]


def test_an_optimizer_of_acquisitions_minimises():
    domain = [*LINE, {"name": "n", "type": "discrete", "domain": (0, 1, 2)}]
    space = GPyOpt.Design_space(domain, [{"name": "c", "constraint": "0.5 - x[:,0]"}])
    np.random.seed(0)  # noqa: NPY002
    x, value = GPyOpt.optimization.AcquisitionOptimizer(space).optimize(
        lambda x: (x[:, :1] - 0.7) ** 2 + (x[:, 1:] - 1) ** 2
    )
    assert x[0] == pytest.approx([0.7, 1], abs=1e-4) and value[0, 0] == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize(
    "select",
    [
        GPyOpt.acquisitions.select_acquisition,
        GPyOpt.models.select_model,
        GPyOpt.core.evaluators.select_evaluator,
    ],
)
def test_a_class_is_selected_by_its_name(select):
    assert select({"select_acquisition": "EI", "select_model": "GP"}.get(select.__name__, "random")).__name__ in (
        "AcquisitionEI",
        "GPModel",
        "RandomBatch",
    )
    with pytest.raises(ValueError, match="^name: expected one of .*, got 'XX'"):
        select("XX")


def rows_of_names() -> dict[str, tuple[str, str]]:
    """What the page about other libraries says of GPyOpt's modules: names that are there, and others."""
    page = (pathlib.Path(__file__).parents[2] / "docs" / "coming_from.md").read_text()
    table = page.split("### GPyOpt's public names")[1].split("\n## ")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if "|" in line]
    return {row[0]: (row[1], row[2]) for row in cells[2:]}


def test_the_page_of_names_says_what_is_there(no_model):
    rows = rows_of_names()
    identifiers = re.compile(r"`([A-Za-z_]\w*)`")
    for module in (
        "methods models acquisitions core.task core.evaluators core.errors optimization experiment_design"
        " objective_examples util.general"
    ).split():
        found = importlib.import_module(f"jbo.compat.gpyopt.{module}")
        parts = [
            found,
            *(getattr(found, name) for name in ("space", "cost", "objective", "variables") if "task" in module),
        ]
        names = identifiers.findall(rows[f"`{module}`"][0].split("each")[0].split(";")[0])
        assert names and not [name for name in names if not any(hasattr(part, name) for part in parts)], module
        absent = (
            identifiers.findall(rows[f"`{module}`"][1].split(":")[0]) if "util" in module or "task" in module else []
        )
        assert not [name for name in absent if any(hasattr(part, name) for part in parts)], module
    bo = BayesianOptimization(square, LINE, cost_withGradients="evaluation_time", seed=0)
    names = identifiers.findall(rows["an optimisation"][0].split("`pickle`")[0])
    assert len(names) > 15 and not [name for name in names if not hasattr(bo, name)]
    assert not hasattr(bo, "objective") and not hasattr(bo, "evaluator")
    with pytest.raises(AttributeError):
        bo.X = np.zeros((1, 1))
    assert bo.cost.cost_withGradients == "evaluation_time"
    kernels_there = identifiers.findall(rows["`GPy.kern`"][0])
    gpy = importlib.import_module("jbo.compat.gpy")
    assert not [name for name in kernels_there if name != "active_dims" and not hasattr(gpy.kern, name)]


@pytest.mark.parametrize(
    "module", "util.duplicate_manager util.arguments_manager util.io plotting plotting.plots_bo interface".split()
)
def test_modules_that_are_not_there_are_said_to_be_not_there(module):
    assert any(f"`{module}`" in name and not there for name, (there, _) in rows_of_names().items())
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"jbo.compat.gpyopt.{module}")
