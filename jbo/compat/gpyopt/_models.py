"""GPyOpt's models, for ``model=`` of `methods.BayesianOptimization` and of the acquisitions."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from jbo.compat.gpyopt._kernels import arms, from_gpy, is_of_gpy
from jbo.compat.gpyopt._options import without_effect
from jbo.compat.gpyopt._plots import plot_model
from jbo.compat.gpyopt._space import Design_space
from jbo.compat.gpyopt._view import Table, View
from jbo.strategies import bayesian
from jbo.surrogates import Surrogate, forest, gp, gp_mcmc
from jbo.surrogates.kernels import input_warped, matern52


class BOModel:
    """GPyOpt's base class of models, for programs that name it.

    A model of your own that derives from it is refused where it is used: jbo traces its models, and cannot trace what
    Python computes. A surrogate of jbo can be given in its place, see ``docs/extend.md``.
    """

    MCMC_sampler = False
    analytical_gradient_prediction = False

    def updateModel(self, X_all: Any, Y_all: Any, X_new: Any = None, Y_new: Any = None) -> None:
        """Learn from evaluations."""

    def predict(self, X: Any) -> Any:
        """Mean and standard deviation at the rows of ``X``."""

    def predict_withGradients(self, X: Any) -> Any:
        """Mean and standard deviation as in `predict`, and the gradients of both."""

    def get_fmin(self) -> Any:
        """The minimum of the mean at the evaluations."""

    def get_model_parameters(self) -> Any:
        """The hyperparameters."""

    def get_model_parameters_names(self) -> Any:
        """The names of the hyperparameters."""


class Regression:
    """The attribute ``model`` of GPyOpt's models: the data, and predictions with variances as in GPy."""

    def __init__(self, owner: "Model"):
        self._owner = owner

    @property
    def X(self) -> Float[np.ndarray, "n k"]:
        """The points that the model learnt from."""
        return self._owner.view().succeeded()[0]

    @property
    def Y(self) -> Float[np.ndarray, "n 1"]:
        """The values that the model learnt from: standardised ones, unless ``normalize_Y=False``."""
        return self._owner.view().succeeded()[1]

    @property
    def input_dim(self) -> int:
        """Number of columns of ``X``."""
        return self.X.shape[1]

    @property
    def kern(self) -> Any:
        """The kernel of jbo."""
        return getattr(self._owner.view().surrogate, "kernel", None)

    @property
    def param_array(self) -> Float[np.ndarray, " p"]:
        """The hyperparameters, see `Model.get_model_parameters`."""
        return self._owner.get_model_parameters()[0]

    def predict(
        self, Xnew: Any, full_cov: bool = False, include_likelihood: bool = True
    ) -> tuple[Float[np.ndarray, "m 1"], Float[np.ndarray, "m 1"]]:
        """Mean and variance at the rows of ``Xnew``.

        Args:
          Xnew: Points, one for each row.
          full_cov: False; True raises an error.
          include_likelihood: True: the variance includes the noise of an observation.

        Raises:
          ValueError: The full covariance is asked for.
        """
        if full_cov:
            raise ValueError("full_cov: expected False; see jbo.surrogates.gaussian_process.covariance")
        mean, deviation = self._owner.moments(Xnew, include_likelihood)
        return mean, deviation**2

    def predict_noiseless(self, Xnew: Any) -> tuple[Float[np.ndarray, "m 1"], Float[np.ndarray, "m 1"]]:
        """Mean and variance of the function at the rows of ``Xnew``.

        Args:
          Xnew: Points, one for each row.
        """
        return self.predict(Xnew, include_likelihood=False)

    def predictive_gradients(self, Xnew: Any) -> tuple[Float[np.ndarray, "m k 1"], Float[np.ndarray, "m k"]]:
        """Gradients of the mean and the variance at the rows of ``Xnew``.

        Args:
          Xnew: Points, one for each row.
        """
        _, deviation = self._owner.moments(Xnew, True)
        of_mean, of_deviation = self._owner.view().gradients(np.atleast_2d(Xnew))
        return of_mean[:, :, None], 2 * deviation * of_deviation

    def plot(self) -> Any:
        """Draw and show the model over its one column.

        Raises:
          ValueError: The model has more than one column.
        """
        if self.input_dim != 1:
            raise ValueError(f"plot: expected one column, got {self.input_dim}; plot_acquisition shows two columns")
        (bound,) = self._owner.view().space.columns.bounds()
        line = np.linspace(*bound, 200)
        mean, deviation = self._owner.moments(line[:, None], True)
        return plot_model(self.X[:, 0], self.Y[:, 0], line, mean[:, 0], deviation[:, 0])

    def __str__(self) -> str:
        names, numbers = self._owner.get_model_parameters_names(), self.param_array
        return "\n".join(f"{name}  {number:.6g}" for name, number in zip(names, numbers, strict=True))


