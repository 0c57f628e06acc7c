"""Conversion and checks of the values that an objective returns, and of the end of a trial."""

import math
import numbers
import operator
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jbo.outcomes import Outcome, Outcomes, Role
from jbo.study._record import Ending
from jbo.study._trial import Trial


def as_number(value: Any, name: str = "value") -> float:
    """The result of an objective as a float. NaN and infinities are allowed.

    Args:
      value: A Python or NumPy number, or an array without axes of any library that NumPy can read.
      name: Name of the argument in error messages.

    Raises:
      TypeError: ``value`` is a bool, an array with axes, or not a number.

    Example:
      >>> as_number(np.array(2))
      2.0
    """
    if isinstance(value, numbers.Rational | float | np.floating) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:  # an int or a fraction beyond the largest float
            return -math.inf if value < 0 else math.inf
    shape = tuple(getattr(value, "shape", ()))
    if shape:
        raise TypeError(f"{name}: expected a number, got an array of shape {shape}")
    unread = None
    if hasattr(value, "shape"):
        try:
            array = np.asarray(value)
        except Exception as error:  # it is on a device, has a gradient, or its computation failed
            array, unread = np.array(None), error
        if jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer):
            return float(array)
        if array.dtype != object:
            raise TypeError(f"{name}: expected a number, got an array of dtype {array.dtype}")
    number = _item(value)
    if number is not None:
        return number
    if unread is not None:
        raise unread
    raise TypeError(f"{name}: expected a number, got {value!r} of type {type(value).__name__}")


def advice_on(returned: Any, outcomes: Outcomes) -> str:
    """Advice for an objective that returned an invalid result; empty if the error message is enough.

    Args:
      returned: Return value of the objective.
      outcomes: Outcomes of the study.
    """
    if returned is None:
        return "; it ended without a return statement, or returned what a function without one gives"
    if outcomes.is_named and isinstance(returned, Mapping):
        return ""
    if outcomes.is_named and len(outcomes) > 1:
        return f"; return a dict such as {_example(outcomes)}"
    if isinstance(returned, tuple | list | Mapping):
        return "; return one number, or jbo.Result(value, cost=…, noise=…)"
    shape = tuple(getattr(returned, "shape", ()))
    if shape:
        return (
            "; return its only entry, by .item()" if math.prod(shape) == 1 else "; return one number, such as its mean"
        )
    return ""


def _example(outcomes: Outcomes) -> str:
    return f"{{{', '.join(f'{name!r}: …' for name in outcomes.by_name)}}}"


def _item(value: Any) -> float | None:
    """The number of another library's scalar, from its method ``item``."""
    try:
        number = value.item()
    except Exception:
        return None
    return as_number(number) if isinstance(number, int | float) and not isinstance(number, bool) else None


def as_count(name: str, value: Any, least: int) -> int:
    """An argument as an integer of at least ``least``.

    Args:
      name: Name of the argument in error messages.
      value: The user's argument.
      least: Minimum.

    Raises:
      TypeError: ``value`` is not an integer.
      ValueError: ``value`` is below the minimum.
    """
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}: expected an integer of at least {least}, got {value!r}") from None
    if isinstance(value, bool) or number < least:
        raise ValueError(f"{name}: expected at least {least}, got {value!r}")
    return number


def as_seed(seed: Any) -> int:
    """A seed of a study as a Python integer.

    Args:
      seed: The user's argument.

    Raises:
      TypeError: The seed is not an integer.
      ValueError: The seed is below 0 or too large.
    """
    try:
        number = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed: expected an integer from 0 to 2**63 - 1, got {seed!r}") from None
    if isinstance(seed, bool) or not 0 <= number < 2**63:
        raise ValueError(f"seed: expected a seed from 0 to 2**63 - 1, got {seed!r}")
    return number


def as_step(step: Any) -> int:
    """The number of a step as a Python integer.

    Args:
      step: An integer of any library.

    Raises:
      TypeError: ``step`` is not an integer.
      ValueError: ``step`` is below 0, or does not fit in 64 bits.
    """
    if isinstance(step, bool | np.bool_):
        raise TypeError(f"step: expected a whole number, got {step!r}")
    try:
        number = operator.index(step)
    except TypeError:
        raise TypeError(f"step: expected a whole number, got {step!r}") from None
    if not 0 <= number < 2**63:
        raise ValueError(f"step: expected at least 0, got {step!r}")
    return number


