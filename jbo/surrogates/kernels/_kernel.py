"""Base classes of kernels: hyperparameters, priors of a kernel's own hyperparameters, sums and products."""

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jbo.encoding import Encoding
from jbo.pytrees import pytree


class GPParams(NamedTuple):
    """Hyperparameters of a Gaussian process on the log scale; ``*s`` is empty or one axis of hyperparameter samples."""

    log_lengthscale: Float[Array, "*s d"]
    """One entry for each column, in units of the unit cube. Two choices of a category have distance 1."""
    log_signal_variance: Float[Array, "*s"]
    """Prior variance of the function, in units of standardised ``y``."""
    log_noise_variance: Float[Array, "*s"]
    """Variance of an observation around the function, in units of standardised ``y``."""
    of_kernel: Any = ()
    """Further hyperparameters of the kernel, ``[*s e]`` in the order of its `Covariance.slots`; ``()`` without any."""
    of_noise: Any = ()
    """Slope of the log noise variance in each column, ``[*s d]``; ``()``: the noise is the same everywhere."""
    of_output: Any = ()
    """Skew and log tail of the output warp, ``[*s 2]``; ``()``: the values are not warped."""


Kernel = Callable[[GPParams, Float[Array, "n d"], Float[Array, "m d"]], Float[Array, "n m"]]


class Normal(NamedTuple):
    """A normal prior on the logarithm of a parameter: mean and standard deviation, which may be traced."""

    loc: float | Float[Array, ""]
    scale: float | Float[Array, ""]


class Slot(NamedTuple):
    """Prior and bounds of one entry of `GPParams.of_kernel`."""

    kind: str
    """``"lengthscale"`` or ``"signal"``: prior and bounds come from the surrogate; ``"own"``: from this slot."""
    prior: Normal = Normal(0.0, 1.0)
    bounds: tuple[float, float] = (0.0, 0.0)
    """Bounds of the search, on the scale of the entry (usually logarithmic)."""
    num_columns: int = 1
    """For a lengthscale: number of columns of the component that the lengthscale belongs to."""


@dataclass(frozen=True)
class Covariance:
    """Base class of kernels, which can be added, multiplied and bound to a space, and may have own hyperparameters.

    A kernel is a frozen dataclass registered as a pytree: numbers are leaves, structure is static and hashable. A
    user's kernel only needs ``__call__``, or is a plain function.
    """

    @abstractmethod
    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""

    def gram(self, params: GPParams, x: Float[Array, "n d"]) -> Float[Array, "n n"]:
        """Covariance of the function at each pair of ``x``."""
        return self(params, x, x)

    def variance(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, " m"]:
        """Variance of the function at each point."""

        def at(point: Float[Array, " d"]) -> Float[Array, ""]:
            row = point[None, :]
            return self(params, row, row)[0, 0]

        return jax.vmap(at)(x)

    def bind(self, encoding: Encoding) -> "Covariance":
        """The kernel, bound to the columns of a space."""
        del encoding
        return self

    def resolve(self, names: Sequence[str]) -> "Covariance":
        """The kernel, with parameter names replaced by column numbers.

        Args:
          names: Names of all columns, in order.
        """
        del names
        return self

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """The entries of ``GPParams.of_kernel``.

        Args:
          num_columns: Columns ``d`` of the inputs.
        """
        del num_columns
        return ()

    def columns(self, num_columns: int) -> tuple[int, ...]:
        """The columns that the kernel uses, in order."""
        return tuple(range(num_columns))

    def widths(self, num_columns: int) -> np.ndarray:
        """Number of columns of the component to which each column's lengthscale belongs, ``[d]``."""
        return np.full(num_columns, num_columns)

    def __add__(self, other: Kernel) -> "Sum":
        return Sum((*_parts(self, Sum), *_parts(as_covariance(other), Sum)))

    def __mul__(self, other: Kernel) -> "Product":
        return Product((*_parts(self, Product), *_parts(as_covariance(other), Product)))


