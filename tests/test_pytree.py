"""Dataclasses as pytrees: what is a leaf, what is structure, and that no two classes are taken for one."""

import itertools
from dataclasses import dataclass, field

import jax
import pytest

from jbo import Real, Space, acquisitions, grid_search, pytree, random_search, sobol_search

SPACE = Space(x=Real(0.0, 1.0))


@pytree
@dataclass(frozen=True)
class Line:
    slope: float
    name: str = field(metadata={"static": True})
    offset: float = 0.0

    def __post_init__(self):
        assert isinstance(self.slope, float), "rebuilding calls no __init__"


@pytree
@dataclass(frozen=True)
class Curve:
    slope: float
    name: str = field(metadata={"static": True})
    offset: float = 0.0


def test_numbers_are_leaves_and_static_fields_are_structure():
    leaves, structure = jax.tree.flatten(Line(2.0, "a", 3.0))
    assert leaves == [2.0, 3.0]
    assert structure.unflatten(leaves) == Line(2.0, "a", 3.0)
    assert structure != jax.tree.structure(Line(2.0, "b", 3.0))
    assert structure == jax.tree.structure(Line(5.0, "a", 6.0))
    assert structure.unflatten([None, object()]).name == "a"


def test_paths_are_attributes():
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(Line(2.0, "a", 3.0))]
    assert paths == [".slope", ".offset"]


def test_jit_of_one_class_is_not_that_of_another():
    assert jax.tree.structure(Line(2.0, "a")) != jax.tree.structure(Curve(2.0, "a"))


ALIKE = [
    (random_search(SPACE), sobol_search(SPACE)),
    (acquisitions.expected_improvement(), acquisitions.probability_of_improvement()),
    (acquisitions.lower_confidence_bound(), acquisitions.expected_improvement()),
    (grid_search(SPACE), random_search(SPACE)),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_members_of_different_classes_differ_in_structure(one, other):
    for a, b in itertools.permutations([jax.tree.structure(one), jax.tree.structure(other)]):
        assert a != b
        assert not a == b
