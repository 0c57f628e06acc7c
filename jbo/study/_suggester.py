"""Suggestions of a study: its strategy, the latest fit of the model, and programs that are compiled ahead."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jbo.constraint import is_allowed
from jbo.space import Space
from jbo.strategies import GridSearch, Strategy
from jbo.study import model
from jbo.study._context import Context
from jbo.study._progress import Progress
from jbo.study._trial import SpaceExhausted, SuggestInfo
from jbo.study.table import Table, with_lift, with_noise

_log = logging.getLogger("jbo")
_LONG_WAIT = 0.2
"""Seconds of waiting for a program above which the wait is logged."""


class Suggester:
    """Suggestions as a function of the seed and the table of trials.

    Args:
      strategy: Strategy from `jbo.study.model.for_study`.
      space: The search space.
      seed: Seed of the study.
      device: Device of the model; None: the CPU.
    """

    def __init__(self, strategy: Strategy, space: Space, seed: int, device: Any):
        self.strategy = strategy
        self.latest: SuggestInfo | None = None
        """Diagnostics of the latest suggestion; None before the first."""
        self._space, self._seed, self._device = space, seed, device
        self._fits = model.Fits()
        self._prepared: set[tuple[int, bool, bool]] = set()
        self._num_asked = 0
        self._num_expected: int | None = None
        self._show = Progress()

    @contextmanager
    def expecting(self, num_trials: int, show: Progress) -> Iterator[None]:
        """Context manager of a run with a known number of trials, which shows waits for compilations.

        Args:
          num_trials: Total number of finished trials at the end of the run.
          show: Progress on which waits are shown.
        """
        self._num_expected, self._show = num_trials, show
        try:
            yield
        finally:
            self._num_expected, self._show = None, Progress()

    def suggest(self, table: Table, context: Context) -> dict[str, Any]:
        """A dict from the name of each parameter to its value in the next trial.

        Args:
          table: All trials so far.
          context: Context of the suggestion.

        Raises:
          SpaceExhausted: No new configuration is left to suggest.
          ValueError: A bounded search found no point that the constraint allows, or the constraint raised an error.
        """
        number, num_configs = len(table.trials), self._space.num_configs
        is_full = number >= num_configs and table.num_distinct >= num_configs
        if not is_full:
            strategy = with_lift(self.strategy, table.exponents)
            x, is_new, self.latest = model.suggest(
                strategy, self._seed, table.rows(), self._device, self._fits, context.fixed, self._show.waiting
            )
            if self.latest.seconds_compile > _LONG_WAIT:
                _log.info("trial %d waited %.1f s for a program", number, self.latest.seconds_compile)
            if is_new:
                return context.impose(self._space.decode(x))
        self._check_constraint(table, context)
        raise SpaceExhausted(
            f"nothing new to try: {number} trials cover the space, or all points that the strategy can suggest"
        )

    def prepare(self, num_rows: int, table: Table, context: Context) -> None:
        """Compile ahead the programs of the next suggestions.

        The first call does nothing, so that a command that needs only one suggestion does not wait for a compilation.
        From the second call on, the programs are compiled while the objective runs, also for enqueued trials.

        Args:
          num_rows: Number of trials so far.
          table: Table with the columns of the rows.
          context: Context of the suggestion.
        """
        if self._num_asked:
            model.prepare(
                self.strategy, self._seed, num_rows, self._device, context.fixed, self._num_expected,
                self._prepared, table,
            )  # fmt: skip
        self._num_asked += 1

    def recommend(self, table: Table) -> int:
        """The number of the recommended trial; see `Strategy.recommend`.

        Args:
          table: All trials so far, at least one of which succeeded.
        """
        strategy = with_noise(self.strategy, table.exponent)
        return model.recommend(
            strategy, self._seed, table.rows(), table.rows_without_stopped(), self._device, self._fits
        )

    def recommend_front(self, table: Table) -> list[int]:
        """The numbers of the recommended trials; see `Strategy.recommend_front`.

        Args:
          table: All trials so far, at least one of which succeeded.
        """
        strategy = with_lift(self.strategy, table.exponents)
        is_front = model.recommend_front(
            strategy, self._seed, table.rows(), table.rows_without_stopped(), self._device, self._fits
        )
        return [int(row) for row in is_front.nonzero()[0]]

    def _check_constraint(self, table: Table, context: Context) -> None:
        """Raise `ValueError` if the search found nothing because the constraint seems to allow nothing."""
        if self._space.encoding.constraint is None:
            return
        constraint = self._space.constraint
        configs = [trial.config for trial in table.trials if context.holds(trial.config)]
        inside = [config for config in configs if constraint is None or is_allowed(constraint, config)]
        # A real parameter of an allowed trial could vary. Grid search, however, has a finite number of points.
        is_real = any(name in config for config in inside for name in context.free_reals)
        if not inside or (is_real and not isinstance(self.strategy, GridSearch)):
            found = f"except the {len(inside)} trials" if inside else "at all"
            raise ValueError(
                f"constraint: expected a space with allowed configurations, found none {found} in a bounded search"
                f"{context}; enqueue an allowed configuration, if there is one"
            )
