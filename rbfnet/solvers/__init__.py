"""How the unknowns are found."""

from rbfnet.solvers._adam import Adam
from rbfnet.solvers._balance import Balance
from rbfnet.solvers._evolve import Evolve
from rbfnet.solvers._gauss_newton import GaussNewton
from rbfnet.solvers._gradient_norm import GradientNorm
from rbfnet.solvers._lbfgs import LBFGS
from rbfnet.solvers._least_squares import LeastSquares
from rbfnet.solvers._linear_system import LinearSystem, linear_system
from rbfnet.solvers._pointwise import require_pointwise
from rbfnet.solvers._posed import Posed
from rbfnet.solvers._residual_attention import ResidualAttention
from rbfnet.solvers._scales import automatic_scales
from rbfnet.solvers._sequence import Sequence
from rbfnet.solvers._solver import Solver, Solving

__all__ = [
    "LBFGS",
    "Adam",
    "Balance",
    "Evolve",
    "GaussNewton",
    "GradientNorm",
    "LeastSquares",
    "LinearSystem",
    "Posed",
    "ResidualAttention",
    "Sequence",
    "Solver",
    "Solving",
    "automatic_scales",
    "linear_system",
    "require_pointwise",
]
