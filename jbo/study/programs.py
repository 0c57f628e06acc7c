"""Compiled programs, one for each function and structure of its arguments; compilation may precede the first call."""

import contextlib
import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import jax
import numpy as np

from jbo.study.cache import Packed, place
from jbo.world import world


class Call(NamedTuple):
    """A traceable function with its arguments and its device."""

    function: Callable[..., Any]
    """Defined at module level: what is defined anew is compiled anew."""
    arguments: tuple[Any, ...]
    device: Any
    """What the program is compiled for, besides the arguments."""


class _Program(Future):
    """A compiled program, or the promise of one."""

    thread: int | None = None
    """That compiles it; None before it has begun."""
    is_awaited: bool = False
    """True once somebody waits for it."""


_programs: dict[Hashable, _Program] = {}
_lock = threading.Lock()


class _Tracing:
    """While a program is traced the interpreter lock changes hands often and no cycles are collected; then as before.

    Tracing is Python: a search beside it would wait 5 ms each time it wants the lock, half a second for one suggestion.
    And it makes hundreds of thousands of objects that stay, which the collector of cycles goes through in vain: a
    quarter of the time.
    """

    _SECONDS = 1e-4

    def __init__(self):
        self._lock = threading.Lock()
        self._num_inside = 0
        self._before = 0.0
        self._collects = False

    def __enter__(self) -> None:
        with self._lock:
            if not self._num_inside:
                self._before = sys.getswitchinterval()
                sys.setswitchinterval(min(self._before, self._SECONDS))
                self._collects = gc.isenabled()
                gc.disable()
            self._num_inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._num_inside -= 1
            if not self._num_inside:
                sys.setswitchinterval(self._before)
                if self._collects:
                    gc.enable()


_tracing = _Tracing()


_Then = Callable[[Any], Call]
"""Of the shapes and types of a program's result what takes it; both are compiled at the same time."""


def run(
    call: Call, then: _Then | None = None, waiting: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
) -> tuple[Any, float]:
    """The function's result, and the seconds that were spent waiting for its program to be compiled.

    Args:
      call: What to run, called in the world (types, device) where it shall run.
      then: Gives what is run next: if this one has to be compiled, that is compiled beside it.
      waiting: The block in which the program is waited for, if it is not there yet.
    """
    program, is_ours = _program(call)
    start = time.perf_counter()
    with _lock:
        program.is_awaited, thread = True, program.thread
    with contextlib.nullcontext() if is_ours is None else waiting():
        if is_ours:
            _compile(call, program, then)
        elif is_ours is False and thread is not None:
            # Nothing goes before it any more: among busy processes its thread would take ten times as long.
            _give_priority(thread, None)
        compiled = program.result()
    seconds = 0.0 if is_ours is None else time.perf_counter() - start
    return compiled(jax.tree.leaves(call.arguments)), seconds


def forget() -> None:
    """Forget all compiled programs. Each is compiled again when it is next called."""
    with _lock:
        _programs.clear()


def compile_ahead(call: Call, world: Callable[[], AbstractContextManager[None]], then: _Then | None = None) -> None:
    """Compile a program in a thread of its own, unless it is there or under way.

    Args:
      call: What will be run; of the arguments only the structure and the types count.
      world: The context in which a thread compiles: threads do not inherit it.
      then: As in `run`.
    """
    program, is_ours = _program(call)
    if not is_ours:
        return

    def work() -> None:
        with world():
            _compile(call, program, then)

    try:
        _in_thread(program, work)
    except RuntimeError as error:  # no thread is to be had: whoever needs the program compiles it
        program.set_exception(error)


def _in_thread(program: _Program, work: Callable[[], None]) -> None:
    def begin() -> None:
        with _lock:
            program.thread = threading.get_native_id()
            if not program.is_awaited:  # of this thread alone: the search and the objective go first
                _give_priority(program.thread, 10)
        work()

    # Not a daemon: a thread that compiles while the interpreter exits aborts the process.
    threading.Thread(target=begin, name="jbo-compile").start()


