"""Translations as tasks: dates, judged by exact match, and names, by chrF."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import sacrebleu

import jbo
from architectures.data.codec import END, START, Codec
from architectures.data.dates import date_codec, date_pairs, date_translations
from architectures.data.names import LENGTH, Pairs, name_codec, name_pairs, name_translations
from architectures.decoding import translate
from architectures.examples import Split
from architectures.training import Structure
from experiments.task import Part, Task, Trained

Data = Literal["dates", "names"]

CODECS: dict[Data, Callable[[], Codec]] = {"dates": date_codec, "names": name_codec}
EXAMPLES: dict[Data, Callable[[], Split]] = {"dates": date_translations, "names": name_translations}
PAIRS: dict[Data, Callable[[], tuple[Pairs, Pairs, Pairs]]] = {"dates": date_pairs, "names": name_pairs}
_LENGTHS: dict[Data, int] = {"dates": 11, "names": LENGTH + 1}  # what a target has, with its end


def translations(trained: Trained, data: Data, texts: list[str]) -> list[str]:
    """What a network makes of texts, greedily."""
    codec = CODECS[data]()
    source = codec.rows(texts, max(map(len, texts)))
    tokens = translate(
        trained.structure,
        trained.result.params,
        source,
        trained.config.activation,
        length=_LENGTHS[data],
        start=START,
        end=END,
    )
    return [codec.decode(row) for row in np.asarray(tokens)]


def exact_match(written: list[str], targets: list[str]) -> float:
    """Share of the translations that are right to the last character, in [0, 1]."""
    return float(np.mean([a == b for a, b in zip(written, targets, strict=True)]))


def chrf(written: list[str], targets: list[str]) -> float:
    """F-score of the character n-grams that translations share with the right ones, in [0, 100].

    References:
      Popović, chrF: character n-gram F-score for automatic MT evaluation, WMT 2015; as sacrebleu computes it.
    """
    return sacrebleu.corpus_chrf(written, [targets]).score


METRICS: dict[Data, tuple[str, Callable[[list[str], list[str]], float]]] = {
    "dates": ("exact match", exact_match),
    "names": ("chrF", chrf),
}


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
      data: What is translated; source and target have one alphabet.
      space: As in `Task`.
      default: As in `Task`.
      structural: As in `Task`.
      build: From the number of source tokens, of target tokens, and the structural values by name to a structure.
      num_epochs: As in `Task`.
    """
    metric_name, measure = METRICS[data]

    def build_for_data(**structural_values: Any) -> Structure:
        num_tokens = CODECS[data]().num_tokens
        return build(num_tokens, num_tokens, **structural_values)

    def metric(trained: Trained, part: Part) -> float:
        _, validation, test = PAIRS[data]()
        pairs: Any = {"validation": validation, "test": test}[part]
        return measure(translations(trained, data, pairs.sources), pairs.targets)

    return Task(
        space,
        default,
        structural=structural,
        build=build_for_data,
        data=EXAMPLES[data],
        loss_name="validation cross-entropy (nats per character)",
        metric_name=metric_name,
        metric=metric,
        num_epochs=num_epochs,
    )
