"""The base class of loss balancing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from rbfnet.catalogue import catalogue
from rbfnet.errors import InputError, unknown

Terms = dict[str, list[Tensor]]
"""By condition, for each of its equations: one number per row, or one for all rows."""


class Balance(ABC):
    """Adaptive weights on the loss, in addition to the fixed ones (automatic scales and the user's).

    The objective is the sum over equations of mean(weight x scaled squared residual). The logged loss omits the adaptive weights,
    so that runs can be compared.

    Attributes:
        per_point: whether there is a weight per point, so that the points must be fixed.

    Example:
        >>> from rbfnet.solvers import Adam, Balance
        >>> isinstance(Adam(balance="gradient_norm").balance, Balance)
        True
    """

    per_point: ClassVar[bool] = False

    @abstractmethod
    def update(self, weights: Terms, squares: Mapping[str, list[Tensor]], parameters: Sequence[Tensor], step: int) -> Terms:
        """The weights for a step, from those of the previous step; none before the first.

        Args:
            weights: what this returned last.
            squares: the scaled squared residuals, with their graph.
            parameters: what is trained.
            step: how many steps have been made.
        """


def as_balance(balance: Balance | str | None) -> Balance | None:
    """Convert the name of a balance to a balance with default options.

    Raises:
        InputError: an unknown name, or something that is not a balance.
    """
    if isinstance(balance, str):
        known = catalogue("solvers", "Balance")
        if balance not in known:
            raise unknown("balance", balance, known)
        return known[balance]()
    if balance is not None and not isinstance(balance, Balance):
        raise InputError(f"balance must be null, a name or a Balance, but got {balance!r}.")
    return balance
