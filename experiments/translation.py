"""Translation tasks: dates, with the metric exact match, and names, with the metric chrF."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, cast

import numpy as np
import sacrebleu

import jbo
from architectures.data.codec import END, START, Codec
from architectures.data.dates import date_codec, date_pairs, date_translations
from architectures.data.names import LENGTH, Pairs, name_codec, name_pairs, name_translations
from architectures.decoding import beam_search, translate
from architectures.examples import Split
from architectures.training import Structure
from experiments.task import Part, Task, Trained

Data = Literal["dates", "names", "names-fr", "names-es"]
"""Dates to ISO, and names from English to German, French and Spanish."""


class Source(NamedTuple):
    """Data of a translation task."""

    codec: Callable[[], Codec]
    """Function that returns the codec of source and target, which share an alphabet."""
    examples: Callable[[], Split]
    """Function that returns the examples as tokens."""
    pairs: Callable[[], tuple[Pairs, Pairs, Pairs]]
    """Function that returns the texts, in the same parts."""
    length: int
    """Maximum number of tokens of a target, including the end token."""


def _names(target: str) -> Source:
    return Source(name_codec, lambda: name_translations("en", target), lambda: name_pairs("en", target), LENGTH + 1)


SOURCES: dict[Data, Source] = {
    "dates": Source(date_codec, date_translations, date_pairs, 11),
    "names": _names("de"),
    "names-fr": _names("fr"),
    "names-es": _names("es"),
}


def data_of(task: str) -> Data:
    """The data of a translation task.

    Args:
      task: Name of the task: the network, a hyphen and the data. Dates have no hyphen and no name of the data.

    Raises:
      ValueError: The data are unknown.
    """
    data = task.partition("-")[2] or "dates"
    if data not in SOURCES:
        raise ValueError(f"task: expected one of {', '.join(SOURCES)} behind the network's name, got {task!r}")
    return cast(Data, data)


def translations(trained: Trained, data: Data, texts: list[str], num_beams: int = 1) -> list[str]:
    """Translations of texts by a network.

    Args:
      trained: A network that translates.
      data: Data that it was trained on.
      texts: Texts to translate.
      num_beams: Number of prefixes of the beam search; 1 is greedy.
    """
    codec, options = SOURCES[data].codec(), dict(length=SOURCES[data].length, start=START, end=END)
    source = codec.rows(texts, max(map(len, texts)))
    network: Any = trained.structure, trained.result.params, source, trained.config.activation
    if num_beams == 1:
        tokens = translate(*network, **options)
    else:
        tokens, _ = beam_search(*network, **options, num_beams=num_beams)
    return [codec.decode(row) for row in np.asarray(tokens)]


def exact_match(written: list[str], targets: list[str]) -> float:
    """Fraction of the translations that equal the target in every character, in [0, 1]."""
    return float(np.mean([a == b for a, b in zip(written, targets, strict=True)]))


def chrf(written: list[str], targets: list[str]) -> float:
    """F-score of the character n-grams that the translations share with the targets, in [0, 100].

    References:
      Popović, chrF: character n-gram F-score for automatic MT evaluation, WMT 2015; as sacrebleu computes it.
    """
    return sacrebleu.corpus_chrf(written, [targets]).score


def translation_task(
    data: Data,
    space: jbo.Space,
    default: dict[str, Any],
    structural: tuple[str, ...],
    build: Callable[..., Structure],
    num_epochs: int,
) -> Task:
    """The task of translating these data.

    Args:
      data: Data of the task; source and target share an alphabet.
      space: As in `Task`.
      default: As in `Task`.
      structural: As in `Task`.
      build: From the number of source tokens, of target tokens, and the structural values by name to a structure.
      num_epochs: As in `Task`.
    """
    measure = exact_match if data == "dates" else chrf

    def build_for_data(**structural_values: Any) -> Structure:
        num_tokens = SOURCES[data].codec().num_tokens
        return build(num_tokens, num_tokens, **structural_values)

    def metric(trained: Trained, part: Part) -> float:
        _, validation, test = SOURCES[data].pairs()
        pairs: Any = {"validation": validation, "test": test}[part]
        return measure(translations(trained, data, pairs.sources), pairs.targets)

    return Task(
        space,
        default,
        structural=structural,
        build=build_for_data,
        data=SOURCES[data].examples,
        loss_name="validation cross-entropy (nats per character)",
        metric_name="exact match" if data == "dates" else "chrF",
        metric=metric,
        num_epochs=num_epochs,
    )
