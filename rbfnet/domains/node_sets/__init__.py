"""Quasi-uniform nodes for local methods."""

from rbfnet.domains.node_sets._place_nodes import Nodes, place_nodes

__all__ = ["Nodes", "place_nodes"]
