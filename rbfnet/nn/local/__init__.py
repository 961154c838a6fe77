"""Partitions of unity of local interpolants: patches, local bases, weights, evaluation and sparse rows."""

from rbfnet.nn.local._local_network import LocalNetwork

__all__ = ["LocalNetwork"]
