"""What TensorBoard is told of a study, read back from its files."""

import struct

import pytest
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

import jbo
from jbo.integrations.tensorboard import TensorBoard

SPACE = jbo.Space(x=jbo.Real(0.0, 1.0), kind=jbo.Categorical("a", (3, 3)), n=jbo.Integer(1, 3, when=("kind", "a")))


def summaries(folder):
    """All values of the files right in a folder, with their step and time."""
    for path in sorted(folder.glob("events*")):
        data = path.read_bytes()
        while data:  # records: length and its checksum, the event and its checksum
            length = struct.unpack("<Q", data[:8])[0]
            event, data = Event.FromString(data[12 : 12 + length]), data[16 + length :]
            yield from ((event.step, event.wall_time, value) for value in event.summary.value)


def objective(config):
    if config["x"] == 0.75:
        raise ArithmeticError("diverged")
    return config["x"]


@pytest.fixture
def told(tmp_path):
    with jbo.Study(SPACE, strategy=jbo.random_search(SPACE), maximize=True, seed=0, path=tmp_path / "s.db") as study:
        for x in (0.25, 0.75, 0.5, 0.125):
            study.enqueue({"x": x, "kind": "a", "n": 2} if x != 0.5 else {"x": x, "kind": (3, 3)})
        for num_trials in (2, 4):  # the second goes on in the same folder
            with TensorBoard(study, tmp_path / "board") as board:
                study.optimize(objective, num_trials, on_trial_end=board)
        return tmp_path / "board", study.trials


def test_values_and_failures_by_number(told):
    folder, trials = told
    seen = {}
    for step, time, value in summaries(folder):
        seen.setdefault(value.tag, {})[step] = value
        assert time == trials[step].ended_at
    numbers = {tag: {step: value.simple_value for step, value in seen[tag].items()} for tag in ("value", "best")}
    assert numbers == {"value": {0: 0.25, 2: 0.5, 3: 0.125}, "best": {0: 0.25, 2: 0.5, 3: 0.5}}, "higher is better"
    seconds = {step: value.simple_value for step, value in seen["seconds"].items()}
    assert seconds == pytest.approx({t.number: t.ended_at - t.started_at for t in trials}, rel=1e-6)
    (failure,) = [value for tag, values in seen.items() if tag.startswith("failure") for value in values.items()]
    assert failure[0] == 1 and b"ArithmeticError: diverged" in failure[1].tensor.string_val[0]


def test_configurations_beside_values(told):
    folder, trials = told
    assert sorted(path.name for path in folder.iterdir() if path.is_dir()) == ["trial-0", "trial-2", "trial-3"]
    for trial in trials:
        if trial.value is None:
            continue
        held, value = {}, None
        for _, _, summary in summaries(folder / f"trial-{trial.number}"):
            start = HParamsPluginData.FromString(summary.metadata.plugin_data.content).session_start_info
            held |= {name: getattr(v, v.WhichOneof("kind")) for name, v in start.hparams.items()}
            value = summary.simple_value if summary.tag == "value" else value
        assert held == trial.config | ({"kind": "(3, 3)"} if trial.number == 2 else {})
        assert value == trial.value


def test_what_a_trial_reports_is_a_curve(tmp_path):
    def reporting(config, report):
        for step in range(3):
            report(step, config["x"] / (step + 1))
        return config["x"]

    with jbo.Study(SPACE, strategy=jbo.random_search(SPACE), seed=0) as study, TensorBoard(study, tmp_path) as board:
        study.optimize(reporting, 2, on_trial_end=board)
        for trial in study.trials:
            found = list(summaries(tmp_path / f"trial-{trial.number}"))
            curve = {step: value.simple_value for step, _, value in found if value.tag == "reported"}
            assert curve == pytest.approx(trial.intermediate_values, rel=1e-6) and len(curve) == 3
