"""How translations are judged: dates by exact match, names by chrF."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import sacrebleu

from architectures.data.codec import END, START, Codec
from architectures.data.dates import date_codec, date_pairs, date_translations
from architectures.data.names import LENGTH, Pairs, name_codec, name_pairs, name_translations
from architectures.decoding import translate
from architectures.examples import Split
from experiments.task import Metric, Part, Trained

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


def metric(data: Data) -> Metric:
    """How translations of these data are judged."""

    def measure(trained: Trained, part: Part) -> float:
        _, validation, test = PAIRS[data]()
        pairs: Any = {"validation": validation, "test": test}[part]
        return METRICS[data][1](translations(trained, data, pairs.sources), pairs.targets)

    return measure
