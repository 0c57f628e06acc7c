"""BoTorch's tutorials for several objectives (qLogNEHVI) and for limits (qLogNEI): a SingleTaskGP for each outcome."""

import warnings

import torch
from botorch.acquisition.logei import qLogNoisyExpectedImprovement
from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
from botorch.acquisition.multi_objective.objective import IdentityMCMultiOutputObjective
from botorch.acquisition.objective import GenericMCObjective
from botorch.fit import fit_gpytorch_mll
from botorch.models import ModelListGP, SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.optim import optimize_acqf
from botorch.sampling import SobolQMCNormalSampler
from gpytorch.mlls import SumMarginalLogLikelihood
from torch.quasirandom import SobolEngine

from experiments.benchmark.adapters.columns import Columns

NUM_RESTARTS, NUM_RAW, NUM_SAMPLES = 10, 512, 128
"""The numbers of BoTorch's tutorials."""


def make(method, space, seed, num_evaluations, outcomes):
    warnings.simplefilter("ignore")
    torch.manual_seed(seed)
    return Optimizer(Columns(space), seed, outcomes)


class Optimizer:
    def __init__(self, columns, seed, outcomes):
        self.columns, self.x, self.y = columns, [], []
        self.objectives = [i for i, o in enumerate(outcomes) if not o["is_limit"]]
        self.limits = [i for i, o in enumerate(outcomes) if o["is_limit"]]
        self.names = [o["name"] for o in outcomes]
        self.reference = [outcomes[i]["reference"] for i in self.objectives]
        d = columns.num_columns
        self.design = SobolEngine(d, scramble=True, seed=seed).draw(max(5, min(2 * (d + 1), 14))).double()

    def ask(self):
        n = len(self.y)
        x = self.design[n] if n < len(self.design) else self._suggest()
        self.config = self.columns.decode(x.numpy())
        return self.config

    def _suggest(self):
        x, y = torch.stack(self.x), torch.tensor(self.y).double()
        y[:, self.objectives] *= -1
        model = ModelListGP(*(SingleTaskGP(x, y[:, [i]], outcome_transform=Standardize(m=1)) for i in range(len(y.T))))
        fit_gpytorch_mll(SumMarginalLogLikelihood(model.likelihood, model))
        sampler = SobolQMCNormalSampler(torch.Size([NUM_SAMPLES]))
        constraints = [lambda z, i=i: z[..., i] for i in self.limits] or None
        if len(self.objectives) > 1:
            acquisition = qLogNoisyExpectedHypervolumeImprovement(
                model,
                ref_point=[-r for r in self.reference],
                X_baseline=x,
                sampler=sampler,
                objective=IdentityMCMultiOutputObjective(outcomes=self.objectives),
                constraints=constraints,
                prune_baseline=True,
            )
        else:
            only = self.objectives[0]
            acquisition = qLogNoisyExpectedImprovement(
                model,
                X_baseline=x,
                sampler=sampler,
                objective=GenericMCObjective(lambda z, X=None: z[..., only]),
                constraints=constraints,
                prune_baseline=True,
            )
        d = self.columns.num_columns
        best, _ = optimize_acqf(
            acquisition,
            bounds=torch.stack([torch.zeros(d), torch.ones(d)]).double(),
            q=1,
            num_restarts=NUM_RESTARTS,
            raw_samples=NUM_RAW,
        )
        return best[0]

    def tell(self, value):
        self.x.append(torch.tensor(self.columns.encode(self.config)))
        self.y.append([value[name] for name in self.names])
