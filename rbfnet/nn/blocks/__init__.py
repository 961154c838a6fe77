"""Blocks of points against centres: which pairs, their geometry, closed forms over them, and how blocks are run."""

from rbfnet.nn.blocks._blockwise import PAIRS, blockwise
from rbfnet.nn.blocks._columns import radial_columns
from rbfnet.nn.blocks._compiled import Cache, CompiledBlock
from rbfnet.nn.blocks._functorch import transformed
from rbfnet.nn.blocks._geometry import DiagonalGeometry, FullGeometry, Geometry, IsotropicGeometry
from rbfnet.nn.blocks._neighbours import Neighbours
from rbfnet.nn.blocks._pairs import AllPairs, ListedPairs, Pairs
from rbfnet.nn.blocks._radial import RadialBlock, radial_powers

__all__ = [
    "PAIRS",
    "AllPairs",
    "Cache",
    "CompiledBlock",
    "DiagonalGeometry",
    "FullGeometry",
    "Geometry",
    "IsotropicGeometry",
    "ListedPairs",
    "Neighbours",
    "Pairs",
    "RadialBlock",
    "blockwise",
    "radial_columns",
    "radial_powers",
    "transformed",
]
