"""Baselines on the data of the networks: ``python -m experiments.baselines``.

The baselines are character n-grams for the text, logistic regression on character n-grams for the language of a name,
and a copy of the source for translations.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

import tyro
from rich.console import Console
from rich.table import Table
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline

from architectures.data.names import Labelled, name_pairs, name_parts
from architectures.data.text import documentation
from experiments.translation import chrf, exact_match


class WittenBell:
    r"""A language model of character n-grams, each order smoothed by the one below it.

    :math:`p(c \mid h) = (n(hc) + t(h) p(c \mid h')) / (n(h) + t(h))`, where n counts in the text, t(h) is the number of
    different characters seen after h, and h' is h without its first character; below the empty history all characters
    are alike.

    References:
      Witten and Bell, The zero-frequency problem, IEEE Transactions on Information Theory, 1991.
      Chen and Goodman, An empirical study of smoothing techniques for language modeling, 1998, section 2.4.
    """

    def __init__(self, text: str, order: int, num_characters: int):
        """Count the n-grams of a text, up to ``order`` characters long, over ``num_characters`` different ones."""
        self.order, self.num_characters = order, num_characters
        self._after: list[dict[str, Counter[str]]] = [defaultdict(Counter) for _ in range(order)]
        for length, after in enumerate(self._after):
            for end in range(length, len(text)):
                after[text[end - length : end]][text[end]] += 1
        self._totals = [{history: counts.total() for history, counts in after.items()} for after in self._after]

    def probability(self, character: str, history: str) -> float:
        """Probability of a character after a history; at most the last ``order - 1`` characters matter."""
        share = 1 / self.num_characters
        for length, (after, totals) in enumerate(zip(self._after, self._totals, strict=True)):
            if length > len(history):
                break
            seen = history[len(history) - length :]
            if seen not in totals:
                break
            counts = after[seen]
            share = (counts[character] + len(counts) * share) / (totals[seen] + len(counts))
        return share

    def bits_per_character(self, text: str) -> float:
        """The mean over characters of minus log2 of their probability given the earlier characters."""
        reach = self.order - 1
        return -sum(
            math.log2(self.probability(character, text[max(end - reach, 0) : end]))
            for end, character in enumerate(text)
        ) / len(text)


def logistic_regression(train: Labelled, judged: Labelled) -> float:
    """Macro F1 of logistic regression on weighted character n-grams of 1 to 4 within words."""
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), sublinear_tf=True)
    model = make_pipeline(vectors, LogisticRegression(C=10, max_iter=1000))
    model.fit(train.texts, train.labels)
    return float(f1_score(judged.labels, model.predict(judged.texts), average="macro"))


def main(orders: Sequence[int] = (1, 2, 3, 4, 5)) -> None:
    """Print the scores of the baselines.

    Args:
      orders: Lengths of the n-grams of the text, including the predicted character.
    """
    table = Table("data", "method", "metric", "validation", "test")
    text = documentation()
    for order in orders:
        model = WittenBell(text.train, order, len(text.codec.alphabet) + 1)
        bits = [model.bits_per_character(part) for part in (text.validation, text.test)]
        table.add_row("text", f"{order}-gram, Witten-Bell", "bits per character", *(f"{each:.3f}" for each in bits))
    train, *judged = name_parts()
    scores = [logistic_regression(train, part) for part in judged]
    table.add_row("language of a name", "logistic regression", "macro F1", *(f"{each:.4f}" for each in scores))
    _, *pairs = name_pairs()
    for name, measure in (("chrF", chrf), ("exact match", exact_match)):
        copied = [measure(part.sources, part.targets) for part in pairs]
        table.add_row("names, English to German", "copy", name, *(f"{each:.4f}" for each in copied))
    Console().print(table)


if __name__ == "__main__":
    tyro.cli(main)
