"""Unknown numbers of inverse problems: parameters of the problem, found with the solution."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rbfnet.domains import Domain
from rbfnet.errors import InputError, number, positive
from rbfnet.initialised import Initialised
from rbfnet.operators import Arithmetic


class Unknown(nn.Module, Arithmetic, Initialised):
    """An unknown number, found along with the solution.

    Make it an attribute of the problem and call it in the equations: ``u.d("t") - self.nu() * u.d("xx")``. In arithmetic it
    stands for its value without being called, too.

    Args:
        initial: what the search starts from.
        positive: keep it positive: what is trained is its logarithm.
        exact: the true value where it is known, for the errors in the summary.

    Attributes:
        covariance: (1, 1), the variance of ``raw`` given the data; NaN where no solver has found it.

    Raises:
        InputError: a non-finite initial value, or one that is not positive where it has to be.

    Example:
        >>> import rbfnet, torch
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Data, Initial, Interior, Unknown
        >>> t = torch.linspace(0, 1, 9, dtype=torch.float64)[:, None]
        >>> class Decay(rbfnet.Problem):
        ...     domain = Interval(t=(0, 1))
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.rate = Unknown(1.0, positive=True)
        ...     def conditions(self):
        ...         yield Interior(lambda u: u.d("t") + self.rate * u)
        ...         yield Initial(1.0)
        ...         yield Data(t, torch.exp(-3 * t[:, 0]))
        >>> solution = rbfnet.solve(Decay(), num_centers=20, solver="gauss_newton")
        >>> round(float(solution.problem.rate.value.detach()), 4)
        3.0
    """

    _needed = ("_parameters", "raw")
    covariance: Tensor

    def __init__(self, initial: float, *, positive: bool = False, exact: float | None = None) -> None:
        super().__init__()
        first = start(initial, positive)
        self.positive, self.exact = positive, exact
        self.raw = nn.Parameter(torch.tensor(math.log(first) if positive else first))
        self.register_buffer("covariance", torch.full((1, 1), math.nan))

    def forward(self) -> Float[Tensor, ""]:
        """Its value."""
        return self.value

    @property
    def value(self) -> Float[Tensor, ""]:
        """The number, a copy that is safe to change in place."""
        return (self.raw.exp() if self.positive else self.raw).clone()

    def deviation(self) -> Float[Tensor, ""]:
        """The standard error, NaN if it is unknown; for a positive number, that of its logarithm times the value."""
        raw = self.covariance[0, 0].sqrt()
        return raw * self().detach() if self.positive else raw

    def report(self, domain: Domain) -> dict[str, float]:
        """Value, standard error if known, and, if the exact value is known, that value and the relative error."""
        found = {"value": float(self().detach())}
        deviation = float(self.deviation())
        if math.isfinite(deviation):
            found["standard_error"] = deviation
        if self.exact is not None:
            found |= {"exact": self.exact, "rel_error": abs(found["value"] - self.exact) / (abs(self.exact) or 1.0)}
        return found


def start(initial: float, above_zero: bool) -> float:
    """``initial``, once it is known to be a number that a search can start from."""
    if above_zero:
        return float(positive("The initial value of a positive unknown", initial))
    given = number(initial)
    if given is None or not math.isfinite(given):
        raise InputError(f"The initial value of an unknown must be a finite number, but got {initial!r}.")
    return float(given)
