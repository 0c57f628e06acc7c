"""Pictures are saved to files."""

import os

import GPyOpt
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

np.random.seed(0)
func = GPyOpt.objective_examples.experiments1d.forrester()
func.plot()
plt.close("all")
bo = GPyOpt.methods.BayesianOptimization(func.f, [{"name": "x", "type": "continuous", "domain": (0, 1)}])
bo.run_optimization(max_iter=3)
bo.plot_acquisition(filename="acquisition.png")
bo.plot_convergence(filename="convergence.png")
assert os.path.getsize("acquisition.png") > 5000 and os.path.getsize("convergence.png") > 5000
x = np.linspace(0, 1, 50)[:, None]
mean, deviation = bo.model.predict(x)
value = bo.acquisition.acquisition_function(x)
assert mean.shape == deviation.shape == value.shape == (50, 1)
assert (deviation > 0).all() and (value <= 1e-12).all(), "EI with its sign turned"
plt.plot(x, mean)
plt.savefig("mean.png")
plt.close("all")
