"""Evaluations and report of a maximisation, read back by a script."""

import os

import GPyOpt
import matplotlib

matplotlib.use("Agg")
import numpy as np

np.random.seed(8)


def profit(x):
    return 100 - (x[:, 0] - 3) ** 2 - (x[:, 1] - 1) ** 2


bo = GPyOpt.methods.BayesianOptimization(
    f=profit,
    domain=[
        {"name": "price", "type": "continuous", "domain": (0, 6)},
        {"name": "size", "type": "continuous", "domain": (0, 2)},
    ],
    maximize=True,
    exact_feval=True,
)
bo.run_optimization(max_iter=4)
ins, outs = bo.get_evaluations()
np.testing.assert_allclose(-outs.flatten(), profit(ins))
bo.save_evaluations("evaluations.txt")
saved = np.genfromtxt("evaluations.txt", skip_header=1)[:, 1]
np.testing.assert_allclose(saved, outs[:, 0])
best = ins[outs.argmin()]
assert profit(best[None])[0] == -outs.min() == -float(bo.fx_opt) == profit(ins).max()
bo.save_report("report.txt")
line = [line for line in open("report.txt").read().splitlines() if "Value at minimum" in line][0]
assert abs(float(line.split(":")[1]) - outs.min()) < 1e-6
bo.plot_convergence("convergence.png")
assert os.path.getsize("convergence.png") > 5000
