"""The context of jbo's own programs, whose results do not depend on the user's JAX settings."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
from jax._src import config as _config

SETTINGS: dict[str, Any] = {
    # Types, shapes and precision.
    "jax_enable_x64": True,
    "jax_numpy_dtype_promotion": "standard",
    "jax_numpy_rank_promotion": "allow",
    "jax_default_matmul_precision": None,
    # Randomness.
    "jax_default_prng_impl": "threefry2x32",
    "jax_enable_custom_prng": False,
    "jax_threefry_partitionable": True,
    "jax_threefry_gpu_kernel_lowering": False,
    "jax_random_seed_offset": 0,
    "jax_legacy_prng_key": "allow",
    "jax_high_dynamic_range_gumbel": False,
    "jax_debug_key_reuse": False,
    # Tracing.
    "jax_disable_jit": False,
    "jax_no_tracing": False,
    "jax_no_execution": False,
    "jax_check_tracer_leaks": False,
    "jax_check_static_indices": False,
    "jax_enable_checks": False,
    "eager_constant_folding": False,
    "jax_softmax_custom_jvp": False,
    "jax_use_direct_linearize": True,
    "jax_use_simplified_jaxpr_constants": False,
    "jax_custom_vjp3": False,
    "jax_remat3": False,
    "jax_scan3": False,
    "jax_refs_to_pins": False,
    # Compilation.
    "jax_optimization_level": "UNKNOWN",
    "jax_exec_time_optimization_effort": 0.0,
    "jax_memory_fitting_level": "O2",
    "jax_memory_fitting_effort": 0.0,
    "jax_compiler_enable_remat_pass": True,
    "jax_enable_pgle": False,
    # Checks at run time: infinities and NaN are valid values in these programs, see `jbo.numerics`.
    "jax_debug_nans": False,
    "jax_debug_infs": False,
    "jax_error_checking_behavior_nan": "ignore",
    "jax_error_checking_behavior_divide": "ignore",
    "jax_error_checking_behavior_oob": "ignore",
    "jax_thread_guard": False,
    "jax_transfer_guard_host_to_device": "allow",
    "jax_transfer_guard_device_to_device": "allow",
    "jax_transfer_guard_device_to_host": "allow",
}
"""JAX settings that change numbers, randomness or tracing, or that forbid a step, with JAX's default values (except for
x64). A setting that a version of JAX does not have is skipped."""


@contextmanager
def world(device: Any) -> Iterator[None]:
    """Context manager for the computations of the model: float64, one device, and JAX's default settings.

    It applies to this thread only and changes no global setting. Other threads must enter it themselves.

    Args:
      device: Device of the computations; None: the CPU.
    """
    with contextlib.ExitStack() as stack:
        for name, value in SETTINGS.items():
            state: Any = _config.config_states.get(name)
            # Enter only the settings that differ, because each context takes time.
            if state is not None and state.value is not None and not _is(state.value, value):
                stack.enter_context(state(value))
        stack.enter_context(jax.default_device(device or _cpu()))
        yield


def _is(now: Any, value: Any) -> bool:
    return now == value or getattr(now, "value", None) == value


def _cpu() -> Any:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # the user has excluded the CPU from JAX's platforms
        return None
