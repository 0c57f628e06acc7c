"""One module a library, each run by `serve` in a process and an environment of its own.

A module has ``make(method, space, seed, num_evaluations)``. What that returns has ``load(configs, values)``,
``ask()``, which returns a config, and ``tell(value)`` for it. ``space`` is what `experiments.benchmark.peer.describe`
gives.
"""
