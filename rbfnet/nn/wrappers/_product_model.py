"""Product: the wrapped model times a function of x."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence

from jaxtyping import Float
from torch import Tensor

from rbfnet.nn.wrappers._numbered import Key, Numbered, splits, times
from rbfnet.nn.wrappers._wrapper import Wrapper
from rbfnet.operators import Coefficient, Direction, Operator


class Product(Wrapper):
    """d(x) n(x), by the rule of Leibniz: a derivative along v_1 ... v_k is the sum, over subsets I of {1..k}, of

        (d along the v in I) * (n along the others),

    an operator on n whose coefficients vary from point to point.
    """

    @abstractmethod
    def factor(self, x: Float[Tensor, "B D"], numbered: Numbered, keys: list[Key]) -> dict[Key, Float[Tensor, " B"]]:
        """The derivatives of d that are asked for; with each key all its parts are among ``keys``."""
        raise NotImplementedError

    def inner(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> tuple[Float[Tensor, "B D"], list[Operator]]:
        numbered = Numbered(ops)
        keys = list(dict.fromkeys(part for key in ((), *numbered.keys) for _, part, _ in splits(key)))
        factor = self.factor(x, numbered, keys)

        def spread(terms: list[tuple[Key, Coefficient]]) -> Iterator[tuple[tuple[Direction, ...], Coefficient]]:
            for key, c in terms:
                for count, part, rest in splits(key):
                    yield numbered.along(rest), times(count, c, factor[part])

        return x, [Operator.of(spread(terms)) for terms in numbered.terms]
