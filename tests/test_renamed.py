"""Names of the version before."""

import importlib

import pytest


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("jbo.batches", "Beliefs", "jbo.knowledge.Knowledge"),
        ("jbo.acquisitions", "bound", "jbo.acquisitions.over_region"),
        ("jbo.strategies", "Cost", "jbo.strategies.CostWeight"),
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
