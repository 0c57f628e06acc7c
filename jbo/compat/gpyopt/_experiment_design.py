"""GPyOpt's initial designs as functions and classes: rows of numbers over a domain."""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from jbo.compat.gpyopt import _design
from jbo.compat.gpyopt._space import Design_space


def initial_design(design_name: str, space: Design_space, init_points_count: int) -> Float[np.ndarray, "n k"]:
    """Rows over a domain, all of them allowed; NumPy's global seed makes them repeatable.

    Args:
      design_name: ``random``, ``latin``, ``sobol`` or ``grid``. Where a grid gives too few, random rows follow.
      space: The domain.
      init_points_count: Number of rows. If the domain has fewer points, rows are repeated.

    Raises:
      ValueError: The name is another, or nothing that is allowed was found.
    """
    seed = int(np.random.randint(2**31 - 1))  # noqa: NPY002
    configs = _design.initial_design(design_name, space.space, int(init_points_count), seed)
    rows = np.array([space.columns.to_row(config) for config in configs])
    rows = rows.reshape(len(configs), len(space.columns.names))
    return rows if len(rows) in (0, init_points_count) else np.resize(rows, (int(init_points_count), rows.shape[1]))


class ExperimentDesign:
    """A design over a domain.

    Args:
      space: The domain.
    """

    kind: ClassVar[str] = "random"

    def __init__(self, space: Design_space):
        self.space = space

    def get_samples(self, init_points_count: int, **options: Any) -> Float[np.ndarray, "n k"]:
        """Rows over the domain.

        Args:
          init_points_count: Number of rows.
          **options: Accepted as in GPyOpt, such as the criterion of a latin design.
        """
        del options
        return initial_design(self.kind, self.space, init_points_count)


class RandomDesign(ExperimentDesign):
    """Random points."""


class LatinDesign(ExperimentDesign):
    """A Latin hypercube: one point in each slice of every column."""

    kind = "latin"


class SobolDesign(ExperimentDesign):
    """Sobol's sequence, shifted at random."""

    kind = "sobol"


class GridDesign(ExperimentDesign):
    """A square grid over the reals, and random points after it."""

    kind = "grid"
