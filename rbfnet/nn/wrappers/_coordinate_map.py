"""CoordinateMap: a network in other coordinates."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence

from jaxtyping import Float
from torch import Tensor

from rbfnet.errors import InputError
from rbfnet.nn._inputs import size
from rbfnet.nn._network import RBFNetwork
from rbfnet.nn.wrappers._numbered import Key, Numbered, partitions, times
from rbfnet.nn.wrappers._wrapper import Wrapper, require_callable, require_shape
from rbfnet.operators import Coefficient, Differentiable, Direction, Operator, apply_operators


class Coordinates(Differentiable):
    """Coordinates z(x), (..., D) -> (..., E), that know their own derivatives and their inverse.

    Attributes:
        in_features: the dimension D of x.
        out_features: the dimension E of z.

    Example:
        >>> from rbfnet.nn import Coordinates, Periodic
        >>> isinstance(Periodic([1.0, None]), Coordinates)
        True
    """

    in_features: int
    out_features: int

    @abstractmethod
    def inverse(self, z: Float[Tensor, "M E"]) -> Float[Tensor, "M D"]:
        """The points x with z(x) = z, or nearest to it."""
        raise NotImplementedError

    def vanishes(self, directions: tuple[Direction, ...]) -> bool:
        """Whether the derivative along ``directions`` is zero everywhere: terms with it are left out."""
        return False

    def forward(self, x: Float[Tensor, "... D"]) -> Float[Tensor, "... E"]:
        """The coordinates z."""
        flat = x.reshape(-1, x.shape[-1])
        return self.apply_operator(flat, Operator.identity()).reshape(*x.shape[:-1], self.out_features)


class CoordinateMap(Wrapper):
    """u(x) = network(z(x)), (..., D) -> (..., O).

    A network that is periodic (:class:`Periodic`), in polar or stretched coordinates, on a surface. Derivatives follow by the
    formula of Faa di Bruno: one along v_1 ... v_k is the sum, over partitions of {1..k} into blocks, of the derivative of the
    network along the directions (z along the v in the block), one for each block. Those of z are taken in closed form where it
    has one (``Differentiable``), by automatic differentiation elsewhere.

    Example: dense near x = 0, ``CoordinateMap(RBFNetwork(1, 1, 20), torch.tanh)``.

    Args:
        network: the :class:`RBFNetwork`, or a wrapper of one, in the coordinates z.
        map: z, (B, D) -> (B, E): any function that treats its rows independently and is as smooth as the operators need. The
            parameters of a module are trained and saved with the model.
        in_features: D; None takes it from ``map`` if that is :class:`Coordinates`, else E.

    Attributes:
        centers: (M, D), by the inverse of ``map``. epsilon: of the network, in the coordinates z. The others are as in
            :class:`Wrapper`.

    Raises:
        InputError: coordinates that do not fit the network; on evaluation, values of z that have another shape, or another
            dtype than the points; ``centers`` of a map that is no :class:`Coordinates`.
    """

    def __init__(self, network: RBFNetwork | Wrapper, map: Callable[[Tensor], Tensor], in_features: int | None = None) -> None:
        super().__init__(network)
        require_callable("map", map)
        if isinstance(map, Coordinates):
            if map.out_features != network.in_features:
                raise InputError(
                    f"The map gives {map.out_features} coordinates, but the network has {network.in_features} inputs; create it "
                    "with in_features=map.out_features."
                )
            if in_features not in (None, map.in_features):
                raise InputError(f"The map takes {map.in_features} coordinates, but in_features is {in_features}; remove it.")
            in_features = map.in_features
        self.map = map
        self._in_features = size("in_features", network.in_features if in_features is None else in_features)

    def inner(self, x: Float[Tensor, "B D"], ops: Sequence[Operator]) -> tuple[Float[Tensor, "B E"], list[Operator]]:
        numbered = Numbered(ops)
        blocks = dict.fromkeys(block for key in numbered.keys for _, parts in partitions(key) for block in parts)
        if isinstance(self.map, Coordinates):
            blocks = dict.fromkeys(block for block in blocks if not self.map.vanishes(numbered.along(block)))
        values = apply_operators(self.map, x, [Operator.d(*numbered.along(block)) for block in ((), *blocks)])
        require_shape("map", values, x, self.network.in_features)
        z, *moved = values.unbind(-1)
        direction = dict(zip(blocks, moved, strict=True))

        def spread(terms: list[tuple[Key, Coefficient]]) -> Iterator[tuple[tuple[Direction, ...], Coefficient]]:
            for key, c in terms:
                for count, parts in partitions(key):
                    if all(block in direction for block in parts):
                        yield tuple(direction[block] for block in parts), times(count, c)

        return z, [Operator.of(spread(terms)) for terms in numbered.terms]

    def moments(self) -> Float[Tensor, "N T"] | None:
        return self.network.moments()

    @property
    def in_features(self) -> int:
        """D."""
        return self._in_features

    @property
    def centers(self) -> Float[Tensor, "M D"]:
        """The centres in the coordinates x."""
        if not isinstance(self.map, Coordinates):
            raise InputError(
                f"Centres in x need a map with an inverse, a Coordinates, but got {self.map!r}; network.centers are those in the "
                "coordinates of the map."
            )
        return self.map.inverse(self.network.centers)
