"""Everything that can be tuned, by name."""

from experiments import attention, cnn, lstm, rnn, transformer
from experiments.task import Task

TASKS: dict[str, Task] = {
    "cnn": cnn.TASK,
    "rnn": rnn.TASK,
    "lstm": lstm.TASK,
    "attention": attention.DATES,
    "transformer": transformer.DATES,
    "attention-names": attention.NAMES,
    "transformer-names": transformer.NAMES,
    "attention-names-fr": attention.FRENCH,
    "attention-names-es": attention.SPANISH,
    "transformer-names-fr": transformer.FRENCH,
    "transformer-names-es": transformer.SPANISH,
}
