"""A list of stations, each a point in the plane."""

import GPyOpt
import numpy as np

rng = np.random.RandomState(2)
stations = rng.uniform(-1, 1, size=(60, 2))


def temperature(x):
    return np.sum((x - np.array([0.3, -0.2])) ** 2, axis=1)[:, None]


domain = [{"name": "stations", "type": "bandit", "domain": stations}]
bo = GPyOpt.methods.BayesianOptimization(
    f=temperature, domain=domain, initial_design_numdata=5, acquisition_type="EI", normalize_Y=True
)
bo.run_optimization(max_iter=8)
assert bo.X.shape[1] == 2
for x in bo.X:
    assert np.any(np.all(np.isclose(stations, x), axis=1)), "every point is a station"
assert bo.fx_opt <= np.sort(temperature(stations)[:, 0])[15]
