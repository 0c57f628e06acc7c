"""`jbo.testing` passes what is right and says of what is wrong what to do."""

import dataclasses
import inspect
from dataclasses import dataclass, field
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo import Categorical, Integer, Real, Space
from jbo.acquisitions import FrontAcquisition, Scale
from jbo.strategies import AskInfo, Strategy
from jbo.surrogates import FitInfo
from jbo.testing import check_acquisition, check_strategy, check_surrogate

SPACE = Space(a=Real(0.0, 1.0), b=Integer(1, 9))
RNG = np.random.default_rng(0)


@jbo.pytree
@dataclass(frozen=True)
class EnsemblePosterior:
    """Networks of one hidden layer, each with its own weights: they agree near the data and part away from them."""

    weights: Any
    noise: Any

    def noise_variance(self):
        return self.noise

    def predict(self, x):
        values = jax.vmap(network, (0, None))(self.weights, x)
        return values.mean(0), values.var(0) + 1e-6


def network(weights, x):
    hidden = jnp.tanh(x @ weights["first"] + weights["offset"][None, :])
    return hidden @ weights["second"]


@jbo.pytree
@dataclass(frozen=True)
class Ensemble:
    """A deep ensemble as `docs/extend.md` says: the axis of parameters in front is one of sets, the next of members."""

    noise: float = 0.01
    num_members: int = field(default=4, metadata={"static": True})
    num_steps: int = field(default=40, metadata={"static": True})
    is_smooth: ClassVar[bool] = True
    uses_start: ClassVar[bool] = False

    def bind(self, encoding):
        return self

    def init(self, num_columns, dtype):
        m = self.num_members
        return {
            "first": jnp.zeros((m, num_columns, 16), dtype),
            "offset": jnp.zeros((m, 16), dtype),
            "second": jnp.zeros((m, 16), dtype),
        }

    def fit(self, key, data, start):
        count = jnp.maximum(jnp.sum(data.is_valid), 1).astype(data.y.dtype)
        x, y = jnp.where(data.is_valid[:, None], data.x, 0.5), jnp.where(data.is_valid, data.y, 0)

        def loss(weights):
            errors = jnp.where(data.is_valid, network(weights, x) - y, 0)
            return jnp.sum(errors**2) / count + 1e-3 * sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(weights))

        def step(weights, _):
            return jax.tree.map(lambda w, g: w - 0.1 * g, weights, jax.grad(loss)(weights)), None

        def train(key, start):
            keys = iter(jax.random.split(key, len(start)))
            first = jax.tree.map(lambda leaf: jax.random.normal(next(keys), leaf.shape, leaf.dtype), start)
            return jax.lax.scan(step, first, None, length=self.num_steps)[0]

        members = jax.vmap(train)(jax.random.split(key, self.num_members), start)
        info = FitInfo(jnp.zeros((), data.y.dtype), jnp.asarray(self.num_steps, jnp.int32), jnp.asarray(True))
        return jax.tree.map(lambda leaf: leaf[None], members), info  # one set

    def condition(self, params, data):
        members = jax.tree.map(lambda leaf: leaf[0], params)  # of the one set
        return EnsemblePosterior(members, jnp.asarray(self.noise, data.y.dtype))

    def predict(self, posterior, x):
        return posterior.predict(x)


def test_an_ensemble_written_as_the_guide_says_passes_and_searches(x64):
    ensemble = Ensemble()
    check_surrogate(ensemble)
    space = Space(x=Real(0.0, 1.0))
    strategy = jbo.bayesian(space, surrogate=ensemble, acquisition=jbo.LCB(), num_initial=4)
    run = jax.jit(lambda key: jbo.minimize(key, lambda c: (c["x"] - 0.3) ** 2, strategy, 10))
    assert run(jax.random.key(0)).best_y[-1] < 0.01


def but(**changes):
    """The ensemble with other methods, or without them where None is given."""
    own = {name: value for name, value in changes.items() if value is not None}
    cls = type("Ensemble", (Ensemble,), own | {"__annotations__": {}})
    cls = jbo.pytree(dataclass(frozen=True)(cls))
    for name in [name for name, value in changes.items() if value is None]:
        setattr(cls, name, None)
    return cls()


