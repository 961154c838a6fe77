"""Reference solutions of problems without a closed form, computed here by methods that know nothing of radial basis functions.

Each is a function of points, or returns a grid and the values there, in NumPy and float64; its docstring says how accurate it
is and how that was measured. What takes more than a moment is kept on disk: ``RBFNET_CACHE`` says where.
"""

from rbfnet.problems.zoo.references._allen_cahn import allen_cahn
from rbfnet.problems.zoo.references._burgers import burgers
from rbfnet.problems.zoo.references._four_disks import four_disks
from rbfnet.problems.zoo.references._lid_driven_cavity import GHIA_U, GHIA_V, GHIA_X, GHIA_Y, lid_driven_cavity
from rbfnet.problems.zoo.references._schroedinger import schroedinger
from rbfnet.problems.zoo.references._van_der_pol import van_der_pol

__all__ = [
    "GHIA_U",
    "GHIA_V",
    "GHIA_X",
    "GHIA_Y",
    "allen_cahn",
    "burgers",
    "four_disks",
    "lid_driven_cavity",
    "schroedinger",
    "van_der_pol",
]
