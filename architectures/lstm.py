"""A recurrent network that reads a text and says of which class it is."""

from dataclasses import dataclass

from flax import nnx
from jaxtyping import Array, Float, Int

from architectures.examples import PAD
from architectures.layers import Dropout, activate, drop, embedding, linear, split_dropout
from architectures.recurrent import Recurrent


@dataclass(frozen=True)
class LSTMStructure:
    """What decides the shapes of the network, so each value is a program of its own."""

    num_tokens: int
    """Different tokens there are."""
    num_classes: int
    """Number of outputs."""
    cell: str = "lstm"
    """One of ``recurrent.CELLS``."""
    width: int = 64
    """Units of a recurrent layer and of the dense layer after it."""
    num_layers: int = 1
    """Recurrent layers, at least 1."""
    embedding: int = 32
    """Numbers that stand for a token."""

    def build(self, rngs: nnx.Rngs) -> "LSTM":
        """A network with fresh random weights."""
        return LSTM(self, rngs)


class LSTM(nnx.Module):
    """A network from tokens to one logit for each class, by the last hidden state of its last layer.

    "Last" is the last valid step of each row. The last column of the padded array would be right for the longest row
    only, and an index into the layers takes a layer, not a step.
    """

    def __init__(self, structure: LSTMStructure, rngs: nnx.Rngs):
        """A network of the given structure, weights from ``rngs``."""
        width = structure.width
        self.embed = embedding(structure.num_tokens, structure.embedding, rngs=rngs)
        self.recurrent = Recurrent(structure.cell, structure.embedding, width, structure.num_layers, rngs=rngs)
        self.hidden = linear(width, width, rngs=rngs)
        self.output = linear(width, structure.num_classes, rngs=rngs)

    def __call__(
        self, tokens: Int[Array, "n t"], activation: Int[Array, ""], dropout: Dropout | None
    ) -> Float[Array, "n classes"]:
        """The logits of each row's class.

        Args:
          tokens: Rows filled up with ``PAD`` at their end.
          activation: Of the dense layer, and of the simple cell: an index into ``layers.ACTIVATIONS``; may be traced.
          dropout: Rate and key in training, None in evaluation; between layers, before and after the dense one.
        """
        start = self.recurrent.start(len(tokens))
        _, states = self.recurrent(self.embed(tokens), tokens != PAD, start, activation, split_dropout(dropout, 0))
        last = drop(
            split_dropout(dropout, 1), states[-1].hidden
        )  # [n, h]: of the last layer, after the last valid step
        hidden = drop(split_dropout(dropout, 2), activate(activation, self.hidden(last)))
        return self.output(hidden)  # [n, h] -> [n, classes]
