"""The process of an optimiser: reads one JSON line, answers with one, until its input ends.

Needs no more than the standard library and what the adapter imports, so that it runs in a peer's own environment.
"""

import importlib
import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Answer ``make``, ``load``, ``ask``, ``tell``, ``recommend``; an error of the library ends the process, told."""
    sys.path[0] = str(Path(__file__).parents[2])  # not this folder, whose names are those of other modules too
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not mix with the answers
    optimizer = None
    for line in sys.stdin:
        command, arguments = json.loads(line)
        if command == "make":
            adapter = importlib.import_module(f"experiments.benchmark.adapters.{arguments.pop('adapter')}")
            optimizer = adapter.make(**arguments)
            answer = None
        elif command == "recommend" and not hasattr(optimizer, command):
            answer = None
        else:
            answer = getattr(optimizer, command)(**arguments)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
