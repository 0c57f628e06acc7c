"""Importance beside Optuna's functional ANOVA, which is of a random forest: two models of the same values."""

import jax
import jax.numpy as jnp
import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator, get_param_importances

import jbo
from jbo.diagnostics import functional_anova, importance, view_model

from .conftest import SPACE, accuracy

DISTRIBUTIONS = {
    "rate": FloatDistribution(1e-4, 1.0, log=True),
    "layers": IntDistribution(1, 6),
    "kind": CategoricalDistribution(["a", "b"]),
    "idle": FloatDistribution(0.0, 1.0),
}


def shares_of_optuna(distributions, configs, values):
    study = optuna.create_study()
    for config, value in zip(configs, values, strict=True):
        study.add_trial(optuna.create_trial(params=config, distributions=distributions, value=float(value)))
    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(n_trees=256, seed=0))
    return np.array([found[name] for name in distributions])


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.mark.thorough  # a minute in Optuna; test_anova.py has the shares of such functions by default
def test_a_function_that_both_see_all_of():
    """Without interactions, of which Optuna tells none: shares 16, 4, 1 and 0 of 21, hers within 0.05."""
    weights = np.array([4.0, 2.0, 1.0, 0.0])
    x = np.random.default_rng(0).random((600, 4))
    distributions = {f"x{i}": FloatDistribution(0.0, 1.0) for i in range(4)}
    configs = [dict(zip(distributions, map(float, row), strict=True)) for row in x]
    hers = shares_of_optuna(distributions, configs, x @ weights)
    encoding = jbo.Space({name: jbo.Real(0.0, 1.0) for name in distributions}).encoding
    with jax.enable_x64(True):
        ours = functional_anova(jax.random.key(0), lambda u: u @ jnp.asarray(weights), encoding, 4096).main
    np.testing.assert_allclose(ours, weights**2 / np.sum(weights**2), atol=5e-3)
    np.testing.assert_allclose(hers, ours, rtol=0, atol=0.05)


@pytest.mark.thorough
def test_a_study_of_mixed_parameters_as_the_model_sees_it():
    """The model from 40 trials, hers from 600, none of which failed: within 0.1 of each other, in the same order."""
    rng = np.random.default_rng(0)
    configs = [SPACE.decode(rng.random(len(SPACE))) for _ in range(600)]
    with jbo.Study(SPACE, maximize=True, seed=0) as study:
        for config in configs[:40]:
            study.tell(config, accuracy(config))
        view = view_model(study)
    hers = shares_of_optuna(DISTRIBUTIONS, configs, [-accuracy(config) for config in configs])
    found = importance(view)
    main = np.array([found.main[name] for name in SPACE.names])
    np.testing.assert_allclose(main / main.sum(), hers, rtol=0, atol=0.1)
    assert np.argmax(main) == np.argmax(hers) == 0
