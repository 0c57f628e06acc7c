"""Searches from many seeds as one program: on one device and on eight the same searches."""

import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import jbo
from experiments.replicate import curves_figure, keys_of, main, replicate

PROBLEM = jbo.functions.branin


@pytest.mark.thorough
def test_each_seed_is_its_own_search(x64):
    keys = keys_of(5, 3)
    strategy = jbo.random_search(PROBLEM.space)
    best = replicate(keys, PROBLEM, strategy, 6, 2)
    assert best.shape == (3, 6)
    for seed, curve in zip((5, 6, 7), best, strict=True):
        alone = jbo.minimize(jax.random.key(seed), PROBLEM, strategy, 6).best_y
        np.testing.assert_allclose(curve, alone, rtol=1e-12)


def on_eight_devices(code):
    """What a program prints that sees eight devices."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    env = os.environ | {"XLA_FLAGS": flags}
    run = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


EIGHT = """
import json
import jax
jax.config.update("jax_enable_x64", True)
import jbo
from experiments.replicate import keys_of, replicate
assert jax.device_count() == 8
keys = keys_of(0, 10)
assert keys.shape == (16,)
problem = jbo.functions.branin
strategies = {"random": jbo.random_search, "bayesian": lambda s: jbo.bayesian(s, num_initial=5)}
best = {n: replicate(keys, problem, make(problem.space), 6, 2) for n, make in strategies.items()}
assert all(len(b.sharding.device_set) == 8 and b.addressable_shards[0].data.shape == (2, 6) for b in best.values())
print(json.dumps({n: b[:10].tolist() for n, b in best.items()}))
"""


@pytest.mark.thorough
def test_eight_devices_make_the_searches_of_one(x64):
    found = on_eight_devices(EIGHT)
    for name, strategy in (
        ("random", jbo.random_search(PROBLEM.space)),
        ("bayesian", jbo.bayesian(PROBLEM.space, num_initial=5)),
    ):
        expected = replicate(keys_of(0, 10), PROBLEM, strategy, 6, 2)
        np.testing.assert_allclose(found[name], expected, rtol=1e-6, err_msg=name)


SPREAD = """
import json
import jax
import numpy as np
jax.config.update("jax_enable_x64", True)
import jbo
problem = jbo.functions.hartmann6
strategy = jbo.bayesian(problem.space)
state = strategy.init(16)
for x in np.random.default_rng(0).random((12, 6)):
    state = strategy.tell(state, x, problem(problem.space.decode(x)))
ask = lambda strategy, key, state: strategy.ask(key, state)
arguments = strategy, jax.random.key(0), state
alone = jax.jit(ask)(*arguments)
found = []
for kind in (jax.sharding.AxisType.Auto, jax.sharding.AxisType.Explicit):
    with jax.set_mesh(jax.make_mesh((8,), ("candidates",), axis_types=(kind,))):
        program = jax.jit(ask).lower(*arguments).compile()
        spread = program(*arguments)
    text = program.as_text()
    found.append({
        "devices": "num_partitions=8" in text,
        "an eighth each": "f64[96,16]" in text and "f64[768,16]" not in text,
        "points": [alone[0].tolist(), spread[0].tolist()],
        "values": [float(alone[1].value), float(spread[1].value)],
    })
print(json.dumps(found))
"""


@pytest.mark.thorough
def test_candidates_are_spread_over_the_devices_of_a_mesh():
    for found in on_eight_devices(SPREAD):  # by automatic axes, by explicit ones
        assert found["devices"] and found["an eighth each"]
        np.testing.assert_allclose(*found["points"], atol=1e-6)
        np.testing.assert_allclose(*found["values"], rtol=1e-6)


def test_curves_are_medians_with_quartiles():
    regrets = np.array([[8.0, 4.0], [6.0, 3.0], [4.0, 2.0], [2.0, 1.0], [1.0, 0.5]])
    axes = curves_figure({"a": regrets}, "title").axes[0]
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [1, 2] and line.get_ydata().tolist() == [4.0, 2.0]
    band = axes.collections[0].get_paths()[0].vertices
    assert {(1.0, 2.0), (1.0, 6.0), (2.0, 1.0), (2.0, 3.0)} <= set(map(tuple, band))
    assert (axes.get_yscale(), axes.get_xlabel(), axes.get_title()) == ("log", "evaluations", "title")


def test_the_command_writes_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(jbo, "use_compile_cache", lambda: None)
    main(("branin",), ("random", "sobol"), num_evaluations=5, num_seeds=4, out=tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [row["strategy"] for row in summary["rows"]] == ["random", "sobol"]
    with np.load(tmp_path / "branin.npz") as curves:
        assert curves["random"].shape == (4, 5) and (np.diff(curves["random"]) <= 0).all()
        assert summary["rows"][0]["median_regret"] in curves["random"][:, -1]
    assert (tmp_path / "branin.png").stat().st_size > 10_000
    assert "suggestions" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="strategies: expected some of bayesian, .*, got \\['grid'\\]"):
        main(("branin",), ("grid",), out=tmp_path)
