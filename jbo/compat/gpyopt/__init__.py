"""GPyOpt's names for jbo: ``import jbo.compat.gpyopt as GPyOpt``, and the calls run.

What GPyOpt promised is done: ``num_cores`` evaluations run at the same time, ``maximize`` holds for ``f``, for ``Y``
and for every value that comes back, constraints are parsed and never run as code, a seed is taken, and a run ends when
it was told to. Results are in the user's units and sign. An option has its meaning, or is refused with a `ValueError`
that begins with its name, or is warned about; none is ignored:

========================================  ==============================================================================
option                                    what becomes of it
========================================  ==============================================================================
``f``                                     gets one row ``(1, k)`` that answers to names too; gives a number, or an array
                                          of one
``domain``                                GPyOpt's list; also ``integer``, strings as categories, ``'log': True``
``constraints``                           at most 0 where allowed; arithmetic in ``x[:, i]``, the columns of the domain
                                          in the user's units
``cost_withGradients``                    ``evaluation_time`` or a function, as in GPyOpt; with ``LCB``: a warning
``model_type``                            ``GP``, ``sparseGP``, ``GP_MCMC`` (by NUTS; needs ``pip install jbo[bayes]``),
                                          ``warpedGP``, ``input_warped_GP``, ``RF``
``X``, ``Y``                              in the user's sign; a NaN is a failed evaluation, which teaches the model
``initial_design_numdata``, ``_type``     as in GPyOpt, but evaluated when the run begins; what a grid, or a constraint,
                                          leaves out is filled up at random
``acquisition_type``                      ``EI``, ``MPI``, ``LCB``; averaged over what ``GP_MCMC`` draws: ``EI_MCMC``,
                                          ``MPI_MCMC``, ``LCB_MCMC``
``acquisition_jitter``, ``_weight``       as in GPyOpt; beside another acquisition: a warning
``normalize_Y=False``                     a warning: values are always standardised
``exact_feval``, ``noise_var``            no noise; a known variance in the objective's units, held
``kernel``                                one of ``jbo.surrogates.kernels``; GPy's are refused
``ARD=False``                             a warning: each parameter has a lengthscale
``optimize_restarts``                     starts of a fit
``max_iters``, ``model_optimizer_type``   a warning: the fit is jbo's own
``num_inducing``                          of ``sparseGP``; refused beside another model
``acquisition_optimizer_type``            other than ``lbfgs``: a warning
``model_update_interval``                 other than 1: a warning
``evaluator_type``                        ``sequential`` believes the model where results are to come; the others with
                                          more than one point: ``local_penalization``, ``thompson_sampling``, ``random``
``batch_size``                            points of a suggestion, evaluations of an iteration; none waits for another
``num_cores``                             evaluations at the same time, in processes of their own; needs
                                          ``pip install jbo[parallel]``
``verbosity``                             progress on standard error
``verbosity_model``                       a warning: a model prints nothing
``maximize``                              higher is better, everywhere
``de_duplication``                        always: no point of a discrete domain comes twice; when all have come the run
                                          ends with a warning
``model``, ``acquisition``                those of `models` and `acquisitions`, or jbo's own
``seed``                                  new
``max_iter``, ``max_time``, ``context``   as in GPyOpt
``eps``                                   ends exact evaluations of real parameters; given elsewhere: a warning
``report_file``, ``evaluations_file``     as in GPyOpt; ``load_evaluations`` reads the latter, GPyOpt's own too
``models_file``, ``save_models_...``      refused: models follow from the evaluations
========================================  ==============================================================================
"""

from jbo.compat.gpyopt import acquisitions as acquisitions
from jbo.compat.gpyopt import methods as methods
from jbo.compat.gpyopt import models as models
from jbo.compat.gpyopt._space import Design_space as Design_space
