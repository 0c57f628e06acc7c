"""The examples of the docstrings say what happens."""

import doctest
import importlib
import pkgutil

import pytest

import jbo

MODULES = sorted(m.name for m in pkgutil.walk_packages(jbo.__path__, "jbo."))


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_there_are_some():
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [e for name in MODULES for t in finder.find(importlib.import_module(name)) for e in t.examples]
    assert len(examples) > 20
