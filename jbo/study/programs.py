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
    """A function defined at module level. A function that is defined again is compiled again."""
    arguments: tuple[Any, ...]
    device: Any
    """Device for which the program is compiled."""


class _Program(Future):
    """A compiled program, or a future of one."""

    thread: int | None = None
    """Native id of the thread that compiles it; None before it has started."""
    is_awaited: bool = False
    """True once a thread waits for the program."""


_programs: dict[Hashable, _Program] = {}
_lock = threading.Lock()


class _Tracing:
    """Settings of the interpreter during tracing: frequent thread switches and no garbage collection of cycles.

    Tracing runs in Python. A search in another thread would wait 5 ms each time it needs the interpreter lock, which
    adds up to half a second for a suggestion. Tracing also creates hundreds of thousands of objects that stay alive.
    The garbage collector would go through them in vain, for a quarter of the time.
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
"""Function from the shapes and types of a program's result to the next call; both are compiled at the same time."""


def run(
    call: Call, then: _Then | None = None, waiting: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
) -> tuple[Any, float]:
    """The function's result, and the seconds spent waiting for its program to be compiled.

    Args:
      call: The call to run. The caller must be in its context (`jbo.world`: types, device).
      then: Returns the next call. If this program has to be compiled, the next one is compiled at the same time.
      waiting: Context manager that is entered while the program is not ready.
    """
    program, is_ours = _program(call)
    start = time.perf_counter()
    with _lock:
        program.is_awaited, thread = True, program.thread
    with contextlib.nullcontext() if is_ours is None else waiting():
        if is_ours:
            _compile(call, program, then)
        elif is_ours is False and thread is not None:
            # Raise its priority, because among busy processes a background thread would take ten times as long.
            _give_priority(thread, None)
        compiled = program.result()
    seconds = 0.0 if is_ours is None else time.perf_counter() - start
    return compiled(jax.tree.leaves(call.arguments)), seconds


def forget() -> None:
    """Forget all compiled programs. Each is compiled again when it is next called."""
    with _lock:
        _programs.clear()


def compile_ahead(call: Call, world: Callable[[], AbstractContextManager[None]], then: _Then | None = None) -> None:
    """Compile a program in a new thread, unless it is compiled already or being compiled.

    Args:
      call: The call to compile. Only the structure and the types of its arguments matter.
      world: The context in which the thread compiles, because threads do not inherit it.
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
    except RuntimeError as error:  # no thread can be started: the first call compiles the program
        program.set_exception(error)


def _in_thread(program: _Program, work: Callable[[], None]) -> None:
    def begin() -> None:
        with _lock:
            program.thread = threading.get_native_id()
            if not program.is_awaited:  # lower the priority of this thread: the search and the objective come first
                _give_priority(program.thread, 10)
        work()

    # Not a daemon: a thread that compiles while the interpreter exits aborts the process.
    threading.Thread(target=begin, name="jbo-compile").start()


def _give_priority(thread: int, priority: int | None) -> None:
    """Set the priority (nice value) of a thread; None: the priority of the calling thread."""
    if sys.platform == "linux":  # elsewhere threads have no priority, and the id may belong to a process
        with contextlib.suppress(OSError):  # only a superuser may raise a priority
            if priority is None:
                priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            os.setpriority(os.PRIO_PROCESS, thread, priority)


def _program(call: Call) -> tuple[_Program, bool | None]:
    """The program of a call, and True: the caller must compile it; False: another thread does; None: it is ready."""
    leaves, structure = jax.tree.flatten(call.arguments)
    types = tuple(map(_type, leaves))
    key = (call.function, structure, types, call.device)
    with _lock:
        program = _programs.get(key)
        # A failed program is compiled again, because the cause may be gone. Its error went to the thread that waited.
        if program is None or (program.done() and program.exception() is not None):
            _programs[key] = program = _Program()
            return program, True
    return program, None if program.done() else False


def _type(leaf: Any) -> Hashable:
    """Shape and type of an argument. This is ten times as fast as `jax.typeof` for an array."""
    is_array = hasattr(leaf, "dtype") and hasattr(leaf, "shape")
    return (leaf.shape, leaf.dtype) if is_array else (np.shape(leaf), jax.dtypes.result_type(leaf), type(leaf))


_FOR_CPU = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_backend_optimization_level": 2,
    "xla_llvm_disable_expensive_passes": False,
}
"""Options of the compiler. The older emitters of XLA halve the compile time, and a lower LLVM level saves another
eighth. The code is as fast. JAX's flag ``jax_disable_most_optimizations`` sets the last option, and would change
digits. An option in the user's XLA_FLAGS keeps the user's value."""


def _compiled(lowered: Any) -> Any:
    """The executable."""
    if jax.default_backend() == "cpu":
        flags = os.environ.get("XLA_FLAGS", "")
        options = {name: value for name, value in _FOR_CPU.items() if f"--{name}" not in flags}
        try:
            return lowered.compile(compiler_options=options)
        except jax.errors.JaxRuntimeError:  # another version of XLA, without one of the options
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
    if program.done():  # tracing has failed
        return

    def work() -> None:
        packed: Packed | None = None
        with _errors_to(program), world(call.device):  # this may be a new thread
            compiled = None if kept is None or found is None else kept.load(found)
            if compiled is None:
                compiled = _compiled(lowered or _lowered(call)[1])
                packed = None if kept is None else kept.pack(compiled)  # before its first run
            program.set_result(compiled)
        if kept is not None and packed is not None:
            kept.store(packed)

    if then is None:
        return work()
    # The compiler does not need the interpreter, so it runs in a new thread while the next call is traced here.
    try:
        _in_thread(program, work)
    except RuntimeError:  # no thread can be started
        work()
    # Errors of the user's own parts are raised again when the next program is needed.
    with contextlib.suppress(Exception):
        next_call = then(shapes)
        following, is_ours = _program(next_call)
        following.is_awaited |= program.is_awaited
        if is_ours:
            _compile(next_call, following, None)


def _lowered(call: Call) -> tuple[Any, Any]:
    """The traced and the lowered program of a call."""
    leaves, structure = jax.tree.flatten(call.arguments)
    # Pass leaves and not trees: lowering builds trees of objects that are not arrays, which a class may reject. Each
    # program is a new function, because JAX's caches may confuse two structures (see `jbo.pytree`).
    with _tracing:
        traced = jax.jit(lambda leaves: call.function(*structure.unflatten(leaves))).trace(leaves)
        return traced, traced.lower()


@contextlib.contextmanager
def _errors_to(program: _Program) -> Iterator[None]:
    """Context manager that stores an exception in the program, which raises it in the thread that needs the result."""
    try:
        yield
    except BaseException as error:
        program.set_exception(error)
        if not isinstance(error, Exception):
            raise
