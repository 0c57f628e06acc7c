"""GPyOpt's optimiser of acquisitions: named by scripts, and able to minimise a function over a domain."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from jbo.compat.gpyopt._design import initial_design
from jbo.compat.gpyopt._options import without_effect
from jbo.compat.gpyopt._space import Design_space

_NUM_SAMPLES, _NUM_STARTS = 1000, 5


class AcquisitionOptimizer:
    """Maximiser of an acquisition; it is always `jbo.maximize`, whatever the options.

    Args:
      space: The domain.
      optimizer: ``lbfgs``; any other method gives a warning.
      **options: Accepted as in GPyOpt.
    """

    def __init__(self, space: Design_space, optimizer: str = "lbfgs", **options: Any):
        if optimizer != "lbfgs":
            reason = "jbo.maximize finds the best point, over reals and levels alike"
            without_effect("optimizer", optimizer, reason)
        self.space, self.optimizer_name, self.kwargs = space, optimizer, options

    def optimize(
        self, f: Callable[[Any], Any], df: Any = None, f_df: Any = None, duplicate_manager: Any = None
    ) -> tuple[Float[np.ndarray, "1 k"], Float[np.ndarray, "1 1"]]:
        """The minimum of a function of rows over the domain, and its value: local searches from the best samples.

        Args:
          f: From rows to values ``(m, 1)``.
          df: Accepted as in GPyOpt; slopes come from differences.
          f_df: As ``df``.
          duplicate_manager: Accepted as in GPyOpt.
        """
        del df, f_df, duplicate_manager
        space, columns = self.space.space, self.space.columns
        seed = int(np.random.randint(2**31))  # noqa: NPY002
        points = np.random.default_rng(seed).random((_NUM_SAMPLES, space.encoding.num_columns))
        rows = np.array([columns.to_row(space.decode(x)) for x in points])
        rows = rows[self.space.indicator_constraints(rows)[:, 0] == 1]
        if not len(rows):
            rows = np.array([columns.to_row(config) for config in initial_design("random", space, _NUM_STARTS, seed)])
        values = np.asarray(f(rows), np.float64).reshape(len(rows))
        found = [(values.min(), rows[values.argmin()])]
        free = np.array(columns.is_real)
        for start in rows[np.argsort(values)[:_NUM_STARTS]] if free.any() else ():

            def of_free(part: np.ndarray, start: np.ndarray = start) -> float:
                row = start.copy()
                row[free] = part
                return float(np.ravel(f(row[None, :]))[0])

            bounds = [bound for bound, is_free in zip(columns.bounds(), free, strict=True) if is_free]
            best = minimize(of_free, start[free], method="L-BFGS-B", bounds=bounds)
            row = start.copy()
            row[free] = best.x
            if self.space.indicator_constraints(row)[0, 0] == 1:
                found.append((float(best.fun), row))
        value, row = min(found, key=lambda pair: pair[0])
        return row[None, :], np.array([[value]])
