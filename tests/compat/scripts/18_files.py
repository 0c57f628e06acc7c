"""A report, the evaluations and the models, as files."""

import GPyOpt
import numpy as np

np.random.seed(0)
domain = [{"name": "p", "type": "continuous", "domain": (0, 4)}, {"name": "q", "type": "continuous", "domain": (0, 1)}]
bo = GPyOpt.methods.BayesianOptimization(
    lambda x: (x[:, 0] - 1) ** 2 + x[:, 1], domain=domain, objective_name="valley", model_type="GP"
)
bo.run_optimization(max_iter=3, report_file="report.txt", evaluations_file="evaluations.txt", models_file="models.txt")
report = open("report.txt").read()
assert "valley" in report and "Value at minimum" in report
table = np.genfromtxt("evaluations.txt", skip_header=1)
assert table.shape == (8, 4)
np.testing.assert_allclose(table[:, 1], bo.Y[:, 0])
np.testing.assert_allclose(table[:, 2:], bo.X)
bo.save_models("again.txt")
lines = open("models.txt").read().splitlines()
assert lines[0].split("\t")[0] == "Iteration" and len(lines) > 1
bo.save_evaluations("more.txt")
bo.save_report("report2.txt")
