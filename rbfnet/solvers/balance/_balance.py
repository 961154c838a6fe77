from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from rbfnet.catalogue import catalogue
from rbfnet.errors import InputError, unknown

Terms = dict[str, list[Tensor]]
"""By condition, for each of its equations: a number for each row, or one for all of them."""


class Balance(ABC):
    """Weights on the loss that change while it falls, on top of those that are fixed (automatic scales and the user's).

    What is descended on is the sum over equations of mean(weight x scaled squared residual). The logged loss is without them,
    so that runs can be compared.

    Attributes:
        per_point: there is a weight for each point, so that points must stay as they are.

    Example:
        >>> from rbfnet.solvers import Adam, Balance
        >>> isinstance(Adam(balance="gradient_norm").balance, Balance)
        True
    """

    per_point: ClassVar[bool] = False

    @abstractmethod
    def update(self, weights: Terms, squares: Mapping[str, list[Tensor]], parameters: Sequence[Tensor], step: int) -> Terms:
        """The weights for a step, from those of the step before: none before the first.

        Args:
            weights: what this returned last.
            squares: the scaled squared residuals, with their graph.
            parameters: what is trained.
            step: how many steps have been made.
        """


def as_balance(balance: Balance | str | None) -> Balance | None:
    """A balance from its name, for its defaults.

    Raises:
        InputError: no such name, or no balance.
    """
    if isinstance(balance, str):
        known = catalogue("solvers", "Balance")
        if balance not in known:
            raise unknown("balance", balance, known)
        return known[balance]()
    if balance is not None and not isinstance(balance, Balance):
        raise InputError(f"balance must be null, a name or a Balance, but got {balance!r}.")
    return balance
