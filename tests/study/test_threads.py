from concurrent.futures import ThreadPoolExecutor

from tests.selection import some


@some(("num_studies", "in_file"), [(1, True), (2, True), (1, False)])
def test_threads_share_a_study(make, tmp_path, loss, outcome, num_studies, in_file):
    studies = [make(path=tmp_path / "a.db" if in_file else None) for _ in range(num_studies)]

    def work(worker):
        study = studies[worker % num_studies]
        for turn in range(6):
            if turn == 3:
                study.tell({"x": worker / 10, "n": 1, "c": "b"}, 1.0)
                continue
            trial = study.ask()
            if trial.number % 5 == 0:
                study.tell(trial, failed="by chance")
            else:
                study.tell(trial, loss(trial.config))
            assert study.trials[trial.number].status != "pending"

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    trials = studies[-1].trials
    assert [t.number for t in trials] == list(range(36))
    assert all(t.status != "pending" for t in trials)
    own = [t for t in trials if t.value == 1.0 and t.config["n"] == 1]
    assert sorted(t.config["x"] for t in own) == [worker / 10 for worker in range(6)]
    serial = make()
    expected = {t.number: t.config for t in serial.ask(36)}
    told = {t.number for t in own}
    assert all(t.config == expected[t.number] for t in trials if t.number not in told)


def test_one_trial_is_told_once_by_whoever_is_first(make):
    study = make()
    trial = study.ask()

    def tell(value):
        try:
            study.tell(trial, value)
        except ValueError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(tell, range(8)))
    winner = said.index(None)
    assert study.best.value == winner
    assert [s for s in said if s] == [
        f"trial: expected one result for trial 0, got {float(v)} after {float(winner)}" for v in range(8) if v != winner
    ]
