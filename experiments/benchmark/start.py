"""How long a process of jbo takes to start: ``python -m experiments.benchmark.start`` (``make bench-start``).

Processes run one after another: without a compilation cache, with an empty cache, and with the cache of an earlier
process. Each process counts the programs that it compiles. Then processes of jbo, Optuna's Gaussian process and BoTorch
run in turns, each from its start to its first suggestion by a model; ``make peers`` builds the last two. Processor
seconds are reported as well, because other work on the machine slows the clock.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from experiments.benchmark.peer import Peer, peers_python
from experiments.report import versions, write_json
from jbo import functions

README = Path(__file__).parents[2] / "README.md"
SUGGESTION = """
import json, time
import jax
start, start_processor = time.perf_counter(), time.process_time()
import jax.monitoring
compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda event, *_, **__: compiled.append(event) if "backend_compile" in event else None
)
import jbo
import numpy as np
space = jbo.functions.hartmann6.space
rng = np.random.default_rng(0)
study = jbo.Study(space, seed=0)
for x in rng.uniform(size=(20, 6)):
    config = space.decode(x)
    study.tell(config, sum((value - 0.3) ** 2 for value in config.values()))
trial = study.ask()
assert study.last_suggestion.is_model_based
print(json.dumps({
    "seconds": time.perf_counter() - start,
    "processor": time.process_time() - start_processor,
    "compiled": len(compiled),
    "suggestion": [value.hex() for value in trial.config.values()],
}))
"""
"""A process that observes 20 trials of six parameters and asks once, timed from the end of `import jax`."""


def first_suggestion(cache: str) -> dict[str, Any]:
    """Seconds of a process from the end of `import jax` to its first suggestion by a model.

    Args:
      cache: Value of the environment variable ``JBO_CACHE``.
    """
    return json.loads(_run(SUGGESTION, cache).stdout)


def first_example(cache: str) -> dict[str, float]:
    """Seconds of a process that runs README's first example.

    Args:
      cache: Value of the environment variable ``JBO_CACHE``.
    """
    [example, *_] = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return _timed(example, cache)


def seconds_to_model(method: str) -> dict[str, float]:
    """Seconds from the start of a process to its first suggestion by a model, after 20 random trials.

    Args:
      method: A name in `experiments.benchmark.peer.METHODS`.
    """
    problem, rng = functions.hartmann6, np.random.default_rng(0)
    configs = [problem.space.decode(x) for x in rng.uniform(size=(20, 6))]
    values = [float(problem(config)) for config in configs]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with Peer(method, problem.space, 0) as peer:
        peer.load(configs, values)
        peer.ask()
        seconds = time.perf_counter() - start
    return {"seconds": seconds, "processor": _processor_since(before)}


def seconds_of_imports(num_runs: int) -> dict[str, float]:
    """Median processor seconds of processes that only import; the kinds of processes run in turns.

    Args:
      num_runs: Number of processes of each kind.
    """
    seconds: dict[str, list[float]] = {"jax": [], "jbo": []}
    for _ in range(num_runs):
        for name, found in seconds.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([sys.executable, "-c", f"import {name}"], check=True)
            found.append(_processor_since(before))
    return {name: float(np.median(found)) for name, found in seconds.items()}


def _timed(script: str, cache: str) -> dict[str, float]:
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    _run(script, cache)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "processor": _processor_since(before)}


def _processor_since(before: resource.struct_rusage) -> float:
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(script: str, cache: str) -> Any:
    # The usual situation of a user: with the bytecode of an earlier import, and without JAX's own cache.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "PYTHONDONT"))}
    environment["JBO_CACHE"] = cache
    command = [sys.executable, "-c", script]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True)


def main(num_runs: int = 5, out: Path = Path("runs/start")) -> None:
    """Print the seconds as a table.

    Args:
      num_runs: Number of processes with a full cache, and of each import; the table has their medians.
      out: Folder for start.json.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    console, record = Console(), {}
    table = Table("what", "cache", "seconds", "of the processor", "programs compiled")

    def add(name: str, cache: str, found: list[dict[str, Any]]) -> None:
        median = {key: float(np.median([one[key] for one in found])) for key in found[0] if key != "suggestion"}
        record[f"{name}, cache {cache}" if cache else name] = median
        number = f"{median['compiled']:.0f}" if "compiled" in median else ""
        table.add_row(name, cache, f"{median['seconds']:.2f}", f"{median['processor']:.2f}", number)

    for name, measure in (
        ("from `import jax` to the first suggestion", first_suggestion),
        ("README's first example, the whole process", first_example),
    ):
        with tempfile.TemporaryDirectory() as folder, console.status(name):
            full, empty, suggestions = f"{folder}/full", f"{folder}/empty", set()
            measure(full)  # fills the cache and writes Python's bytecode
            for cache, where, number in (("off", "off", 1), ("empty", empty, 1), ("full", full, num_runs)):
                found = [measure(where) for _ in range(number)]
                suggestions |= {str(one.get("suggestion")) for one in found}
                add(name, cache, found)
            if len(suggestions) > 1:
                raise RuntimeError(f"a suggestion depends on the cache: {suggestions}")
    with tempfile.TemporaryDirectory() as folder, console.status("beside others"):
        os.environ["JBO_CACHE"] = folder
        methods = ["jbo", *(["optuna_gp", "botorch"] if peers_python().exists() else [])]
        for name in methods:
            seconds_to_model(name)  # fills the cache and writes Python's bytecode
        beside: dict[str, list[dict[str, float]]] = {name: [] for name in methods}
        for _ in range(num_runs):
            for name, found in beside.items():
                found.append(seconds_to_model(name))
        for name, found in beside.items():
            add(f"{name}: from the start of a process to its first suggestion", "full" if name == "jbo" else "", found)
    add("a process that imports jax alone", "", [_timed("import jax", "off") for _ in range(num_runs)])
    record["imports, of the processor"] = imports = seconds_of_imports(2 * num_runs + 1)
    for name, seconds in imports.items():
        table.add_row(f"import {name}", "", "", f"{seconds:.2f}", "")
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "start.json", {"results": record, "versions": versions()})
    console.print(table)


if __name__ == "__main__":
    tyro.cli(main)
