"""The process of an optimiser: it answers each JSON line with one JSON line until its input ends.

The process needs only the standard library and the imports of the adapter, so it runs in the environment of a peer.
"""

import importlib
import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Answer ``make``, ``load``, ``ask``, ``tell``, ``recommend``. An error of the library is reported and is fatal."""
    sys.path[0] = str(Path(__file__).parents[2])  # not this folder: its modules would hide others of the same name
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # output of a library must not mix with the answers
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
