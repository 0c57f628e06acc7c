"""Divides the tasks into a half for choosing a method and a half for reporting its performance.

``python -m experiments.benchmark.real.halves`` measured all tasks (``facts.json``) and sampled the halves
(``halves.txt``) before any method had run. The rule:

1. A task is used if its pool has at least 500 rows and if it is hard enough for random search. Between 10 and 80
   evaluations, the luckiest observation must close at most 90 % of the gap to the ten best configurations. The gap
   after 10 evaluations is at least 0.002 if values are shares of examples. At most 16 random tasks of each kind and
   search space are used.
2. No search space and no data set is in both halves. The rule compares 20,000 random assignments of the search spaces.
   Each assignment puts the data sets where the fewest tasks are lost. The best assignment keeps the most tasks in the
   smaller half, summed over the three kinds; ties are decided by the total number of tasks.
3. If one half has more tasks of a kind than the other half, and more than 32 tasks, random surplus tasks are left out.
   At most a third of a half are emulators.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tyro

from experiments.benchmark.real.report import Known

_FOLDER = Path(__file__).parent
FACTS = _FOLDER / "facts.json"
_LIST = _FOLDER / "halves.txt"
_NAMES = ("choosing", "reporting")
_LEAST_ROWS = 500
_LEAST_LEFT = 0.1
_LEAST_GAP = 0.002
_MOST_OF_SPACE = 16
_NUM_ASSIGNMENTS = 20_000
_SIZE = 32
_SEED = 2026


class Candidate(NamedTuple):
    """A task that may be used."""

    name: str
    kind: str
    search_space: str
    data_set: str


class Listed(NamedTuple):
    """A task of a half."""

    half: str
    known: Known


def is_taken(fact: dict[str, Any]) -> bool:
    """True if a task may be in a half, by the first part of the rule.

    Args:
      fact: Measurements of the task: ``kind``, ``rows``, ``one``, and ``zero`` by budget.
    """
    first, last = (fact["zero"][i] - fact["one"] for i in (0, -1))
    least = 0.0 if fact["kind"] == "table" else _LEAST_GAP
    return fact["rows"] >= _LEAST_ROWS and first > least and last >= _LEAST_LEFT * first


def split(candidates: list[Candidate], seed: int = _SEED, size: int = _SIZE) -> dict[str, str]:
    """The half of each task that is kept, by the second and third part of the rule.

    Args:
      candidates: All tasks that may be used.
      seed: Seed of the random choices.
      size: Size of a half above which surplus tasks are left out.
    """
    rng, alike = np.random.default_rng(seed), {}
    for candidate in candidates:
        alike.setdefault((candidate.kind, candidate.search_space), []).append(candidate)
    drawn = [sorted(rng.permutation(len(of))[:_MOST_OF_SPACE]) for of in alike.values()]
    candidates = [of[i] for of, rows in zip(alike.values(), drawn, strict=True) for i in rows]
    spaces = sorted({c.search_space for c in candidates})
    sets = sorted({c.data_set for c in candidates})
    kinds = sorted({c.kind for c in candidates})
    space = np.array([spaces.index(c.search_space) for c in candidates])
    data = np.array([sets.index(c.data_set) for c in candidates])
    kind = np.array([kinds.index(c.kind) for c in candidates])
    best, most = np.zeros(len(candidates), int), (-1, -1)
    for _ in range(_NUM_ASSIGNMENTS):
        of_space, tie = rng.integers(2, size=len(spaces)), rng.integers(2, size=len(sets))
        votes = np.zeros((len(sets), 2), int)
        np.add.at(votes, (data, of_space[space]), 1)
        of_set = np.where(votes[:, 0] == votes[:, 1], tie, votes.argmax(axis=1))
        half = np.where(of_space[space] == of_set[data], of_space[space], 2)
        counts = np.array([[np.sum((kind == k) & (half == h)) for h in range(2)] for k in range(len(kinds))])
        value = int(counts.min(axis=1).sum()), int(counts.sum())
        if value > most:
            best, most = half, value
    kept = {h: [i for i in range(len(candidates)) if best[i] == h] for h in range(2)}
    for h in range(2):
        for k in range(len(kinds)):
            other = sum(kind[i] == k for i in kept[1 - h])
            surplus = [i for i in kept[h] if kind[i] == k]
            drop = min(len(surplus) - other, len(kept[h]) - size)
            if drop > 0:
                dropped = set(rng.permutation(surplus)[:drop].tolist())
                kept[h] = [i for i in kept[h] if i not in dropped]
        if "emulator" in kinds:
            emulators = [i for i in kept[h] if candidates[i].kind == "emulator"]
            drop = len(emulators) - (len(kept[h]) - len(emulators)) // 2
            dropped = set(rng.permutation(emulators)[: max(drop, 0)].tolist())
            kept[h] = [i for i in kept[h] if i not in dropped]
    return {candidates[i].name: _NAMES[h] for h in range(2) for i in kept[h]}


def _read() -> dict[str, Listed]:
    facts = json.loads(FACTS.read_text())
    listed = {}
    for line in _LIST.read_text().splitlines():
        half, name = line.split()
        fact = facts[name]
        listed[name] = Listed(half, Known(fact["kind"], fact["group"], fact["one"], np.array(fact["zero"])))
    return listed


HALVES: dict[str, Listed] = _read() if _LIST.exists() else {}
"""The tasks of both halves by name."""


def chosen(wanted: tuple[str, ...]) -> list[str]:
    """The tasks selected by halves, names or beginnings of names, without duplicates.

    Args:
      wanted: ``choosing``, ``reporting``, ``twelve``, or beginnings of names of tasks in a half.
    """
    some = set(_twelve()) if "twelve" in wanted else set()
    return [
        name
        for name, listed in HALVES.items()
        if name in some or any(listed.half == w or name.startswith(w) for w in wanted)
    ]


def _twelve() -> list[str]:
    """Twelve tasks of the reporting half, in proportion to the kinds and evenly spaced in the list of names."""
    of_kind: dict[str, list[str]] = {}
    for name, listed in HALVES.items():
        if listed.half == "reporting":
            of_kind.setdefault(listed.known.kind, []).append(name)
    counts = {"table": 2, "pool": 7, "emulator": 3}
    return [names[i * len(names) // counts[kind]] for kind, names in of_kind.items() for i in range(counts[kind])]


def main() -> None:
    """Measure the tasks that are not in ``facts.json``, then sample the halves unless ``halves.txt`` exists."""
    from experiments.benchmark.real.measure import fact_of
    from experiments.benchmark.real.tasks import entries

    facts = json.loads(FACTS.read_text()) if FACTS.exists() else {}
    for name, entry in entries().items():
        if name not in facts:
            facts[name] = fact_of(entry)
            FACTS.write_text("{\n" + ",\n".join(f'"{n}": {json.dumps(f)}' for n, f in facts.items()) + "\n}\n")
            print(name, facts[name], flush=True)
    if _LIST.exists():
        raise SystemExit(f"{_LIST} exists: the halves stay as they were drawn")
    candidates = [
        Candidate(name, entry.kind, entry.search_space, entry.data_set)
        for name, entry in entries().items()
        if is_taken(facts[name])
    ]
    halves = split(candidates)
    _LIST.write_text("".join(f"{half} {name}\n" for name, half in sorted(halves.items(), key=lambda pair: pair[::-1])))


if __name__ == "__main__":
    tyro.cli(main)
