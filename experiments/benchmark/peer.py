"""Runs an optimiser in its own process and environment, with one JSON line in each direction over pipes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jbo import Categorical, Integer, Ordinal, Real, Space

METHODS = {
    "jbo": ("jbo_study", "bayesian", None),
    "jbo_always_fitted": ("jbo_study", "always_fitted", None),
    "jbo_forest": ("jbo_study", "forest", None),
    "jbo_parzen": ("jbo_study", "parzen", None),
    "jbo_trust_region": ("jbo_study", "trust_region", None),
    "random": ("jbo_study", "random", None),
    "sobol": ("jbo_study", "sobol", None),
    "optuna_gp": ("optuna_study", "gp", "main"),
    "optuna_tpe": ("optuna_study", "tpe", "main"),
    "botorch": ("botorch_loop", "log_ei", "main"),
    "scikit_optimize": ("skopt_optimizer", "gp", "main"),
    "smac": ("smac_facade", "hpo", "smac"),
    "hebo": ("hebo_optimizer", "gp", "hebo"),
    "gpyopt": ("gpyopt_optimization", "gp", "gpyopt"),
}
"""By name of a method: its adapter, the adapter's name of the method, and the peer environment (None: ours)."""

OF_OUTCOMES = METHODS | {
    "botorch": ("botorch_outcomes", "nehvi", "main"),
    "hebo": ("hebo_outcomes", "general", "hebo"),
    "smac": ("smac_facade", "parego", "smac"),
}
"""As `METHODS`, for problems with several outcomes. SMAC3 and scikit-optimize support no limits."""


def peers_python(environment: str = "main") -> Path:
    """The interpreter of a peer environment, outside of the repository; ``make peers`` builds these environments."""
    folder = Path(os.environ.get("JBO_PEERS", "~/.cache/jbo/peers")).expanduser()
    return folder / environment / "bin" / "python"


def describe(space: Space) -> list[dict[str, Any]]:
    """The space as plain data: one dict for each parameter, after the parameter that it depends on.

    Raises:
      ValueError: The space has a constraint, which is a function.
    """
    if space.constraint is not None:
        raise ValueError("space: expected one without a constraint, which cannot be sent to another process")
    described, names = [], list(space)
    while names:
        name = next(n for n in names if space[n].parent not in names)
        names.remove(name)
        described.append({"name": name} | _describe(space[name]))
    return described


def _describe(parameter: Any) -> dict[str, Any]:
    if parameter.parent is not None and not parameter.parent_values:
        raise ValueError(f"space: expected conditions on values, which all peers know, got {parameter!r}")
    when = None if parameter.parent is None else [parameter.parent, sorted(parameter.parent_values, key=repr)]
    if isinstance(parameter, Real) and parameter.step is not None:
        kind = {"kind": "ordinal", "values": [parameter.value_at(level) for level in range(parameter.num_levels)]}
    elif isinstance(parameter, Real):
        kind = {"kind": "real", "low": parameter.low, "high": parameter.high, "log": parameter.log}
    elif isinstance(parameter, Integer):
        kind = {"kind": "integer", "low": parameter.low, "high": parameter.high, "log": parameter.log}
        kind["step"] = parameter.step
    elif isinstance(parameter, Ordinal):
        kind = {"kind": "ordinal", "values": list(parameter.values)}
    else:
        assert isinstance(parameter, Categorical)
        kind = {"kind": "category", "values": list(parameter.choices)}
    return kind | {"when": when}


class Peer:
    """A running optimiser; a context manager that ends its process.

    Args:
      method: A name in `METHODS`.
      space: The space to search.
      seed: Seed of the search.
      core: The processor core that the process may use; None: any.
      num_evaluations: Number of evaluations of the search; the initial design of some methods depends on it.
      outcomes: A dict for each outcome with ``name``, ``is_limit`` (feasible up to 0; otherwise minimised) and
        ``reference``; None: one value, minimised.

    Raises:
      ValueError: No method has this name.
      FileNotFoundError: The peer environment does not exist.
    """

    def __init__(
        self,
        method: str,
        space: Space,
        seed: int,
        core: int | None = None,
        num_evaluations: int = 40,
        outcomes: list[dict[str, Any]] | None = None,
    ):
        if method not in METHODS:
            raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
        adapter, own_name, environment = (METHODS if outcomes is None else OF_OUTCOMES)[method]
        python = Path(sys.executable) if environment is None else peers_python(environment)
        if not python.exists():
            raise FileNotFoundError(f"no environment of peers at {python.parents[1]}: `make peers` builds it")
        one_thread = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")} if core is not None else {}
        pin = [] if core is None else ["taskset", "-c", str(core)]
        self._process = subprocess.Popen(
            [*pin, str(python), str(Path(__file__).with_name("serve.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | one_thread,
        )
        self._arguments = {"adapter": adapter, "method": own_name, "space": describe(space)}
        self._arguments |= {"num_evaluations": num_evaluations}
        self._arguments |= {} if outcomes is None else {"outcomes": outcomes}
        self.restart(seed)

    def restart(self, seed: int) -> None:
        """Start another search in the same process."""
        self._call("make", self._arguments | {"seed": seed})

    def load(self, configs: list[dict[str, Any]], values: list[float]) -> None:
        """Pass trials that were not suggested by the optimiser."""
        self._call("load", {"configs": configs, "values": values})

    def ask(self) -> dict[str, Any]:
        """The next config."""
        return self._call("ask", {})

    def tell(self, value: float | dict[str, float]) -> None:
        """Pass the value of the suggested config, or its outcomes by name."""
        self._call("tell", {"value": value})

    def recommend(self) -> dict[str, Any] | None:
        """The final recommendation of the method; None if the method makes no recommendation."""
        return self._call("recommend", {})

    def timed(self, function: Callable[[dict[str, Any]], Any], pause: float = 0.0) -> tuple[Any, float]:
        """The value or outcomes of one suggestion, and the seconds of its ask and its tell.

        Args:
          function: The objective; its time is not counted.
          pause: Additional seconds that the objective takes.
        """
        start = time.perf_counter()
        config = self.ask()
        asked = time.perf_counter()
        value = function(config)
        value = value if isinstance(value, dict) else float(value)
        time.sleep(pause)
        told = time.perf_counter()
        self.tell(value)
        return value, asked - start + time.perf_counter() - told

    def _call(self, command: str, arguments: dict[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([command, arguments]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process of the peer ended in {command!r} with status {self._process.wait()}")
        return json.loads(answer)

    def __enter__(self) -> "Peer":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
