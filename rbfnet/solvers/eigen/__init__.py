"""Eigenvalue problems by the method of Galerkin."""

from rbfnet.solvers.eigen._admissible import FINE
from rbfnet.solvers.eigen._modes import Modes, modes_of

__all__ = ["FINE", "Modes", "modes_of"]
