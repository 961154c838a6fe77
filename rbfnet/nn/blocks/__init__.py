"""Blocks of points against centres: which pairs, their geometry, closed forms over them, and how blocks are run."""

from rbfnet.nn.blocks._blockwise import blockwise

__all__ = ["blockwise"]
