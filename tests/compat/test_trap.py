"""The function of a well-known tutorial, from two given evaluations with a known noise."""

import numpy as np

from jbo.compat.gpyopt.methods import BayesianOptimization


def test_a_known_noise_does_not_hold_a_search_at_a_local_optimum():
    """Minimised, so that it does not depend on the sign of ``Y``."""

    def f(x):
        return np.sin(3 * x) + x**2 - 0.7 * x

    X = np.array([[-0.9], [1.1]])
    domain = [{"name": "x", "type": "continuous", "domain": (-1, 2)}]
    optimization = BayesianOptimization(f, domain, X=X, Y=f(X), noise_var=0.04, seed=0)
    optimization.run_optimization(max_iter=28)
    assert len(optimization.X) == 30
    assert f(optimization.X).min() < -0.500359626622898 + 0.01
