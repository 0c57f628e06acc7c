"""Kernels of GPy become kernels of jbo."""

from types import SimpleNamespace

import numpy as np
import pytest

import jbo
import jbo.compat.gpy as GPy
import jbo.compat.gpyopt as GPyOpt
from jbo.surrogates import kernels

DOMAIN = [{"name": name, "type": "continuous", "domain": (0, 1)} for name in "abc"]
K = GPy.kern


def kernel_of(kernel):
    """The kernel of the model of an optimisation."""
    optimization = GPyOpt.methods.BayesianOptimization(
        None, DOMAIN, X=[[0.1, 0.2, 0.3]], Y=[[1.0]], seed=0, kernel=kernel
    )
    return optimization.study.strategy.surrogate.kernel


def stand_in(name, **attributes):
    """An object of a class of this name, as GPy's own kernels have them."""
    return type(name, (SimpleNamespace,), {})(input_dim=3, **attributes)


@pytest.mark.parametrize(
    ("kernel", "expected"),
    [
        (K.RBF(3, variance=2.0, lengthscale=[1, 2, 3], ARD=True), kernels.rbf),
        (K.Matern32(3), kernels.matern32),
        (K.Matern52(3, ARD=True), kernels.matern52),
        (K.Exponential(3), kernels.matern12),
        (K.RatQuad(3, power=2.0), kernels.rational_quadratic()),
        (K.StdPeriodic(3, period=2.0), kernels.periodic()),
        (K.Linear(3, ARD=True), kernels.linear()),
        (K.Poly(3, order=2), kernels.polynomial(2)),
        (K.RBF(3) + K.Bias(3) + K.White(3, variance=0.1), kernels.rbf),
        (K.RBF(3) * K.Bias(3), kernels.rbf),
        (K.RBF(3) + K.Matern32(3) + K.Linear(3), kernels.rbf + kernels.matern32 + kernels.linear()),
        (K.RBF(3) * K.Matern32(3), kernels.rbf * kernels.matern32),
        (K.RBF(3).add(K.Matern52(3).prod(K.Linear(3))), kernels.rbf + (kernels.matern52 * kernels.linear())),
        (K.RBF(1, active_dims=[1]), kernels.on(kernels.rbf, "b")),
        (K.RBF(1, active_dims=[0]) + K.RBF(2, active_dims=[1, 2]), kernels.additive(kernels.rbf, ["a"], ["b", "c"])),
        (stand_in("RBF", active_dims=np.arange(3)), kernels.rbf),
        (stand_in("Add", parts=[stand_in("Matern52"), stand_in("White")]), kernels.matern52),
    ],
)
def test_each_kind(kernel, expected):
    """What a search uses for it is what it uses for the kernel of jbo."""
    space = GPyOpt.Design_space(DOMAIN).space
    plain = jbo.bayesian(space, surrogate=jbo.gp(kernel=expected)).surrogate.kernel
    assert repr(kernel_of(kernel)) == repr(plain)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (K.Bias(3), "kernel: expected a kernel that depends on the parameters, got only Bias"),
        (K.RBF(3) * K.White(3), "kernel: expected a product of functions, got White"),
        (K.RBF(1, active_dims=[3]), "kernel: expected active_dims below 3"),
        (stand_in("Coregionalize"), "kernel: expected one of RBF, .* got Coregionalize"),
    ],
)
def test_what_there_is_not(kernel, message):
    with pytest.raises(ValueError, match=message):
        kernel_of(kernel)


def test_a_kernel_reaches_the_model():
    domain = [{"name": "x", "type": "continuous", "domain": (0, 1), "dimensionality": 2}]
    X, Y = [[0.1, 0.2], [0.5, 0.9]], [[1.0], [2.0]]
    kernel = K.RBF(1, active_dims=[0]) + K.Matern32(2)
    for options in ({"kernel": kernel}, {"model": GPyOpt.models.GPModel(kernel=kernel)}):
        optimization = GPyOpt.methods.BayesianOptimization(None, domain, X=X, Y=Y, seed=0, **options)
        parts = optimization.study.strategy.surrogate.kernel.parts
        assert parts[0].chosen == (0,) and parts[1].profile is kernels.matern32.profile
    arms = [{"name": "arm", "type": "bandit", "domain": [(0, 1), (2, 3), (4, 4)]}]
    bandit = GPyOpt.methods.BayesianOptimization(None, arms, X=[[0, 1], [2, 3]], Y=Y, kernel=K.RBF(2), seed=0)
    assert bandit.study.strategy.surrogate.kernel.profile is kernels.rbf.profile


def test_fixing_a_hyperparameter_is_warned_about():
    kernel = K.RBF(2, lengthscale=0.5)
    assert float(kernel.lengthscale[0]) == 0.5
    with pytest.warns(UserWarning, match="fix has no effect: jbo infers the hyperparameters"):
        kernel.lengthscale.fix()
    with pytest.warns(UserWarning, match="set_prior has no effect"):
        kernel.variance.set_prior(None)
