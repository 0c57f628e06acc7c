"""A compiled program of JAX as bytes, and back, by the parts that JAX itself makes it of.

The parts are not public. They are imported where they are used: a version of JAX without them only keeps no programs.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from jbo.study._structure import NotPlain, described, structure_of


class Packed(NamedTuple):
    """A compiled program without what is of this process."""

    facts: dict[str, Any]
    """What JAX knows of it, in plain values."""
    executable: bytes
    """Machine code, as XLA serialises it."""


def pack(compiled: Any, device: Any) -> Packed:
    """The program as bytes.

    Args:
      compiled: A `jax.stages.Compiled` that has not run yet: one that sorts cannot be serialised any more once it has.
      device: It runs there, and nowhere else.

    Raises:
      NotPlain: It calls back into this process, runs elsewhere, takes or gives what is no plain array, or was itself
        read from a cache of JAX's.
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
"""How machine code begins, on Linux and on macOS. A program that JAX read from a cache of its own is serialised without
it: such bytes are read without an error and fail when they are run."""


def shapes_of(packed: Packed) -> Any:
    """Shapes and types of the program's result.

    Args:
      packed: What `pack` gave.
    """
    leaves = [jax.ShapeDtypeStruct(tuple(shape), np.dtype(dtype)) for shape, dtype, _ in packed.facts["outputs"]]
    return structure_of(packed.facts["result"]).unflatten(leaves)


def unpack(packed: Packed, arguments: list[Any], device: Any) -> Any:
    """The program, a `jax.stages.Compiled` of a list of arguments as before.

    Args:
      packed: What `pack` gave, in this version of JAX.
      arguments: What the program will be called with, or arguments like them.
      device: Where it runs.
    """
    from jax._src.core import ShapedArray
    from jax._src.interpreters.pxla import UnloadedMeshExecutable
    from jax._src.lax.linalg import initialize_lapack
    from jaxlib import xla_client

    facts, devices = packed.facts, xla_client.DeviceList((device,))
    executable = device.client.deserialize_executable(packed.executable, executable_devices=devices)
    initialize_lapack()  # lowering does it, which this program does without
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
    """An abstract array in plain values."""
    if not isinstance(type_.dtype, np.dtype) or np.dtype(type_.dtype.name) != type_.dtype:
        raise NotPlain(f"{type_} is no plain array")
    return [list(type_.shape), type_.dtype.name, bool(type_.weak_type)]
