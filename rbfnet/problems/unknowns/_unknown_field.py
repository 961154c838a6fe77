"""Unknown functions of inverse problems: networks of the problem, found with the solution."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.domains import Domain
from rbfnet.errors import InputError, unknown
from rbfnet.initialised import Initialised
from rbfnet.nn import RBFNetwork
from rbfnet.nn.initializers import spacing
from rbfnet.nn.wrappers import Numbered, partitions
from rbfnet.operators import Arithmetic, Differentiable, Field, Operator
from rbfnet.problems.unknowns._unknown import start

CENTERS = 100
"""By default. With two inputs they resolve about a fifth of each side."""


class UnknownField(nn.Module, Arithmetic, Initialised):
    """An unknown function of the coordinates, found along with the solution: an RBF network of its own.

    An attribute of the problem, called with the field of the solution: ``a = self.a(u)`` is a Field at the same points, so that
    ``-(a * u.laplacian() + a.d("x") * u.d("x") + a.d("y") * u.d("y"))`` is -div(a grad u).

    It is b + sum_j v_j phi_j, or its exponential, with centres and widths that are kept. By default the kernels are as wide as
    the domain: each width is sqrt(D) times the side. With v_j normal and independent this is a Gaussian process with a mean b
    that nothing is held to. How large the v_j may be, and whether the kernels are to be narrower, is for the solver to find
    (:class:`rbfnet.solvers.GaussNewton`).

    Args:
        domain: where it lives, that of the problem.
        initial: the constant that the search starts from.
        positive: keep it positive: it is the exponential of the network.
        coords: the coordinates it depends on; all of them if None.
        exact: the true function of these coordinates where it is known, for the errors in the summary.
        network: further arguments of :class:`rbfnet.nn.RBFNetwork`. With ``epsilon`` or ``metric`` the width is given.

    Attributes:
        network: the RBFNetwork.
        covariance: (N, N), that of the network's coefficients given the data; NaN where no solver has found it.

    Raises:
        InputError: a non-finite initial value, or one that is not positive where it has to be; an unknown coordinate; or what the
            network refuses.

    Example:
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import UnknownField
        >>> conductivity = UnknownField(Interval(x=(0, 1)), 2.0, positive=True, num_centers=20)
        >>> conductivity.network.num_centers
        20
    """

    _needed = ("_parameters", "network")
    covariance: Tensor

    def __init__(
        self,
        domain: Domain,
        initial: float = 0.0,
        *,
        positive: bool = False,
        coords: Sequence[str] | None = None,
        exact: Callable[..., Tensor] | None = None,
        **network: Any,
    ) -> None:
        super().__init__()
        first = start(initial, positive)
        self.positive, self.exact = positive, exact
        self.coords = tuple(domain.coords if coords is None else coords)
        for name in self.coords:
            if name not in domain.coords:
                raise unknown("coordinate", name, domain.coords)
        self._columns = [domain.coords.index(name) for name in self.coords]
        self._given = bool({"epsilon", "metric"} & network.keys())
        settings: dict[str, Any] = {"num_centers": CENTERS, "degree": 0, "dtype": torch.get_default_dtype()}
        settings |= {"trainable_centers": False, "trainable_epsilon": False, **network}
        points = domain.box[:, self._columns].to(settings["dtype"])
        dims = len(self.coords)
        if not self._given:
            settings |= {"metric": "diagonal", "epsilon": 1 / (dims**0.5 * (points[1] - points[0]))}
        self.network = RBFNetwork(dims, 1, points=points, **settings)
        if not len(self.network.tail):
            raise InputError("The network of an UnknownField needs a constant to start from; use a degree of at least 0.")
        with torch.no_grad():
            self.network.tail[0] = math.log(first) if positive else first
        size = len(self.network.coefficients)
        self.register_buffer("covariance", torch.full((size, size), math.nan, dtype=settings["dtype"]))
        self._instead: list[Differentiable] = []

    def forward(self, u: Field) -> Field:
        """The function as a Field at the points of ``u``."""
        space = [name for name in self.coords if name in u.space]
        return Field(self._model(), u.points[:, self._columns], self.coords, ("a",), space=space)

    @property
    def value(self) -> Tensor:
        """An unknown function has no value without points; using it in arithmetic raises InputError."""
        raise InputError(
            "An unknown function needs its points: call it with the field, as in self.a(u) * u.d('x') and self.a(u).d('x')."
        )

    def __getattr__(self, name: str) -> Any:
        return self.value if hasattr(Field, name) else super().__getattr__(name)

    def at(self, x: Float[Tensor, "N C"]) -> Float[Tensor, "N 1"]:
        """The values at points, one column per coordinate."""
        return self._model().apply_operator(x, Operator.identity())

    def deviation(self, x: Float[Tensor, "N C"]) -> Float[Tensor, "N 1"]:
        """The standard errors at points, NaN if unknown; for a positive function, those of its logarithm times the value."""
        with torch.no_grad():
            features = self.network.features(x, Operator.identity())
            deviation = ((features @ self.covariance) * features).sum(dim=1, keepdim=True).clamp(min=0).sqrt()
            return deviation * self.at(x) if self.positive else deviation

    def narrow(self) -> bool:
        """Halve the width of the kernels, and keep the values at the centres as far as they can be.

        False, with nothing changed, where the width was given, or the centres are not as near as half a width.
        """
        network = self.network
        epsilon = 2 * network.epsilon
        if self._given or 2 * float(spacing(network.centers * epsilon).mean()) > 1:
            return False
        with torch.no_grad():
            values = network(network.centers)
            network.metric.raw.copy_(epsilon.log())
            features = network.features(network.centers, Operator.identity())
            # A ridge small beside the values, but not beside rounding: kernels are nearly dependent.
            ridge = 1e-4 * torch.eye(features.shape[1], dtype=features.dtype, device=features.device)
            target = torch.cat([values, values.new_zeros((len(ridge), 1))])
            network.set_coefficients(torch.linalg.lstsq(torch.cat([features, ridge]), target).solution)
            self.covariance.fill_(math.nan)
        return True

    @contextmanager
    def replaced(self, network: Differentiable) -> Iterator[None]:
        """Take the values of the network from ``network`` meanwhile."""
        self._instead.append(network)
        try:
            yield
        finally:
            self._instead.pop()

    def report(self, domain: Domain) -> dict[str, float]:
        """What 10,000 scattered points show.

        ``min`` and ``max``; ``standard_error``, the root of its mean square; where the exact function is known ``rel_error`` in
        L2, and ``covered``, the share of the points where it is within 1.96 standard errors.
        """
        x = domain.scattered(10_000)[:, self._columns].to(self.network.centers)
        with torch.no_grad():
            value = self.at(x)[:, 0]
        deviation = self.deviation(x)[:, 0]
        found = {"min": float(value.min()), "max": float(value.max())}
        known = bool(torch.isfinite(deviation).all())
        if known:
            found["standard_error"] = float(deviation.square().mean().sqrt())
        if self.exact is not None:
            wrong = value - self.exact(*x.unbind(dim=1))
            found["rel_error"] = float(wrong.norm()) / (float((value - wrong).norm()) or 1.0)
            if known:
                found["covered"] = float((wrong.abs() <= 1.96 * deviation).double().mean())
        return found

    def _model(self) -> Differentiable:
        network = self._instead[-1] if self._instead else self.network
        return _Exponential(network) if self.positive else network


class _Exponential(Differentiable):
    """exp(n) for a model n, its derivatives by Faa di Bruno's formula."""

    def __init__(self, inner: Differentiable) -> None:
        super().__init__()
        self.inner = inner

    def apply_operators(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> Float[Tensor, "B O K"]:
        numbered = Numbered(ops)
        terms = {key: partitions(key) for key in numbered.keys}
        needed = sorted({(), *(block for parts in terms.values() for _, blocks in parts for block in blocks)})
        found = self.inner.apply_operators(x, [Operator.d(*numbered.along(key)) for key in needed])
        inner = dict(zip(needed, found.unbind(-1), strict=True))
        value = inner[()].exp()
        columns = []
        for op in numbered.terms:
            column = torch.zeros_like(value)
            for key, c in op:
                for count, blocks in terms[key]:
                    product = count * value
                    for block in blocks:
                        product = product * inner[block]
                    column = column + product * (c[:, None] if isinstance(c, Tensor) else c)
            columns.append(column)
        return torch.stack(columns, dim=-1)