class Model(BOModel):
    """Base class of all models, with predictions once there are evaluations.

    A model belongs to the optimisation that it is given to, and knows the evaluations of this optimisation.
    `updateModel` replaces them. Values are minimised. They are standardised unless the optimisation has
    ``normalize_Y=False``.
    """

    _source: Callable[[], View] | None = None

    def surrogate(self, space: Design_space) -> Surrogate:
        """The surrogate of jbo for this model.

        Args:
          space: The domain of the optimisation.

        Raises:
          NotImplementedError: The subclass does not define this method.
        """
        raise NotImplementedError

    def attach(self, source: Callable[[], View]) -> None:
        """Take evaluations from an optimisation.

        Args:
          source: Gives the fitted model.
        """
        self._source = source

    def view(self) -> View:
        """The fitted model.

        Raises:
          ValueError: The model has no evaluations yet.
        """
        if self._source is None:
            raise ValueError("model: expected evaluations, got none yet; run an optimisation or call updateModel first")
        return self._source()

    @property
    def model(self) -> Regression | None:
        """The data and the predictions with variances; None before there are evaluations."""
        return None if self._source is None else Regression(self)

    def updateModel(self, X_all: Any, Y_all: Any, X_new: Any = None, Y_new: Any = None) -> None:
        """Learn from evaluations outside of an optimisation.

        Args:
          X_all: Points as rows. Their ranges are the domain.
          Y_all: Values, lower is better.
          X_new: Accepted as in GPyOpt; they are among ``X_all``.
          Y_new: As ``X_new``.
        """
        del X_new, Y_new
        X = np.atleast_2d(np.asarray(X_all, np.float64))
        Y = np.asarray(Y_all, np.float64).reshape(len(X))
        ends = [(low, high) if low < high else (low - 1, low + 1) for low, high in zip(X.min(0), X.max(0), strict=True)]
        space = Design_space([(float(low), float(high)) for low, high in ends])
        strategy = bayesian(space.space, surrogate=self.surrogate(space), num_initial=1)
        view = View(strategy, space, Table(X, space.columns.to_unit(X), Y, None), 0, False)
        self._source = lambda: view

    def moments(self, X: Any, with_noise: bool = True) -> tuple[Float[np.ndarray, "m 1"], Float[np.ndarray, "m 1"]]:
        """Mean and standard deviation at the rows of ``X``.

        With several hyperparameter samples, they describe the mixture of the predictions.

        Args:
          X: Points, one for each row.
          with_noise: True: moments of a noisy observation; False: moments of the function.
        """
        found = self.view().at(X)
        deviation = View.total(found) if with_noise else found.deviation
        mean = found.mean.mean(1, keepdims=True)
        variance = (deviation**2 + (found.mean - mean) ** 2).mean(1, keepdims=True)
        return mean, np.sqrt(np.maximum(variance, 1e-10))

    def predict(self, X: Any, with_noise: bool = True) -> Any:
        """Mean and standard deviation at the rows of ``X``, each ``(m, 1)``.

        Args:
          X: Points, one for each row.
          with_noise: True: moments of a noisy observation; False: moments of the function.

        Raises:
          ValueError: The model has no evaluations yet, or all values are equal.
        """
        return self.moments(X, with_noise)

    def predict_withGradients(self, X: Any) -> Any:
        """Mean and standard deviation at the rows of ``X``, and the gradients of both, each ``(m, k)``.

        Args:
          X: Points, one for each row.
        """
        return *self.moments(X), *self.view().gradients(np.atleast_2d(X))

    def get_fmin(self) -> float:
        """The minimum of the mean at the evaluations."""
        return float(self.moments(self.view().table.rows)[0].min())

    def get_model_parameters(self) -> Float[np.ndarray, "1 p"]:
        """The hyperparameters, in units of the unit cube and of standardised values.

        With several hyperparameter samples, they are the means over the samples.
        """
        return np.array([[number for _, number in self.view().parameters()]])

    def get_model_parameters_names(self) -> list[str]:
        """Names of `get_model_parameters`."""
        return [name for name, _ in self.view().parameters()]

    def copy(self) -> "Model":
        """Another model with the same options."""
        other = object.__new__(type(self))
        other.__dict__ |= {name: value for name, value in self.__dict__.items() if name != "_source"}
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_source"}


