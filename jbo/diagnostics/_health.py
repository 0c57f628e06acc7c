"""How well a study's surrogate predicts trials that it was not fitted to."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from jbo.diagnostics import findings as say
from jbo.diagnostics._importance import lengthscales
from jbo.diagnostics._scores import LEVELS, Predictions, Scores, score
from jbo.diagnostics._validation import constant, cross_validate, leave_one_out
from jbo.diagnostics._view import Interval, ModelView, Searched, view_model
from jbo.markup import Table, card
from jbo.surrogates import GP, Surrogate
from jbo.surrogates.gaussian_process import GPPosterior
from jbo.types import Dataset
from jbo.world import world


@dataclass(frozen=True)
class Quality:
    """Scores of predictions for trials that the predictor did not see, in units of the model.

    In these units the values of all trials have standard deviation 1, and bad values are compressed.
    """

    rmse: float
    """Root of the mean squared error."""
    log_density: float
    """Mean log predictive density, in nats; higher is better."""
    coverage: dict[float, float]
    """For the probability of each central interval, the fraction of the trials inside."""
    rank_correlation: float
    """Spearman's rank correlation; NaN if predictions or values do not vary."""
    residuals: np.ndarray
    """Standardised residual of each trial: observation minus mean, divided by the standard deviation."""


@dataclass(frozen=True)
class Health:
    """How well a study's surrogate predicts, and what is wrong with the search."""

    method: str
    """Method of the predictions: ``leave-one-out`` or ``10 folds``."""
    numbers: np.ndarray
    """Numbers of the predicted trials, which are the successful ones."""
    values: np.ndarray
    """Values of these trials."""
    predicted: Interval
    """Median and 95 % interval of each value, without the trial itself, in the units of the objective."""
    model: Quality
    """Scores of the surrogate."""
    constant: Quality
    """Scores of a baseline, the mean of the other trials."""
    held_out: Quality | None
    """Scores of the surrogate on the user's held-out trials; None if there were none."""
    lengthscales: dict[str, float]
    """As in `Importance`."""
    noise: float
    """Standard deviation of the observation noise, in units of the objective near the best values."""
    findings: list[str]
    """Problems, in words; empty if there are none."""

    def __repr__(self) -> str:
        found = (
            f"{len(self.findings)} finding{'' if len(self.findings) == 1 else 's'}" if self.findings else "no finding"
        )
        return (
            f"<Health by {self.method} of {len(self.numbers)} trials: error {self.model.rmse:.3g} (the mean's "
            f"{self.constant.rmse:.3g}), {found}>"
        )

    def _repr_html_(self) -> str:
        facts = {"predicted": f"{len(self.numbers)} trials by {self.method}", "noise": f"{self.noise:.3g}"}
        held_out = [] if self.held_out is None else [self.held_out]
        columns = [self.model, self.constant, *held_out]
        rows = [
            ("error (root mean square)", *(f"{quality.rmse:.3g}" for quality in columns)),
            ("log density", *(f"{quality.log_density:.3g}" for quality in columns)),
            # The mean of the other trials falls if the left-out value rises, so its rank correlation is meaningless.
            (
                "rank correlation",
                _or_dash(self.model.rank_correlation),
                "–",
                *(_or_dash(q.rank_correlation) for q in held_out),
            ),
            *(
                (f"inside of {level:.0%} intervals", *(f"{quality.coverage[level]:.0%}" for quality in columns))
                for level in self.model.coverage
            ),
        ]
        heads = ("", "model", "mean of the others", *(["model, held out"] if held_out else []))
        notes = self.findings or ["No finding: nothing speaks against the model."]
        return card("Health of the model", facts, Table(heads, rows), notes)


