"""Minimisation of a smooth function in a box: optax's L-BFGS direction, projected, with backtracking."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jbo.numerics import choose

_MEMORY = 8
"""Number of steps in the memory of the quasi-Newton direction."""


class BoundedResult(NamedTuple):
    """The result of a minimisation."""

    x: Float[Array, " d"]
    """The best point."""
    value: Float[Array, ""]
    """Value of the function at ``x``; ``inf`` if no evaluated point had a finite value."""
    num_evaluations: Int[Array, ""]
    """Number of evaluations of the function with its gradient."""


class _Walk(NamedTuple):
    x: Float[Array, " d"]
    value: Float[Array, ""]
    gradient: Float[Array, " d"]
    direction: Float[Array, " d"]
    step: Float[Array, ""]
    memory: Any
    """State of `optax.scale_by_lbfgs`."""
    is_done: Bool[Array, ""]
    num_evaluations: Int[Array, ""]


def minimize_bounded(
    function: Callable[[Float[Array, " d"]], Float[Array, ""]],
    start: Float[Array, " d"],
    lower: Float[Array, " d"],
    upper: Float[Array, " d"],
    *,
    max_evaluations: int,
    gradient_tolerance: float,
    value_tolerance: float,
) -> BoundedResult:
    """A local minimum of ``function`` in the box between ``lower`` and ``upper``.

    Each iteration makes one evaluation, and either takes the step or shortens it. The program therefore contains a
    single copy of the function, and under `jax.vmap` no lane waits for the line search of another. Directions come from
    `optax.scale_by_lbfgs`. Coordinates on a bound that would leave the box do not move; the rest of the step is clipped
    to the box. This is a projected quasi-Newton step with Armijo's rule.

    Args:
      function: Smooth function of a vector. If its value is not finite, the step is shortened.
      start: Starting point, clipped to the box; NaN is replaced by the middle of the box.
      lower: Lower bounds. A coordinate with equal bounds is fixed.
      upper: Upper bounds.
      max_evaluations: Maximum number of evaluations.
      gradient_tolerance: The search ends if no coordinate of the projected gradient is larger.
      value_tolerance: The search ends if a step improves the value by less, relative to ``max(1, |value|)``.

    Returns:
      The best evaluated point. Its value is never above the value at ``start``.

    References:
      Nocedal and Wright, Numerical Optimization, 2006, sections 3.1 and 16.7; Bertsekas 1982.
    """
    import optax  # here, because it takes a third as long as `import jbo`

    lbfgs = optax.scale_by_lbfgs(memory_size=_MEMORY)
    value_and_gradient = jax.value_and_grad(function)
    dtype = start.dtype
    one = jnp.ones((), dtype)

    def evaluate(x: Float[Array, " d"]) -> tuple[Float[Array, ""], Float[Array, " d"]]:
        value, gradient = value_and_gradient(x)
        is_finite = jnp.isfinite(value) & jnp.all(jnp.isfinite(gradient))
        return jnp.where(is_finite, value, jnp.inf).astype(dtype), jnp.where(is_finite, gradient, 0).astype(dtype)

    def update(gradient: Float[Array, " d"], memory: Any, x: Float[Array, " d"]) -> tuple[Float[Array, " d"], Any]:
        # optax mixes integer widths, which a caller's strict promotion would refuse.
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            newton, state = lbfgs.update(gradient, memory, x)
        return jnp.asarray(newton), state

    def is_free(x: Float[Array, " d"], gradient: Float[Array, " d"]) -> Bool[Array, " d"]:
        return ~(((x <= lower) & (gradient > 0)) | ((x >= upper) & (gradient < 0)))

    def advance(walk: _Walk) -> _Walk:
        trial = jnp.clip(walk.x + walk.step * walk.direction, lower, upper)
        value, gradient = evaluate(trial)
        slope = jnp.sum(walk.gradient * (trial - walk.x))
        is_taken = jnp.isfinite(value) & (value <= walk.value + 1e-4 * jnp.minimum(slope, 0))
        gain = walk.value - value

        x, gradient, value = choose(is_taken, (trial, gradient, value), (walk.x, walk.gradient, walk.value))
        free = is_free(x, gradient)
        descent = jnp.where(free, gradient, 0)
        newton, memory = update(descent, walk.memory, x)
        direction = jnp.where(free, -newton, 0)
        is_first = jnp.isinf(walk.value)
        is_flat = ~is_first & is_taken & (gain <= value_tolerance * jnp.maximum(one, jnp.abs(walk.value)))
        step = choose(is_taken, one, walk.step * jnp.asarray(0.3, dtype))
        # After negative curvature the direction may point uphill, and after clipped steps a short step may not improve
        # the value. Then reset the memory and restart with the steepest descent.
        is_downhill = jnp.all(jnp.isfinite(direction)) & (jnp.sum(direction * gradient) < 0)
        is_stuck = (step < 1e-9) | (is_flat & (walk.step < 0.1))
        begins_anew = is_stuck & jnp.any(walk.memory.weights_memory != 0)
        goes_on = is_downhill & ~begins_anew
        steepest = -descent / jnp.maximum(one, jnp.max(jnp.abs(descent)))
        weights = memory.weights_memory
        direction, weights = choose(goes_on, (direction, weights), (steepest, jnp.zeros_like(weights)))
        new, old = (direction, memory._replace(weights_memory=weights)), (walk.direction, walk.memory)
        direction, memory = choose(is_taken | begins_anew, new, old)

        projected = jnp.max(jnp.abs(jnp.clip(x - gradient, lower, upper) - x))
        is_lost = is_first & ~is_taken
        is_over = (is_flat | (step < 1e-9)) & ~begins_anew
        return _Walk(
            x,
            value,
            gradient,
            direction,
            choose(begins_anew, one, step),
            memory,
            is_over | (is_taken & (projected <= gradient_tolerance)) | is_lost,
            walk.num_evaluations + 1,
        )

    x = jnp.clip(jnp.where(jnp.isnan(start), 0.5 * (lower + upper), start), lower, upper)
    # The first step has length 0, from a value of infinity, so that the program contains a single evaluation.
    memory: Any = lbfgs.init(x)
    unknown, still = jnp.asarray(jnp.inf, dtype), jnp.zeros_like(x)
    walk = _Walk(x, unknown, still, still, one, memory, jnp.asarray(False), jnp.zeros((), jnp.int32))
    # Every carry depends on `start`, so that vmap traces the loop once.
    is_of_start = jnp.any(jnp.isnan(x))
    walk = jax.tree.map(lambda leaf: jnp.where(is_of_start, leaf, leaf), walk)
    walk = jax.lax.while_loop(lambda w: ~w.is_done & (w.num_evaluations < max_evaluations), advance, walk)
    return BoundedResult(walk.x, walk.value, walk.num_evaluations)
