"""The problems that are shipped, one file each."""

from rbfnet.problems.zoo import references
from rbfnet.problems.zoo._advection import Advection
from rbfnet.problems.zoo._allen_cahn import AllenCahn
from rbfnet.problems.zoo._beam import Beam
from rbfnet.problems.zoo._biharmonic_4d import Biharmonic4D
from rbfnet.problems.zoo._burgers import Burgers
from rbfnet.problems.zoo._cavity import Cavity
from rbfnet.problems.zoo._four_disks import FourDisks
from rbfnet.problems.zoo._heat import Heat
from rbfnet.problems.zoo._helmholtz import Helmholtz
from rbfnet.problems.zoo._inverse_diffusivity import InverseDiffusivity
from rbfnet.problems.zoo._inverse_field import InverseField
from rbfnet.problems.zoo._klein_gordon import KleinGordon
from rbfnet.problems.zoo._korteweg_de_vries import KortewegDeVries
from rbfnet.problems.zoo._kovasznay import Kovasznay
from rbfnet.problems.zoo._poisson import Poisson
from rbfnet.problems.zoo._poisson_5d import Poisson5D
from rbfnet.problems.zoo._schroedinger import Schroedinger
from rbfnet.problems.zoo._sharp import Sharp
from rbfnet.problems.zoo._terrain import Terrain
from rbfnet.problems.zoo._van_der_pol import VanDerPol
from rbfnet.problems.zoo._wave import Wave

__all__ = [
    "Advection",
    "AllenCahn",
    "Beam",
    "Biharmonic4D",
    "Burgers",
    "Cavity",
    "FourDisks",
    "Heat",
    "Helmholtz",
    "InverseDiffusivity",
    "InverseField",
    "KleinGordon",
    "KortewegDeVries",
    "Kovasznay",
    "Poisson",
    "Poisson5D",
    "Schroedinger",
    "Sharp",
    "Terrain",
    "VanDerPol",
    "Wave",
    "references",
]
