"""Problem = domain + conditions + reference, and the shipped ones."""

from rbfnet.problems._condition import Condition, Data, Dirichlet, Interior, Residual, Sample
from rbfnet.problems._data_problem import DataProblem
from rbfnet.problems._equations import Equations
from rbfnet.problems._poisson import Poisson
from rbfnet.problems._problem import Problem, Reference, Units
from rbfnet.problems._table import Table
from rbfnet.problems._terrain import Terrain

__all__ = [
    "Condition",
    "Data",
    "DataProblem",
    "Dirichlet",
    "Equations",
    "Interior",
    "Poisson",
    "Problem",
    "Reference",
    "Residual",
    "Sample",
    "Table",
    "Terrain",
    "Units",
]
