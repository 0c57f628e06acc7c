"""What is wrong, in words: each is said where it is so, and nowhere else."""

import numpy as np
import pytest
import scipy.stats

import jbo
from jbo.diagnostics import LEVELS, findings
from jbo.surrogates import GPParams


def trial(number, config, is_failed=False):
    value, failure = (None, "no") if is_failed else (1.0, None)
    return jbo.Trial(number, config, "failed" if is_failed else "ok", value, 0.0, 1.0, failure, study_id="made")


def params(lengthscale, noise):
    return GPParams(np.log([[lengthscale, 1.0]]), np.zeros(1), np.log([noise]))


def test_bounds():
    def said(lengthscale, noise, is_inferred=True):
        return findings.on_bounds(["rate", "n"], params(lengthscale, noise), is_inferred)

    assert said(1.0, 1e-3) == [] == findings.on_bounds(["rate"], object(), True)
    assert "lengthscale of rate is the least" in said(0.03, 1e-3)[0] and len(said(0.03, 1e-3)) == 1
    assert "lengthscale of rate is the greatest" in said(30.0, 1e-3)[0]
    assert "takes the values as exact" in said(1.0, 1e-6)[0] and said(1.0, 1e-6, False) == []
    assert "for chance" in said(1.0, 1.0)[0]


def test_scores():
    calibrated = (0.5, 0.8, 0.95)
    assert findings.of_scores(0.3, 1.0, calibrated, 40) == []
    assert "no better than the mean (error 1, the mean's 0.9)" in findings.of_scores(1.0, 0.9, calibrated, 40)[0]
    assert "too sure: 25% of the trials are inside of its 50%" in findings.of_scores(0.3, 1.0, (0.25, 0.5, 0.6), 40)[0]
    assert findings.of_scores(0.3, 1.0, (0.25, 0.75, 1.0), 4) == [], "one of four is no surprise"


@pytest.mark.parametrize("n", [5, 40])
def test_a_model_is_too_sure_if_so_few_inside_are_less_probable_than_a_hundredth(n):
    """The binomial tail: of each level alone, whatever count is inside of its interval."""
    for i, level in enumerate(LEVELS):
        for count in range(n + 1):
            coverage = [1.0] * len(LEVELS)
            coverage[i] = count / n
            is_surprising = scipy.stats.binom.cdf(count, n, level) < 0.01
            assert bool(findings.of_scores(0.3, 1.0, coverage, n)) == is_surprising, (level, count)


def test_failures_are_clustered_if_so_many_together_are_less_probable_than_a_hundredth():
    """The hypergeometric tail of either choice, a hundredth shared by the two looks."""
    space, said = jbo.Space(kind=jbo.Categorical("a", "b")), []
    for num_a, num_b in ((12, 28), (20, 20)):
        for failed_a in range(num_a + 1):
            for failed_b in (0, 3, 5):
                trials = [trial(i, {"kind": "a"}, i < failed_a) for i in range(num_a)]
                trials += [trial(num_a + i, {"kind": "b"}, i < failed_b) for i in range(num_b)]
                failed, total = failed_a + failed_b, num_a + num_b
                tails = [
                    scipy.stats.hypergeom.sf(inside - 1, total, failed, size)
                    for inside, size in ((failed_a, num_a), (failed_b, num_b))
                ]
                found = [text for text in findings.of_failures(space, trials) if "clustered" in text]
                said.append(bool(found))
                assert said[-1] == (failed > 0 and 2 * min(tails) < 0.01), (num_a, failed_a, failed_b)
                assert not found or f"where kind is '{'ab'[int(np.argmin(tails))]}'" in found[0]
    assert 10 < sum(said) < len(said) - 10


def test_being_stuck():
    x = np.random.default_rng(0).random((30, 3))
    assert findings.of_place(x) == []
    x[-10:] = 0.4 + 0.01 * x[-10:]
    assert "last 10 trials are all near one point" in findings.of_place(x)[0]
    x[-5, 1] = 0.5
    assert findings.of_place(x) == [] and findings.of_place(x[-10:]) == []


def test_where_trials_fail():
    space = jbo.Space(
        rate=jbo.Real(1e-4, 1, log=True), kind=jbo.Categorical("a", "b"), m=jbo.Real(0, 1, when=("kind", "b"))
    )
    configs = [space.decode(u) for u in np.random.default_rng(0).random((40, 3))]
    assert findings.of_failures(space, [trial(i, c) for i, c in enumerate(configs)]) == []
    by_rate = findings.of_failures(space, [trial(i, c, c["rate"] > 0.1) for i, c in enumerate(configs)])
    num_failed, least = sum(c["rate"] > 0.1 for c in configs), min(c["rate"] for c in configs if c["rate"] > 0.1)
    expected = f"{num_failed} of the {num_failed} failures are where rate is at least {least:.3g} ({num_failed} of 40"
    assert len(by_rate) == 1 and expected in by_rate[0]
    by_kind = findings.of_failures(space, [trial(i, c, c["kind"] == "b") for i, c in enumerate(configs)])
    assert "where kind is 'b'" in by_kind[0]
    by_chance = np.random.default_rng(1).random(40) < 0.2
    assert findings.of_failures(space, [trial(i, c, by_chance[i]) for i, c in enumerate(configs)]) == []
    mostly = np.random.default_rng(2).random(40) < 0.7
    assert any(
        "Most trials fail" in f
        for f in findings.of_failures(space, [trial(i, c, mostly[i]) for i, c in enumerate(configs)])
    )


def test_too_few():
    assert "Only 4 trials have succeeded" in findings.of_lack({"ok": 4})[0] and findings.of_lack({"ok": 10}) == []
