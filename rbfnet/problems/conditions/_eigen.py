"""Eigenvalue problems: an equation with an unknown factor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rbfnet.errors import InputError
from rbfnet.operators import Field
from rbfnet.problems.conditions._condition import Condition, Residual, Sample
from rbfnet.problems.conditions._interior import Interior

if TYPE_CHECKING:
    from rbfnet.problems._problem import Problem


def itself(u: Field) -> Residual:
    """Every output."""
    return tuple(u[name].value for name in u.outputs) if len(u.outputs) > 1 else u.value


class Eigen(Condition):
    """L u = lambda M u inside the domain, for an unknown number lambda and an unknown function u that is not zero.

    The other conditions of the problem have to be linear with zero right-hand sides. :func:`rbfnet.eigenpairs` solves it.

    Args:
        operator: L, a function of the field, linear in it; one equation per output, as a tuple.
        mass: M, likewise; by default u itself.
        name: unique within the problem.

    Example:
        >>> import rbfnet
        >>> from rbfnet.domains import Interval
        >>> from rbfnet.problems import Dirichlet, Eigen
        >>> class String(rbfnet.Problem):
        ...     domain = Interval(x=(0, 1))
        ...     def conditions(self):
        ...         yield Eigen(lambda u: -u.d("xx"))
        ...         yield Dirichlet(0.0)
        >>> rbfnet.eigenpairs(String(), 3, num_centers=40).values.round(6)  # (k pi)^2
        array([ 9.869604, 39.478418, 88.82644 ])
    """

    def __init__(
        self, operator: Callable[[Field], Residual], mass: Callable[[Field], Residual] = itself, name: str = "eigen"
    ) -> None:
        self.name, self.weight = name, 1.0
        self.left, self.right = Interior(operator, name=name), Interior(mass, name=name)

    def sample(self, problem: Problem) -> Sample:
        return self.left.sample(problem)

    def residual(self, u: Field) -> Residual:
        raise InputError(
            f"Condition {self.name!r} is an eigenvalue problem, which has many solutions; use rbfnet.eigenpairs(problem, count)."
        )
