"""BoTorch's tutorial loop: SingleTaskGP with its default priors, LogEI, one-hot categories."""

import warnings

import torch
from botorch.acquisition import LogExpectedImprovement
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.optim import optimize_acqf
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch.quasirandom import SobolEngine

from experiments.benchmark.adapters.columns import Columns

NUM_RESTARTS, NUM_RAW = 10, 512
"""The numbers of BoTorch's tutorials."""


def make(method, space, seed, num_evaluations):
    warnings.simplefilter("ignore")
    torch.manual_seed(seed)
    return Optimizer(Columns(space), seed)


class Optimizer:
    def __init__(self, columns, seed):
        self.columns, self.x, self.y = columns, [], []
        d = columns.num_columns
        self.design = SobolEngine(d, scramble=True, seed=seed).draw(max(5, min(2 * d, 12))).double()

    def load(self, configs, values):
        self.x += [torch.tensor(self.columns.encode(config)) for config in configs]
        self.y += values

    def ask(self):
        n = len(self.y)
        x = self.design[n] if n < len(self.design) else self._suggest()
        self.config = self.columns.decode(x.numpy())
        return self.config

    def _suggest(self):
        x, y = torch.stack(self.x), -torch.tensor(self.y).double()[:, None]
        y = (y - y.mean()) / y.std()
        model = SingleTaskGP(x, y)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        d = self.columns.num_columns
        best, _ = optimize_acqf(
            LogExpectedImprovement(model, best_f=y.max()),
            bounds=torch.stack([torch.zeros(d), torch.ones(d)]).double(),
            q=1,
            num_restarts=NUM_RESTARTS,
            raw_samples=NUM_RAW,
        )
        return best[0]

    def tell(self, value):
        self.load([self.config], [value])