@pytree
@dataclass(frozen=True)
class Pairwise(Covariance):
    """A kernel defined by a function of two points; made by `from_pairwise`."""

    priors: tuple[Normal, ...]
    function: Callable[..., Float[Array, ""]] = field(metadata={"static": True})

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        return jax.vmap(lambda a: jax.vmap(lambda b: self.function(params, a, b))(x2))(x1)

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """One entry for each prior, bounded by -5 and 5."""
        del num_columns
        return tuple(Slot("own", prior, (-5.0, 5.0)) for prior in self.priors)


@pytree
@dataclass(frozen=True)
class Matrixwise(Covariance):
    """A kernel defined by a plain function of two matrices of points."""

    function: Kernel = field(metadata={"static": True})

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        return self.function(params, x1, x2)


def as_covariance(kernel: Kernel) -> Covariance:
    """The kernel as a `Covariance`.

    Args:
      kernel: A kernel of this package, or a function of parameters and two matrices of points.
    """
    return kernel if isinstance(kernel, Covariance) else Matrixwise(kernel)


def from_pairwise(
    function: Callable[[GPParams, Float[Array, " d"], Float[Array, " d"]], Float[Array, ""]],
    priors: Sequence[tuple[float, float]] = (),
) -> Pairwise:
    """A kernel defined by a function of two points.

    Args:
      function: ``function(params, a, b)`` gives the covariance of the function at ``a`` and ``b``. It must be symmetric
        and positive semi-definite, with a finite gradient where ``a`` equals ``b``.
      priors: Mean and standard deviation of each of the kernel's own hyperparameters. ``function`` finds these
        hyperparameters in ``params.of_kernel``, in this order. They are fitted with the others.

    Returns:
      A kernel over matrices of points.

    Example:
      >>> import jax.numpy as jnp
      >>> def linear(params, a, b):
      ...     return jnp.exp(params.log_signal_variance) * jnp.dot(a, b)
      >>> params = GPParams(jnp.zeros(2), jnp.zeros(()), jnp.zeros(()))
      >>> float(from_pairwise(linear)(params, jnp.ones((1, 2)), jnp.ones((3, 2)))[0, 0])
      2.0
    """
    return Pairwise(tuple(as_normal(prior) for prior in priors), function)


def as_normal(prior: tuple[Any, Any]) -> Normal:
    """A normal prior with the given mean and standard deviation.

    Integers become floats. Both are then the same kind of pytree leaf, so a changed number compiles nothing.

    Args:
      prior: Mean and standard deviation of the logarithm of a hyperparameter; both may be traced.

    Example:
      >>> as_normal((0, 2))
      Normal(loc=0.0, scale=2.0)
    """
    return Normal(1.0 * prior[0], 1.0 * prior[1])


@pytree
@dataclass(frozen=True)
class Composite(Covariance):
    """Base class of sums and products of kernels. Each component has its own hyperparameters.

    A column's lengthscale in ``params`` belongs to the first component that uses the column. The signal variance
    belongs to the first component. ``of_kernel`` holds the hyperparameters of the other components, one after another:
    the lengthscales if an earlier component uses one of the columns, the variance in a sum, then the component's own.
    """

    parts: tuple[Covariance, ...]

    def bind(self, encoding: Encoding) -> "Composite":
        """The kernel, bound to the columns of a space."""
        return dataclasses.replace(self, parts=tuple(part.bind(encoding) for part in self.parts))

    def resolve(self, names: Sequence[str]) -> "Composite":
        """The kernel, with parameter names replaced by column numbers."""
        return dataclasses.replace(self, parts=tuple(part.resolve(names) for part in self.parts))

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """The entries of ``GPParams.of_kernel``."""
        return tuple(slot for part in self._slots(num_columns) for slots in part for slot in slots)

    def columns(self, num_columns: int) -> tuple[int, ...]:
        """The columns that any component uses."""
        return tuple(sorted({j for part in self.parts for j in part.columns(num_columns)}))

    def widths(self, num_columns: int) -> np.ndarray:
        """Number of columns of the first component that uses each column."""
        widths = np.full(num_columns, num_columns)
        for part in reversed(self.parts):
            columns = list(part.columns(num_columns))
            widths[columns] = part.widths(num_columns)[columns]
        return widths

    def _has_signals(self) -> bool:
        raise NotImplementedError

    def _slots(self, num_columns: int) -> list[tuple[tuple[Slot, ...], tuple[Slot, ...], tuple[Slot, ...]]]:
        """For each component: the entries of its lengthscales, of its variance and of its own hyperparameters."""
        seen: set[int] = set()
        found = []
        for i, part in enumerate(self.parts):
            columns, widths = part.columns(num_columns), part.widths(num_columns)
            is_shared = seen.isdisjoint(columns)
            lengthscales = () if is_shared else tuple(Slot("lengthscale", num_columns=int(widths[j])) for j in columns)
            signal = (Slot("signal"),) if i > 0 and self._has_signals() else ()
            found.append((lengthscales, signal, part.slots(num_columns)))
            seen.update(columns)
        return found

    def _params(self, params: GPParams) -> list[GPParams]:
        """The hyperparameters of each component."""
        d = params.log_lengthscale.shape[0]
        one = jnp.zeros_like(params.log_signal_variance)
        at, found = 0, []
        for i, (part, slots) in enumerate(zip(self.parts, self._slots(d), strict=True)):
            ends = np.cumsum([at, *(len(s) for s in slots)])
            lengthscale, signal, own = (params.of_kernel[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True))
            at = int(ends[-1])
            log_lengthscale = params.log_lengthscale
            if slots[0]:
                log_lengthscale = log_lengthscale.at[np.array(part.columns(d))].set(lengthscale)
            log_signal = params.log_signal_variance if i == 0 else signal[0] if slots[1] else one
            found.append(GPParams(log_lengthscale, log_signal, params.log_noise_variance, own if slots[2] else ()))
        return found


