"""The calls of a guide to GPyOpt; run by test_guide.py: ``guide.py MAX_ITER FOLDER``.

The import is changed, and ``sign="user"`` is added: the guide plots ``Y`` as the value of the objective, and GPyOpt has
the negative of it there where it maximises.

No main guard, as there. The objective is real but cheap: a small network on handwritten digits.
"""

import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

import jbo.compat.gpyopt as GPyOpt

MAX_ITER, FOLDER = int(sys.argv[1]), Path(sys.argv[2])

images, labels = load_digits(return_X_y=True)
training_data = images[:600] / 16, labels[:600]
validation_data = images[600:900] / 16, labels[600:900]


def build_model(learning_rate, batch_size, num_layers):
    assert (type(learning_rate), type(batch_size), type(num_layers)) == (float, int, int)
    return MLPClassifier(
        [32] * num_layers, batch_size=batch_size, learning_rate_init=learning_rate, max_iter=8, random_state=0
    )


def train_model(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says that eight epochs are few
        model.fit(*training_data)


def evaluate_model(model, data):
    return model.score(*data)


def objective_function(hyperparams):
    learning_rate = hyperparams["learning_rate"]
    batch_size = hyperparams["batch_size"]
    num_layers = hyperparams["num_layers"]
    model = build_model(learning_rate, batch_size, num_layers)
    train_model(model)
    return evaluate_model(model, validation_data)


space = [
    {"name": "learning_rate", "type": "continuous", "domain": (1e-5, 1e-1)},
    {"name": "batch_size", "type": "integer", "domain": (32, 256)},
    {"name": "num_layers", "type": "integer", "domain": (2, 10)},
]
model = GPyOpt.models.GPModel(kernel=None, noise_var=None)
acquisition_function = GPyOpt.acquisitions.ExpectedImprovement(model)

bayesian_opt = GPyOpt.methods.BayesianOptimization(
    f=objective_function,
    domain=space,
    model_type="GP",
    acquisition_type="EI",
    maximize=True,
    num_cores=4,
    sign="user",
)
bayesian_opt.run_optimization(max_iter=MAX_ITER)

plt.figure(figsize=(12, 6))
plt.plot(bayesian_opt.Y)
plt.xlabel("Iteration")
plt.ylabel("Objective Function Value")
plt.title("Bayesian Optimization Trajectory")
plt.savefig(FOLDER / "trajectory.png")

np.savez(
    FOLDER / "found.npz",
    X=bayesian_opt.X,
    Y=bayesian_opt.Y,
    x_opt=bayesian_opt.x_opt,
    fx_opt=bayesian_opt.fx_opt,
    again=objective_function(bayesian_opt.x_opt),
)
