"""The command line: what it prints, what it says of errors, and how it ends."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import jbo
import jbo.__main__ as command
from jbo.__main__ import main
from jbo.study import export

SPACE = {
    "parameters": [
        {"name": "rate", "type": "real", "low": 1e-5, "high": 0.1, "log": True},
        {"name": "layers", "type": "integer", "low": 2, "high": 10},
        {"name": "batch", "type": "ordinal", "values": [32, 64]},
        {"name": "kind", "type": "categorical", "choices": ["a", "1", 1, None, [3, 3], "é, \"q\"\n"]},
        {"name": "momentum", "type": "real", "low": 0, "high": 1, "when": {"name": "kind", "values": ["a"]}},
    ]
}  # fmt: skip


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Run a command; what it printed, as JSON."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        command, "use_compile_cache", lambda: None
    )  # a setting of the whole process, which is ours here
    Path("space.json").write_text(json.dumps(SPACE), encoding="utf-8")

    def call(*arguments):
        assert main(arguments) == 0
        said = capsys.readouterr()
        assert said.err == ""
        return json.loads(said.out)

    return call


@pytest.fixture
def fail(call, capsys):
    """Run a command that cannot be done; its status and the one line that it says."""

    def fail(*arguments):
        try:
            status = main(arguments)
        except SystemExit as end:
            status = end.code
        said = capsys.readouterr()
        assert said.out == ""
        assert status == 2 or said.err.count("\n") == 1
        return status, said.err.strip().splitlines()[-1]

    return fail


def test_a_study(call):
    made = call("new", "s.db", "--space", "space.json", "--maximize", "--seed", "3")
    space = jbo.Space.from_json(made["space"])
    assert (made["study"], made["maximize"], made["seed"]) == ("s.db", True, 3)
    assert space == jbo.Space(
        rate=jbo.Real(1e-5, 0.1, log=True),
        layers=jbo.Integer(2, 10),
        batch=jbo.Ordinal(32, 64),
        kind=jbo.Categorical("a", "1", 1, None, (3, 3), 'é, "q"\n'),
        momentum=jbo.Real(0, 1, when=("kind", "a")),
    )
    asked = [call("ask", "s.db") for _ in range(3)]
    assert [trial["number"] for trial in asked] == [0, 1, 2], "none comes twice, though each command has ended"
    assert all(list(trial) == ["number", "config"] for trial in asked)
    with jbo.Study(space, maximize=True, seed=3) as same:
        assert [space.config_from_json(t["config"]) for t in asked] == [t.config for t in same.ask(3)]
    assert call("tell", "s.db", "1", "-1e-3")["value"] == -1e-3
    told = call("tell", "s.db", "0", "--failed", "out of memory")
    assert (told["status"], told["value"], told["failure"]) == ("failed", None, "out of memory")
    assert call("tell", "s.db", "2", "-inf")["failure"] == "the value is -inf, not finite"
    best = call("best", "s.db", "--json")
    assert (best["number"], best["value"], best["config"]) == (1, -1e-3, asked[1]["config"])
    trials = call("trials", "s.db", "--json")
    assert [t["status"] for t in trials] == ["failed", "ok", "failed"] and trials[1] == best
    with jbo.Study.open("s.db") as study:
        assert study.maximize and study.seed == 3 and study.space == space
        assert [export.as_plain(trial) for trial in study.trials] == trials


def test_every_value_comes_back_from_csv(call, capsys):
    call("new", "s.db", "--space", "space.json")
    with jbo.Study.open("s.db") as study:
        for k, kind in enumerate(study.space["kind"].choices):
            config = {"rate": 0.1 / 3**k, "layers": 2 + k, "batch": 64, "kind": kind}
            study.tell(config | ({"momentum": 1 / 3} if kind == "a" else {}), 0.1 + 0.2)
        study.tell(config, failed="two\nlines, and a comma")
        trials = study.trials
    assert main(["trials", "s.db", "--csv"]) == 0
    text = capsys.readouterr().out
    assert text.splitlines()[0] == (
        "number,status,value,started_at,ended_at,failure,"
        "config.rate,config.layers,config.batch,config.kind,config.momentum"
    )
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["config.kind"] for row in rows[:3]] == ["a", '"1"', "1"], "a word that looks like a number is quoted"
    for row, trial in zip(rows, trials, strict=True):
        cells = {
            name.removeprefix("config."): cell for name, cell in row.items() if name.startswith("config.") and cell
        }
        assert study.space.config_from_json({n: export.value_of_cell(c) for n, c in cells.items()}) == trial.config
        assert (row["value"], row["failure"]) == (repr(trial.value) if trial.value else "", trial.failure or "")
        assert float(row["started_at"]) == trial.started_at


def test_owners(call, fail, tmp_path):
    call("new", "s.db", "--space", "space.json")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        assert call("ask", "s.db", "--owner", str(other.pid))["number"] == 0
        assert call("ask", "s.db", "--owner", str(os.getppid()))["number"] == 1
        other.stdin.close()
    assert [call("ask", "s.db")["number"] for _ in range(2)] == [0, 2], "it has ended without a result"
    for wrong in (str(other.pid), "-1"):
        assert fail("ask", "s.db", "--owner", wrong)[0] == 1
    assert call("ask", "s.db", "--owner", str(os.getppid()))["number"] == 3, "who has no owner is waited for"
    assert len(call("trials", "s.db", "--json")) == 4


def test_errors(call, fail, tmp_path):
    assert fail("best", "s.db") == (1, "jbo: there is no study s.db")
    assert not Path("s.db").exists(), "nothing silently starts anew"
    call("new", "s.db", "--space", "space.json", "--seed", "1")
    before = Path("s.db").read_bytes()
    assert fail("new", "s.db", "--space", "space.json") == (
        1, "jbo: s.db exists already; a new study needs a new file",
    )  # fmt: skip
    assert fail("best", "s.db")[0] == 1
    assert fail("tell", "s.db", "0", "1") == (
        1,
        "jbo: NUMBER: expected the number of one of the 0 trials so far, got 0",
    )
    assert Path("s.db").read_bytes() == before
    call("ask", "s.db")
    assert fail("tell", "s.db", "-1", "1") == (
        1,
        "jbo: NUMBER: expected the number of one of the 1 trials so far, got -1",
    )
    call("tell", "s.db", "0", "1")
    assert fail("tell", "s.db", "0", "2") == (1, "jbo: trial: expected one result for trial 0, got 2.0 after 1.0")
    assert fail("trials", "space.json") == (
        1, "jbo: space.json is no jbo study (file is not a database); expected a study file or a new name",
    )  # fmt: skip
    assert fail("new", "t.db", "--space", "no.json")[0] == 1
    assert fail("new", "t.db", "--space", "space.json", "--seed", str(2**63))[0] == 1
    assert not Path("t.db").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["nonsense"], ["new", "s.db"], ["ask"], ["tell", "s.db", "0"], ["tell", "s.db", "x", "1"],
        ["tell", "s.db", "0", "high"], ["tell", "s.db", "0", "1", "--failed", "why"],
        ["trials", "s.db", "--csv", "--json"],
        ["new", "s.db", "--space", "space.json", "--seed", "1.5"], ["ask", "s.db", "--owner", "me"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_usage(fail, arguments):
    status, said = fail(*arguments)
    assert status == 2 and "error:" in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Expecting value"),
        ("[" * 100_000, "recursion"),
        ("[]", "expected {\"parameters\""),
        ('{"parameters": []}', "expected at least one parameter"),
        ('{"parameters": [{"name": "x"}]}', "x: expected a parameter of type"),
        ('{"parameters": [{"name": "x", "type": "real", "low": "0", "high": 1}]}', "x: "),
        ('{"parameters": [{"name": "x", "type": "real", "low": 0, "high": 1e999}]}', "x: high must be a number"),
        ('{"parameters": [{"name": "x", "type": "real", "low": 0, "high": 1, "lgo": true}]}', "x: expected the JSON"),
        ('{"parameters": [{"name": "x", "type": "real", "low": 0, "high": 1, "log": "no"}]}', "x: log: expected true"),
        ('{"parameters": [{"name": "x", "type": "ordinal", "values": "abc"}]}', "x: expected a list of values"),
        ('{"parameters": [{"name": "x", "type": "categorical", "choices": [1, {"a": 2}]}]}', "x: a choice must be"),
        ('{"parameters": [{"name": "x", "type": "integer", "low": 1, "high": 3, "when": "y"}]}', "x: expected the J"),
        ('{"parameters": [{"name": "x", "type": "integer", "low": 1, "high": 3}, {"name": "x", "type": "integer", '
         '"low": 1, "high": 3}]}', "name: expected a string, each name once, got 'x'"),
    ],
)  # fmt: skip
def test_a_space_that_is_none(fail, text, words):
    Path("space.json").write_text(text)
    status, said = fail("new", "s.db", "--space", "space.json")
    assert status == 1 and said.startswith("jbo: space.json: ") and words in said
    assert not Path("s.db").exists()


SCRIPT = """
set -eu
python -m jbo new s.db --space space.json --seed 0 > made.json
while :; do
    trial=$(python -m jbo ask s.db --owner $$) || { echo "ended with $?"; break; }
    number=$(echo "$trial" | sed 's/.*"number": \\([0-9]*\\).*/\\1/')
    python -m jbo tell s.db "$number" "-$(echo "$trial" | grep -c choice)" > told.json