def as_cost(cost: Any, name: str = "cost") -> float | None:
    """The cost of a trial as a float; None if unknown.

    Args:
      cost: A number above 0, of any library, or None.
      name: Name of the argument in error messages.

    Raises:
      TypeError: The cost is no number.
      ValueError: The cost is not finite, or not above 0.
    """
    return _as_known(name, cost, "a finite number above 0", lambda number: number > 0)


def as_noise(noise: Any, name: str = "noise") -> float | None:
    """The standard deviation of a value's noise, as a float; None if unknown.

    Args:
      noise: A number of at least 0, of any library, or None.
      name: Name of the argument in error messages.

    Raises:
      TypeError: ``noise`` is not a number.
      ValueError: ``noise`` is not finite, or below 0.
    """
    return _as_known(name, noise, "a finite number of at least 0", lambda number: number >= 0)


def _as_known(name: str, value: Any, words: str, is_right: Callable[[float], bool]) -> float | None:
    if value is None:
        return None
    number = as_number(value, name)
    if not (math.isfinite(number) and is_right(number)):
        raise ValueError(f"{name}: expected {words}, got {number}")
    return number


def as_ending(outcomes: Outcomes, value: Any, failed: str | None, cost: Any = None, noise: Any = None) -> Ending:
    """The end of a trial with values or with a failure.

    Args:
      outcomes: Outcomes of the study.
      value: As in `Study.tell`. If an objective or a limit is not finite, the trial has failed.
      failed: Reason of the failure; None: the trial has values.
      cost: As in `Study.tell`.
      noise: As in `Study.tell`. It is dropped if the trial has failed.

    Raises:
      TypeError: ``value``, ``cost`` or ``noise`` is not a number, or ``failed`` is not a string. Or both a value
        and a failure are given.
      ValueError: A name is not the name of an outcome, or no value is given. Or the cost or the noise is invalid, or a
        noise is given together with ``failed``.
    """
    if failed is None:
        told = as_values(outcomes, value)
        if outcomes.cost is not None and cost is not None and outcomes.cost.name in told:
            raise ValueError(
                f"cost: expected the cost once, got cost={cost!r} and {outcomes.cost.name!r} among the values"
            )
        values = told | _costs(outcomes, cost)
        noises = _noises(outcomes, noise, told)
        wrong = [each.name for each in outcomes.columns if not math.isfinite(values.get(each.name, 0.0))]
        if not wrong:
            return Ending("ok", None, values, noises)
        which = f" of {wrong[0]!r}" if outcomes.is_named else ""
        left = {name: number for name, number in values.items() if name not in wrong}
        return Ending("failed", f"the value{which} is {values[wrong[0]]}, not finite", left)
    costs = _costs(outcomes, cost)
    noises = list(noise.values()) if outcomes.is_named and isinstance(noise, Mapping) else [noise]
    if any(each is not None for each in noises):
        raise ValueError(f"noise: expected None with a failure, because a failed trial has no value, got {noise!r}")
    if value is not None:
        raise TypeError(f"value, failed: expected one of the two, got both: {value!r} and failed={failed!r}")
    if not isinstance(failed, str):
        raise TypeError(f"failed: expected a string that says why the trial failed, got {failed!r}")
    return Ending("failed", failed.encode(errors="backslashreplace").decode(), costs)  # lone surrogates are no UTF-8


def as_values(outcomes: Outcomes, value: Any) -> dict[str, float]:
    """A dict from the name of each outcome to its measured value; missing outcomes are absent.

    Args:
      outcomes: Outcomes of the study.
      value: As in `Study.tell`.

    Raises:
      TypeError: The study takes a number, and ``value`` is not one. Or it takes a dict, and ``value`` is not one, or
        contains something other than numbers.
      ValueError: A name is not the name of an outcome, no value is given, or a cost is invalid.
    """
    if not outcomes.is_named or not isinstance(value, Mapping):
        if outcomes.is_named and len(outcomes) > 1:
            raise TypeError(f"value: expected a dict such as {_example(outcomes)}, got {value!r:.100}")
        return {outcomes.objective.name: as_number(value)}
    values: dict[str, float] = {}
    for name, each in value.items():
        number = as_cost(each, name) if outcomes.named(name).role is Role.COST else each
        if number is not None:
            values[name] = as_number(number, name)
    if not values:
        raise ValueError(f"value: expected at least one of {list(outcomes.by_name)}, got {value!r:.100}")
    return values


def _costs(outcomes: Outcomes, cost: Any) -> dict[str, float]:
    """A dict from the name of the cost outcome to the cost; empty if the cost is unknown."""
    number = as_cost(cost)
    if number is None:
        return {}
    if outcomes.cost is None:
        raise ValueError(f"cost: expected None, because the study has no jbo.Cost among its outcomes, got {cost!r}")
    return {outcomes.cost.name: number}


