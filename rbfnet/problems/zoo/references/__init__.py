"""Reference solutions of problems without a closed form, computed here by methods that know nothing of radial basis functions.

Each is a function of points, or returns a grid and the values there, in NumPy and float64; its docstring says how accurate it
is and how that was measured. What takes more than a moment is kept on disk: ``RBFNET_CACHE`` says where.
"""

from collections.abc import Callable

from rbfnet.problems.zoo.references._allen_cahn import allen_cahn
from rbfnet.problems.zoo.references._burgers import burgers, burgers_thin
from rbfnet.problems.zoo.references._cache import Arrays
from rbfnet.problems.zoo.references._driven_cavity import cavity_1000, lid
from rbfnet.problems.zoo.references._four_disks import four_disks
from rbfnet.problems.zoo.references._kdv_cosine import kdv_cosine
from rbfnet.problems.zoo.references._lid_driven_cavity import GHIA_U, GHIA_V, GHIA_X, GHIA_Y, lid_driven_cavity
from rbfnet.problems.zoo.references._schroedinger import schroedinger
from rbfnet.problems.zoo.references._screened_poisson import screened_poisson
from rbfnet.problems.zoo.references._van_der_pol import van_der_pol

__all__ = [
    "GHIA_U",
    "GHIA_V",
    "GHIA_X",
    "GHIA_Y",
    "allen_cahn",
    "burgers",
    "burgers_thin",
    "cavity_1000",
    "columns",
    "four_disks",
    "kdv_cosine",
    "lid",
    "lid_driven_cavity",
    "schroedinger",
    "screened_poisson",
    "van_der_pol",
]


def columns() -> dict[str, Callable[..., Arrays]]:
    """By name, those that return a value of each coordinate and output for each point: ``exact: {reference: kdv_cosine}``."""
    return {reference.__name__: reference for reference in (burgers_thin, cavity_1000, kdv_cosine, lid, screened_poisson)}
