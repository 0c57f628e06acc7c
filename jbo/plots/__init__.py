"""Plots of a search and of its model. Each function takes ``ax=`` and returns it (``pip install jbo[plots]``).

`jbo.plots.interactive` has charts for notebooks, which need no other library.
"""

from jbo.plots import interactive as interactive
from jbo.plots._model import acquisition as acquisition
from jbo.plots._model import partial_dependence as partial_dependence
from jbo.plots._model import posterior as posterior
from jbo.plots._model import slice_around_best as slice_around_best
from jbo.plots._outcomes import hypervolume as hypervolume
from jbo.plots._outcomes import limits as limits
from jbo.plots._outcomes import pareto as pareto
from jbo.plots._quality import calibration as calibration
from jbo.plots._quality import importance as importance
from jbo.plots._quality import predicted_against_observed as predicted_against_observed
from jbo.plots._search import learning_curves as learning_curves
from jbo.plots._search import parallel_coordinates as parallel_coordinates
from jbo.plots._search import timeline as timeline
from jbo.plots._search import trajectory as trajectory