def posterior_with(**methods):
    cls = jbo.pytree(dataclass(frozen=True)(type("P", (EnsemblePosterior,), methods | {"__annotations__": {}})))
    return lambda self, params, data: cls(jax.tree.map(lambda leaf: leaf[0], params), jnp.asarray(0.01, data.y.dtype))


@dataclass(frozen=True)
class NoPytree(Ensemble):
    pass


@jbo.pytree
@dataclass(frozen=True)
class StaticFloat(Ensemble):
    rate: float = field(default=0.1, metadata={"static": True})


@jbo.pytree
@dataclass(frozen=True)
class Text(Ensemble):
    activation: str = "tanh"


WRONG_SURROGATES = {
    "class": (Ensemble, r"expected an object, got Ensemble itself; call it: Ensemble\("),
    "no methods": (but(bind=None, init=None), r"add bind\(self, encoding\); init\(self, num_columns, dtype\)"),
    "arguments": (but(fit=lambda self, data, start: None), r"fit: expected the arguments \(self, key, data, start\)"),
    "near": (but(uses_start=True), r"fit: expected the arguments \(self, key, data, start, is_near\)"),
    "order": (but(fit=lambda self, data, key, start: None), r"fit: expected the arguments in the order \(key, data"),
    "no flag": (but(is_smooth=None), r"is_smooth: expected a ClassVar\[bool\], True if predictions have a gradient"),
    "no pytree": (NoPytree(), r"is no pytree; write @jbo.pytree above @dataclass"),
    "static float": (StaticFloat(), "field rate: is a float and static, so that each value"),
    "text": (Text(), r"field .activation: expected a number or an array, got str; structure is marked field\("),
    "no axis": (
        but(fit=lambda self, key, data, start: (start, Ensemble().fit(key, data, start)[1])),
        r"fit: expected a leading axis of hyperparameter samples, shape \(s, .*leaf\[None\]",
    ),
    "no info": (but(fit=lambda self, key, data, start: start), r"fit: expected \(params, jbo.surrogates.FitInfo\("),
    "python": (
        but(fit=lambda self, key, data, start: (start, float(data.y[0]))),
        "fit: cannot be traced by JAX, .*without jax.jit it runs: it needs the value of something that is traced",
    ),
    "one set": (
        but(condition=lambda self, params, data: EnsemblePosterior(params, jnp.asarray(0.01, data.y.dtype))),
        "condition: fails with the parameters that fit gives and works with one set; it receives them with a leading",
    ),
    "axis of sets": (
        but(condition=posterior_with(predict=lambda self, x: EnsemblePosterior.predict(self, x)[0])),
        r"posterior.predict: expected shapes \[\(5,\), \(5,\)\] \(mean, variance\) for 5 points",
    ),
    "no noise": (but(condition=posterior_with(noise_variance=None)), "posterior with noise_variance"),
    "negative": (
        but(condition=posterior_with(predict=lambda self, x: (x[:, 0], -x[:, 0]))),
        r"posterior.predict: expected variances of at least 0, got -.*jnp.maximum\(variance, 0\)",
    ),
    "type": (
        but(condition=posterior_with(predict=lambda self, x: (x[:, 0], x[:, 0].astype(jnp.float16)))),
        "variance: expected float32, the type of the data, got float16",
    ),
    "steps": (
        but(condition=posterior_with(predict=lambda self, x: (jnp.round(x[:, 0]), jnp.ones_like(x[:, 0])))),
        "is_smooth is True, so the mean needs a finite gradient that is not 0 everywhere",
    ),
    "padding": (
        but(fit=lambda self, key, data, start: Ensemble.fit(self, key, all_valid(data), start)),
        "fit: rows that are not valid change the predictions",
    ),
}


def all_valid(data):
    return dataclasses.replace(data, is_valid=jnp.ones_like(data.is_valid))


@pytest.mark.parametrize("kind", WRONG_SURROGATES)
def test_a_wrong_surrogate_is_told_what_to_do(kind):
    part, message = WRONG_SURROGATES[kind]
    with pytest.raises(AssertionError, match=message):
        inspect.unwrap(check_surrogate)(part)