class SurrogateModel(Model):
    """A surrogate of jbo as a model.

    Args:
      surrogate: Such as ``jbo.gp()``.
    """

    def __init__(self, surrogate: Surrogate):
        self._surrogate = surrogate

    def surrogate(self, space: Design_space) -> Surrogate:
        """The surrogate.

        Args:
          space: Not used.
        """
        del space
        return self._surrogate


class GPModel(Model):
    """A Gaussian process with the most probable hyperparameters, which are fitted for each suggestion.

    Args:
      kernel: One of ``jbo.surrogates.kernels``, a function like them, or one of GPy (`jbo.compat.gpy`), whose numbers
        are inferred; None is Matérn 5/2.
      noise_var: Variance of an observation in the units of the objective, kept fixed (GPyOpt only starts its fit
        there); None: it is inferred.
      exact_feval: True says that evaluations are exact.
      optimizer: None; other values give a warning, because jbo has its own optimizer.
      max_iters: None; as for ``optimizer``.
      optimize_restarts: Number of starts of a fit; None: three.
      sparse: True: the posterior uses inducing points, however few evaluations there are. The hyperparameters are
        fitted to up to 512 evaluations themselves.
      num_inducing: Number of inducing points; None: ten, as in GPyOpt. Only with ``sparse``.
      verbose: False; True gives a warning, because a model prints nothing.
      ARD: True: each parameter has its own lengthscale; False gives a warning.
      mean_function: None; other values raise an error.

    Raises:
      ValueError: An option that cannot be met.
    """

    def __init__(
        self,
        kernel: Any = None,
        noise_var: int | float | None = None,
        exact_feval: bool = False,
        optimizer: str | None = None,
        max_iters: int | None = None,
        optimize_restarts: int | None = None,
        sparse: bool = False,
        num_inducing: int | None = None,
        verbose: bool = False,
        ARD: bool = True,
        mean_function: Any = None,
    ):
        if num_inducing is not None and not sparse:
            without_effect("num_inducing", num_inducing, "only a sparse Gaussian process has inducing points")
        if mean_function is not None:
            raise ValueError(f"mean_function: expected None, got {mean_function!r}")
        for name, value, usual in (("optimizer", optimizer, ("lbfgs", "bfgs")), ("max_iters", max_iters, (1000,))):
            if value is not None and value not in usual:
                without_effect(name, value, "hyperparameters are found by jbo's own bounded quasi-Newton method")
        if verbose:
            without_effect("verbose", verbose, "a model prints nothing")
        if not ARD:
            without_effect("ARD", ARD, "each parameter has a lengthscale of its own, with a prior")
        self.kernel: Any = _kernel(kernel)
        self.noise_var = _noise(noise_var, exact_feval)
        self.optimize_restarts = optimize_restarts
        self.exact_feval, self.sparse, self.verbose = exact_feval, sparse, verbose
        self._more: dict[str, Any] = {}
        if sparse:
            self._more = {"most_exact": 1, "num_inducing": 10 if num_inducing is None else int(num_inducing)}

    def surrogate(self, space: Design_space) -> Surrogate:
        """The surrogate of jbo for this model.

        Args:
          space: The domain of the optimisation. For a bandit, it has the distances between the points.

        Raises:
          ValueError: The kernel cannot be used there.
        """
        options = {} if self.optimize_restarts is None else {"num_starts": self.optimize_restarts}
        return gp(**_options(self.kernel, self.noise_var, space), **options, **self._more)


