"""Calls of the pure layer that are wrong, and what each says; for `test_pure_errors`, in a process of its own."""

import json
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

import jbo
from jbo import designs, pytree
from jbo.acquisitions import Scale, over_sets
from jbo.maximize import maximize
from jbo.region import Region
from jbo.surrogates import gaussian_process as gp
from jbo.types import Dataset

key, shape = jax.random.key(0), jax.eval_shape
x, y, v = jnp.linspace(0, 1, 10).reshape(5, 2), jnp.arange(5.0) - 2, jnp.ones(5, bool)
data = Dataset(x, y, v)
one = gp.GPParams(jnp.zeros(2), jnp.zeros(()), jnp.zeros(()))
sets = jax.tree.map(lambda leaf: leaf[None], one)
posterior = shape(gp.condition, one, data)
of_two = shape(gp.condition, jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), one), data)


@pytree
@dataclass(frozen=True)
class Vector:
    """An acquisition that forgets to index."""

    scale = Scale.OBJECTIVE

    def prepare(self, key, posterior, data):
        return ()

    def value(self, aux, posterior, x):
        return posterior.predict(x[None, :])[0]


def over_two_sets(posterior):
    acquisition = over_sets(Vector(), posterior)
    return acquisition.value(acquisition.prepare(key, posterior, data), posterior, x[0])


def with_float64():
    with jax.enable_x64(True):
        return gp.condition(one, Dataset(x, jnp.zeros(5, jnp.float64), v))


space, line = jbo.Space(a=jbo.Real(0.0, 1.0), b=jbo.Real(0.0, 1.0)), jbo.Space(a=jbo.Real(0.0, 1.0))
strategy = jbo.random_search(space)
state, region = strategy.init(4), Region(space.encoding)
bayesian = jbo.bayesian(space, acquisition=Vector(), num_initial=1)
box = jbo.trust_region(space, acquisition=Vector(), num_initial=1)


def run(function, searched=strategy, steps=2, **more):
    return jbo.minimize(key, function, searched, steps, **more).y


CASES = {
    "two axes of y": lambda: gp.fit(key, Dataset(x, y[:, None], v)),
    "one axis of x": lambda: gp.fit(key, Dataset(x[:, 0], y, v)),
    "lengths": lambda: gp.condition(one, Dataset(x, y[:3], v)),
    "whole numbers": lambda: gp.condition(one, Dataset(x, jnp.arange(5), v)),
    "float16": lambda: gp.condition(one, Dataset(x.astype(jnp.float16), y, v)),
    "two types": with_float64,
    "is_valid": lambda: gp.log_marginal_likelihood(one, Dataset(x, y, v.astype(jnp.float32))),
    "noise": lambda: jbo.gp().condition(sets, Dataset(x, y, v, noise_variance=jnp.ones(4))),
    "no data": lambda: gp.condition(one, x),
    "a list": lambda: gp.condition(one, Dataset([[0.0, 1.0]], y, v)),
    "parameters as posterior": lambda: gp.predict(sets, x),
    "posterior as parameters": lambda: gp.condition(posterior, data),
    "parameters as posterior of a surrogate": lambda: jbo.gp().predict(sets, x),
    "columns": lambda: shape(lambda p: gp.predict(p, jnp.zeros((3, 3))), posterior),
    "columns of parameters": lambda: gp.condition(one._replace(log_lengthscale=jnp.zeros(3)), data),
    "one point": lambda: shape(lambda p: gp.predict(p, jnp.zeros(2)), posterior),
    "number as key": lambda: gp.fit(0, data),
    "keys": lambda: gp.fit(jax.random.split(key), data),
    "order": lambda: gp.fit(data, key),
    "start of sets": lambda: gp.fit(key, data, sets),
    "is_near": lambda: jbo.gp().fit(key, data, one, "yes"),
    "number of samples": lambda: shape(lambda p: gp.sample(key, p, x, 2.0), posterior),
    "covariance": lambda: shape(lambda p: gp.covariance(p, x, x[:, :1]), posterior),
    "likelihood": lambda: gp.log_marginal_likelihood(one, Dataset(x, y[:, None], v)),
    "forest": lambda: jbo.forest().fit(key, Dataset(x, y[:, None], v), jbo.forest().init(2, x.dtype)),
    "posterior of a forest": lambda: jbo.forest().predict(sets, x),
    "incumbent": lambda: jbo.EI().prepare(key, one, data),
    "matrix as point": lambda: shape(lambda p: jbo.UCB().value(None, p, x), posterior),
    "acquisition": lambda: shape(lambda s: bayesian.ask(key, s), state),
    "acquisition in a trust region": lambda: shape(lambda s: box.ask(key, s), state),
    "acquisition over sets": lambda: shape(over_two_sets, of_two),
    "table of another space": lambda: jbo.random_search(line).ask(key, state),
    "told point": lambda: strategy.tell(state, jnp.zeros(3), 0.1),
    "told value": lambda: strategy.tell(state, jnp.zeros(2), jnp.zeros((1, 1))),
    "told in another order": lambda: strategy.tell(jnp.zeros(2), state, 0.1),
    "rows of a table": lambda: strategy.ask(key, state._replace(y=jnp.zeros((3, 1)))),
    "capacity": lambda: strategy.init(3.5),
    "negative capacity": lambda: strategy.init(-1),
    "weight": lambda: jbo.UCB("2"),
    "margin": lambda: jbo.expected_improvement(None),
    "pending point": lambda: strategy.pend(state, [0.1, 0.2]),
    "maximised vector": lambda: maximize(key, lambda x: x, region, state, jnp.zeros(2)),
    "centre": lambda: maximize(key, lambda x: x[0], region, state, jnp.zeros(3)),
    "design": lambda: designs.sobol(0, 4, 2, jnp.float32),
    "objective: None": lambda: run(lambda c: None),
    "objective: [1]": lambda: run(lambda c: c["a"][None]),
    "objective: dict": lambda: run(lambda c: {"loss": c["a"]}),
    "objective: truth": lambda: run(lambda c: c["a"] > 0.5),
    "objective: float()": lambda: run(lambda c: float(c["a"])),
    "objective: numpy": lambda: run(lambda c: np.sin(c["a"])),
    "objective: if": lambda: run(lambda c: 1.0 if c["a"] > 0.5 else 0.0),
    "objective: name": lambda: run(lambda c: c["z"]),
    "objective: strategy": lambda: run(lambda c: c["a"], space),
    "objective: steps": lambda: run(lambda c: c["a"], steps=2.0),
    "objective: under jit": lambda: jax.jit(lambda s: run(lambda c: c["a"], s))(strategy),
    "objective: space": lambda: run(lambda c: c["a"], space=line),
    "right": lambda: shape(gp.condition, sets, replace(data, y_scale=jnp.ones(()))).alpha.dtype,
    "right: NumPy": lambda: shape(lambda: gp.condition(one, Dataset(*map(np.asarray, (x, y, v))))).alpha.dtype,
    "right: whole number": lambda: run(lambda c: 1).tolist(),
    "right: start": lambda: shape(lambda s: gp.fit(key, data, s), one)[0].log_lengthscale.shape,
}

said = {}
for name, call in CASES.items():
    try:
        said[name] = str(call())
    except Exception as error:
        said[name] = f"{type(error).__name__}: {error}"
print(json.dumps(said))