@jbo.pytree
@dataclass(frozen=True)
class Curious:
    scale = Scale.LOGARITHM

    pull: float = 0.1

    def prepare(self, key, posterior, data):
        return ()

    def value(self, aux, posterior, x):
        mean, variance = posterior.predict(x[None, :])
        return jnp.log(variance[0]) - self.pull * mean[0]


def acquisition(**methods):
    return jbo.pytree(dataclass(frozen=True)(type("Own", (Curious,), methods | {"__annotations__": {}})))()


WRONG_ACQUISITIONS = {
    "function": (jbo.EI, r"expected an object, got expected_improvement itself; call it"),
    "no value": (acquisition(value=None), r"add value\(self, aux, posterior, x\)"),
    "vector": (
        acquisition(value=lambda self, aux, posterior, x: posterior.predict(x[None, :])[0]),
        r"value: expected a scalar for one point, got shape \(1,\); .*mean\[0\]",
    ),
    "whole number": (
        acquisition(value=lambda self, aux, posterior, x: jnp.argmax(x)),
        "value: expected float32, .* got int32",
    ),
    "constant": (acquisition(value=lambda self, aux, posterior, x: 0 * x[0]), "value: the same at all points"),
    "NaN": (acquisition(value=lambda self, aux, posterior, x: jnp.log(-x[0])), "value: expected numbers, got"),
    "slope": (
        acquisition(value=lambda self, aux, posterior, x: jnp.sqrt(0 * x[0]) + x[1]),
        "its gradient in x is not finite",
    ),
    "padding": (
        acquisition(
            prepare=lambda self, key, posterior, data: jnp.min(data.y),
            value=lambda self, aux, posterior, x: (aux - posterior.predict(x[None, :])[0])[0],
        ),
        "rows that are not valid change the values; reduce over",
    ),
    "no scale": (acquisition(scale=None), "scale: expected one of jbo.acquisitions.Scale"),
    "positive": (acquisition(scale=Scale.GAIN), "scale: is Scale.GAIN, but a value is -"),
    "python": (
        acquisition(value=lambda self, aux, posterior, x: float(x[0])),
        "value: cannot be traced by JAX, .*without",
    ),
}


@jbo.pytree
@dataclass(frozen=True)
class Nearest(FrontAcquisition):
    """How much better than each trial, in the objective where it is most."""

    def prepare(self, key, posteriors, front):
        return jnp.where(front.counts[:, None], front.mean, front.reference)

    def value(self, aux, posteriors, x):
        mean, _ = jax.vmap(lambda posterior: posterior.predict(x[None, :]))(posteriors)
        return jnp.min(jnp.max(aux - mean[:, 0], axis=1))


def of_several(**methods):
    return jbo.pytree(dataclass(frozen=True)(type("Own", (Nearest,), methods | {"__annotations__": {}})))()


WRONG_ACQUISITIONS |= {
    "several: arguments": (
        of_several(prepare=lambda self, key, posteriors: ()),
        r"prepare: expected the arguments \(self, key, posteriors, front\), got \(self, key, posteriors\)",
    ),
    "several: vector": (
        of_several(value=lambda self, aux, posteriors, x: jnp.max(aux - x[0], axis=1)),
        r"value: expected a scalar for one point, got shape \(8,\)",
    ),
    "several: padding": (
        of_several(prepare=lambda self, key, posteriors, front: front.mean),
        r"rows that are not valid change the values; reduce over jnp.where\(front.counts",
    ),
}


@pytest.mark.parametrize("kind", WRONG_ACQUISITIONS)
def test_a_wrong_acquisition_is_told_what_to_do(kind):
    part, message = WRONG_ACQUISITIONS[kind]
    with pytest.raises(AssertionError, match=message):
        inspect.unwrap(check_acquisition)(part)


@jbo.pytree
@dataclass(frozen=True)
class Steps(Strategy):
    def suggest(self, key, state, region):
        key = jax.random.fold_in(key, jnp.sum(state.status != 0))
        x = region.place(jax.random.uniform(key, state.x.shape[1:], state.x.dtype))
        return x, AskInfo(jnp.asarray(True))


def strategy(suggest):
    return jbo.pytree(dataclass(frozen=True)(type("Own", (Steps,), {"suggest": suggest, "__annotations__": {}})))(
        SPACE.encoding
    )


