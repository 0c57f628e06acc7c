"""What a network of sequences says on the command line is what it computes: with fresh weights, which babble."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tyro
from flax import nnx

from architectures.attention import AttentionStructure
from architectures.data.dates import date_codec
from architectures.data.names import LANGUAGES, name_codec, name_pairs
from architectures.data.text import documentation
from architectures.lstm import LSTMStructure
from architectures.rnn import RNNStructure
from architectures.training import TrainingResult, predict, train_config
from experiments.predict import continue_texts, main, tell_languages
from experiments.task import Trained
from experiments.tasks import TASKS
from experiments.translation import SOURCES, data_of, translations


def trained(structure):
    params = nnx.state(structure.build(nnx.Rngs(0)))
    nothing = jnp.float32(jnp.nan)
    return Trained(structure, train_config(activation="tanh"), TrainingResult(params, jnp.zeros(0), nothing, nothing))


def test_the_languages_told_are_the_likeliest_three():
    model = trained(LSTMStructure(name_codec().num_tokens, len(LANGUAGES), "gru", width=8))
    names = ["Deutschland", "Saksa", "Україна"]  # the last has no character that was ever seen
    rows = name_codec().rows(names, 40)
    shares = jax.nn.softmax(predict(model.structure, model.result.params, rows, model.config.activation))
    for text, share in zip(tell_languages(model, names), np.asarray(shares), strict=True):
        best = np.argsort(-share)[:3]
        assert text == ", ".join(f"{LANGUAGES[index]} ({share[index]:.1%})" for index in best)


def test_a_text_is_continued_the_same_way_from_the_same_seed():
    model = trained(RNNStructure(documentation().codec.num_tokens, width=8))
    first, again, other = (continue_texts(model, ["The ", "An"], 40, 1.0, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert [text.startswith(start) for text, start in zip(first, ["The ", "An"], strict=True)] == [True, True]
    assert all(len(text) <= len(start) + 40 for text, start in zip(first, ["The ", "An"], strict=True))


@pytest.mark.thorough
def test_there_is_a_translation_for_each_text_however_long_the_others_are():
    num_tokens = date_codec().num_tokens
    model = trained(AttentionStructure(num_tokens, num_tokens, width=8))
    texts = ["Monday 6 October 2098", "Dec 25, 2074"]
    together = translations(model, "dates", texts)
    assert together == [translations(model, "dates", [text])[0] for text in texts]
    assert all(len(text) <= 11 for text in together)
    beams = translations(model, "dates", texts, num_beams=3)
    assert beams == [translations(model, "dates", [text], num_beams=3)[0] for text in texts]


def test_each_task_of_translation_has_its_data():
    names = [name for name in TASKS if name.startswith(("attention", "transformer"))]
    assert sorted({data_of(name) for name in names}) == ["dates", "names", "names-es", "names-fr"]
    with pytest.raises(
        ValueError, match="task: expected one of dates, names, .* behind the network's name, got 'rnn-x'"
    ):
        data_of("rnn-x")
    for data, target in (("names", "de"), ("names-fr", "fr"), ("names-es", "es")):
        assert SOURCES[data].pairs() == name_pairs("en", target)
        (shown, _), _, _ = TASKS[f"transformer-{data}"].data().test
        assert name_codec().decode(shown[0]) == name_pairs("en", target)[2].sources[0]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nowhere", "a"], "expected a folder with model.json"),
        (["nowhere"], "inputs: expected at least one"),
        (["nowhere", ""], "inputs: expected at least one, none of them empty"),
        (["nowhere", "a", "--beams", "0"], "beams: expected at least 1, got 0"),
        (["nowhere", "a", "--temperature", "0"], "temperature: expected a positive number, got 0.0"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=message):
        tyro.cli(main, args=arguments)
