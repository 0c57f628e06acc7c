"""What comes of calling the objective once, here or in a process that it is sent to."""

import pickle
import traceback
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from jbo.study._value import as_number

Objective = Callable[[dict[str, Any]], Any]
BatchObjective = Callable[[list[dict[str, Any]]], Any]


class Evaluation(NamedTuple):
    """What came of calling an objective once; one of the three is there."""

    value: float | None = None
    """The number that it returned."""
    failure: str | None = None
    """Why there is none: the traceback of an exception, or how its process ended."""
    no_number: str | None = None
    """What it returned in place of a number, in words."""


def evaluate(objective: Objective, config: dict[str, Any]) -> Evaluation:
    """What comes of an objective at a configuration. `SystemExit` and `KeyboardInterrupt` pass."""
    try:
        value = objective(config)
    except Exception:
        return Evaluation(failure=traceback.format_exc())
    try:
        return Evaluation(as_number(value))
    except TypeError as error:
        return Evaluation(no_number=str(error))


def evaluate_batch(objective: BatchObjective, configs: Sequence[dict[str, Any]]) -> list[Evaluation]:
    """What comes of an objective of several configurations: an exception is the failure of each of them."""
    try:
        values = objective([dict(config) for config in configs])
    except Exception:
        return [Evaluation(failure=traceback.format_exc())] * len(configs)
    try:
        values = list(values)
    except TypeError:
        wrong = f"objective: expected a list of {len(configs)} numbers, got {values!r}"
        return [Evaluation(no_number=wrong)] * len(configs)
    if len(values) != len(configs):
        wrong = f"objective: expected a list of {len(configs)} numbers, got one of {len(values)}"
        return [Evaluation(no_number=wrong)] * len(configs)
    return [evaluate(lambda _, value=value: value, config) for value, config in zip(values, configs, strict=True)]


class CannotBeSent(TypeError):
    """The objective cannot be made into bytes."""


class Portable:
    """Calls an objective, here or in a process that it is sent to.

    Lambdas and functions of the main script are sent as they are, others by their name; each process loads the
    objective once, so that what it has compiled is kept.
    """

    def __init__(self, objective: Objective):
        self._objective = objective

    def __call__(self, config: dict[str, Any], call: str = "") -> Evaluation:
        del call  # tells one call from another
        return evaluate(self._objective, config)

    @cached_property
    def text(self) -> bytes:
        """The objective as bytes."""
        try:
            from cloudpickle import dumps
        except ImportError:
            from pickle import dumps
        try:
            return dumps(self._objective)
        except Exception as error:
            raise CannotBeSent(f"workers: the objective cannot be sent to another process: {error}") from error

    def __reduce__(self) -> tuple[Any, ...]:
        return received, (self.text,)


@lru_cache(maxsize=1)
def received(text: bytes) -> Portable:
    """The objective of `Portable.text`."""
    return Portable(pickle.loads(text))
