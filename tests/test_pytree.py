"""Dataclasses as pytrees: what is a leaf, what is structure, and that no two classes are taken for one."""

import dataclasses
import inspect
import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin

import jax
import pytest

from jbo import Real, Space, acquisitions, grid_search, pytree, random_search, sobol_search
from jbo.encoding import Column

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


def is_node(cls: type) -> bool:
    try:
        return not jax.tree_util.all_leaves([object.__new__(cls)])
    except (AttributeError, TypeError):  # a node without its fields, or an abstract class
        return True


def parts_of(annotation: Any) -> Iterator[Any]:
    """The classes that an annotation names; `Callable` for a function."""
    if get_origin(annotation) is Callable:
        yield Callable
    elif get_args(annotation):
        for each in get_args(annotation):
            yield from parts_of(each)
    else:
        yield annotation


def decides_the_program(part: Any) -> bool:
    if inspect.isclass(part) and dataclasses.is_dataclass(part):
        return not any(map(is_node, [part, *part.__subclasses__()]))
    return part in (bool, int, str, Callable, Column, Space)


def test_fields_that_decide_the_program_are_static():
    members = [vars(module).values() for name, module in list(sys.modules.items()) if name.startswith("jbo.")]
    classes = {each for each in itertools.chain(*members) if inspect.isclass(each) and dataclasses.is_dataclass(each)}
    fields = {
        f"{cls.__qualname__}.{each.name}": each.metadata.get("static", False)
        for cls in classes
        if cls.__module__.startswith("jbo.") and is_node(cls)
        for each in dataclasses.fields(cls)
        if any(map(decides_the_program, parts_of(each.type)))
    }
    assert len(fields) > 50
    assert not [name for name, is_static in fields.items() if not is_static]
