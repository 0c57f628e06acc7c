"""One call of the objective, in this process or in another one, and its result."""

import pickle
import traceback
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from jbo.outcomes import Outcomes
from jbo.study._record import Ending
from jbo.study.value import advice_on, as_ending
from jbo.types import Result

Objective = Callable[..., Any]
"""Function of a configuration, and perhaps of ``report``. Returns a number, a dict of numbers or a `jbo.Result`."""
BatchObjective = Callable[..., Any]
"""Function of a list of configurations, and perhaps of ``report``. Returns a list of results of an `Objective`."""


class Reporter:
    """Base class of ``report(step, value)``; with several objectives ``report(step, value, name)``."""

    def __call__(self, step: Any, value: Any, name: str | None = None) -> bool:
        """Write an intermediate value, and return True if the trial should stop."""
        raise NotImplementedError


_OF_PROGRAMMERS = (KeyError, TypeError, NameError, AttributeError, ImportError)
"""Programming errors, including subclasses such as `UnboundLocalError` and `ModuleNotFoundError`."""


class Fault:
    """A programming error of the objective, which may be sent from one process to another.

    Args:
      error: The exception; or its bytes, from another process; or None if it could not be sent.
      text: Traceback of the exception.
      place: File and line of the innermost frame.
    """

    def __init__(self, error: Exception | bytes | None, text: str, place: tuple[str, int]):
        self.place = place
        self._error, self._text = error, text

    def raised(self, num: int) -> Exception:
        """The original error, or a `RuntimeError` with its traceback if it could not be sent between processes.

        Args:
          num: Number of trials that failed at this line.
        """
        error = self._error
        if isinstance(error, bytes):
            try:
                error = pickle.loads(error)
            except Exception:  # its class exists only in the other process, or cannot be rebuilt from its arguments
                error = None
        said = (
            f"jbo: {num} trials and no success: all failed with this error at {self.place[0]}, line {self.place[1]}. "
            "Correct it and run the script again, or pass stop_on_repeated_error=False to optimize"
        )
        if not isinstance(error, Exception):
            return RuntimeError(f"{self._text.strip()}\n{said}")
        if error is not self._error:  # from another process, which kept the traceback
            error.add_note(self._text.strip())
        error.add_note(said)
        return error

    def __reduce__(self) -> tuple[Any, ...]:
        error = self._error
        if not isinstance(error, bytes):
            try:
                error = pickle.dumps(error)
            except Exception:
                error = None
        return Fault, (error, self._text, self.place)


def fault_of(error: BaseException, text: str) -> Fault | None:
    """An exception as a programming error; None if it is of another kind.

    Args:
      error: Exception of the objective.
      text: Traceback of the exception.
    """
    if not isinstance(error, _OF_PROGRAMMERS):
        return None
    last = traceback.extract_tb(error.__traceback__)[-1]  # contains at least the line that called the objective
    return Fault(error, text, (last.filename, last.lineno or 0))


class Evaluation(NamedTuple):
    """The result of one call of an objective. Exactly one of the first three fields is set."""

    ending: Ending | None = None
    """The returned values."""
    failure: str | None = None
    """Reason why nothing was returned: the traceback of an exception, or how the process ended."""
    wrong: str | None = None
    """Description of an invalid return value."""
    kind: type[Exception] = TypeError
    """`TypeError` if no numbers were returned, `ValueError` if they were impossible or had unknown names."""
    fault: Fault | None = None
    """The programming error that caused the failure; None if the cause is another one."""


def evaluate(
    objective: Objective,
    config: dict[str, Any],
    outcomes: Outcomes,
    report: Reporter | None = None,
    *,
    caught: type[BaseException] = Exception,
) -> Evaluation:
    """The result of one call of an objective.

    Args:
      objective: The function to call.
      config: A dict from the name of each parameter to its value.
      outcomes: Outcomes that the objective should return.
      report: The objective's argument ``report``; None: the objective has no such parameter.
      caught: Exceptions that make the trial fail. `SystemExit` and `KeyboardInterrupt` are not an `Exception`. In the
        thread of `Study.optimize` they end the call, in other threads or processes only the trial.
    """
    try:
        returned = objective(config) if report is None else objective(config, report=report)
    except Unreachable:
        raise
    except caught as error:
        return _failed(error)
    result = returned if isinstance(returned, Result) else Result(returned)
    try:
        return Evaluation(as_ending(outcomes, result.value, None, result.cost, result.noise))
    except (TypeError, ValueError) as error:
        advice = "" if result is returned else advice_on(returned, outcomes)
        return Evaluation(wrong=f"{error}{advice}", kind=TypeError if isinstance(error, TypeError) else ValueError)
    except caught as error:  # reading a JAX array raises the errors of its computation
        return _failed(error)