def _or_dash(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"


@jax.jit
def _leave_one_out(posterior: GPPosterior, data: Dataset) -> Predictions:
    return leave_one_out(posterior, data)


@partial(jax.jit, static_argnums=3)
def _cross_validate(key: Array, surrogate: Surrogate, data: Dataset, num_folds: int) -> Predictions:
    return cross_validate(key, surrogate, data, num_folds)


@jax.jit
def _scores(predicted: Predictions, data: Dataset, is_ok: Bool[Array, " n"]) -> tuple[Scores, Scores]:
    mean_of_others = constant(dataclasses.replace(data, is_valid=is_ok))
    return score(predicted, data.y, is_ok), score(mean_of_others, data.y, is_ok)


def health(
    study: Searched | ModelView, *, held_out: Sequence[tuple[Mapping[str, Any], float]] = (), num_folds: int = 10
) -> Health:
    """Quality of the surrogate, by predictions of trials that it does not see, and problems of the search.

    For an exact Gaussian process each trial is left out in turn, with fixed hyperparameters. Other models are fitted
    again without each fold of the trials. Failed and stopped trials inform the model but are not scored.

    Args:
      study: A study, or a view of its model.
      held_out: Configurations with their values, which the study has not seen.
      num_folds: Number of folds for a model that is not an exact Gaussian process.

    Raises:
      ValueError: As in `view_model`, or a configuration is not in the space.
    """
    view = study if isinstance(study, ModelView) else view_model(study)
    posterior, data = view.posterior, view.data
    with world(None):
        is_whole = [trial.status != "stopped" for trial in view.trials]
        is_whole += [True] * (len(view.state.status) - len(is_whole))
        is_ok = view.state.has_value & jnp.asarray(is_whole)
        if isinstance(posterior, GPPosterior) and posterior.x.shape == data.x.shape:
            method, predicted = "leave-one-out", _leave_one_out(posterior, data)
        else:
            key = jax.random.fold_in(view.key, 0)
            num_folds = min(num_folds, int(data.is_valid.sum()))
            method = f"{num_folds} folds"
            predicted = _cross_validate(key, view.strategy.surrogate, data, num_folds)
        rows = np.flatnonzero(np.asarray(is_ok))
        model, of_constant = (_quality(scores, rows) for scores in _scores(predicted, data, is_ok))
        noise = view.in_units(float(np.sqrt(posterior.noise_variance())))
    mean, deviation = np.asarray(predicted.mean)[rows], np.sqrt(np.asarray(predicted.variance)[rows])
    ended = [trial for trial in view.trials if trial.is_finished]
    surrogate: Any = view.strategy.surrogate
    is_noise_inferred = isinstance(surrogate, GP) and surrogate.fixed_noise is None
    counts = {"ok": len(rows)}
    findings = [
        *say.of_scores(model.rmse, of_constant.rmse, list(model.coverage.values()), len(rows)),
        *say.on_bounds(view.space.names, view.params, is_noise_inferred),
        *say.of_place(view.encode([trial.config for trial in ended])),
        *say.of_failures(view.space, ended),
        *say.of_lack(counts),
    ]
    return Health(
        method,
        rows,
        np.array([view.trials[row].value for row in rows], np.float64),
        view.told(mean, deviation),
        model,
        of_constant,
        _held_out(view, held_out) if held_out else None,
        lengthscales(view.space.names, view.params),
        noise,
        findings,
    )


def _held_out(view: ModelView, pairs: Sequence[tuple[Mapping[str, Any], float]]) -> Quality:
    values = np.array([value for _, value in pairs], np.float64)
    if not np.isfinite(values).all():
        raise ValueError(f"held_out: expected finite values, got {values.tolist()}")
    mean, deviation = view.predict(view.encode([config for config, _ in pairs]))
    with world(None):
        variance = jnp.asarray(deviation**2) + view.posterior.noise_variance()
        every = jnp.ones(len(values), bool)
        scores = score(Predictions(jnp.asarray(mean), variance), jnp.asarray(view.seen(values)), every)
        return _quality(scores, np.arange(len(values)))


def _quality(scores: Scores, rows: np.ndarray) -> Quality:
    coverage = dict(zip(LEVELS, np.asarray(scores.coverage).tolist(), strict=True))
    residuals = np.asarray(scores.residuals)[rows]
    return Quality(float(scores.rmse), float(scores.log_density), coverage, float(scores.rank_correlation), residuals)
