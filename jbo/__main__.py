"""The command line: a study from a shell, or from any language that can start a program. ``python -m jbo --help``."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jbo._compile_cache import use_compile_cache
from jbo.outcomes import Outcomes
from jbo.report import add_report, add_watch
from jbo.space import Space
from jbo.study import SpaceExhausted, Study, Trial, export
from jbo.study.view import why_none

_NOTHING_NEW = 3


def main(arguments: Sequence[str]) -> int:
    """Exit status of the command: 0; 1 after an error; 3 if there is nothing new to try. Wrong usage exits with 2.

    Args:
      arguments: Arguments of the command, without the name of the program.
    """
    # A negative number in any form is not an option; argparse recognises only plain numbers.
    parser = _parser()
    options, unknown = parser.parse_known_args(
        [f" {a}" if a.startswith("-") and _is_number(a) else a for a in arguments]
    )
    if unknown:
        beside = getattr(options, "failed", None) is not None and not unknown[0].startswith("-")
        parser.error(
            f"VALUE: expected no value with --failed, because a failed trial has no value, got {unknown[0]!r}"
            if beside
            else f"unrecognized arguments: {' '.join(unknown)}"
        )
    try:
        with _any_text():
            options.run(options)
            _flush()
    except BrokenPipeError:  # the reader has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SpaceExhausted as error:
        return _complain(error, _NOTHING_NEW)
    except (OSError, ValueError) as error:
        return _complain(error, 1)
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m jbo",
        description="Search for the best configuration of anything that the shell can run, one trial after another.",
        epilog="Results go to the standard output: new, ask and tell print JSON; best and trials print a table, or "
        "JSON with --json. Exit status: 0 success; 1 an error, explained in one line on the standard error; 2 wrong "
        "usage; 3 no new configuration is left to suggest.",
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Any, words: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=words)
        added.set_defaults(run=run)
        added.add_argument("study", metavar="STUDY", help="file of the study")
        return added

    new = command("new", _new, "begin a study")
    new.add_argument(
        "--space", required=True, metavar="FILE", type=Path,
        help='search space as JSON: {"parameters": [{"name": "rate", "type": "real", "low": 1e-5, "high": 0.1, "log": '
        'true}, {"name": "layers", "type": "integer", "low": 2, "high": 9}, {"name": "batch", "type": "ordinal", '
        '"values": [32, 64]}, {"name": "optimizer", "type": "categorical", "choices": ["sgd", "adam"]}, {"name": '
        '"momentum", "type": "real", "low": 0, "high": 1, "when": {"name": "optimizer", "values": ["sgd"]}}]}; a grid '
        'of reals has "step": 0.1, a condition on a number {"name": "rate", "between": [0.001, 0.01]}; '
        '{"candidates": [{"rate": 0.01, "layers": 2}, ...]}, with or without "parameters", lists all configurations',
    )  # fmt: skip
    new.add_argument("--maximize", action="store_true", help="higher values are better")
    new.add_argument(
        "--outcomes", metavar="FILE", type=Path,
        help='the outcomes as JSON: [{"kind": "Minimize", "name": "loss"}, {"kind": "AtMost", "name": "memory", '
        '"limit": 8.0}, {"kind": "Cost", "name": "seconds"}, {"kind": "Track", "name": "steps"}]; other kinds are '
        "Maximize and AtLeast; each of several objectives may have a reference, the worst value that counts; default: "
        "one objective without a name",
    )  # fmt: skip
    new.add_argument("--seed", type=int, metavar="N", help="seed of all randomness; drawn by the system if not given")

    ask = command("ask", _ask, "print the next trial to run, and store it as pending")
    ask.add_argument(
        "--owner", type=int, default=0, metavar="PID",
        help="id of the process that runs the trial ($$ in a shell script): if the process ends without a result, ask "
        "prints the trial again; without --owner the trial stays pending until tell or abandon",
    )  # fmt: skip

    tell = command("tell", _tell, "store the result of a trial")
    tell.add_argument("number", type=int, metavar="NUMBER", help="number of the trial")
    result = tell.add_mutually_exclusive_group(required=True)
    result.add_argument(
        "value", type=_measured, nargs="?", metavar="VALUE",
        help="value of the objective; nan is a failure; in a study with outcomes, NAME=VALUE for each of them",
    )  # fmt: skip
    result.add_argument("--failed", metavar="REASON", help="the trial failed, for this reason")
    tell.add_argument("more", type=_measured, nargs="*", metavar="NAME=VALUE", help="values of the other outcomes")
    tell.add_argument("--cost", type=float, metavar="COST", help="cost of the trial, above 0, in a unit of your choice")
    tell.add_argument(
        "--noise", type=_measured, action="append", metavar="NOISE",
        help="standard deviation of the value, at least 0; NAME=NOISE for the value of a named outcome",
    )  # fmt: skip

    abandon = command("abandon", _abandon, "stop waiting for a trial: it keeps its number and is not run again")
    abandon.add_argument("number", type=int, metavar="NUMBER", help="number of the trial")

    best = command(
        "best",
        _best,
        "print the trial with the best value; with several objectives, the trials that no other trial dominates",
    )
    best.add_argument("--json", action="store_true", help="print a JSON object instead of a table")
    trials = command("trials", _trials, "print all trials")
    form = trials.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list instead of a table")
    form.add_argument("--csv", action="store_true", help="print CSV instead of a table")
    add_report(commands)
    add_watch(commands)
    return parser


def _new(options: argparse.Namespace) -> None:
    try:
        space = Space.from_json(json.loads(options.space.read_text(encoding="utf-8-sig")))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{options.space}: {error}") from error
    if _is_study(options.study):
        raise FileExistsError(f"{options.study} exists already; a new study needs a new file")
    outcomes = given = None
    if options.outcomes is not None:
        try:
            given = json.loads(options.outcomes.read_text(encoding="utf-8-sig"))
            outcomes = Outcomes.from_json_text(json.dumps({"is_named": True, "outcomes": given}))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{options.outcomes}: {error}") from error
    with Study(space, outcomes=outcomes, maximize=options.maximize, seed=options.seed, path=options.study) as study:
        about: dict[str, Any] = {"study": options.study}
        about |= {} if study.outcomes.has_several else {"maximize": study.maximize}
        about |= {"seed": study.seed, "space": space.to_json()}
        _print(about | ({} if outcomes is None else {"outcomes": given}))


def _is_study(path: str) -> bool:
    try:
        Study.open(path).close()
    except (FileNotFoundError, ValueError):  # no file, a file without a study, or another kind of file
        return False
    return True


def _ask(options: argparse.Namespace) -> None:
    use_compile_cache()  # each command is a new process
    with Study.open(options.study) as study:
        trial = study.ask(owner=options.owner)
        plain = export.as_plain(trial)
        try:
            _print({name: plain[name] for name in ("number", "config")})
            _flush()
        except OSError:  # nobody has read the trial, so return it to the queue
            study.give_back(trial, owner=options.owner)
            raise


def _tell(options: argparse.Namespace) -> None:
    with Study.open(options.study) as study:
        known = {"failed": options.failed, "cost": options.cost, "noise": _together("--noise", options.noise)}
        measured = [each for each in (options.value, *options.more) if each is not None]
        try:
            told = study.tell(_trial(study, options.number), _together("VALUE", measured), **known)
        except TypeError as error:  # a number for a study with several outcomes, or names for a study without
            raise ValueError(str(error)) from error
        _print(export.as_plain(told, study.outcomes))


def _abandon(options: argparse.Namespace) -> None:
    with Study.open(options.study) as study:
        _print(export.as_plain(study.abandon(_trial(study, options.number)), study.outcomes))


def _trial(study: Study, number: int) -> Trial:
    trials = study.trials
    if not 0 <= number < len(trials):
        raise ValueError(f"NUMBER: expected the number of one of the {len(trials)} trials so far, got {number}")
    return trials[number]


def _measured(text: str) -> tuple[str | None, float]:
    """A number, perhaps prefixed with the name of its outcome."""
    name, separator, number = text.rpartition("=")
    try:
        return (name if separator else None), float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a number, or NAME=NUMBER, got {text!r}") from None


def _together(what: str, measured: Sequence[tuple[str | None, float]] | None) -> float | dict[str, float] | None:
    """One number, or a dict of numbers by name; None if there are none."""
    if not measured:
        return None
    if len(measured) == 1 and measured[0][0] is None:
        return measured[0][1]
    values = {name: number for name, number in measured if name is not None}
    if len(values) != len(measured):
        raise ValueError(f"{what}: expected one number, or NAME=NUMBER for each outcome, each name once")
    return values


def _best(options: argparse.Namespace) -> None:
    with Study.open(options.study) as study:
        outcomes, names = study.outcomes, [*study.space.names, *study.space.constants]
        if outcomes.has_several:
            front = study.pareto
            if not front:
                raise ValueError(f"{why_none(study.trials, outcomes)}, so there is no front: {study!r}")
            if options.json:
                _print([export.as_plain(trial, outcomes) for trial in front])
            else:
                export.write_table(front, names, None, sys.stdout, outcomes)
            return
        best = study.best
    if options.json:
        _print(export.as_plain(best, outcomes))
    else:
        export.write_trial(best, sys.stdout, outcomes)


def _trials(options: argparse.Namespace) -> None:
    with Study.open(options.study) as study:
        trials, names = study.trials, [*study.space.names, *study.space.constants]
        outcomes = study.outcomes
        try:
            best = [trial.number for trial in study.pareto] if outcomes.has_several else study.best.number
        except ValueError:  # there is no best trial
            best = None
    if options.csv:
        export.write_csv(trials, names, sys.stdout, outcomes)
    elif options.json:
        _print([export.as_plain(trial, outcomes) for trial in trials])
    else:
        export.write_table(trials, names, best, sys.stdout, outcomes)


def _print(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:  # write the same JSON in ASCII
        text = json.dumps(value, allow_nan=False)
    print(text)


def _flush() -> None:
    if sys.stdout is not None:  # None if the process was started without one
        sys.stdout.flush()


@contextmanager
def _any_text() -> Iterator[None]:
    """Context manager in which characters outside the encoding of standard output are escaped.

    Otherwise an error could occur after the study has changed.
    """
    stream: Any = sys.stdout
    before = getattr(stream, "errors", None)
    if not hasattr(stream, "reconfigure"):
        yield
        return
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        stream.reconfigure(errors=before)


def _complain(error: Exception, status: int) -> int:
    print(f"jbo: {' '.join(str(error).split())}", file=sys.stderr)
    return status


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
