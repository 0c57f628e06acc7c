"""The commands ``report`` and ``watch`` of the command line."""

import argparse
from typing import Any

from jbo.report._page import write_report
from jbo.report._watch import watch
from jbo.study import read_study


def add_report(subparsers: Any) -> None:
    """Add the command ``report STUDY -o report.html``.

    Args:
      subparsers: Result of `argparse.ArgumentParser.add_subparsers`. Parsed arguments have an attribute ``run``, a
        function of them.
    """
    parser = subparsers.add_parser("report", help="write a page that shows a study")
    parser.add_argument("study", metavar="STUDY", help="file of the study, which is only read")
    parser.add_argument("-o", "--output", default="report.html", help="where to write the page (%(default)s)")
    parser.add_argument("--label", default="objective", help="name of the objective")
    parser.set_defaults(run=_report)


def add_watch(subparsers: Any) -> None:
    """Add the command ``watch STUDY``.

    Args:
      subparsers: As in `add_report`.
    """
    parser = subparsers.add_parser("watch", help="follow a study in the terminal while other processes run it")
    parser.add_argument("study", metavar="STUDY", help="file of the study, which is only read")
    parser.add_argument("--seconds", type=float, default=2.0, help="seconds between two updates (%(default)s)")
    parser.add_argument(
        "--num-trials", type=int, default=None, help="total number of finished trials, at which the command ends"
    )
    parser.set_defaults(run=_watch)


def _report(arguments: argparse.Namespace) -> int:
    print(write_report(read_study(arguments.study), arguments.output, label=arguments.label))
    return 0


def _watch(arguments: argparse.Namespace) -> int:
    watch(arguments.study, seconds=arguments.seconds, num_trials=arguments.num_trials)
    return 0
