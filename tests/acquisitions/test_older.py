"""Acquisitions without a scale: one version more they search as before, with a warning."""

import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo.acquisitions import Scale, over_sets
from jbo.region import Region
from jbo.strategies import Fitted
from jbo.types import Trials

from ..surrogates.problems import smooth_data
from ..surrogates.smoother import Smoother

SPACE = jbo.Space(a=jbo.Real(0.0, 1.0), b=jbo.Real(0.0, 1.0))


@jbo.pytree
@dataclass(frozen=True)
class Bound:
    """It says nothing of its values, which count as logarithms."""

    pull: float = 1.5

    def prepare(self, key, posterior, data):
        return jnp.sum(data.is_valid)

    def value(self, aux, posterior, x):
        mean, variance = posterior.predict(x[None, :])
        return self.pull * jnp.sqrt(variance[0]) - mean[0]


@jbo.pytree
@dataclass(frozen=True)
class OfValues(Bound):
    is_of_values: ClassVar[bool] = True


@jbo.pytree
@dataclass(frozen=True)
class Positive(Bound):
    is_positive: ClassVar[bool] = True

    def value(self, aux, posterior, x):
        return jnp.exp(Bound.value(self, aux, posterior, x))


@jbo.pytree
@dataclass(frozen=True)
class Logarithm(Bound):
    is_logarithm: ClassVar[bool] = True


KINDS = {Bound: Scale.LOGARITHM, Logarithm: Scale.LOGARITHM, OfValues: Scale.OBJECTIVE, Positive: Scale.GAIN}


def bayesian(acquisition, **options):
    with pytest.warns(DeprecationWarning, match=r"acquisition: .* give it scale = jbo.acquisitions.Scale"):
        # Without the checks of types that tests add.
        return inspect.unwrap(jbo.bayesian)(SPACE, acquisition=acquisition, **options)


@jax.jit
def worth(strategy, params, state, points):
    known = strategy.know(params, state, Region(SPACE.encoding))
    return jax.vmap(strategy.worth(jax.random.key(0), params, state, known))(points)


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_the_worth_of_the_one_with_a_scale(kind, x64):
    """Beside a weight, which acts by what the flags say of the values."""
    new = jbo.pytree(dataclass(frozen=True)(type("New", (kind,), {"scale": KINDS[kind], "__annotations__": {}})))
    older = bayesian(kind(), cost=cost, surrogate=Smoother())
    newer = jbo.bayesian(SPACE, acquisition=new(), cost=cost, surrogate=Smoother())
    assert older.acquisition.scale is KINDS[kind]
    x, y = smooth_data(8, 2)
    state = Trials.from_arrays(jnp.asarray(x), jnp.asarray(y))
    params = Fitted(jnp.full((1, 2), 0.5), ((), ()))
    points = jnp.asarray(np.random.default_rng(0).random((16, 2)))
    one, other = (worth(strategy, params, state, points) for strategy in (older, newer))
    np.testing.assert_array_equal(one, other)
    plain = worth(bayesian(kind(), surrogate=Smoother()), Fitted(params.values, ((),)), state, points)
    assert np.abs(plain - one).max() > 0.05, "the cost counts"


def cost(config):
    return 1 + 9 * config["a"]


@jbo.pytree
@dataclass(frozen=True)
class Around:
    """A wrapper of before, which knows no base class: what is inside of it is seen."""

    acquisition: Any

    def prepare(self, key, posterior, data):
        return self.acquisition.prepare(key, posterior, data)

    def value(self, aux, posterior, x):
        return self.acquisition.value(aux, posterior, x)


def test_what_an_older_wrapper_holds_learns_where_it_may_look_and_is_drawn_once(x64):
    region = Region(SPACE.encoding)
    found = jbo.acquisitions.over_region(bayesian(Around(jbo.knowledge_gradient())).acquisition, region)
    while not hasattr(found, "region"):
        found = found.acquisition
    assert found.region is region
    drawn = bayesian(Around(jbo.thompson_sampling())).acquisition

    class ManySets:
        num_sets = 3

        def sets(self): ...

        def predict(self, x): ...

        def noise_variance(self): ...

    parts = over_sets(drawn, ManySets())
    while hasattr(parts, "acquisition"):
        assert type(parts).__name__ != "OverSets"
        parts = parts.acquisition


def test_a_member_of_a_portfolio_may_be_an_older_one():
    with pytest.warns(DeprecationWarning, match="acquisition: OfValues does not state"):
        both = inspect.unwrap(jbo.portfolio)(jbo.EI(), OfValues())
    assert [member.scale for member in both.members] == [Scale.GAIN, Scale.OBJECTIVE]
    assert jbo.bayesian(SPACE, acquisition=both).acquisition is both


@jbo.pytree
@dataclass(frozen=True)
class OwnScale(OfValues):
    """A number has the name by chance."""

    scale: float = 2.0


def test_a_field_of_that_name_is_no_scale():
    assert bayesian(OwnScale()).acquisition.scale is Scale.OBJECTIVE


def test_what_has_no_methods_is_refused():
    with pytest.raises(TypeError, match="acquisition: expected an acquisition such as"):
        inspect.unwrap(jbo.bayesian)(SPACE, acquisition=3)
