"""What counts as the value of an objective, and as the outcome of a trial."""

import math
import numbers
import operator
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from jbo.study._record import Outcome
from jbo.study._trial import Trial


def as_number(value: Any, name: str = "value") -> float:
    """The float that an objective's result stands for; NaN and infinities pass.

    Args:
      value: A Python or NumPy number, or an array without axes of any library that NumPy can read.
      name: What messages call it.

    Raises:
      TypeError: ``value`` is a truth value, an array with axes, or no number at all.

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
        except Exception as error:  # it is on a device or has a gradient, or its computation went wrong
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


def advice_on(returned: Any) -> str:
    """What to do about an objective that returned no number; empty if that is plain.

    Args:
      returned: By the objective.
    """
    if returned is None:
        return "; it ended without a return statement, or returned what a function without one gives"
    if isinstance(returned, tuple | list | Mapping):
        return "; return one number, or jbo.Result(value, cost=…, noise=…)"
    shape = tuple(getattr(returned, "shape", ()))
    if shape:
        return (
            "; return its only entry, by .item()" if math.prod(shape) == 1 else "; return one number, such as its mean"
        )
    return ""


def _item(value: Any) -> float | None:
    """The number of a scalar of another library, which gives it by a method ``item``."""
    try:
        number = value.item()
    except Exception:
        return None
    return as_number(number) if isinstance(number, int | float) and not isinstance(number, bool) else None


def as_count(name: str, value: Any, least: int) -> int:
    """A whole number of at least ``least``.

    Args:
      name: What messages call it.
      value: As a user gave it.
      least: Minimum.

    Raises:
      TypeError: It is no whole number.
      ValueError: It is less.
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
      seed: As a user gave it.

    Raises:
      TypeError: It is no integer.
      ValueError: It is below 0 or too large.
    """
    try:
        number = operator.index(seed)
    except TypeError:
        raise TypeError(f"seed: expected an integer from 0 to 2**63 - 1, got {seed!r}") from None
    if isinstance(seed, bool) or not 0 <= number < 2**63:
        raise ValueError(f"seed: expected a seed from 0 to 2**63 - 1, got {seed!r}")
    return number


def as_step(step: Any) -> int:
    """The number of a step.

    Args:
      step: A whole number of any library.

    Raises:
      TypeError: It is none.
      ValueError: It is below 0 or beyond 64 bits.
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


def as_cost(cost: Any) -> float | None:
    """What a trial cost; None where nobody says.

    Args:
      cost: A number above 0, of any library, or None.

    Raises:
      TypeError: It is no number.
      ValueError: It is not finite, or not above 0.
    """
    return _as_known("cost", cost, "a finite number above 0", lambda number: number > 0)


def as_noise(noise: Any) -> float | None:
    """Standard deviation of one value; None where nobody says.

    Args:
      noise: A number of at least 0, of any library, or None.

    Raises:
      TypeError: It is no number.
      ValueError: It is not finite, or below 0.
    """
    return _as_known("noise", noise, "a finite number of at least 0", lambda number: number >= 0)


def _as_known(name: str, value: Any, words: str, is_right: Callable[[float], bool]) -> float | None:
    if value is None:
        return None
    number = as_number(value, name)
    if not (math.isfinite(number) and is_right(number)):
        raise ValueError(f"{name}: expected {words}, got {number}")
    return number


def as_outcome(value: Any, failed: str | None, cost: Any = None, noise: Any = None) -> Outcome:
    """How a trial ended that was told a value or a failure.

    Args:
      value: As in `as_number`; one that is not finite is a failure.
      failed: Why there is no value.
      cost: As in `as_cost`.
      noise: As in `as_noise`; of a failure it is left out.

    Raises:
      TypeError: ``value``, ``cost`` or ``noise`` is no number, or there are both a value and a failure, or ``failed``
        is no text.
      ValueError: The cost or the noise is impossible, or there is a noise beside ``failed``.
    """
    price, deviation = as_cost(cost), as_noise(noise)
    if failed is None:
        number = as_number(value)
        if math.isfinite(number):
            return Outcome(number, None, price, deviation)
        return Outcome(None, f"the value is {number}, not finite", price)
    if deviation is not None:
        raise ValueError(f"noise: expected none beside a failure, which has no value, got {noise!r}")
    if value is not None:
        raise TypeError(f"value, failed: expected one of the two, got both: {value!r} and failed={failed!r}")
    if not isinstance(failed, str):
        raise TypeError(f"failed: expected a text that says why the trial failed, got {failed!r}")
    return Outcome(None, failed.encode(errors="backslashreplace").decode(), price)  # lone surrogates are no UTF-8


def check_stopped(value: Any, failed: str | None, noise: Any) -> None:
    """Raise an error for what comes beside ``stopped=True`` and contradicts it.

    Args:
      value: As in `Study.tell`.
      failed: As in `Study.tell`.
      noise: As in `Study.tell`.

    Raises:
      ValueError: There is a noise.
      TypeError: There is a value or a failure.
    """
    if noise is not None:
        raise ValueError(f"noise: expected none beside stopped=True, which comes without a value, got {noise!r}")
    if value is not None or failed is not None:
        raise TypeError(f"stopped: expected no value and no failure beside it, got {value!r} and failed={failed!r}")


def as_stopped(trial: Trial, cost: Any = None) -> Outcome:
    """How a trial ended that was stopped before its end; it failed if its last value is not finite.

    Args:
      trial: With its intermediate values.
      cost: As in `as_cost`.

    Raises:
      TypeError: The cost is no number.
      ValueError: The cost is impossible, or there is no intermediate value.
    """
    values = list(trial.intermediate_values.values())
    if not values:
        raise ValueError(f"stopped: expected an intermediate value of trial {trial.number}, got none")
    is_value = math.isfinite(values[-1])
    return Outcome(None, None, as_cost(cost)) if is_value else as_outcome(values[-1], None, cost)
