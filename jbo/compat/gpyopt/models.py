"""GPyOpt's models: what ``model=`` of `methods.BayesianOptimization` and of the acquisitions takes."""

import math
from typing import Any

from jbo.compat.gpyopt._kernels import arms
from jbo.compat.gpyopt._options import without_effect
from jbo.compat.gpyopt._space import Design_space
from jbo.surrogates import Surrogate, forest, gp
from jbo.surrogates.kernels import matern52


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
      sparse: False; sparse processes are refused.
      num_inducing: None; refused as ``sparse`` is.
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
        if kernel is not None and (not callable(kernel) or type(kernel).__module__.partition(".")[0] == "GPy"):
            raise ValueError(f"kernel: expected one of jbo.surrogates.kernels or None, got {kernel!r}")
        if noise_var is not None and not (noise_var >= 0 and math.isfinite(noise_var)):
            raise ValueError(f"noise_var: expected a finite variance of at least 0 or None, got {noise_var!r}")
        if exact_feval and noise_var:
            raise ValueError(f"noise_var: exact_feval=True says that there is no noise, got {noise_var!r}")
        if sparse or num_inducing is not None:
            raise ValueError(f"sparse: sparse Gaussian processes are not there yet, got {sparse=}, {num_inducing=}")
        if mean_function is not None:
            raise ValueError(f"mean_function: expected None, got {mean_function!r}")
        for name, value in (("optimizer", optimizer), ("max_iters", max_iters)):
            if value is not None:
                without_effect(name, value, "hyperparameters are found by jbo's own bounded quasi-Newton method")
        if verbose:
            without_effect("verbose", verbose, "a model prints nothing")
        if not ARD:
            without_effect("ARD", ARD, "each parameter has a lengthscale of its own, with a prior")
        self.kernel: Any = kernel
        self.noise_var = 0.0 if exact_feval else noise_var
        self.optimize_restarts = optimize_restarts

    def surrogate(self, space: Design_space) -> Surrogate:
        """The same as `jbo` has it.

        Args:
          space: Where it is used: of a bandit's points it knows the distances.

        Raises:
          ValueError: The kernel cannot be used there.
        """
        kernel = matern52 if self.kernel is None else self.kernel
        options: dict[str, Any] = {} if self.optimize_restarts is None else {"num_starts": self.optimize_restarts}
        if self.noise_var is not None:
            options["noise"] = math.sqrt(self.noise_var)
        return gp(kernel=arms(kernel, space.space) if space.is_bandit else kernel, **options)


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
