"""Models made of a network that keep its closed forms and stay linear in its weights."""

from rbfnet.nn.wrappers._affine import Affine
from rbfnet.nn.wrappers._ansatz import Ansatz
from rbfnet.nn.wrappers._coordinate_map import CoordinateMap, Coordinates
from rbfnet.nn.wrappers._corner_singularity import CornerSingularity
from rbfnet.nn.wrappers._curl_free import CurlFree
from rbfnet.nn.wrappers._divergence_free import DivergenceFree
from rbfnet.nn.wrappers._embedded import Embedded
from rbfnet.nn.wrappers._embedding import Embedding
from rbfnet.nn.wrappers._enriched import Enriched
from rbfnet.nn.wrappers._matrix_kernel import ORDER, MatrixKernel
from rbfnet.nn.wrappers._normalized import Normalized
from rbfnet.nn.wrappers._numbered import Numbered, partitions
from rbfnet.nn.wrappers._periodic import Periodic
from rbfnet.nn.wrappers._polar_functions import PolarFunctions
from rbfnet.nn.wrappers._singularity import Singularity
from rbfnet.nn.wrappers._vector_field import VECTORS, as_vector
from rbfnet.nn.wrappers._wrapper import Wrapper, innermost

__all__ = [
    "ORDER",
    "VECTORS",
    "Affine",
    "Ansatz",
    "CoordinateMap",
    "Coordinates",
    "CornerSingularity",
    "CurlFree",
    "DivergenceFree",
    "Embedded",
    "Embedding",
    "Enriched",
    "MatrixKernel",
    "Normalized",
    "Numbered",
    "Periodic",
    "PolarFunctions",
    "Singularity",
    "Wrapper",
    "as_vector",
    "innermost",
    "partitions",
]
