"""One module for each library; `serve` runs each of them in its own process and environment.

A module has ``make(method, space, seed, num_evaluations)``; `experiments.benchmark.peer.describe` gives the ``space``.
``make`` returns an object with three methods. ``load(configs, values)`` passes earlier trials, ``ask()`` returns a
config, and ``tell(value)`` passes the value of that config.
"""
