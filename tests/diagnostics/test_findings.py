"""What is wrong, in words: each is said where it is so, and nowhere else."""

import numpy as np
import pytest
import scipy.stats

import jbo
from jbo.diagnostics import _findings
from jbo.surrogates import GPParams


def trial(number, config, is_failed=False):
    value, failure = (None, "no") if is_failed else (1.0, None)
    return jbo.Trial(number, config, "failed" if is_failed else "ok", value, 0.0, 1.0, failure, study_id="made")


def params(lengthscale, noise):
    return GPParams(np.log([[lengthscale, 1.0]]), np.zeros(1), np.log([noise]))


def test_bounds():
    def said(lengthscale, noise, is_inferred=True):
        return _findings.on_bounds(["rate", "n"], params(lengthscale, noise), is_inferred)

    assert said(1.0, 1e-3) == [] == _findings.on_bounds(["rate"], object(), True)
    assert "lengthscale of rate is the least" in said(0.03, 1e-3)[0] and len(said(0.03, 1e-3)) == 1
    assert "lengthscale of rate is the greatest" in said(30.0, 1e-3)[0]
    assert "takes the values as exact" in said(1.0, 1e-6)[0] and said(1.0, 1e-6, False) == []
    assert "for chance" in said(1.0, 1.0)[0]


def test_scores():
    calibrated = (0.5, 0.8, 0.95)
    assert _findings.of_scores(0.3, 1.0, calibrated, 40) == []
    assert "no better than the mean (error 1, the mean's 0.9)" in _findings.of_scores(1.0, 0.9, calibrated, 40)[0]
    assert "too sure: 25% of the trials are inside of its 50%" in _findings.of_scores(0.3, 1.0, (0.25, 0.5, 0.6), 40)[0]
    assert _findings.of_scores(0.3, 1.0, (0.25, 0.75, 1.0), 4) == [], "one of four is no surprise"


@pytest.mark.parametrize(("count", "n", "p"), [(10, 40, 0.5), (30, 40, 0.8), (0, 5, 0.95)])
def test_the_binomial_tail(count, n, p):
    assert _findings._at_most(count, n, p) == pytest.approx(scipy.stats.binom.cdf(count, n, p), rel=1e-10)


def test_the_hypergeometric_tail():
    failed, inside = np.arange(20) < 7, (np.arange(20) % 3 == 0) | (np.arange(20) < 4)
    expected = scipy.stats.hypergeom.sf((failed & inside).sum() - 1, 20, 7, inside.sum())
    assert _findings._chance(failed, inside) == pytest.approx(expected, rel=1e-10)


def test_being_stuck():
    x = np.random.default_rng(0).random((30, 3))
    assert _findings.of_place(x) == []
    x[-10:] = 0.4 + 0.01 * x[-10:]
    assert "last 10 trials are all near one point" in _findings.of_place(x)[0]
    x[-5, 1] = 0.5
    assert _findings.of_place(x) == [] and _findings.of_place(x[-10:]) == []


def test_where_trials_fail():
    space = jbo.Space(
        rate=jbo.Real(1e-4, 1, log=True), kind=jbo.Categorical("a", "b"), m=jbo.Real(0, 1, when=("kind", "b"))
    )
    configs = [space.decode(u) for u in np.random.default_rng(0).random((40, 3))]
    assert _findings.of_failures(space, [trial(i, c) for i, c in enumerate(configs)]) == []
    by_rate = _findings.of_failures(space, [trial(i, c, c["rate"] > 0.1) for i, c in enumerate(configs)])
    num_failed, least = sum(c["rate"] > 0.1 for c in configs), min(c["rate"] for c in configs if c["rate"] > 0.1)
    expected = f"{num_failed} of the {num_failed} failures are where rate is at least {least:.3g} ({num_failed} of 40"
    assert len(by_rate) == 1 and expected in by_rate[0]
    by_kind = _findings.of_failures(space, [trial(i, c, c["kind"] == "b") for i, c in enumerate(configs)])
    assert "where kind is 'b'" in by_kind[0]
    by_chance = np.random.default_rng(1).random(40) < 0.2
    assert _findings.of_failures(space, [trial(i, c, by_chance[i]) for i, c in enumerate(configs)]) == []
    mostly = np.random.default_rng(2).random(40) < 0.7
    assert any(
        "Most trials fail" in f
        for f in _findings.of_failures(space, [trial(i, c, mostly[i]) for i, c in enumerate(configs)])
    )


def test_too_few():
    assert "Only 4 trials have succeeded" in _findings.of_lack({"ok": 4})[0] and _findings.of_lack({"ok": 10}) == []
