"""Runs side by side are the runs one by one; a run that is stopped has done its share and no more."""

import subprocess
import sys

import jax
import numpy as np
import pytest

from architectures.cnn import CNNStructure
from architectures.examples import labelled
from architectures.population import halving, never, train_population, train_watched
from architectures.training import train, train_config

RNG = np.random.default_rng(0)
EXAMPLES = labelled(RNG.uniform(size=(96, 4, 4, 1)).astype(np.float32), RNG.integers(0, 10, 96).astype(np.int32))
KEY = jax.random.key(0)
SMALL, LARGE = CNNStructure(1, 2, 3, (4, 4, 1)), CNNStructure(1, 3, 3, (4, 4, 1))
MEMBERS = [
    (SMALL, train_config(learning_rate=0.01, schedule="cosine")),
    (LARGE, train_config(optimizer="lion", learning_rate=0.001, dropout=0.2)),
    (SMALL, train_config(optimizer="sgd", learning_rate=0.05, batch_size=32, activation="tanh", l2=1e-3)),
    (SMALL, train_config(optimizer="sgd", learning_rate=1e20, max_norm=float("inf"))),  # diverges
]


def alone(structure, config, num_epochs=7):
    return train(KEY, structure, config, EXAMPLES, EXAMPLES, num_epochs=num_epochs)


@pytest.mark.thorough
def test_members_are_the_runs_that_each_would_be_alone():
    curves = train_population(KEY, MEMBERS, EXAMPLES, EXAMPLES, num_epochs=7, num_reports=4)
    for (structure, config), curve in zip(MEMBERS[:3], curves, strict=False):
        expected = alone(structure, config)
        np.testing.assert_allclose(curve.result.train_losses, expected.train_losses, rtol=2e-3)
        np.testing.assert_allclose(curve.result.cross_entropy, expected.cross_entropy, rtol=2e-3)
        np.testing.assert_array_equal(curve.losses[-1], curve.result.cross_entropy)
        assert len(curve.losses) == 4 and curve.share == 1
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-3), curve.result.params, expected.params)
    assert not curves[3].result.cross_entropy < 1e3, "a member that diverges is a value, and no other member's concern"


@pytest.mark.thorough
def test_a_watched_run_tells_the_losses_on_its_way_and_is_the_run_that_nobody_watched():
    told = []
    structure, config = MEMBERS[0]
    curve = train_watched(
        KEY,
        structure,
        config,
        EXAMPLES,
        EXAMPLES,
        num_epochs=7,
        num_reports=4,
        report=lambda *now: told.append(now) is not None,
    )
    expected = alone(structure, config)
    np.testing.assert_allclose(curve.result.train_losses, expected.train_losses, rtol=1e-4)
    assert [step for step, _ in told] == [1, 2, 3]
    np.testing.assert_array_equal([loss for _, loss in told], curve.losses[:3])
    assert curve.losses[0] > curve.losses[3]


@pytest.mark.thorough
def test_a_run_that_is_told_to_stop_has_made_its_share_of_the_steps():
    structure, config = MEMBERS[0]
    options = dict(num_epochs=7, num_reports=3, report=lambda step, loss: step == 2)
    curve = train_watched(KEY, structure, config, EXAMPLES, EXAMPLES, **options)
    assert curve.share == pytest.approx(2 / 3) and len(curve.losses) == 2
    assert len(curve.result.train_losses) == 14  # of 21 microbatches


@pytest.mark.thorough
def test_halving_leaves_the_best_and_saves_the_rest():
    curves = train_population(KEY, MEMBERS, EXAMPLES, EXAMPLES, num_epochs=7, num_reports=3, stop=halving())
    shares = [curve.share for curve in curves]
    first = np.array([curve.losses[0] for curve in curves])
    assert sorted(shares) == pytest.approx([1 / 3, 1 / 3, 2 / 3, 1])
    kept = np.argsort(np.where(np.isfinite(first), first, np.inf))[:2]
    assert {row for row, share in enumerate(shares) if share > 0.5} == set(kept)
    survivor = int(np.argmax(shares))
    expected = alone(*MEMBERS[survivor])
    np.testing.assert_allclose(curves[survivor].result.cross_entropy, expected.cross_entropy, rtol=2e-3)


def test_halving_counts_those_that_run_and_takes_a_diverged_one_for_the_worst():
    stop = halving(2)
    np.testing.assert_array_equal(stop(1, np.array([3.0, 1.0, np.inf, 2.0])), [True, False, True, False])
    np.testing.assert_array_equal(stop(2, np.array([np.nan, 1.0, np.nan, 2.0])), [True, False, True, True])
    np.testing.assert_array_equal(stop(3, np.array([np.nan, 1.0, np.nan])), [True, False, True])
    np.testing.assert_array_equal(halving(3)(1, np.arange(7.0)), np.arange(7) >= 3)
    np.testing.assert_array_equal(never(1, np.array([1.0, np.nan])), [False, False])


def test_reports_there_are_at_least_one():
    with pytest.raises(ValueError, match="num_reports: expected at least 1, got 0"):
        train_population(KEY, MEMBERS, EXAMPLES, EXAMPLES, num_epochs=1, num_reports=0)


ON_EIGHT_DEVICES = """
import jax
from tests.architectures.test_population import EXAMPLES, KEY, SMALL, alone
from architectures import population
from architectures.training import train_config

assert len(jax.devices()) == 8
members = [(SMALL, train_config(learning_rate=0.001 * (1 + index))) for index in range(11)]
seen = []
segments = population._segments
def watched(*arguments):
    outcome = segments(*arguments)
    seen.append({len(leaf.sharding.device_set) for leaf in jax.tree.leaves(outcome)})
    return outcome
population._segments = watched
curves = population.train_population(KEY, members, EXAMPLES, EXAMPLES, num_epochs=2)
assert seen == [{8}], seen
for (structure, config), curve in list(zip(members, curves))[::5]:
    expected = alone(structure, config, num_epochs=2).cross_entropy
    assert abs(curve.result.cross_entropy - expected) < 1e-3 * expected
"""


@pytest.mark.thorough
def test_a_population_spans_all_devices(pytestconfig):
    flags = "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0"
    process = subprocess.run(
        [sys.executable, "-c", ON_EIGHT_DEVICES],
        cwd=pytestconfig.rootpath,
        env={"XLA_FLAGS": flags, "PATH": "/usr/bin:/bin", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr[-2000:]
