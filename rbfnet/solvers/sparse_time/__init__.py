"""The method of lines at the nodes of a local model: sparse systems in implicit Runge-Kutta steps."""

from rbfnet.solvers.sparse_time._advance import advance

__all__ = ["advance"]
