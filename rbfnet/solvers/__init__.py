"""Solvers: least squares, Gauss-Newton, time stepping, and descent."""

from rbfnet.solvers._adam import Adam
from rbfnet.solvers._auto import Auto
from rbfnet.solvers._evolve import Evolve
from rbfnet.solvers._gauss_newton import GaussNewton
from rbfnet.solvers._lbfgs import LBFGS
from rbfnet.solvers._least_squares import LeastSquares
from rbfnet.solvers._sequence import Sequence, as_solver
from rbfnet.solvers._solver import Solver, Solving, trainable
from rbfnet.solvers.assembly import LinearSystem, Posed, automatic_scales, linear_system, require_pointwise
from rbfnet.solvers.balance import Balance, GradientNorm, ResidualAttention
from rbfnet.solvers.scattered import Posterior

__all__ = [
    "LBFGS",
    "Adam",
    "Auto",
    "Balance",
    "Evolve",
    "GaussNewton",
    "GradientNorm",
    "LeastSquares",
    "LinearSystem",
    "Posed",
    "Posterior",
    "ResidualAttention",
    "Sequence",
    "Solver",
    "Solving",
    "as_solver",
    "automatic_scales",
    "linear_system",
    "require_pointwise",
    "trainable",
]
