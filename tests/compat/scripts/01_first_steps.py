"""A parabola of one variable, from the first page of a manual."""

from GPyOpt.methods import BayesianOptimization


def myf(x):
    return (2 * x - 0.6) ** 2


bounds = [{"name": "var_1", "type": "continuous", "domain": (-1, 1)}]
max_iter = 8
problem = BayesianOptimization(myf, bounds)
assert problem.X.shape == (5, 1) and problem.Y.shape == (5, 1), "the constructor has evaluated the initial design"
problem.run_optimization(max_iter)
print("best", problem.x_opt, problem.fx_opt)
assert problem.Y.shape[0] <= 5 + max_iter
assert abs(problem.x_opt[0] - 0.3) < 0.1
assert float(problem.fx_opt) == problem.Y.min()
