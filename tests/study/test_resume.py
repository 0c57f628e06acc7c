import json
import shutil
from contextlib import closing

import pytest

from jbo.space import Integer, Real, Space
from jbo.study import model
from jbo.study.owner import current
from jbo.study.schema import connect
from jbo.study.storage import Storage


@pytest.fixture
def path(tmp_path):
    return tmp_path / "study.db"


def test_a_study_goes_on_as_if_unbroken(make, path, loss, outcome):
    unbroken = make()
    unbroken.optimize(loss, 6)
    for num_trials in (2, 2, 3, 6):
        with make(path=path) as study:
            study.optimize(loss, num_trials)
            assert len(study.trials) == num_trials
    assert outcome(make(path=path).trials) == outcome(unbroken.trials)


def test_what_was_running_is_run_again_first(make, path, die, outcome):
    study = make(path=path)
    asked = study.ask(4)
    study.tell(asked[1], 1.0)
    study.enqueue({"x": 0.0, "n": 1, "c": "b"})
    die(study)
    study = make(path=path)
    again = study.ask(5)
    assert outcome(again[:3]) == outcome([asked[0], asked[2], asked[3]])
    assert [t.number for t in again] == [0, 2, 3, 4, 5]
    assert again[0].started_at > asked[0].started_at
    assert again[3].config == {"x": 0.0, "n": 1, "c": "b"}
    assert study.ask().number == 6, "each is handed out once in a life"
    study.tell(asked[0], 0.5)
    assert study.trials[0].value == 0.5, "the trial of the earlier life names the same number"


def test_closing_gives_back_what_was_not_told(make, path, outcome):
    with make(path=path) as study:
        asked = study.ask(3)
        study.tell(asked[1], 1.0)
    study = make(path=path)
    assert outcome(study.ask(2)) == outcome([asked[0], asked[2]])
    assert study.ask().number == 3


def test_two_open_studies_share_one_file(make, path, outcome, loss):
    one, two, alone = make(path=path), make(path=path), make()
    trials = [one.ask(), two.ask(), two.ask(), one.ask()]
    assert outcome(trials) == outcome(alone.ask(4))
    one.tell(trials[1], 1.0)
    alone.tell(trials[1].config, 1.0)
    assert outcome(one.trials) == outcome(two.trials)
    with pytest.raises(ValueError, match="expected one result for trial 1, got 2.0 after 1.0"):
        two.tell(trials[1], 2.0)
    two.close()
    assert one.ask().number == 1 + 1, "given back by the one that closed"


def test_another_process_takes_the_number_while_the_model_thinks(make, path, monkeypatch):
    study, rival = make(path=path), make(path=path)
    real, calls = model.suggest, []

    def slow(*args):
        calls.append(rival.tell({"x": 0.0, "n": 1, "c": "b"}, 1.0).number if len(calls) < 2 else None)
        return real(*args)

    monkeypatch.setattr(model, "suggest", slow)
    trial = study.ask()
    assert (trial.number, calls) == (2, [0, 1, None])
    unbroken = make()
    for _ in range(2):
        unbroken.tell({"x": 0.0, "n": 1, "c": "b"}, 1.0)
    assert trial.config == unbroken.ask().config, "asked again with the table as it had become"


def test_a_suggestion_does_not_depend_on_the_order_of_tells(make, loss, outcome):
    def run(order):
        study = make()
        trials = study.ask(4)
        for number in order:
            study.tell(trials[number], loss(trials[number].config))
        return outcome([*study.trials, study.ask()])

    assert run([0, 1, 2, 3]) == run([3, 1, 0, 2])


def test_enqueue_in_a_script_run_again(make, path):
    config = {"x": 0.5, "n": 2, "c": "b"}
    for number in range(3):
        with make(path=path) as study:
            assert study.enqueue(config) == (number == 0)
            assert study.enqueue(config | {"n": 3 + number % 2}) == (number < 2)
            study.optimize(lambda c: 1.0, 1 + number)
    assert [t.config["n"] for t in make(path=path).trials] == [2, 3, 4]


def test_the_files_seed_wins(make, path):
    first = make(path=path, seed=7).ask()
    assert make(path=path, seed=None).seed == 7
    assert make(path=path, seed=7).trials == [first]
    with pytest.raises(ValueError, match=f"{path} has seed=7, got seed=8; leave seed out to use the seed of the file"):
        make(path=path, seed=8)
    drawn = make(path=path.with_name("b.db"), seed=None).seed
    assert make(path=path.with_name("b.db"), seed=None).seed == drawn


def test_another_direction_is_refused(make, path):
    make(path=path, maximize=True)
    with pytest.raises(ValueError, match=f"{path} has maximize=True, got maximize=False"):
        make(path=path)


def test_another_space_is_refused_and_the_difference_named(make, draws, path, space):
    make(path=path)
    smaller = Space({name: space[name] for name in space if name != "n"})
    wider = Space({**space, "n": Integer(1, 6)})
    turned = Space({name: space[name] for name in ("n", "x", "c", "m")})
    for other, words in [
        (smaller, r"n: Integer\(1, 5\) in the file, absent as given"),
        (wider, r"n: Integer\(1, 5\) in the file, Integer\(1, 6\) as given"),
        (turned, "the order of the parameters: number 1 is x in the file, n as given"),
        (Space({**space, "y": Real(0.0, 1.0)}), r"y: absent in the file, Real"),
    ]:
        with pytest.raises(ValueError, match=f"{path} holds a study of another space than the one given: {words}"):
            make(other, strategy=draws(other.encoding), path=path)
    assert make(Space(dict(space)), path=path).trials == []


def test_the_stored_config_is_the_truth(make, path, draws):
    config = {"x": 0.1 + 0.2, "n": 2, "c": "a", "m": 1 / 3}
    with make(path=path) as study:
        study.tell(config, 0.1)
    with closing(connect(path)) as connection:
        assert json.loads(connection.execute("SELECT config FROM trials").fetchone()[0]) == config
    assert repr(make(path=path).trials[0].config) == repr(config)


def test_a_copy_of_the_file_is_the_same_study(make, path, tmp_path, outcome):
    study = make(path=path)
    trial = study.ask()
    shutil.copy(path, tmp_path / "copy.db")
    copy = make(path=tmp_path / "copy.db")
    copy.tell(trial, 1.0)
    assert study.trials[0].status == "pending"
    assert copy.ask().number == 1


def test_a_trial_on_another_host_counts_as_running(make, path):
    study = make(path=path)
    with closing(Storage(path)) as elsewhere:
        elsewhere.insert(0, json.dumps({"x": 0.0, "n": 1, "c": "b"}), current()._replace(host="elsewhere"))
    assert study.ask().number == 1
    assert study.trials[0].status == "pending"
