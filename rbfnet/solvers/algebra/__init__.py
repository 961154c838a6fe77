"""Linear algebra, independent of problems: least squares, interpolation, and communication between processes."""

from rbfnet.solvers.algebra import processes
from rbfnet.solvers.algebra._damped_qr import Factored
from rbfnet.solvers.algebra._interpolation import Interpolation
from rbfnet.solvers.algebra._least_distance import least_distance
from rbfnet.solvers.algebra._moments import Moments, determined
from rbfnet.solvers.algebra._orthogonal_least_squares import OrthogonalLeastSquares
from rbfnet.solvers.algebra._regularization import Regularization
from rbfnet.solvers.algebra._tsqr import shared, stacked, triangle

__all__ = [
    "Factored",
    "Interpolation",
    "Moments",
    "OrthogonalLeastSquares",
    "Regularization",
    "determined",
    "least_distance",
    "processes",
    "shared",
    "stacked",
    "triangle",
]
