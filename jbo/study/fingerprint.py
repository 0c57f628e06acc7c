"""Fingerprint of what a compiled program depends on, apart from its call: code, versions, settings, processor."""

import contextlib
import dataclasses
import functools
import hashlib
import operator
import os
import platform
import sys
import types
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from jax._src import config as _config

from jbo.study._structure import is_core

_PACKAGES = ("jax", "jaxlib", "numpy", "scipy", "optax", "blackjax")
"""Packages whose code is traced or provides constants."""
_ENVIRONMENT = ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "NPROC", "PJRT_NPROC")
_WITHOUT_EFFECT = (
    "jax_compilation_cache", "jax_enable_compilation_cache", "jax_persistent_cache", "jax_raise_persistent_cache",
    "jax_log", "jax_explain", "jax_traceback", "jax_debug_log", "jax_pprint", "jax_captured_constants",
)  # fmt: skip
"""Prefixes of JAX settings without effect on programs: logging, and JAX's own cache."""


def fingerprint() -> dict[str, Any]:
    """The fingerprint as plain values. Call it in the context (`jbo.world`) of the program."""
    return {
        "code": _files(),
        "code in memory": _memory(),
        "versions": versions(),
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "environment": {name: os.environ.get(name) for name in _ENVIRONMENT},
        "settings": {
            name: str(state.value)
            for name, state in sorted(_config.config_states.items())
            if not name.startswith(_WITHOUT_EFFECT)
        },
    }


def _modules() -> list[tuple[str, Any]]:
    return sorted((name, module) for name, module in list(sys.modules.items()) if is_core(name))


@functools.cache
def _files() -> str:
    """A hash of jbo's source files."""
    digest = hashlib.sha256()
    for name, module in _modules():
        content = Path(module.__file__).read_bytes()
        digest.update(f"{name} {len(content)} ".encode() + content)
    return digest.hexdigest()


def _memory() -> str:
    """A hash of the functions and constants of this process from which programs are traced.

    It differs from the hash of another process if something was replaced in memory, as in an experiment with another
    constant. It also differs if a file was edited after it was imported. Values that may change while jbo runs are left
    out: dicts and lists, unless their name is in capitals.
    """
    global _latest
    modules = [(name, module) for name, module in _modules() if not name.startswith("jbo.study.") or name == _CALLED]
    values = list(_values(modules))
    held, digest = _latest
    if len(held) != len(values) or not all(map(operator.is_, held, values)):  # hashing takes longer than comparing
        _latest = values, digest = values, _hash(modules)
    return digest


_latest: tuple[list[Any], str] = [], ""
"""The values of the latest call, and their hash."""


def _values(modules: list[tuple[str, Any]]) -> Iterator[Any]:
    """The attributes of the modules and of their classes."""
    for _, module in modules:
        for value in list(vars(module).values()):
            yield value
            if isinstance(value, type) and value.__module__ == module.__name__:
                yield from list(vars(value).values())


def _hash(modules: list[tuple[str, Any]]) -> str:
    facts: list[bytes] = []
    seen: set[int] = set()
    for name, module in modules:
        facts.append(name.encode())
        for attribute, value in list(vars(module).items()):
            if not attribute.startswith("__"):
                facts.append(attribute.encode())
                is_constant = attribute.isupper() and isinstance(value, dict | list)
                for part in _flat(value) if is_constant else (value,):
                    _gather(part, facts, seen)
    return hashlib.sha256(b"\0".join(facts)).hexdigest()


_CALLED = "jbo.study.model"
"""The module of `jbo.study` whose functions are compiled."""


def _flat(value: Any) -> list[Any]:
    return [part for item in value.items() for part in item] if isinstance(value, dict) else value


def _gather(value: Any, facts: list[bytes], seen: set[int]) -> None:
    """Append the facts of a value and of its parts."""
    if value is None or isinstance(value, bool | int | float | str | bytes):
        facts.append(repr(value).encode())
        return
    facts.append(type(value).__qualname__.encode())
    if id(value) in seen:
        return
    seen.add(id(value))
    for part in _parts(value, facts):
        _gather(part, facts, seen)


def _parts(value: Any, facts: list[bytes]) -> Iterable[Any]:
    """The parts of a value. Its own facts are appended first."""
    is_type = isinstance(value, type)
    if is_type or isinstance(value, types.FunctionType):
        facts.append(value.__qualname__.encode())
        if not str(value.__module__).startswith("jbo."):
            return ()
        if is_type:
            members = [member for member in list(vars(value).items()) if _is_of_class(*member)]
            facts += [name.encode() for name, _ in members]
            return [part for _, part in members]
        facts.append(_of_code(value.__code__))
        return value.__defaults__, *(value.__kwdefaults__ or {}).values(), *_contents(value.__closure__)
    if isinstance(value, property):
        return (value.fget,)
    if isinstance(value, functools.cached_property | functools.partial):
        return (value.func,)
    if isinstance(value, tuple):
        return value
    if isinstance(value, np.ndarray):
        facts.append(value.tobytes())
    elif dataclasses.is_dataclass(value):
        return [getattr(value, one.name) for one in dataclasses.fields(value)]
    elif callable(value) or isinstance(value, staticmethod | classmethod):  # compiled, cached or bound
        return (getattr(value, "__wrapped__", None),)
    return ()


def _is_of_class(name: str, member: Any) -> bool:
    """False for attributes that Python itself adds to a class, some of them only on access."""
    return name != "_abc_impl" and (not name.startswith("__") or isinstance(member, types.FunctionType))


def _contents(closure: Any) -> Iterator[Any]:
    for cell in closure or ():
        with contextlib.suppress(ValueError):  # the cell is still empty
            yield cell.cell_contents


_codes: dict[int, tuple[types.CodeType, bytes]] = {}
"""Hashes of code objects by id. The objects are kept here, so that no id is used again."""


def _of_code(code: types.CodeType) -> bytes:
    if id(code) not in _codes:
        digest = hashlib.sha256(code.co_code + repr((code.co_names, code.co_varnames)).encode())
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                digest.update(_of_code(constant))
            elif isinstance(constant, frozenset):  # its order differs from process to process
                digest.update(repr(sorted(map(repr, constant))).encode())
            else:
                digest.update(repr(constant).encode())
        _codes[id(code)] = code, digest.digest()
    return _codes[id(code)][1]


@functools.cache
def versions() -> dict[str, str | None]:
    """The versions of Python and of the packages whose code is traced; None for a package that is missing."""
    found: dict[str, str | None] = {"python": sys.version}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


@functools.cache
def processor() -> list[str]:
    """The properties of the processor that the compiler may use; or the machine's name if the system hides them."""
    facts = [platform.system(), platform.machine()]
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:  # only the first core, because the file of many cores takes long
                name, _, fact = line.partition(":")
                if not name.strip():
                    break
                if name.strip() in _OF_PROCESSOR:
                    facts.append(line.strip())
    except OSError:
        pass
    if len(facts) == 2:
        facts += [platform.node(), platform.version(), os.environ.get("PROCESSOR_IDENTIFIER", "")]
    return facts


_OF_PROCESSOR = {
    "vendor_id", "cpu family", "model", "model name", "stepping", "flags",
    "Features", "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision",
}  # fmt: skip
"""Lines of ``/proc/cpuinfo`` on x86 and on ARM."""
