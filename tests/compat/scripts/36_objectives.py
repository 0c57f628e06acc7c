"""The known functions and their minima."""

import numpy as np
from GPyOpt.objective_examples import experiments1d, experiments2d, experimentsNd

for name in ("branin", "goldstein", "sixhumpcamel", "mccormick", "powers", "eggholder"):
    func = getattr(experiments2d, name)()
    assert len(func.bounds) == func.input_dim == 2 and func.name
    for x in func.min:
        value = func.f(np.array(x))
        assert value.shape == (1, 1)
        assert abs(value[0, 0] - func.fmin) < 1e-2 * (1 + abs(func.fmin)), name
for name in ("rosenbrock", "beale", "dropwave", "cosines"):
    func = getattr(experiments2d, name)()
    assert func.f(np.array([[0.3, 0.2], [0.1, 0.5]])).shape == (2, 1)
alpine1, alpine2 = experimentsNd.alpine1(4), experimentsNd.alpine2(2)
assert alpine1.f(np.zeros((1, 4)))[0, 0] == 0 and alpine1.bounds == [(-10, 10)] * 4
assert abs(alpine2.f(np.array([[7.917, 7.917]]))[0, 0] - alpine2.fmin) < 0.02
gsobol = experimentsNd.gSobol(np.ones(3))
np.testing.assert_allclose(gsobol.f(np.full((1, 3), 0.5)), (1 / 2) ** 3)
assert abs(experimentsNd.ackley(3).f(np.zeros((1, 3)))[0, 0]) < 1e-12
noisy = experiments1d.forrester(sd=1.0)
np.random.seed(0)
assert np.std(noisy.f(np.full(400, 0.5)[:, None])) > 0.8
