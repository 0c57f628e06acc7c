"""What a model and an acquisition say at rows, in GPyOpt's units and signs."""

import numpy as np
import pytest
from scipy.stats import norm

import jbo.compat.gpyopt as GPyOpt
from jbo.compat.gpyopt.methods import BayesianOptimization

LINE = [{"name": "x", "type": "continuous", "domain": (-1, 2)}]
X = np.linspace(-1, 2, 9)[:, None]
Y = 50 + 20 * np.sin(2 * X)


def build(**options):
    return BayesianOptimization(None, LINE, X=X, Y=Y, exact_feval=True, seed=0, **options)


@pytest.fixture(scope="module")
def line():
    return build()


def test_predictions_are_of_standardised_values(line):
    mean, deviation = line.model.predict(X)
    assert mean.shape == deviation.shape == (9, 1)
    np.testing.assert_allclose(mean, (Y - Y.mean()) / Y.std(), atol=2e-3)
    assert deviation.max() < 0.02, "there is no noise at the data"
    between = X[:-1] + 0.1875
    mean, deviation = line.model.predict(between)
    truth = (50 + 20 * np.sin(2 * between) - Y.mean()) / Y.std()
    assert np.abs(mean - truth).max() < 0.1 and (np.abs(mean - truth) < 4 * deviation).all()
    np.testing.assert_array_equal(line.model.model.X, X)
    np.testing.assert_allclose(line.model.model.Y, (Y - Y.mean()) / Y.std())
    _, variance = line.model.model.predict(between)
    np.testing.assert_allclose(variance, deviation**2)
    assert line.model.get_fmin() == pytest.approx(((Y - Y.mean()) / Y.std()).min(), abs=2e-3)


def test_without_normalize_they_are_in_the_users_units(line):
    with pytest.warns(UserWarning, match="normalize_Y=False"):
        raw = build(normalize_Y=False)
    mean, deviation = raw.model.predict(X + 0.05)
    of_line = line.model.predict(X + 0.05)
    np.testing.assert_allclose(mean, of_line[0] * Y.std() + Y.mean())
    np.testing.assert_allclose(deviation, of_line[1] * Y.std())


def test_maximising_models_the_negative(line):
    high = BayesianOptimization(None, LINE, X=X, Y=-Y, exact_feval=True, maximize=True, sign="user", seed=0)
    np.testing.assert_allclose(high.model.predict(X)[0], line.model.predict(X)[0])


def test_expected_improvement_with_its_sign_turned(line):
    x = np.linspace(-1, 2, 200)[:, None]
    value = line.acquisition.acquisition_function(x)
    assert value.shape == (200, 1) and (value <= 0).all()
    mean, deviation = line.model.predict(x, with_noise=False)
    # Below the median values are not compressed: there it is the textbook's, but for the jitter's unit.
    u = (line.model.get_fmin() - mean) / deviation
    textbook = (line.model.get_fmin() - mean) * norm.cdf(u) + deviation * norm.pdf(u)
    is_good = mean[:, 0] < -0.5
    assert is_good.sum() > 20 and (-value[is_good] <= textbook[is_good] + 1e-6).all()
    assert abs(x[np.argmin(value), 0] - line.suggest_next_locations()[0, 0]) < 0.05
    point, best = line.acquisition.optimize()
    np.testing.assert_array_equal(point, line.suggest_next_locations())
    assert best[0, 0] == pytest.approx(value.min(), rel=0.2)


def test_a_bound_is_mean_less_deviations():
    bound = build(acquisition_type="LCB", acquisition_weight=1.5)
    x = np.linspace(0.5, 2, 40)[:, None]
    mean, deviation = bound.model.predict(x, with_noise=False)
    is_good = (mean[:, 0] < -0.2) & (deviation[:, 0] < 0.1)
    assert is_good.sum() > 5
    value = bound.acquisition.acquisition_function(x)
    np.testing.assert_allclose(value[is_good], (mean - 1.5 * deviation)[is_good], atol=1e-6)


def test_gradients_are_those_of_the_predictions(line):
    x, step = np.array([[0.3], [1.3]]), 1e-4
    mean, _, of_mean, of_deviation = line.model.predict_withGradients(x)
    assert mean.shape == (2, 1) and of_mean.shape == of_deviation.shape == (2, 1)
    up, down = line.model.predict(x + step), line.model.predict(x - step)
    np.testing.assert_allclose(of_mean, (up[0] - down[0]) / (2 * step), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(of_deviation, (up[1] - down[1]) / (2 * step), rtol=1e-2, atol=1e-4)


def test_a_model_alone_learns_and_predicts(line):
    model = GPyOpt.models.GPModel(exact_feval=True)
    assert model.model is None
    with pytest.raises(ValueError, match="^model: expected evaluations, got none yet"):
        model.predict(X)
    model.updateModel(X, (Y - Y.mean()) / Y.std(), [], [])
    mean, deviation = model.predict(X)
    np.testing.assert_allclose(mean, (Y - Y.mean()) / Y.std(), atol=5e-3)
    with pytest.raises(ValueError, match="^acquisition: expected an acquisition of an optimisation"):
        GPyOpt.acquisitions.AcquisitionEI(model).acquisition_function(X)


def test_hyperparameters_are_saved(line, tmp_path):
    line.save_models(tmp_path / "models.tsv")
    header, *rows = [row.split("\t") for row in (tmp_path / "models.tsv").read_text().splitlines()]
    assert header == ["Iteration", "signal_variance", "lengthscale_x", "noise_variance"]
    assert [row[0] for row in rows] == [str(i + 1) for i in range(8)], "from two values on"
    numbers = np.array([[float(number) for number in row[1:]] for row in rows])
    assert (numbers[:, :2] > 0).all()
    np.testing.assert_allclose(numbers[-1], line.model.get_model_parameters()[0], rtol=1e-6)
    assert line.model.get_model_parameters_names() == header[1:]


def test_where_nothing_can_be_said():
    alone = BayesianOptimization(None, LINE, X=X[:1], Y=Y[:1], seed=0)
    with pytest.raises(ValueError, match="^model: expected at least two different values"):
        alone.model.predict(X)
    disc = [{"name": "half", "constraint": "x[:,0] - 0.5"}]
    half = BayesianOptimization(None, LINE, disc, X=X[:5], Y=Y[:5], exact_feval=True, seed=0)
    value = half.acquisition.acquisition_function([[-0.8], [0.9]])
    assert value[0, 0] < 0 and value[1, 0] == 0, "0 where a point is not allowed"