done
"""


@pytest.mark.thorough
def test_a_shell_script(tmp_path):
    space = {"parameters": [{"name": "kind", "type": "categorical", "choices": ["the only choice"]}]}
    (tmp_path / "space.json").write_text(json.dumps(space))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    env = {
        **os.environ,
        "PATH": path,
        "PYTHONPATH": str(Path(jbo.__file__).parents[1]),
        "XDG_CACHE_HOME": str(tmp_path),
    }
    done = subprocess.run(["sh", "-c", SCRIPT], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, "ended with 3\n"), done.stderr
    assert (
        done.stderr
        == "jbo: nothing new to try: 1 trials cover the space, or all points that the strategy can suggest\n"
    )
    with jbo.Study.open(tmp_path / "s.db") as study:
        assert [(t.config, t.value) for t in study.trials] == [({"kind": "the only choice"}, -1)]


def test_a_reader_that_has_seen_enough(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    with jbo.Study(jbo.Space(x=jbo.Real(0, 1)), path=tmp_path / "s.db") as study:
        study.tell({"x": 0.5}, failed="x" * 200_000)
    command = [sys.executable, "-m", "jbo", "trials", "--json", str(tmp_path / "s.db")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    assert process.stdout.read(1) == b"["
    process.stdout.close()
    assert process.stderr.read() == b"" and process.wait() == 1
    process.stderr.close()


def test_tables_for_people(call, capsys):
    call("new", "s.db", "--space", "space.json")
    assert main(["trials", "s.db"]) == 0
    assert capsys.readouterr().out == "no trials yet\n"
    with jbo.Study.open("s.db") as study:
        study.tell({"rate": 0.0123456789, "layers": 3, "batch": 32, "kind": 'é, "q"\n'}, 2.5, cost=2.0)
        study.tell({"rate": 0.1, "layers": 10, "batch": 64, "kind": "a", "momentum": 0.5}, 0.1 + 0.2)
        study.tell({"rate": 1e-5, "layers": 10, "batch": 64, "kind": None}, failed="Traceback\nKeyError: 'x'\n")
    assert main(["trials", "s.db"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "trial  status  value  seconds  cost       rate  layers  batch  kind      momentum  failure",
        '   0   ok        2.5      0.0     2  0.0123457       3     32  é, "q"\\n',
        "   1*  ok        0.3      0.0     -        0.1      10     64  a              0.5",
        f"   2   failed      -      0.0     -      1e-05      10     64  -{19 * ' '}KeyError: 'x'",
        "* best",
    ]
    assert main(["best", "s.db"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "trial     1", "status    ok", "value     0.3", "seconds   0.0", "rate      0.1", "layers    10",
        "batch     64", "kind      a", "momentum  0.5",
    ]  # fmt: skip


def by_encoding(tmp_path, encoding):
    """Runs the command in a process of that encoding, on a study that asks for what it does not hold."""
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1]), "PYTHONIOENCODING": encoding}
    path = str(tmp_path / "s.db")
    choices = ["β é", "\ud800"]
    with jbo.Study(jbo.Space(kind=jbo.Categorical(*choices)), path=path) as study:
        study.tell({"kind": choices[0]}, 1.0)
        study.enqueue({"kind": choices[1]})

    def run(*arguments):
        done = subprocess.run([sys.executable, "-m", "jbo", *arguments], env=env, capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
        return done.stdout.decode(encoding)

    return run, path, choices


def test_output_that_the_encoding_does_not_hold_is_escaped(tmp_path):
    run, path, choices = by_encoding(tmp_path, "ascii")
    assert json.loads(run("ask", path)) == {"number": 1, "config": {"kind": choices[1]}}
    table = run("trials", path)
    assert "\\u03b2" in table and "\\ud800" in table


@pytest.mark.thorough
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_every_command_escapes_what_the_encoding_does_not_hold(tmp_path, encoding):
    run, path, choices = by_encoding(tmp_path, encoding)
    assert json.loads(run("ask", path)) == {"number": 1, "config": {"kind": choices[1]}}
    assert json.loads(run("tell", path, "1", "2"))["config"] == {"kind": choices[1]}
    assert [t["config"]["kind"] for t in json.loads(run("trials", path, "--json"))] == choices
    assert "\\u03b2" in run("best", path) and "\\ud800" in run("trials", path)
    assert "\\ud800" in run("trials", path, "--csv")


def test_names_that_the_encoding_does_not_hold_keep_the_columns_straight():
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="backslashreplace")
    export.write_trial(jbo.Trial(0, {"größe": 2, "x": 3}, "ok", 1.0, 0.0, 1.0, None, ""), stream)
    stream.seek(0)
    lines = stream.read().splitlines()
    assert [line.index(line.split()[1]) for line in lines] == [len("gr\\xf6\\xdfe  ")] * len(lines)


def test_a_trial_that_nobody_could_read_comes_again(tmp_path):
    env = {**os.environ, "PYTHONPATH": str(Path(jbo.__file__).parents[1])}
    path = str(tmp_path / "s.db")
    with jbo.Study(jbo.Space(x=jbo.Real(0, 1)), path=path) as study:
        study.enqueue({"x": 0.25})
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "jbo", "ask", path], stdout=full, stderr=subprocess.PIPE, env=env)
    assert done.returncode == 1
    with jbo.Study.open(path) as study:
        assert (again := study.ask()).number == 0 and again.config == {"x": 0.25}
