"""Points in boxes and points chosen from points: what geometries and initialisers of centres share.

All of them draw from PyTorch's seeded generator, if they draw at all.
"""

from rbfnet.sampling._from_points import FROM_POINTS, farthest_point, kmeans, points
from rbfnet.sampling._in_box import IN_BOX, grid, halton, latin_hypercube, poisson_disc, random, sobol

__all__ = [
    "FROM_POINTS",
    "IN_BOX",
    "farthest_point",
    "grid",
    "halton",
    "kmeans",
    "latin_hypercube",
    "points",
    "poisson_disc",
    "random",
    "sobol",
]
