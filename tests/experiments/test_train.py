"""One configuration trained without a search: the default with changes, what has no place left out."""

import pytest

from experiments.model import load_model
from experiments.train import train

from .test_tune import FIXED, TINY


def test_the_default_with_changes_is_trained_and_kept(tmp_path):
    changes = {"optimizer": "sgd", "momentum": 0.5, "learning_rate": 0.05}
    score = train("cnn", TINY, changes, tmp_path / "net", 1)
    assert score == TINY.test(TINY.default | changes, 1)[0]
    _, task, trained = load_model(tmp_path / "net")
    assert trained.structure == task.structure(TINY.default)
    assert float(trained.config.settings.momentum) == 0.5
    lion = train("cnn", TINY, {"optimizer": "lion", "weight_decay": 0.1}, tmp_path / "net", 1)
    assert lion != score
    assert float(load_model(tmp_path / "net")[2].config.settings.weight_decay) == pytest.approx(0.1)


@pytest.mark.parametrize("changes", [{"rate": 1}, {"optimizer": "lion"}, {"dropout": 0.9}, FIXED | {"width": 17}])
def test_what_is_not_of_the_space_is_refused(changes, tmp_path):
    with pytest.raises(ValueError):
        train("cnn", TINY, changes, tmp_path, 1)
    assert not list(tmp_path.iterdir())
