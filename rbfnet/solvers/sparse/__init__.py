"""Sparse solves: problems collocated at the nodes of a local model."""

from rbfnet.solvers.sparse._collocate import collocate
from rbfnet.solvers.sparse._node_equations import NodeEquations
from rbfnet.solvers.sparse._node_site import NodeSite, SparseModel

__all__ = ["NodeEquations", "NodeSite", "SparseModel", "collocate"]
