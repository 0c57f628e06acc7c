"""What a kernel is: its hyperparameters, the priors of those that are its own, and how kernels are put together."""

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
    """Parameters of a Gaussian process on the log scale; ``*s`` is empty or one axis of hyperparameter sets."""

    log_lengthscale: Float[Array, "*s d"]
    """One a column, in units of the unit cube; of a category, the distance between two choices is 1."""
    log_signal_variance: Float[Array, "*s"]
    """Prior variance of the function, in units of standardised ``y``."""
    log_noise_variance: Float[Array, "*s"]
    """Variance of an observation around the function, in units of standardised ``y``."""
    of_kernel: Any = ()
    """What the kernel has besides, ``[*s e]`` in the order of its `Covariance.slots`; ``()`` if it has nothing."""
    of_noise: Any = ()
    """Slope of the log noise variance in each column, ``[*s d]``; ``()``: the noise is the same everywhere."""
    of_output: Any = ()
    """Skew and log tail of the warp of the values, ``[*s 2]``; ``()``: they are not warped."""


Kernel = Callable[[GPParams, Float[Array, "n d"], Float[Array, "m d"]], Float[Array, "n m"]]


class Normal(NamedTuple):
    """A normal prior on the logarithm of a parameter; both are numbers that may be traced."""

    loc: float | Float[Array, ""]
    scale: float | Float[Array, ""]


class Slot(NamedTuple):
    """One entry of `GPParams.of_kernel`: what it is believed to be, and between which bounds it is sought."""

    kind: str
    """``"lengthscale"`` or ``"signal"``: prior and bounds are those of the surrogate; ``"own"``: those given here."""
    prior: Normal = Normal(0.0, 1.0)
    bounds: tuple[float, float] = (0.0, 0.0)
    """On the scale of the entry, which mostly is logarithmic."""
    num_columns: int = 1
    """Of a lengthscale: how many columns it shares its part of the kernel with."""


@dataclass(frozen=True)
class Covariance:
    """A kernel that can be added, multiplied, bound to a space and given hyperparameters of its own.

    A frozen dataclass registered as a pytree: numbers are leaves, structure is static and hashable. A kernel of your
    own needs ``__call__`` alone, or is a plain function.
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
        """The same kernel over the columns of a space."""
        del encoding
        return self

    def resolve(self, names: Sequence[str]) -> "Covariance":
        """The same kernel with columns in place of names of parameters.

        Args:
          names: Of all columns, in their order.
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
        """The columns that the kernel looks at, in order."""
        return tuple(range(num_columns))

    def widths(self, num_columns: int) -> np.ndarray:
        """With how many columns, itself among them, each column shares its part of the kernel, ``[d]``."""
        return np.full(num_columns, num_columns)

    def __add__(self, other: Kernel) -> "Sum":
        return Sum((*_parts(self, Sum), *_parts(as_covariance(other), Sum)))

    def __mul__(self, other: Kernel) -> "Product":
        return Product((*_parts(self, Product), *_parts(as_covariance(other), Product)))


@pytree
@dataclass(frozen=True)
class Pairwise(Covariance):
    """A function of two points as a kernel; made by `from_pairwise`."""

    priors: tuple[Normal, ...]
    function: Callable[..., Float[Array, ""]] = field(metadata={"static": True})

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        return jax.vmap(lambda a: jax.vmap(lambda b: self.function(params, a, b))(x2))(x1)

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """One a prior, sought within five deviations."""
        del num_columns
        return tuple(Slot("own", prior, (-5.0, 5.0)) for prior in self.priors)


@pytree
@dataclass(frozen=True)
class Matrixwise(Covariance):
    """A plain function of two matrices of points as a kernel."""

    function: Kernel = field(metadata={"static": True})

    def __call__(self, params: GPParams, x1: Float[Array, "n d"], x2: Float[Array, "m d"]) -> Float[Array, "n m"]:
        """Covariance of the function at each pair of points."""
        return self.function(params, x1, x2)


def as_covariance(kernel: Kernel) -> Covariance:
    """The kernel with what `Covariance` has, whatever it was.

    Args:
      kernel: One of this package, or a function of parameters and two matrices of points.
    """
    return kernel if isinstance(kernel, Covariance) else Matrixwise(kernel)


