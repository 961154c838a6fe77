"""RBF layers and networks, evaluated blockwise, and where their centres start."""

from rbfnet.nn import initializers
from rbfnet.nn._affine import Affine
from rbfnet.nn._blockwise import blockwise
from rbfnet.nn._layer import RBFLayer
from rbfnet.nn._metric import METRICS, Diagonal, Full, Isotropic, Metric
from rbfnet.nn._network import RBFNetwork

__all__ = [
    "METRICS",
    "Affine",
    "Diagonal",
    "Full",
    "Isotropic",
    "Metric",
    "RBFLayer",
    "RBFNetwork",
    "blockwise",
    "initializers",
]
