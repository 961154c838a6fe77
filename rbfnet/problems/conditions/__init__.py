"""Conditions on the solution: equations, boundary and initial values, data."""

from rbfnet.problems.conditions._bound import Bound, bounds_of
from rbfnet.problems.conditions._boundary import Boundary, Dirichlet, Neumann, Robin
from rbfnet.problems.conditions._cell_means import CellMeans, cells_of, centers_of
from rbfnet.problems.conditions._condition import Condition, Residual, Sample, sampled
from rbfnet.problems.conditions._data_condition import Data
from rbfnet.problems.conditions._eigen import Eigen
from rbfnet.problems.conditions._given_values import at
from rbfnet.problems.conditions._hard import hard_ansatz
from rbfnet.problems.conditions._initial import Initial, start_of
from rbfnet.problems.conditions._integral import Integral, Mean
from rbfnet.problems.conditions._interface import Interface
from rbfnet.problems.conditions._interior import Interior
from rbfnet.problems.conditions._law import Law, law_domain
from rbfnet.problems.conditions._periodicity import Periodic
from rbfnet.problems.conditions._point_counts import INSIDE, on_parts

__all__ = [
    "INSIDE",
    "Bound",
    "Boundary",
    "CellMeans",
    "Condition",
    "Data",
    "Dirichlet",
    "Eigen",
    "Initial",
    "Integral",
    "Interface",
    "Interior",
    "Law",
    "Mean",
    "Neumann",
    "Periodic",
    "Residual",
    "Robin",
    "Sample",
    "at",
    "bounds_of",
    "cells_of",
    "centers_of",
    "hard_ansatz",
    "law_domain",
    "on_parts",
    "sampled",
    "start_of",
]