def _give_priority(thread: int, priority: int | None) -> None:
    """A number, or None for that of the thread that gives it."""
    if sys.platform == "linux":  # elsewhere a thread has no priority, and its number may be that of a process
        with contextlib.suppress(OSError):  # the system lets a superuser only raise one
            if priority is None:
                priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            os.setpriority(os.PRIO_PROCESS, thread, priority)


def _program(call: Call) -> tuple[_Program, bool | None]:
    """The program or the promise of it; True: the caller has to keep it; False: somebody does; None: it is there."""
    leaves, structure = jax.tree.flatten(call.arguments)
    types = tuple(map(_type, leaves))
    key = (call.function, structure, types, call.device)
    with _lock:
        program = _programs.get(key)
        # One that failed is tried again: what was wrong may be gone, and its error belongs to who waits for it.
        if program is None or (program.done() and program.exception() is not None):
            _programs[key] = program = _Program()
            return program, True
    return program, None if program.done() else False


def _type(leaf: Any) -> Hashable:
    """What a program knows of an argument; asking JAX for the type of an array takes ten times as long."""
    is_array = hasattr(leaf, "dtype") and hasattr(leaf, "shape")
    return (leaf.shape, leaf.dtype) if is_array else (np.shape(leaf), jax.dtypes.result_type(leaf), type(leaf))


_FOR_CPU = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_backend_optimization_level": 2,
    "xla_llvm_disable_expensive_passes": False,
}
"""Options of the compiler. The older emitters of XLA compile in half the time, one level less of LLVM's in an eighth
less, to code that is as fast. JAX's flag ``jax_disable_most_optimizations`` sets the last one, and would change
digits. An option that the user sets in XLA_FLAGS keeps the user's value."""


def _compiled(lowered: Any) -> Any:
    """The executable."""
    if jax.default_backend() == "cpu":
        flags = os.environ.get("XLA_FLAGS", "")
        options = {name: value for name, value in _FOR_CPU.items() if f"--{name}" not in flags}
        try:
            return lowered.compile(compiler_options=options)
        except jax.errors.JaxRuntimeError:  # another version of XLA, which does not know an option
            pass
    return lowered.compile()


def _compile(call: Call, program: _Program, then: _Then | None) -> None:
    program.thread = threading.get_native_id()
    kept = found = lowered = shapes = None
    with _errors_to(program):
        kept = place(call.function, call.arguments)
        found, shapes = (None, None) if kept is None else kept.find()
        if found is None:
            traced, lowered = _lowered(call)
            shapes = traced.out_info
    if program.done():  # it can't be traced
        return

    def work() -> None:
        packed: Packed | None = None
        with _errors_to(program), world(call.device):  # it may be a thread of its own
            compiled = None if kept is None or found is None else kept.load(found)
            if compiled is None:
                compiled = _compiled(lowered or _lowered(call)[1])
                packed = None if kept is None else kept.pack(compiled)  # before anybody runs it
            program.set_result(compiled)
        if kept is not None and packed is not None:
            kept.store(packed)

    if then is None:
        return work()
    # The compiler needs no interpreter: it has a thread of its own, while what comes next is traced here.
    try:
        _in_thread(program, work)
    except RuntimeError:  # no thread is to be had
        work()
    # What the user's own parts refuse there comes again, to whoever needs that program.
    with contextlib.suppress(Exception):
        next_call = then(shapes)
        following, is_ours = _program(next_call)
        following.is_awaited |= program.is_awaited
        if is_ours:
            _compile(next_call, following, None)


def _lowered(call: Call) -> tuple[Any, Any]:
    """What JAX traces of a call, and makes of that for the compiler."""
    leaves, structure = jax.tree.flatten(call.arguments)
    # Leaves go in and not trees: while it lowers, JAX makes trees of things that are no arrays, which a tree may
    # refuse. Each program is a function of its own: JAX's caches may take a structure for another (see `jbo.pytree`).
    with _tracing:
        traced = jax.jit(lambda leaves: call.function(*structure.unflatten(leaves))).trace(leaves)
        return traced, traced.lower()


@contextlib.contextmanager
def _errors_to(program: _Program) -> Iterator[None]:
    """An error is the program's: it comes to whoever needs it."""
    try:
        yield
    except BaseException as error:
        program.set_exception(error)
        if not isinstance(error, Exception):
            raise
