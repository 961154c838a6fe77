"""Sparse solves: linear problems collocated at the nodes of a local model."""

from rbfnet.solvers.sparse._collocate import collocate
from rbfnet.solvers.sparse._node_equations import SparseModel

__all__ = ["SparseModel", "collocate"]
