"""Test problems with known minima or fronts, each with its space; lower is better.

A problem is called with a config. The config has either Python or NumPy values, as from `Space.decode`, or JAX scalars,
as from `Space.decode_traced`. NumPy computes the former; the latter are traced in their own type. Categories are the
integers from 0, so that a category is its own index. A problem with one value returns a scalar. A problem with limits
or with several objectives returns a dict by name, and has the attribute ``outcomes``.
"""

from jbo.functions._limited import constrained_branin as constrained_branin
from jbo.functions._limited import gramacy as gramacy
from jbo.functions._limited import pressure_vessel as pressure_vessel
from jbo.functions._limited import speed_reducer as speed_reducer
from jbo.functions._limited import tension_spring as tension_spring
from jbo.functions._limited import welded_beam as welded_beam
from jbo.functions._problem import ConstrainedProblem as ConstrainedProblem
from jbo.functions._problem import ParetoProblem as ParetoProblem
from jbo.functions._problem import Problem as Problem
from jbo.functions._several import branin_currin as branin_currin
from jbo.functions._several import constrained_branin_currin as constrained_branin_currin
from jbo.functions._several import dtlz2 as dtlz2
from jbo.functions._several import zdt1 as zdt1
from jbo.functions._several import zdt2 as zdt2
from jbo.functions._several import zdt3 as zdt3
from jbo.functions._single import ackley as ackley
from jbo.functions._single import branin as branin
from jbo.functions._single import conditional as conditional
from jbo.functions._single import hartmann3 as hartmann3
from jbo.functions._single import hartmann6 as hartmann6
from jbo.functions._single import levy as levy
from jbo.functions._single import michalewicz as michalewicz
from jbo.functions._single import mixed as mixed
from jbo.functions._single import rastrigin as rastrigin
from jbo.functions._single import rosenbrock as rosenbrock
from jbo.functions._single import styblinski_tang as styblinski_tang