@pytree
@dataclass(frozen=True)
class Sum(Composite):
    """A sum of kernels, each with its own lengthscales and variance.

    The function is then a sum of independent functions, one for each kernel.
    """

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        return _total(part(p, x1, x2) for part, p in zip(self.parts, self._params(params), strict=True))

    def gram(self, params: GPParams, x: Float[Array, "n d"]) -> Float[Array, "n n"]:
        """Covariance of the function at each pair of ``x``."""
        return _total(part.gram(p, x) for part, p in zip(self.parts, self._params(params), strict=True))

    def variance(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, " m"]:
        """Variance of the function at each point."""
        return _total(part.variance(p, x) for part, p in zip(self.parts, self._params(params), strict=True))

    def _has_signals(self) -> bool:
        return True


@pytree
@dataclass(frozen=True)
class Product(Composite):
    """A product of kernels, each with its own lengthscales: points are similar if every kernel says so."""

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        return _product(part(p, x1, x2) for part, p in zip(self.parts, self._params(params), strict=True))

    def gram(self, params: GPParams, x: Float[Array, "n d"]) -> Float[Array, "n n"]:
        """Covariance of the function at each pair of ``x``."""
        return _product(part.gram(p, x) for part, p in zip(self.parts, self._params(params), strict=True))

    def variance(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, " m"]:
        """Variance of the function at each point."""
        return _product(part.variance(p, x) for part, p in zip(self.parts, self._params(params), strict=True))

    def _has_signals(self) -> bool:
        return False