def from_pairwise(
    function: Callable[[GPParams, Float[Array, " d"], Float[Array, " d"]], Float[Array, ""]],
    priors: Sequence[tuple[float, float]] = (),
) -> Pairwise:
    """A kernel out of a function of two points.

    Args:
      function: ``function(params, a, b)`` gives the covariance of the function at ``a`` and ``b``; it must be symmetric
        and positive semi-definite, with a finite gradient where ``a`` equals ``b``.
      priors: Mean and deviation of each hyperparameter of its own, which it finds in ``params.of_kernel`` in this
        order; they are fitted with the others.

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
    """A normal prior of two numbers.

    Whole numbers become floats: both kinds are the same pytree leaf then, and a changed number compiles nothing.

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
    """Kernels put together; the parameters of each are its own.

    Of the entries of ``params`` the first part that looks at a column has the lengthscale, and the first part of all
    the variance; what other parts need stands in ``of_kernel``: of each its lengthscales (if a column of it was looked
    at before), its variance in a sum, and what else it has.
    """

    parts: tuple[Covariance, ...]

    def bind(self, encoding: Encoding) -> "Composite":
        """The same kernel over the columns of a space."""
        return dataclasses.replace(self, parts=tuple(part.bind(encoding) for part in self.parts))

    def resolve(self, names: Sequence[str]) -> "Composite":
        """The same kernel with columns in place of names of parameters."""
        return dataclasses.replace(self, parts=tuple(part.resolve(names) for part in self.parts))

    def slots(self, num_columns: int) -> tuple[Slot, ...]:
        """The entries of ``GPParams.of_kernel``."""
        return tuple(slot for part in self._slots(num_columns) for slots in part for slot in slots)

    def columns(self, num_columns: int) -> tuple[int, ...]:
        """The columns that any part looks at."""
        return tuple(sorted({j for part in self.parts for j in part.columns(num_columns)}))

    def widths(self, num_columns: int) -> np.ndarray:
        """With how many columns each column shares the first part that looks at it."""
        widths = np.full(num_columns, num_columns)
        for part in reversed(self.parts):
            columns = list(part.columns(num_columns))
            widths[columns] = part.widths(num_columns)[columns]
        return widths

    def _has_signals(self) -> bool:
        raise NotImplementedError

    def _slots(self, num_columns: int) -> list[tuple[tuple[Slot, ...], tuple[Slot, ...], tuple[Slot, ...]]]:
        """Of each part the entries of lengthscales, of the variance and of what else it has."""
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
        """The parameters of each part."""
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
    """A sum of kernels, each with its own lengthscales and variance: the function is a sum of independent ones."""

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
    """A product of kernels, each with its own lengthscales: points are alike where they are to all of them."""

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
    """A kernel of some columns, constant in the others; made by `on`."""

    kernel: Covariance
    chosen: tuple[str | int, ...] = field(metadata={"static": True})
    """Names of parameters, or columns."""

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
        """The same kernel over the columns of a space."""
        chosen = self._indices()
        if max(chosen) >= encoding.num_columns:
            raise ValueError(f"on: expected columns below {encoding.num_columns}, got {chosen}")
        # Conditions have no part in a kernel: a column that is not active stands at 1/2.
        columns = tuple(encoding.columns[j]._replace(parent=-1, parent_levels=(), parent_range=None) for j in chosen)
        part = dataclasses.replace(
            encoding, log_range=encoding.log_range[np.array(chosen)], columns=columns, constraint=None, candidates=None
        )
        return dataclasses.replace(self, kernel=self.kernel.bind(part))

    def resolve(self, names: Sequence[str]) -> "OnColumns":
        """The same kernel with columns in place of names of parameters.

        Raises:
          ValueError: If there is no parameter of a name.
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
        """The columns that the kernel looks at, in order."""
        del num_columns
        chosen = self._indices()
        return tuple(sorted(chosen[j] for j in self.kernel.columns(len(chosen))))

    def widths(self, num_columns: int) -> np.ndarray:
        """With how many columns each of the chosen ones shares its part of the kernel."""
        widths = np.full(num_columns, num_columns)
        widths[list(self._indices())] = self.kernel.widths(len(self.chosen))
        return widths

    def _indices(self) -> tuple[int, ...]:
        chosen = tuple(c for c in self.chosen if isinstance(c, int))
        if len(chosen) < len(self.chosen):
            raise ValueError(f"on: names are known to a strategy only, see jbo.bayesian; got {self.chosen}")
        return chosen

    def _take(self, x: Float[Array, "n d"]) -> Float[Array, "n g"]:
        return x[:, np.array(self._indices())]

    def _params(self, params: GPParams) -> GPParams:
        return params._replace(log_lengthscale=params.log_lengthscale[np.array(self._indices())])


def on(kernel: Kernel, *columns: str | int) -> OnColumns:
    """A kernel that looks at some parameters only; alone it is constant in all others.

    Args:
      kernel: Any kernel.
      columns: Names of parameters, where the kernel goes into `jbo.bayesian`, or numbers of columns.

    Raises:
      ValueError: If there is none, or one comes twice.
    """
    if not columns or len(set(columns)) < len(columns):
        raise ValueError(f"on: expected one parameter at least, each once, got {columns}")
    if any(isinstance(column, int) and column < 0 for column in columns):
        raise ValueError(f"on: expected columns of at least 0, got {columns}")
    return OnColumns(as_covariance(kernel), columns)


def additive(kernel: Kernel, *groups: Sequence[str | int]) -> Covariance:
    """A sum of kernels of one kind, one for each group of parameters: the function is a sum over the groups.

    Args:
      kernel: The kind.
      groups: Names of parameters, or numbers of columns, of each group; a parameter may be in several of them.

    Raises:
      ValueError: If there is no group, or an empty one.

    References:
      Kandasamy, Schneider and Póczos, High Dimensional Bayesian Optimisation and Bandits via Additive Models, 2015;
      Duvenaud, Nickisch and Rasmussen, Additive Gaussian Processes, 2011.
    """
    if not groups:
        raise ValueError("additive: expected one group of parameters at least, got none")
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
