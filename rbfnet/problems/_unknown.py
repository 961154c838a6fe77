"""Unknown coefficients of inverse problems: parameters of the problem, found with the solution."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.domains import Domain
from rbfnet.errors import InputError, positive, unknown
from rbfnet.nn import RBFNetwork
from rbfnet.operators import Field


class Unknown(nn.Module):
    """A number that is to be found with the solution.

    An attribute of the problem, called where the number is wanted: ``u.d("t") - self.nu() * u.d("xx")``.

    Args:
        initial: what the search starts from.
        positive: keep it positive: what is trained is its logarithm.
        exact: the true value where it is known, for the errors in the summary.

    Raises:
        InputError: an initial value that is not finite, or not positive where it has to be.
    """

    def __init__(self, initial: float, *, positive: bool = False, exact: float | None = None) -> None:
        super().__init__()
        start = _start(initial, positive)
        self.positive, self.exact = positive, exact
        self.raw = nn.Parameter(torch.tensor(math.log(start) if positive else start))

    def forward(self) -> Float[Tensor, ""]:
        """Its value."""
        return self.raw.exp() if self.positive else self.raw

    def report(self, domain: Domain) -> dict[str, float]:
        """Value, and where it is known the exact one and the relative error."""
        value = float(self().detach())
        if self.exact is None:
            return {"value": value}
        return {"value": value, "exact": self.exact, "rel_error": abs(value - self.exact) / (abs(self.exact) or 1.0)}


class UnknownField(nn.Module):
    """A function of the coordinates that is to be found with the solution: an RBF network of its own.

    An attribute of the problem, called with the field of the solution: ``a = self.a(u)`` is a Field at the same points, so that
    ``-(a * u.laplacian() + a.d("x") * u.d("x") + a.d("y") * u.d("y"))`` is -div(a grad u).

    Args:
        domain: where it lives, that of the problem.
        initial: the constant that the search starts from.
        positive: keep it positive: it is ``initial`` times the exponential of the network, otherwise ``initial`` plus the
            network.
        coords: the coordinates it depends on; all of them if None.
        exact: the true function of these coordinates where it is known, for the errors in the summary.
        network: further arguments of :class:`rbfnet.nn.RBFNetwork`.

    Raises:
        InputError: an initial value that is not finite, or not positive where it has to be; an unknown coordinate; or what the
            network refuses.
    """

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
        self.initial, self.positive, self.exact = _start(initial, positive), positive, exact
        self.coords = tuple(domain.coords if coords is None else coords)
        for name in self.coords:
            if name not in domain.coords:
                raise unknown("coordinate", name, domain.coords)
        self._columns = [domain.coords.index(name) for name in self.coords]
        settings = {"num_centers": 50, "overlap": 2.0, "dtype": torch.get_default_dtype(), **network}
        self.network = RBFNetwork(len(self.coords), 1, points=domain.box[:, self._columns].to(settings["dtype"]), **settings)

    def forward(self, u: Field) -> Field:
        """The function as a Field at the points of ``u``."""
        return Field(self.at, u.points[:, self._columns], self.coords, ("a",))

    def at(self, x: Float[Tensor, "N C"]) -> Float[Tensor, "N 1"]:
        """Its values at points, one column for each of its coordinates."""
        value = self.network(x)
        return self.initial * value.exp() if self.positive else self.initial + value

    def report(self, domain: Domain) -> dict[str, float]:
        """Its smallest and largest value on a grid, and where it is known the relative L2 error."""
        x = domain.grid(10_000)[:, self._columns].to(self.network.centers)
        with torch.no_grad():
            value = self.at(x)[:, 0]
        found = {"min": float(value.min()), "max": float(value.max())}
        if self.exact is not None:
            true = self.exact(*x.unbind(dim=1))
            found["rel_error"] = float((value - true).norm()) / (float(true.norm()) or 1.0)
        return found


def _start(initial: float, above_zero: bool) -> float:
    if above_zero:
        return float(positive("The initial value of a positive unknown", initial))
    if isinstance(initial, bool) or not isinstance(initial, (int, float)) or not math.isfinite(initial):
        raise InputError(f"The initial value of an unknown is a finite number, but got {initial!r}.")
    return float(initial)