class GPModel_MCMC(Model):
    """A Gaussian process whose hyperparameters are sampled by NUTS; acquisitions are averaged over the samples.

    Needs ``pip install jbo[bayes]``.

    Args:
      kernel: As in `GPModel`.
      noise_var: As in `GPModel`.
      exact_feval: As in `GPModel`.
      n_samples: Number of hyperparameter samples over which an acquisition is averaged.
      n_burnin: Number of warm-up steps, in which the sampler adapts its step size and its scales.
      subsample_interval: Number of steps of the sampler for each sample that is kept.
      step_size: None; other values give a warning, because the sampler adapts it.
      leapfrog_steps: None; as for ``step_size``.
      verbose: False; True gives a warning, because a model prints nothing.

    Raises:
      ImportError: blackjax is not installed.
      ValueError: An option that cannot be met.
    """

    def __init__(
        self,
        kernel: Any = None,
        noise_var: int | float | None = None,
        exact_feval: bool = False,
        n_samples: int = 10,
        n_burnin: int = 100,
        subsample_interval: int = 10,
        step_size: float | None = None,
        leapfrog_steps: int | None = None,
        verbose: bool = False,
    ):
        for name, value, usual in (("step_size", step_size, 0.1), ("leapfrog_steps", leapfrog_steps, 20)):
            if value is not None and value != usual:
                without_effect(name, value, "NUTS finds the step size and the length of each trajectory")
        if verbose:
            without_effect("verbose", verbose, "a model prints nothing")
        self.kernel: Any = _kernel(kernel)
        self.noise_var = _noise(noise_var, exact_feval)
        self._sampler: dict[str, Any] = {"num_sets": n_samples, "num_warmup": n_burnin, "thinning": subsample_interval}
        gp_mcmc(**self._sampler)  # what is wrong with a number is said here

    def surrogate(self, space: Design_space) -> Surrogate:
        """The surrogate of jbo for this model.

        Args:
          space: As in `GPModel.surrogate`.

        Raises:
          ValueError: As in `GPModel.surrogate`.
        """
        return gp_mcmc(**_options(self.kernel, self.noise_var, space), **self._sampler)


class WarpedGPModel(GPModel):
    """A Gaussian process of values that go through a monotone function, which is inferred.

    Args:
      kernel: As in `GPModel`.
      noise_var: None or 0; any other value gives a warning, because the noise is a noise of the warped values.
      exact_feval: As in `GPModel`.
      optimizer: As in `GPModel`.
      max_iters: As in `GPModel`.
      optimize_restarts: As in `GPModel`.
      warping_function: None, a sinh-arcsinh; others are refused.
      warping_terms: None; a sinh-arcsinh has no terms, so another value gives a warning.
      verbose: As in `GPModel`.

    Raises:
      ValueError: An option that cannot be met.
    """

    def __init__(
        self,
        kernel: Any = None,
        noise_var: int | float | None = None,
        exact_feval: bool = False,
        optimizer: str | None = None,
        max_iters: int | None = None,
        optimize_restarts: int | None = None,
        warping_function: Any = None,
        warping_terms: int | None = None,
        verbose: bool = False,
    ):
        if noise_var:
            without_effect(
                "noise_var", noise_var, "the noise is one of warped values, whose units are not known before"
            )
            noise_var = None
        if warping_function is not None:
            raise ValueError(
                f"warping_function: expected None, which is a sinh-arcsinh warping, got {warping_function!r}"
            )
        if warping_terms is not None:
            without_effect("warping_terms", warping_terms, "values are warped by a sinh-arcsinh, which has no terms")
        super().__init__(kernel, noise_var, exact_feval, optimizer, max_iters, optimize_restarts, verbose=verbose)
        self._more = {"warps_output": True}


class InputWarpedGPModel(GPModel):
    """A Gaussian process of parameters that go through a monotone function each (Kumaraswamy's), which is inferred.

    Args:
      space: Accepted as in GPyOpt; a model is made for the space of the optimisation.
      warping_function: None, which is Kumaraswamy's function; others are refused.
      kernel: As in `GPModel`, of the warped parameters.
      noise_var: As in `GPModel`.
      exact_feval: As in `GPModel`.
      optimizer: As in `GPModel`.
      max_iters: As in `GPModel`.
      optimize_restarts: As in `GPModel`.
      verbose: As in `GPModel`.
      ARD: As in `GPModel`.

    Raises:
      ValueError: An option that cannot be met.
    """

    def __init__(
        self,
        space: Any = None,
        warping_function: Any = None,
        kernel: Any = None,
        noise_var: int | float | None = None,
        exact_feval: bool = False,
        optimizer: str | None = None,
        max_iters: int | None = None,
        optimize_restarts: int | None = None,
        verbose: bool = False,
        ARD: bool = True,
    ):
        del space
        if warping_function is not None:
            raise ValueError(
                f"warping_function: expected None, which is Kumaraswamy's warping, got {warping_function!r}"
            )
        super().__init__(
            kernel, noise_var, exact_feval, optimizer, max_iters, optimize_restarts, verbose=verbose, ARD=ARD
        )

    def surrogate(self, space: Design_space) -> Surrogate:
        """The surrogate of jbo for this model.

        Args:
          space: As in `GPModel.surrogate`.

        Raises:
          ValueError: As in `GPModel.surrogate`.
        """
        plain: Any = super().surrogate(space)
        return dataclasses.replace(plain, kernel=input_warped(plain.kernel))