def _noises(outcomes: Outcomes, noise: Any, told: Mapping[str, float]) -> dict[str, float]:
    """A dict from the name of each outcome to the standard deviation of its noise; unknown ones are absent."""
    if not outcomes.is_named or not isinstance(noise, Mapping):
        if noise is None:
            return {}
        if outcomes.has_several:
            names = [objective.name for objective in outcomes.objectives]
            raise ValueError(
                f"noise: expected a dict from names to standard deviations, because there are "
                f"several objectives {names}, got {noise!r}"
            )
        noise = {outcomes.objective.name: as_noise(noise)}
    noises = {}
    for name, each in noise.items():
        outcomes.named(name)
        number = as_noise(each, f"noise of {name!r}")
        if number is not None and name not in told:
            raise ValueError(
                f"noise: expected the noise of given values only, got noise for {name!r}, which has no value"
            )
        if number is not None:
            noises[name] = number
    return noises


def reported_by(outcomes: Outcomes, name: str | None) -> Outcome:
    """The objective of an intermediate value.

    Args:
      outcomes: Outcomes of the study.
      name: The user's argument; None: the single objective.

    Raises:
      ValueError: No objective has the name, or the study has several objectives and no name is given.
    """
    names = [objective.name for objective in outcomes.objectives]
    if name is None and len(names) == 1:
        return outcomes.objectives[0]
    if name is None:
        raise ValueError(
            f"name: expected the objective of the intermediate value, one of {names}, got None; write "
            f"report(step, value, name={names[0]!r})"
        )
    if name not in names:
        raise ValueError(f"name: expected one of the objectives {names}, got {name!r}")
    return outcomes.by_name[name]


def check_stopped(outcomes: Outcomes, reported: str | None, value: Any, failed: str | None, noise: Any) -> None:
    """Raise an error if another argument of `Study.tell` contradicts ``stopped=True``.

    Args:
      outcomes: Outcomes of the study.
      reported: Name of the objective of the intermediate values; None: nothing was reported.
      value: As in `Study.tell`.
      failed: As in `Study.tell`.
      noise: As in `Study.tell`.

    Raises:
      ValueError: A noise was given.
      TypeError: A value of the objective or a failure was given.
    """
    if noise is not None:
        raise ValueError(f"noise: expected None with stopped=True, which takes no value, got {noise!r}")
    reported = outcomes.objective.name if not outcomes.has_several else reported
    is_other = outcomes.is_named and isinstance(value, Mapping) and value.get(reported) is None
    if (value is not None and not is_other) or failed is not None:
        raise TypeError(f"stopped: expected no value and no failure with it, got value={value!r} and failed={failed!r}")


def as_stopped(outcomes: Outcomes, trial: Trial, value: Any = None, cost: Any = None) -> Ending:
    """The end of a trial that was stopped early. If its last value is not finite, the trial has failed.

    Args:
      outcomes: Outcomes of the study.
      trial: The trial with its intermediate values.
      value: A dict from the names of outcomes other than the objective to their known values.
      cost: As in `Study.tell`.

    Raises:
      TypeError: The cost is not a number.
      ValueError: The cost is invalid, or the trial has no intermediate values.
    """
    if value is None or all(each is None for each in value.values()):
        for name in value or ():
            outcomes.named(name)
        return stopped_with(trial, _costs(outcomes, cost))
    ending = as_ending(outcomes, value, None, cost)
    return stopped_with(trial, ending.values) if ending.status == "ok" else ending


def stopped_with(trial: Trial, values: dict[str, float]) -> Ending:
    """The end of a trial that was stopped early, given values that are already checked; see `as_stopped`.

    Args:
      trial: The trial with its intermediate values.
      values: A dict from the name of each outcome to its value.

    Raises:
      ValueError: The trial has no intermediate values.
    """
    reported = list(trial.intermediate_values.values())
    if not reported:
        raise ValueError(f"stopped: expected an intermediate value of trial {trial.number}, got none")
    if math.isfinite(reported[-1]):
        return Ending("stopped", None, values)
    return Ending("failed", f"the value is {reported[-1]}, not finite", values)


def in_words(outcomes: Outcomes, ending: Ending) -> str:
    """The end of a trial in words, as an argument of `Study.tell`.

    Args:
      outcomes: Outcomes of the study.
      ending: End of the trial.
    """
    if ending.status == "failed":
        return f"failed={ending.failure!r}"
    if ending.status == "stopped":
        return "stopped=True"
    return repr(ending.values if outcomes.is_named else ending.values[outcomes.objective.name])
