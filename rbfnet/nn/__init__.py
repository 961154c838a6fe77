"""RBF layers and networks, evaluated blockwise, what they can be wrapped in, and where their centres start."""

from rbfnet.nn import initializers
from rbfnet.nn._affine import Affine
from rbfnet.nn._ansatz import Ansatz
from rbfnet.nn._blockwise import blockwise
from rbfnet.nn._coordinate_map import CoordinateMap, Coordinates
from rbfnet.nn._evaluate import evaluate
from rbfnet.nn._export import export
from rbfnet.nn._layer import RBFLayer
from rbfnet.nn._metric import METRICS, Diagonal, Full, Isotropic, Metric
from rbfnet.nn._network import RBFNetwork
from rbfnet.nn._normalized import Normalized
from rbfnet.nn._periodic import Periodic
from rbfnet.nn._wrapper import Wrapper

__all__ = [
    "METRICS",
    "Affine",
    "Ansatz",
    "CoordinateMap",
    "Coordinates",
    "Diagonal",
    "Full",
    "Isotropic",
    "Metric",
    "Normalized",
    "Periodic",
    "RBFLayer",
    "RBFNetwork",
    "Wrapper",
    "blockwise",
    "evaluate",
    "export",
    "initializers",
]
