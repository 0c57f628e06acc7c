"""Conversion of a compiled JAX program to bytes and back, by internals of JAX.

These internals are not public. They are imported at their use, so that a version of JAX without them just caches
nothing.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from jbo.study._structure import NotPlain, described, structure_of


class Packed(NamedTuple):
    """A compiled program, independent of this process."""

    facts: dict[str, Any]
    """JAX's description of the program, as plain values."""
    executable: bytes
    """Machine code, as serialised by XLA."""


def pack(compiled: Any, device: Any) -> Packed:
    """The program as bytes.

    Args:
      compiled: A `jax.stages.Compiled` that has not run yet. A program that sorts cannot be serialised after it has
        run.
      device: The only device of the program.

    Raises:
      NotPlain: The program calls back into this process, runs on another device, or was itself read from JAX's cache.
        Or an argument or a result is not a plain array.
    """
    parts = compiled._executable._unloaded_executable
    callbacks = parts.host_callbacks or parts.keepalive or parts.ordered_effects or parts.unordered_effects
    if callbacks or parts.mut or compiled._params.const_args:
        raise NotPlain(f"{parts.name} holds what is of this process")
    shardings = (*parts.input_shardings, *parts.output_shardings)
    if any(one.device_set != {device} for one in shardings) or any(
        one is not None for one in parts.dispatch_in_layouts
    ):
        raise NotPlain(f"{parts.name} does not run on {device} alone")
    facts = {
        "name": parts.name,
        "inputs": [_plain(type_) for type_ in parts.input_avals],
        "outputs": [_plain(type_) for type_ in parts.output_avals],
        "kept": sorted(parts.kept_var_idx),
        "is committed": bool(parts.committed),
        "result": described(compiled.out_tree),
    }
    if structure_of(facts["result"]) != compiled.out_tree:
        raise NotPlain(f"the result of {parts.name} is more than its description")
    executable = compiled.runtime_executable().serialize()
    if not any(magic in executable for magic in _OBJECT_FILES):
        raise NotPlain(f"{parts.name} comes without its machine code")
    return Packed(facts, executable)


_OBJECT_FILES = (b"\x7fELF", b"\xcf\xfa\xed\xfe")
"""First bytes of machine code on Linux and on macOS. A program that JAX read from its own cache is serialised without
machine code. Such bytes can be read without an error, and fail when they run."""


def shapes_of(packed: Packed) -> Any:
    """Shapes and types of the program's result.

    Args:
      packed: The program from `pack`.
    """
    leaves = [jax.ShapeDtypeStruct(tuple(shape), np.dtype(dtype)) for shape, dtype, _ in packed.facts["outputs"]]
    return structure_of(packed.facts["result"]).unflatten(leaves)


def unpack(packed: Packed, arguments: list[Any], device: Any) -> Any:
    """The compiled program, a `jax.stages.Compiled` of a list of arguments.

    Args:
      packed: The program from `pack`, in this version of JAX.
      arguments: Arguments of the call, or others of the same shapes and types.
      device: Device of the program.
    """
    from jax._src.core import ShapedArray
    from jax._src.interpreters.pxla import UnloadedMeshExecutable
    from jax._src.lax.linalg import initialize_lapack
    from jaxlib import xla_client

    facts, devices = packed.facts, xla_client.DeviceList((device,))
    executable = device.client.deserialize_executable(packed.executable, executable_devices=devices)
    initialize_lapack()  # usually done by lowering, which is skipped here
    sharding = jax.sharding.SingleDeviceSharding(device)
    inputs, outputs = (
        [ShapedArray(tuple(shape), np.dtype(dtype), weak_type=is_weak) for shape, dtype, is_weak in facts[name]]
        for name in ("inputs", "outputs")
    )
    parts = UnloadedMeshExecutable(
        xla_executable=executable,
        device_list=devices,
        backend=device.client,
        input_avals=inputs,
        input_shardings=[sharding] * len(inputs),
        output_avals=outputs,
        output_shardings=[sharding] * len(outputs),
        committed=facts["is committed"],
        name=facts["name"],
        unordered_effects=[],
        ordered_effects=[],
        keepalive=[],
        host_callbacks=[],
        kept_var_idx=set(facts["kept"]),
        mut=None,
        xla_in_layouts=[None] * len(inputs),
        dispatch_in_layouts=[None] * len(inputs),
        xla_out_layouts=[None] * len(outputs),
        all_args_info=None,
        pgle_profiler=None,
    )
    return jax.stages.Compiled(parts.load(), [], ((arguments,), {}), structure_of(facts["result"]))


def _plain(type_: Any) -> list[Any]:
    """Shape and type of an abstract array, as plain values."""
    if not isinstance(type_.dtype, np.dtype) or np.dtype(type_.dtype.name) != type_.dtype:
        raise NotPlain(f"{type_} is no plain array")
    return [list(type_.shape), type_.dtype.name, bool(type_.weak_type)]
