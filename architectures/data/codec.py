"""Conversion of text to tokens and back, one token for each character."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Int32

from architectures.examples import PAD

START, END, UNKNOWN = 1, 2, 3
_NUM_SPECIAL = 4


@dataclass(frozen=True)
class Codec:
    """One token for each character. The first four tokens are padding, start, end and unknown; the alphabet follows."""

    alphabet: str
    """The characters that have a token, each once."""

    def __post_init__(self):
        """Reject an alphabet with a repeated character."""
        if len(set(self.alphabet)) != len(self.alphabet):
            raise ValueError(f"alphabet: expected each character once, got {self.alphabet!r}")

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Codec":
        """The codec of all characters that occur in the texts, in the order of their code points."""
        return cls("".join(sorted(set().union(*texts))))

    @property
    def num_tokens(self) -> int:
        """Vocabulary size, including the four special tokens."""
        return _NUM_SPECIAL + len(self.alphabet)

    @cached_property
    def _token_of(self) -> dict[str, int]:
        return {character: token for token, character in enumerate(self.alphabet, start=_NUM_SPECIAL)}

    def encode(self, text: str) -> Int32[np.ndarray, " t"]:
        """The token of each character; a character outside the alphabet becomes ``UNKNOWN``."""
        return np.array([self._token_of.get(character, UNKNOWN) for character in text], np.int32)

    def decode(self, tokens: Iterable[int]) -> str:
        """The text up to the first end or padding token; a start token is skipped and an unknown one becomes U+FFFD."""
        characters = []
        for token in map(int, tokens):
            if token in (END, PAD):
                break
            if token >= _NUM_SPECIAL:
                characters.append(self.alphabet[token - _NUM_SPECIAL])
            elif token == UNKNOWN:
                characters.append("\N{REPLACEMENT CHARACTER}")
        return "".join(characters)

    def rows(self, texts: Sequence[str], length: int, *, with_ends: bool = False) -> Int32[np.ndarray, "n length"]:
        """One row of tokens for each text, padded with ``PAD``.

        Args:
          texts: Texts that fit in a row.
          length: Number of tokens of a row.
          with_ends: If True, each row begins with ``START`` and ends with ``END``, which count toward its length.

        Raises:
          ValueError: If a text does not fit in a row.
        """
        rows = np.full((len(texts), length), PAD, np.int32)
        for row, text in zip(rows, texts, strict=True):
            tokens = self.encode(text)
            if with_ends:
                tokens = np.concatenate([[START], tokens, [END]])
            if len(tokens) > length:
                raise ValueError(f"text: expected at most {length} tokens, got {len(tokens)}: {text!r}")
            row[: len(tokens)] = tokens
        return rows
