"""GPyOpt's interface, implemented by jbo: ``import jbo.compat.gpyopt as GPyOpt`` runs programs written for GPyOpt.

``num_cores`` evaluations run at the same time, constraints are parsed and never run as code, and a run ends at its
limits. Values have GPyOpt's sign: with ``maximize=True`` they are values of ``-f``. ``sign="user"`` takes and returns
values of ``f``. An option works as in GPyOpt, or raises a `ValueError` that begins with its name, or gives a warning.
No option is ignored silently. ``docs/coming_from.md`` lists GPyOpt's names.

========================================  ==============================================================================
option                                    how it is handled
========================================  ==============================================================================
``f``                                     gets one row ``(1, k)`` that answers to names too; gives a number, or an array
                                          of one
``domain``, ``bounds``                    GPyOpt's list, or pairs ``(low, high)``; also ``integer``, strings as
                                          categories, ``'log': True``
``constraints``                           at most 0 where allowed; arithmetic of NumPy in ``x[:, i]``, the columns of
                                          the domain in the user's units
``cost_withGradients``                    ``evaluation_time`` or a function, as in GPyOpt; with ``LCB``: a warning
``model_type``                            ``GP``, ``sparseGP``, ``GP_MCMC`` (by NUTS; needs ``pip install jbo[bayes]``),
                                          ``warpedGP``, ``input_warped_GP``, ``RF``
``X``, ``Y``                              in GPyOpt's sign; a NaN is a failed evaluation, which teaches the model; a
                                          number may be a rounding away from a bound or a level
``initial_design_numdata``, ``_type``     as in GPyOpt, evaluated by the constructor; what a grid, or a constraint,
                                          leaves out is replaced by random points
``acquisition_type``                      ``EI`` (None too), ``MPI``, ``LCB``; averaged over the samples of ``GP_MCMC``:
                                          ``EI_MCMC``, ``MPI_MCMC``, ``LCB_MCMC``
``acquisition_jitter``, ``_weight``       as in GPyOpt; with another acquisition: a warning
``normalize_Y=False``                     a warning: the search standardises values; ``model.predict`` does not
``exact_feval``, ``noise_var``            no noise; a known, fixed variance in the objective's units
``kernel``                                one of ``jbo.surrogates.kernels``, of `jbo.compat.gpy` or of GPy
``ARD=False``                             a warning: each parameter has a lengthscale
``optimize_restarts``                     number of starts of a fit
``max_iters``, ``model_optimizer_type``   other than GPyOpt's: a warning, because the fit is jbo's own
``num_inducing``                          of ``sparseGP``; with another model: a warning
``n_samples``, ``n_burnin``,              of ``GP_MCMC``; ``step_size`` and ``leapfrog_steps`` other than GPyOpt's: a
``subsample_interval``                    warning, because NUTS finds them
``acquisition_optimizer_type``            other than ``lbfgs``: a warning
``model_update_interval``                 other than 1: a warning
``evaluator_type``                        ``sequential`` fantasises pending points at their mean; others, for batches:
                                          ``local_penalization``, ``thompson_sampling``, ``random``
``batch_size``                            points of a suggestion, evaluations of an iteration; none waits for another
``num_cores``                             evaluations at the same time, in separate processes; needs
                                          ``pip install jbo[parallel]``
``verbosity``                             progress on standard error; silent without it
``verbosity_model``                       a warning: a model prints nothing
``maximize``                              higher is better for ``f``; returned values are of ``-f``, as in GPyOpt
``sign``                                  new: ``user`` takes and returns values of ``f``; ``minimized`` selects
                                          GPyOpt's sign without the warning that is otherwise given once
``de_duplication``                        always: no point of a discrete domain is suggested twice; when all points are
                                          used the run ends with a warning
``model``, ``acquisition``                one of `models` and `acquisitions`, or of jbo; your own classes that compute
                                          in Python raise an error, because jbo cannot trace them
``seed``                                  new; None: sampled from NumPy's global state, so that ``np.random.seed`` works
other keywords                            a warning, with the nearest keyword; GPyOpt ignores them
``max_iter``, ``max_time``, ``context``   as in GPyOpt
``eps``                                   tolerance that ends exact evaluations of real parameters; otherwise a warning;
                                          0 or less: no such end
``report_file``, ``evaluations_file``     as in GPyOpt; ``load_evaluations`` reads the latter, GPyOpt's own too
``models_file``                           hyperparameters after each evaluation
``save_models_parameters``                accepted: models are functions of the evaluations
========================================  ==============================================================================
"""

from jbo.compat.gpyopt import acquisitions as acquisitions
from jbo.compat.gpyopt import core as core
from jbo.compat.gpyopt import experiment_design as experiment_design
from jbo.compat.gpyopt import methods as methods
from jbo.compat.gpyopt import models as models
from jbo.compat.gpyopt import objective_examples as objective_examples
from jbo.compat.gpyopt import optimization as optimization
from jbo.compat.gpyopt import util as util
from jbo.compat.gpyopt._space import Design_space as Design_space

fmodels = objective_examples
"""Name of `objective_examples` in older versions of GPyOpt."""
__version__ = "1.2.6"
"""The version of GPyOpt whose names are here."""
