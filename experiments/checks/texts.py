"""Draw docstrings and sentences for a reader to say back: ``python -m experiments.checks.texts --seed 1``.

A reader who has not seen the code says each of them in other words. What is said back wrongly has to be rewritten. The
hash of the commit is the random seed, so nobody chooses what is read.
"""

import argparse
import ast
import random
import re
import subprocess
from pathlib import Path

from experiments.checks.mutants import ROOT, seed_of

PACKAGES = ("jbo", "architectures", "experiments")
PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "docs/reference/*.md")


def docstrings(root: Path) -> list[tuple[str, str]]:
    """All docstrings of the packages, each with its place ``path:line name``.

    Args:
      root: Folder of the repository.
    """
    found = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and (text := ast.get_docstring(node)):
                    line = getattr(node, "lineno", 1)
                    found.append((f"{path.relative_to(root)}:{line} {getattr(node, 'name', 'module')}", text))
    return found


def sentences(root: Path) -> list[tuple[str, str]]:
    """All sentences of the pages outside of code, tables and headings, each with the path of its page.

    Args:
      root: Folder of the repository.
    """
    found = []
    for pattern in PAGES:
        for path in sorted(root.glob(pattern)):
            text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
            for paragraph in re.split(r"\n\s*\n", text):
                if not re.match(r"\s*(#|\||<|:::|!\[|===|\$\$)", paragraph):
                    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z`*\[])", " ".join(paragraph.split())):
                        if len(sentence.split()) > 5:
                            found.append((str(path.relative_to(root)), sentence))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num", type=int, default=20, help="docstrings, and as many sentences")
    parser.add_argument("--seed", type=int, help="draws them; the commit's hash if it is left out")
    args = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    seed = seed_of(commit) if args.seed is None else args.seed
    rng = random.Random(seed)
    print(f"Seed {seed}, commit {commit[:8]}.")
    for texts in (docstrings(ROOT), sentences(ROOT)):
        for place, text in rng.sample(texts, args.num):
            print(f"\n--- {place}\n{text}")


if __name__ == "__main__":
    main()
