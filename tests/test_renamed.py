"""Names of the version before."""

import importlib
from typing import Any

import pytest

import jbo
from jbo.knowledge import Knowledge
from jbo.strategies import Schedule

MADE: Any = Knowledge
KNOWN = MADE(*range(8))
STRATEGY = jbo.bayesian(jbo.Space(x=jbo.Real(0.0, 1.0)))


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("jbo.batches", "Beliefs", "jbo.knowledge.Knowledge"),
        ("jbo.acquisitions", "bound", "jbo.acquisitions.over_region"),
        ("jbo.strategies", "Cost", "jbo.strategies.CostWeight"),
        ("jbo.strategies.weights", "Expected", "jbo.strategies.BeliefWeight"),
        ("jbo.diagnostics", "Belief", "jbo.diagnostics.ModelView"),
        ("jbo.diagnostics", "believe", "jbo.diagnostics.view_model"),
    ],
)
def test_an_old_name_is_the_new_one_and_warns(module, old, new):
    place, _, name = new.rpartition(".")
    with pytest.deprecated_call(match=f"^{module}.{old} is {new} now$"):
        found = getattr(importlib.import_module(module), old)
    assert found is getattr(importlib.import_module(place), name)
    with pytest.raises(AttributeError, match=f"module '{module}' has no attribute 'nothing'"):
        importlib.import_module(module).nothing  # noqa: B018


@pytest.mark.parametrize(
    ("thing", "old", "new"),
    [
        (Schedule(), "jbo.strategies.Schedule.rows", "rows_of_fit"),
        (Schedule(), "jbo.strategies.Schedule.rows_before", "rows_of_warm_start"),
        (STRATEGY, "jbo.strategies.ModelStrategy.rows_of_start", "rows_of_warm_start"),
        (STRATEGY, "jbo.strategies.ModelStrategy.start", "warm_start"),
        (KNOWN, "jbo.knowledge.Knowledge.told", "observed"),
        (KNOWN, "jbo.knowledge.Knowledge.told_data", "feasible_data"),
        (KNOWN, "jbo.knowledge.Knowledge.believed", "fantasised"),
        (KNOWN, "jbo.knowledge.Knowledge.believed_data", "feasible_data_with_pending"),
    ],
)
def test_an_old_attribute_is_the_new_one_and_warns(thing, old, new):
    owner, _, name = old.rpartition(".")
    with pytest.deprecated_call(match=f"^{old} is {owner}.{new} now$"):
        found = getattr(thing, name)
    assert found == getattr(thing, new)