def centre(state):
    return jnp.full(state.x.shape[1:], 0.5, state.x.dtype)


WRONG_STRATEGIES = {
    "function": (jbo.random_search, "call it: random_search"),
    "no strategy": (Curious(), r"expected one derived from jbo.strategies.Strategy"),
    "no info": (strategy(lambda self, key, state, region: (centre(state), ())), r"expected info.is_new, a truth value"),
    "shape": (
        strategy(lambda self, key, state, region: (centre(state)[None], AskInfo(jnp.asarray(True)))),
        r"suggest: x: expected shape \(2,\), got \(1, 2\)",
    ),
    "not placed": (
        strategy(lambda self, key, state, region: (centre(state) + 0.07, AskInfo(jnp.asarray(True)))),
        r"expected a point of the space, got .*region.place\(x\)",
    ),
    "again": (
        strategy(lambda self, key, state, region: (region.place(centre(state)), AskInfo(jnp.asarray(True)))),
        r"says is_new of a point that is in the table; ask jbo.types.is_taken",
    ),
    "chance": (
        strategy(
            lambda self, key, state, region: (
                region.place(jnp.asarray(jax.pure_callback(lambda: RNG.random(2, np.float32), centre(state)))),
                AskInfo(jnp.asarray(True)),
            )
        ),
        "two calls with one key and one table differ",
    ),
}


@pytest.mark.parametrize("kind", WRONG_STRATEGIES)
def test_a_wrong_strategy_is_told_what_to_do(kind):
    part, message = WRONG_STRATEGIES[kind]
    with pytest.raises(AssertionError, match=message):
        inspect.unwrap(check_strategy)(part)


SURROGATES = {
    "gp": jbo.gp,
    "forest": lambda: jbo.forest(num_trees=4),
    "mcmc": lambda: jbo.gp_mcmc(num_warmup=4, num_sets=2, thinning=1),
    "saas": lambda: jbo.gp_saas(num_warmup=4, num_sets=2, thinning=1),
    "warped": lambda: jbo.gp(warps_output=True),
    "slope": lambda: jbo.gp(noise_slope_prior=(0.0, 1.0)),
}
ACQUISITIONS = {
    "EI": jbo.EI,
    "log EI": jbo.log_expected_improvement,
    "log EQI": jbo.log_expected_quantile_improvement,
    "PI": jbo.PI,
    "log PI": jbo.log_probability_of_improvement,
    "UCB": jbo.UCB,
    "scheduled": jbo.scheduled_confidence_bound,
    "NEI": lambda: jbo.log_noisy_expected_improvement(num_samples=16),
    "MES": lambda: jbo.max_value_entropy_search(num_samples=8, num_points=128),
    "KG": lambda: jbo.knowledge_gradient(num_points=16),
    "Thompson": jbo.thompson_sampling,
    "portfolio": jbo.portfolio,
    "several": Nearest,
    "EHVI": jbo.log_expected_hypervolume_improvement,
    "NEHVI": lambda: jbo.log_noisy_expected_hypervolume_improvement(4),
    "scalarization": jbo.hypervolume_scalarization,
    "ParEGO": jbo.parego,
}
MIXED = Space(a=Real(0.0, 1.0), b=Integer(1, 9), c=Categorical("x", "y", "z"))
STRATEGIES = {
    "random": jbo.random_search,
    "sobol": jbo.sobol_search,
    "grid": jbo.grid_search,
    "parzen": jbo.parzen,
    "trust region": lambda space: jbo.trust_region(space, num_candidates=64, num_initial=3),
    "bayesian": lambda space: jbo.bayesian(space, num_initial=3),
}
QUICK = {"forest", "UCB", "several", "scalarization", "ParEGO", "random"}


def some(members):
    return [name if name in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in members]


@pytest.mark.parametrize("name", some(SURROGATES))
def test_own_surrogates_pass(name):
    check_surrogate(SURROGATES[name]())


@pytest.mark.parametrize("name", some(ACQUISITIONS))
def test_own_acquisitions_pass(name):
    check_acquisition(ACQUISITIONS[name]())


@pytest.mark.parametrize("name", some(STRATEGIES))
def test_own_strategies_pass(name):
    check_strategy(STRATEGIES[name](MIXED))
