"""GPyOpt's parts of an optimisation."""

from jbo.compat.gpyopt._bo import BO as BO
from jbo.compat.gpyopt.core import errors as errors
from jbo.compat.gpyopt.core import evaluators as evaluators
from jbo.compat.gpyopt.core import task as task
