"""Problem = domain + conditions + reference, and the shipped ones."""

from rbfnet.problems._advection import Advection
from rbfnet.problems._allen_cahn import AllenCahn
from rbfnet.problems._beam import Beam
from rbfnet.problems._biharmonic_4d import Biharmonic4D
from rbfnet.problems._boundary import Boundary, Dirichlet, Neumann, Robin
from rbfnet.problems._burgers import Burgers
from rbfnet.problems._cavity import Cavity
from rbfnet.problems._condition import Condition, Residual, Sample
from rbfnet.problems._data import Data
from rbfnet.problems._data_problem import DataProblem
from rbfnet.problems._equations import Equations
from rbfnet.problems._four_disks import FourDisks
from rbfnet.problems._heat import Heat
from rbfnet.problems._helmholtz import Helmholtz
from rbfnet.problems._initial import Initial
from rbfnet.problems._integral import Integral, Mean
from rbfnet.problems._interface import Interface
from rbfnet.problems._interior import Interior
from rbfnet.problems._inverse_diffusivity import InverseDiffusivity
from rbfnet.problems._inverse_field import InverseField
from rbfnet.problems._klein_gordon import KleinGordon
from rbfnet.problems._korteweg_de_vries import KortewegDeVries
from rbfnet.problems._kovasznay import Kovasznay
from rbfnet.problems._periodic import Periodic
from rbfnet.problems._poisson import Poisson
from rbfnet.problems._poisson_5d import Poisson5D
from rbfnet.problems._problem import Problem, Reference, Units
from rbfnet.problems._schroedinger import Schroedinger
from rbfnet.problems._sharp import Sharp
from rbfnet.problems._table import Table
from rbfnet.problems._terrain import Terrain
from rbfnet.problems._unknown import Unknown
from rbfnet.problems._unknown_field import UnknownField
from rbfnet.problems._van_der_pol import VanDerPol
from rbfnet.problems._wave import Wave

__all__ = [
    "Advection",
    "AllenCahn",
    "Beam",
    "Biharmonic4D",
    "Boundary",
    "Burgers",
    "Cavity",
    "Condition",
    "Data",
    "DataProblem",
    "Dirichlet",
    "Equations",
    "FourDisks",
    "Heat",
    "Helmholtz",
    "Initial",
    "Integral",
    "Interface",
    "Interior",
    "InverseDiffusivity",
    "InverseField",
    "KleinGordon",
    "KortewegDeVries",
    "Kovasznay",
    "Mean",
    "Neumann",
    "Periodic",
    "Poisson",
    "Poisson5D",
    "Problem",
    "Reference",
    "Residual",
    "Robin",
    "Sample",
    "Schroedinger",
    "Sharp",
    "Table",
    "Terrain",
    "Units",
    "Unknown",
    "UnknownField",
    "VanDerPol",
    "Wave",
]
