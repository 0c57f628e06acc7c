"""Shares of variance against closed forms: Ishigami, additive and conditional functions."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jbo
from jbo.diagnostics import functional_anova
from jbo.encoding import is_active, level

CUBE = jbo.Space({f"x{i}": jbo.Real(0.0, 1.0) for i in range(3)}).encoding
ERROR = 0.005


@partial(jax.jit, static_argnums=(1, 2, 3))
def _anova(key, function, encoding_of, num_points=4096):
    return functional_anova(key, function, encoding_of(), num_points)


def ishigami(u):
    x = np.pi * (2 * u - 1)
    return jnp.sin(x[:, 0]) + 7 * jnp.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * jnp.sin(x[:, 0])


def test_ishigami(slow_dtype):
    """Variances in closed form: Ishigami and Homma 1990, a = 7, b = 0.1."""
    a, b = 7.0, 0.1
    first = 0.5 * (1 + b * np.pi**4 / 5) ** 2
    second, both = a**2 / 8, b**2 * np.pi**8 * (1 / 18 - 1 / 50)
    whole = first + second + both
    found = _anova(jax.random.key(0), ishigami, lambda: CUBE)
    np.testing.assert_allclose(found.main, np.array([first, second, 0]) / whole, atol=ERROR)
    pair = np.zeros((3, 3))
    pair[0, 2] = pair[2, 0] = both / whole
    np.testing.assert_allclose(found.pair, pair, atol=ERROR)
    np.testing.assert_allclose(found.total, np.array([first + both, second, both]) / whole, atol=ERROR)
    np.testing.assert_allclose([found.mean, found.variance], [a / 2, whole], rtol=ERROR)
    assert all(leaf.dtype == slow_dtype for leaf in found)


def test_an_additive_function_has_no_interaction(x64):
    weights = np.array([1.0, 2.0, 0.0])
    found = _anova(jax.random.key(1), lambda u: u @ weights + 5, lambda: CUBE)
    np.testing.assert_allclose(found.main, weights**2 / np.sum(weights**2), atol=ERROR)
    np.testing.assert_allclose(found.total, found.main, atol=ERROR)
    np.testing.assert_allclose(found.pair, 0, atol=1e-12)
    assert found.main[2] == 0 and found.total[2] == 0
    np.testing.assert_allclose(found.variance, np.sum(weights**2) / 12, rtol=ERROR)


def test_levels_and_conditions(x64):
    """A category of three, and a number that exists at the first: all in closed form."""
    space = jbo.Space(c=jbo.Categorical("a", "b", "z"), m=jbo.Real(0.0, 1.0, when=("c", "a")), n=jbo.Ordinal(1, 2, 4))
    encoding = space.encoding

    def function(u):
        levels = level(encoding, u)
        of_choice = jnp.asarray([0.0, 3.0, 6.0])[levels[:, 0]]
        return of_choice + jnp.where(is_active(encoding, u)[:, 1], 6 * (u[:, 1] - 0.5), 0) + levels[:, 2]

    # f = g(c) + 1[c = a] h(m) + k(n), with variances 6 of g, 3 of h and 2/3 of k; h has mean 0.
    of_c, of_m, of_n = 6.0, 3 / 9, 2 / 3
    of_pair = 3 * (1 / 3) * (2 / 3)
    whole = of_c + of_m + of_n + of_pair
    found = _anova(jax.random.key(2), function, lambda: encoding)
    np.testing.assert_allclose(found.main, np.array([of_c, of_m, of_n]) / whole, atol=ERROR)
    np.testing.assert_allclose(found.pair[0, 1], of_pair / whole, atol=ERROR)
    np.testing.assert_allclose([found.pair[0, 2], found.pair[1, 2]], 0, atol=1e-12)
    np.testing.assert_allclose(found.total[1], (of_m + of_pair) / whole, atol=ERROR)


@pytest.mark.parametrize("value", [0.0, 1e8, -1e-12])
def test_a_flat_function_has_no_shares(slow_dtype, value):
    found = _anova(jax.random.key(0), lambda u: jnp.full(u.shape[0], value, u.dtype), lambda: CUBE, 256)
    assert not np.any(found.main) and not np.any(found.pair) and not np.any(found.total)


def test_one_column(x64):
    encoding = jbo.Space(x=jbo.Real(0, 1)).encoding
    found = _anova(jax.random.key(0), lambda u: u[:, 0] ** 2, lambda: encoding, 256)
    np.testing.assert_allclose(found.main, 1, atol=ERROR)
    assert found.pair.shape == (1, 1) and found.pair[0, 0] == 0
