"""RBF layers and networks, evaluated blockwise, what they can be wrapped in, and where their centres start."""

from rbfnet.nn import initializers
from rbfnet.nn._evaluate import POINTS, evaluate
from rbfnet.nn._evolving import Evolving
from rbfnet.nn._export import export
from rbfnet.nn._layer import RBFLayer
from rbfnet.nn._load_export import load_export
from rbfnet.nn._metric import METRICS, Diagonal, Full, Isotropic, Metric
from rbfnet.nn._network import RBFNetwork
from rbfnet.nn.blocks import blockwise
from rbfnet.nn.local import LocalNetwork
from rbfnet.nn.wrappers import (
    Affine,
    Ansatz,
    CoordinateMap,
    Coordinates,
    CornerSingularity,
    CurlFree,
    DivergenceFree,
    Embedded,
    Embedding,
    Enriched,
    Normalized,
    Periodic,
    PolarFunctions,
    Singularity,
    Wrapper,
)

__all__ = [
    "METRICS",
    "POINTS",
    "Affine",
    "Ansatz",
    "CoordinateMap",
    "Coordinates",
    "CornerSingularity",
    "CurlFree",
    "Diagonal",
    "DivergenceFree",
    "Embedded",
    "Embedding",
    "Enriched",
    "Evolving",
    "Full",
    "Isotropic",
    "LocalNetwork",
    "Metric",
    "Normalized",
    "Periodic",
    "PolarFunctions",
    "RBFLayer",
    "RBFNetwork",
    "Singularity",
    "Wrapper",
    "blockwise",
    "evaluate",
    "export",
    "initializers",
    "load_export",
]