@pytree
@dataclass(frozen=True)
class OnColumns(Covariance):
    """A kernel over some of the columns, constant in the others; made by `on`."""

    kernel: Covariance
    chosen: tuple[str | int, ...] = field(metadata={"static": True})
    """Parameter names or column numbers."""

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        z1 = self._take(x1)
        return self.kernel(self._params(params), z1, z1 if x2 is x1 else self._take(x2))

    def gram(self, params: GPParams, x: Float[Array, "n d"]) -> Float[Array, "n n"]:
        """Covariance of the function at each pair of ``x``."""
        return self.kernel.gram(self._params(params), self._take(x))

    def variance(self, params: GPParams, x: Float[Array, "m d"]) -> Float[Array, " m"]:
        """Variance of the function at each point."""
        return self.kernel.variance(self._params(params), self._take(x))

    def bind(self, encoding: Encoding) -> "OnColumns":
        """The kernel, bound to the columns of a space."""
        chosen = self._indices()
        if max(chosen) >= encoding.num_columns:
            raise ValueError(f"on: expected columns below {encoding.num_columns}, got {chosen}")
        # A kernel does not use conditions: an inactive column has the value 1/2.
        columns = tuple(encoding.columns[j]._replace(parent=-1, parent_levels=(), parent_range=None) for j in chosen)
        part = dataclasses.replace(
            encoding, log_range=encoding.log_range[np.array(chosen)], columns=columns, constraint=None, candidates=None
        )
        return dataclasses.replace(self, kernel=self.kernel.bind(part))

    def resolve(self, names: Sequence[str]) -> "OnColumns":
        """The kernel, with parameter names replaced by column numbers.

        Raises:
          ValueError: If no parameter has one of the names.
        """
        for name in self.chosen:
            if isinstance(name, str) and name not in names:
                raise ValueError(f"on: expected names of parameters, which are {', '.join(names)}; got {name!r}")
        chosen = tuple(names.index(c) if isinstance(c, str) else c for c in self.chosen)
        kernel = self.kernel.resolve([names[j] for j in chosen if j < len(names)])
        return dataclasses.replace(self, kernel=kernel, chosen=chosen)

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """The entries of ``GPParams.of_kernel``."""
        del num_columns
        return self.kernel.slots(len(self.chosen))

    def columns(self, num_columns: int) -> tuple[int, ...]:
        """The columns that the kernel uses, in order."""
        del num_columns
        chosen = self._indices()
        return tuple(sorted(chosen[j] for j in self.kernel.columns(len(chosen))))

    def widths(self, num_columns: int) -> np.ndarray:
        """Number of columns of the component to which each chosen column's lengthscale belongs."""
        widths = np.full(num_columns, num_columns)
        widths[list(self._indices())] = self.kernel.widths(len(self.chosen))
        return widths

    def _indices(self) -> tuple[int, ...]:
        chosen = tuple(c for c in self.chosen if isinstance(c, int))
        if len(chosen) < len(self.chosen):
            raise ValueError(
                "on: expected column numbers, because only a strategy such as jbo.bayesian(space) knows names, "
                f"got {self.chosen}"
            )
        return chosen

    def _take(self, x: Float[Array, "n d"]) -> Float[Array, "n g"]:
        return x[:, np.array(self._indices())]

    def _params(self, params: GPParams) -> GPParams:
        return params._replace(log_lengthscale=params.log_lengthscale[np.array(self._indices())])


def on(kernel: Kernel, *columns: str | int) -> OnColumns:
    """A kernel that uses only some of the parameters; by itself it is constant in all others.

    Args:
      kernel: Any kernel.
      columns: Column numbers; or parameter names, if the kernel is passed to `jbo.bayesian`.

    Raises:
      ValueError: If ``columns`` is empty, repeats a parameter or has a negative number.
    """
    if not columns or len(set(columns)) < len(columns):
        raise ValueError(f"on: expected at least one parameter, each once, got {columns}")
    if any(isinstance(column, int) and column < 0 for column in columns):
        raise ValueError(f"on: expected columns of at least 0, got {columns}")
    return OnColumns(as_covariance(kernel), columns)


def additive(kernel: Kernel, *groups: Sequence[str | int]) -> Covariance:
    """A sum of copies of a kernel, one for each group of parameters: the function is a sum over the groups.

    Args:
      kernel: The kernel of every group. Each group has its own hyperparameters.
      groups: Parameter names, or column numbers, of each group. A parameter may be in several groups.

    Raises:
      ValueError: No group is given, or a group is empty.

    References:
      Kandasamy, Schneider and Póczos, High Dimensional Bayesian Optimisation and Bandits via Additive Models, 2015;
      Duvenaud, Nickisch and Rasmussen, Additive Gaussian Processes, 2011.
    """
    if not groups:
        raise ValueError("additive: expected at least one group of parameters, got none")
    parts = tuple(on(kernel, *group) for group in groups)
    return parts[0] if len(parts) == 1 else Sum(parts)


def _parts(kernel: Covariance, kind: type[Composite]) -> tuple[Covariance, ...]:
    return kernel.parts if isinstance(kernel, kind) else (kernel,)


def _total(matrices: Any) -> Any:
    first, *others = matrices
    for other in others:
        first = first + other
    return first


def _product(matrices: Any) -> Any:
    first, *others = matrices
    for other in others:
        first = first * other
    return first
