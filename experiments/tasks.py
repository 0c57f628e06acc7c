"""Everything that can be tuned, by name."""

from experiments import cnn
from experiments.task import Task

TASKS: dict[str, Task] = {"cnn": cnn.TASK}