def _failed(error: BaseException) -> Evaluation:
    text = traceback.format_exc()
    return Evaluation(failure=text, fault=fault_of(error, text))


def evaluate_batch(
    objective: BatchObjective,
    configs: Sequence[dict[str, Any]],
    outcomes: Outcomes,
    reports: Sequence[Reporter] | None = None,
) -> list[Evaluation]:
    """The results of one call of a batch objective. An exception makes all trials of the batch fail.

    Args:
      objective: The function to call.
      configs: Configurations, each a dict from the name of each parameter to its value.
      outcomes: Outcomes that the objective should return for each configuration.
      reports: A reporter for each configuration, combined into the argument ``report``; None: the objective has no
        such parameter.
    """
    copies = [dict(config) for config in configs]
    try:
        values = objective(copies) if reports is None else objective(copies, report=_together(reports))
    except Exception as error:
        return [_failed(error)] * len(configs)
    what = "dicts" if outcomes.is_named else "numbers"
    try:
        values = list(values)
    except TypeError:
        wrong = f"objective: expected a list of {len(configs)} {what}, got {values!r}"
        return [Evaluation(wrong=wrong)] * len(configs)
    if len(values) != len(configs):
        wrong = f"objective: expected a list of {len(configs)} {what}, got one of {len(values)}"
        return [Evaluation(wrong=wrong)] * len(configs)
    each = zip(values, configs, strict=True)
    return [evaluate(lambda _, value=value: value, config, outcomes) for value, config in each]


def _together(reports: Sequence[Reporter]) -> Callable[..., list[bool]]:
    """The argument ``report`` of a batch: it takes a value for each member, and returns for each whether to stop.

    Once a member should stop, its further values are ignored.
    """
    is_over = [False] * len(reports)

    def report(step: Any, values: Sequence[Any], name: str | None = None) -> list[bool]:
        if len(values) != len(reports):
            raise ValueError(f"report: expected {len(reports)} values, got {len(values)}")
        for i, value in enumerate(values):
            is_over[i] = is_over[i] or reports[i](step, value, name)
        return list(is_over)

    return report


class CannotBeSent(TypeError):
    """The objective cannot be sent to another process, cannot be loaded there, or cannot reach its study from there."""


class Unreachable(CannotBeSent):
    """The objective cannot reach its study from its process."""


class Portable:
    """Calls an objective, in a thread of this process or in another process.

    Lambdas and functions of the main script are sent by value, other functions by name.
    """

    def __init__(self, objective: Objective, outcomes: Outcomes):
        self._objective, self._outcomes = objective, outcomes

    def __call__(self, config: dict[str, Any], report: Reporter | None = None, call: str = "") -> Evaluation:
        del call  # only distinguishes the calls of an executor
        return evaluate(self._objective, config, self._outcomes, report, caught=BaseException)

    @cached_property
    def sent(self) -> "Sent":
        """The objective, pickled so that it can be sent to another process; `CannotBeSent` if it cannot be pickled."""
        try:
            from cloudpickle import dumps
        except ImportError:
            from pickle import dumps
        try:
            return Sent(dumps(self._objective), self._outcomes)
        except Exception as error:
            raise CannotBeSent(f"workers: the objective cannot be sent to another process: {error}") from error

    def __reduce__(self) -> tuple[Any, ...]:
        return self.sent.__reduce__()


class Sent:
    """`Portable` in another process, which loads the objective only once and keeps its compiled programs."""

    def __init__(self, text: bytes, outcomes: Outcomes):
        self._text, self._outcomes = text, outcomes

    def __call__(self, config: dict[str, Any], report: Reporter | None = None, call: str = "") -> Evaluation:
        del call
        return evaluate(self.load(), config, self._outcomes, report, caught=BaseException)

    def load(self) -> Objective:
        """The objective; `CannotBeSent` if it cannot be loaded."""
        try:
            return _loaded(self._text)
        except BaseException:  # also `SystemExit`, from a module that ends the interpreter when it is imported
            why = traceback.format_exc()
            raise CannotBeSent(f"workers: the objective cannot be loaded in another process:\n{why}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        return Sent, (self._text, self._outcomes)


@lru_cache(maxsize=1)
def _loaded(text: bytes) -> Objective:
    return pickle.loads(text)
