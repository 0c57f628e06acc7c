"""GPyOpt's initial designs."""

from jbo.compat.gpyopt._experiment_design import ExperimentDesign as ExperimentDesign
from jbo.compat.gpyopt._experiment_design import GridDesign as GridDesign
from jbo.compat.gpyopt._experiment_design import LatinDesign as LatinDesign
from jbo.compat.gpyopt._experiment_design import RandomDesign as RandomDesign
from jbo.compat.gpyopt._experiment_design import SobolDesign as SobolDesign
from jbo.compat.gpyopt._experiment_design import initial_design as initial_design
