"""Sparse solves: problems collocated at the nodes of a local model."""

from rbfnet.solvers.sparse._collocate import collocate
from rbfnet.solvers.sparse._node_site import SparseModel

__all__ = ["SparseModel", "collocate"]
