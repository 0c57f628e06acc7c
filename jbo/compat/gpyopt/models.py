"""GPyOpt's models: what ``model=`` of `methods.BayesianOptimization` and of the acquisitions takes."""

import dataclasses
import math
from typing import Any

from jbo.compat.gpyopt._kernels import arms
from jbo.compat.gpyopt._options import without_effect
from jbo.compat.gpyopt._space import Design_space
from jbo.surrogates import Surrogate, forest, gp, gp_mcmc
from jbo.surrogates.kernels import input_warped, matern52


class GPModel:
    """A Gaussian process; its hyperparameters are the most probable ones, found anew for each suggestion.

    Args:
      kernel: One of ``jbo.surrogates.kernels`` or a function like them; None is Matérn 5/2. GPy's are refused.
      noise_var: Variance of an observation in the units of the objective, held (GPyOpt's fit only began there); None:
        it is inferred.
      exact_feval: True says that evaluations are exact.
      optimizer: None; a fit is jbo's own, so another value is warned about.
      max_iters: None; as for ``optimizer``.
      optimize_restarts: How many starts a fit has; None: three.
      sparse: True sees the evaluations through inducing points, however few there are; the hyperparameters come from up
        to 512 evaluations themselves.
      num_inducing: How many inducing points; None: ten, as in GPyOpt. Only with ``sparse``.
      verbose: False; a model says nothing, so True is warned about.
      ARD: Each parameter has a lengthscale of its own; False is warned about.
      mean_function: None; others are refused.

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
            raise ValueError(f"num_inducing: expected it with a sparse Gaussian process only, got {num_inducing!r}")
        if mean_function is not None:
            raise ValueError(f"mean_function: expected None, got {mean_function!r}")
        for name, value in (("optimizer", optimizer), ("max_iters", max_iters)):
            if value is not None:
                without_effect(name, value, "hyperparameters are found by jbo's own bounded quasi-Newton method")
        if verbose:
            without_effect("verbose", verbose, "a model prints nothing")
        if not ARD:
            without_effect("ARD", ARD, "each parameter has a lengthscale of its own, with a prior")
        self.kernel: Any = _kernel(kernel)
        self.noise_var = _noise(noise_var, exact_feval)
        self.optimize_restarts = optimize_restarts
        self._more: dict[str, Any] = {}
        if sparse:
            self._more = {"most_exact": 1, "num_inducing": 10 if num_inducing is None else int(num_inducing)}

    def surrogate(self, space: Design_space) -> Surrogate:
        """The same as `jbo` has it.

        Args:
          space: Where it is used: of a bandit's points it knows the distances.

        Raises:
          ValueError: The kernel cannot be used there.
        """
        options = {} if self.optimize_restarts is None else {"num_starts": self.optimize_restarts}
        return gp(**_options(self.kernel, self.noise_var, space), **options, **self._more)


class GPModel_MCMC:
    """A Gaussian process whose hyperparameters are drawn by NUTS; acquisitions are averaged over the draws.

    Needs ``pip install jbo[bayes]``.

    Args:
      kernel: As in `GPModel`.
      noise_var: As in `GPModel`.
      exact_feval: As in `GPModel`.
      n_samples: Hyperparameter sets that an acquisition is averaged over.
      n_burnin: Steps in which the sampler finds its step size and its scales.
      subsample_interval: Draws for each set that is kept.
      step_size: None; the sampler finds it, so another value is warned about.
      leapfrog_steps: None; as for ``step_size``.
      verbose: False; a model says nothing, so True is warned about.

    Raises:
      ImportError: blackjax is not there.
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
        for name, value in (("step_size", step_size), ("leapfrog_steps", leapfrog_steps)):
            if value is not None:
                without_effect(name, value, "NUTS finds the step size and the length of each trajectory")
        if verbose:
            without_effect("verbose", verbose, "a model prints nothing")
        self.kernel: Any = _kernel(kernel)
        self.noise_var = _noise(noise_var, exact_feval)
        self._sampler: dict[str, Any] = {"num_sets": n_samples, "num_warmup": n_burnin, "thinning": subsample_interval}
        gp_mcmc(**self._sampler)  # what is wrong with a number is said here

    def surrogate(self, space: Design_space) -> Surrogate:
        """The same as `jbo` has it.

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
      noise_var: None or 0: the noise is one of the warped values, whose units are not known before.
      exact_feval: As in `GPModel`.
      optimizer: As in `GPModel`.
      max_iters: As in `GPModel`.
      optimize_restarts: As in `GPModel`.
      warping_function: None, a sinh-arcsinh; others are refused.
      warping_terms: None; a sinh-arcsinh has no terms, so another value is warned about.
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
            raise ValueError(f"noise_var: expected None or 0 for values that are warped, got {noise_var!r}")
        if warping_function is not None:
            raise ValueError(f"warping_function: expected None, a sinh-arcsinh, got {warping_function!r}")
        if warping_terms is not None:
            without_effect("warping_terms", warping_terms, "values are warped by a sinh-arcsinh, which has no terms")
        super().__init__(kernel, noise_var, exact_feval, optimizer, max_iters, optimize_restarts, verbose=verbose)
        self._more = {"warps_output": True}


class InputWarpedGPModel(GPModel):
    """A Gaussian process of parameters that go through a monotone function each (Kumaraswamy's), which is inferred.

    Args:
      space: Accepted as in GPyOpt; a model is made for the space of the optimisation.
      warping_function: None, that of Kumaraswamy; others are refused.
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
            raise ValueError(f"warping_function: expected None, that of Kumaraswamy, got {warping_function!r}")
        super().__init__(
            kernel, noise_var, exact_feval, optimizer, max_iters, optimize_restarts, verbose=verbose, ARD=ARD
        )

    def surrogate(self, space: Design_space) -> Surrogate:
        """The same as `jbo` has it.

        Args:
          space: As in `GPModel.surrogate`.

        Raises:
          ValueError: As in `GPModel.surrogate`.
        """
        plain: Any = super().surrogate(space)
        return dataclasses.replace(plain, kernel=input_warped(plain.kernel))


class RFModel:
    """A forest of extremely randomised trees, jbo's own. A bandit's points are to it choices without distances.

    Args:
      bootstrap: True: each tree grows on a draw of the evaluations; None is what `jbo.forest` has.
      criterion: None; a split is judged by the variance that it leaves, so another value is warned about.
      max_depth: None; as for ``criterion``: a tree is bounded by the size of its leaves.
      max_features: Share of the parameters that a split is chosen among; None is what `jbo.forest` has.
      max_leaf_nodes: None; as for ``max_depth``.
      min_samples_leaf: Least number of evaluations in a leaf; None is what `jbo.forest` has.
      min_samples_split: None; as for ``max_depth``.
      min_weight_fraction_leaf: None; as for ``max_depth``.
      n_estimators: How many trees; None is what `jbo.forest` has (GPyOpt: 500).
      n_jobs: None; all trees grow at once, so another value is warned about.
      oob_score: False; True is warned about.
      random_state: None; the seed is the optimisation's, so another value is warned about.
      verbose: False; a model says nothing, so True is warned about.
      warm_start: False; True is warned about.

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
        """The same as `jbo` has it.

        Args:
          space: Where it is used; it may be any.
        """
        del space
        return self._forest


def _kernel(kernel: Any) -> Any:
    if kernel is not None and (not callable(kernel) or type(kernel).__module__.partition(".")[0] == "GPy"):
        raise ValueError(f"kernel: expected one of jbo.surrogates.kernels or None, got {kernel!r}")
    return kernel


def _noise(noise_var: int | float | None, exact_feval: bool) -> float | None:
    if noise_var is not None and not (noise_var >= 0 and math.isfinite(noise_var)):
        raise ValueError(f"noise_var: expected a finite variance of at least 0 or None, got {noise_var!r}")
    if exact_feval and noise_var:
        raise ValueError(f"noise_var: exact_feval=True says that there is no noise, got {noise_var!r}")
    return 0.0 if exact_feval else noise_var


def _options(kernel: Any, noise_var: float | None, space: Design_space) -> dict[str, Any]:
    kernel = matern52 if kernel is None else kernel
    noise = {} if noise_var is None else {"noise": math.sqrt(noise_var)}
    return {"kernel": arms(kernel, space.space) if space.is_bandit else kernel, **noise}
