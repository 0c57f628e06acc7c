"""GPyOpt's names for jbo: ``import jbo.compat.gpyopt as GPyOpt``, and the calls run.

``num_cores`` evaluations run at the same time, constraints are parsed and never run as code, and a run ends when it was
told to. Values have GPyOpt's sign: with ``maximize=True`` those of ``-f``; ``sign="user"`` takes and gives them as
``f`` does. An option has its meaning, or is refused with a `ValueError` that begins with its name, or is warned about;
none is ignored. ``docs/coming_from.md`` lists GPyOpt's names.

========================================  ==============================================================================
option                                    what becomes of it
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
                                          leaves out is filled up at random
``acquisition_type``                      ``EI`` (None too), ``MPI``, ``LCB``; averaged over the samples of ``GP_MCMC``:
                                          ``EI_MCMC``, ``MPI_MCMC``, ``LCB_MCMC``
``acquisition_jitter``, ``_weight``       as in GPyOpt; beside another acquisition: a warning
``normalize_Y=False``                     a warning: the search standardises values; ``model.predict`` does not
``exact_feval``, ``noise_var``            no noise; a known variance in the objective's units, held
``kernel``                                one of ``jbo.surrogates.kernels``, of `jbo.compat.gpy` or of GPy
``ARD=False``                             a warning: each parameter has a lengthscale
``optimize_restarts``                     starts of a fit
``max_iters``, ``model_optimizer_type``   other than GPyOpt's: a warning, because the fit is jbo's own
``num_inducing``                          of ``sparseGP``; beside another model: a warning
``n_samples``, ``n_burnin``,              of ``GP_MCMC``; ``step_size`` and ``leapfrog_steps`` other than GPyOpt's: a
``subsample_interval``                    warning, because NUTS finds them
``acquisition_optimizer_type``            other than ``lbfgs``: a warning
``model_update_interval``                 other than 1: a warning
``evaluator_type``                        ``sequential`` believes the model where results are to come; the others with
                                          more than one point: ``local_penalization``, ``thompson_sampling``, ``random``
``batch_size``                            points of a suggestion, evaluations of an iteration; none waits for another
``num_cores``                             evaluations at the same time, in processes of their own; needs
                                          ``pip install jbo[parallel]``
``verbosity``                             progress on standard error; silent without it
``verbosity_model``                       a warning: a model prints nothing
``maximize``                              higher is better for ``f``; values come back as those of ``-f``, as in GPyOpt
``sign``                                  new: ``user`` takes and gives values as ``f`` does; ``minimized`` says that
                                          GPyOpt's sign is meant, which is otherwise told by a warning, once
``de_duplication``                        always: no point of a discrete domain comes twice; when all have come the run
                                          ends with a warning
``model``, ``acquisition``                those of `models` and `acquisitions`, or jbo's own; classes of your own that
                                          compute in Python are refused, because jbo cannot trace them
``seed``                                  new; None: drawn from NumPy's global state, so that ``np.random.seed`` counts
other keywords                            a warning, with the nearest keyword; GPyOpt ignores them
``max_iter``, ``max_time``, ``context``   as in GPyOpt
``eps``                                   ends exact evaluations of real parameters; given elsewhere: a warning; 0 or
                                          less: nothing ends so
``report_file``, ``evaluations_file``     as in GPyOpt; ``load_evaluations`` reads the latter, GPyOpt's own too
``models_file``                           hyperparameters after each evaluation
``save_models_parameters``                accepted: models follow from the evaluations
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
"""The name that older versions of GPyOpt have for them."""
__version__ = "1.2.6"
"""The version of GPyOpt whose names are here."""