class RFModel(Model):
    """A forest of extremely randomised trees, of jbo.

    It takes the points of a bandit as choices without distances.

    Args:
      bootstrap: True: each tree is grown on a bootstrap sample of the evaluations; None: the default of `jbo.forest`.
      criterion: None; other values give a warning, because splits minimise the remaining variance.
      max_depth: None; as for ``criterion``: a tree is bounded by the size of its leaves.
      max_features: Fraction of the parameters that are candidates of a split; None: the default of `jbo.forest`.
      max_leaf_nodes: None; as for ``max_depth``.
      min_samples_leaf: Minimum number of evaluations in a leaf; None: the default of `jbo.forest`.
      min_samples_split: None; as for ``max_depth``.
      min_weight_fraction_leaf: None; as for ``max_depth``.
      n_estimators: Number of trees; None: the default of `jbo.forest` (GPyOpt: 500).
      n_jobs: None; other values give a warning, because all trees grow at once.
      oob_score: False; True gives a warning.
      random_state: None; the seed is the optimisation's, so another value gives a warning.
      verbose: False; True gives a warning, because a model prints nothing.
      warm_start: False; True gives a warning.

    Raises:
      ValueError: A number is out of its range.
    """

    def __init__(
        self,
        bootstrap: bool | None = None,
        criterion: Any = None,
        max_depth: Any = None,
        max_features: float | None = None,
        max_leaf_nodes: Any = None,
        min_samples_leaf: int | None = None,
        min_samples_split: Any = None,
        min_weight_fraction_leaf: Any = None,
        n_estimators: int | None = None,
        n_jobs: Any = None,
        oob_score: bool = False,
        random_state: Any = None,
        verbose: bool = False,
        warm_start: bool = False,
    ):
        by_leaf = "a tree is bounded by min_samples_leaf"
        unused = {
            "criterion": (criterion, "a split is judged by the variance that it leaves"),
            "max_depth": (max_depth, by_leaf),
            "max_leaf_nodes": (max_leaf_nodes, by_leaf),
            "min_samples_split": (min_samples_split, by_leaf),
            "min_weight_fraction_leaf": (min_weight_fraction_leaf, by_leaf),
            "n_jobs": (n_jobs, "all trees grow at once"),
            "oob_score": (oob_score or None, "no score is kept"),
            "random_state": (random_state, "the seed is that of the optimisation"),
            "verbose": (verbose or None, "a model prints nothing"),
            "warm_start": (warm_start or None, "a forest grows anew for each suggestion"),
        }
        for name, (value, reason) in unused.items():
            if value is not None:
                without_effect(name, value, reason)
        options = {
            "bootstrap": bootstrap,
            "max_features": max_features,
            "min_samples_leaf": min_samples_leaf,
            "num_trees": n_estimators,
        }
        self._forest = forest(**{name: value for name, value in options.items() if value is not None})

    def surrogate(self, space: Design_space) -> Surrogate:
        """The surrogate of jbo for this model.

        Args:
          space: Not used.
        """
        del space
        return self._forest


def _kernel(kernel: Any) -> Any:
    if kernel is not None and not callable(kernel) and not is_of_gpy(kernel):
        raise ValueError(f"kernel: expected one of jbo.surrogates.kernels, one of GPy or None, got {kernel!r}")
    return kernel


def _noise(noise_var: int | float | None, exact_feval: bool) -> float | None:
    if noise_var is not None and not (noise_var >= 0 and math.isfinite(noise_var)):
        raise ValueError(f"noise_var: expected a finite variance of at least 0 or None, got {noise_var!r}")
    if exact_feval and noise_var:
        without_effect("noise_var", noise_var, "exact_feval=True says that there is no noise", 2)
    return 0.0 if exact_feval else noise_var


def _options(kernel: Any, noise_var: float | None, space: Design_space) -> dict[str, Any]:
    kernel = matern52 if kernel is None else kernel
    if is_of_gpy(kernel):
        kernel = from_gpy(kernel, list(space.space))
    noise = {} if noise_var is None else {"noise": math.sqrt(noise_var)}
    return {"kernel": arms(kernel, space.space) if space.is_bandit else kernel, **noise}


_BY_NAME = {"GP": GPModel, "GP_MCMC": GPModel_MCMC, "RF": RFModel, "warpGP": WarpedGPModel}


def select_model(name: str) -> Any:
    """The class of a model.

    Args:
      name: ``GP``, ``GP_MCMC``, ``RF`` or ``warpGP``.

    Raises:
      ValueError: No model has this name.
    """
    if name not in _BY_NAME:
        raise ValueError(f"name: expected one of {', '.join(_BY_NAME)}, got {name!r}")
    return _BY_NAME[name]
