"""Geometries, and points inside them and on their boundaries."""

from rbfnet.domains._ball import Ball
from rbfnet.domains._box import Box
from rbfnet.domains._difference import Difference
from rbfnet.domains._disc import Disc
from rbfnet.domains._domain import Domain
from rbfnet.domains._ellipse import Ellipse
from rbfnet.domains._file_columns import Rows, batches, read_columns, read_rows
from rbfnet.domains._graded import graded
from rbfnet.domains._intersection import Intersection
from rbfnet.domains._interval import Interval
from rbfnet.domains._mesh import Mesh
from rbfnet.domains._mesh_file import read_mesh
from rbfnet.domains._piece import Piece
from rbfnet.domains._point_cloud import PointCloud
from rbfnet.domains._polygon import Polygon
from rbfnet.domains._rectangle import Rectangle
from rbfnet.domains._sites import Sites, find_sites
from rbfnet.domains._space_time import SpaceTime
from rbfnet.domains._union import Union
from rbfnet.domains.node_sets import Nodes, place_nodes

__all__ = [
    "Ball",
    "Box",
    "Difference",
    "Disc",
    "Domain",
    "Ellipse",
    "Intersection",
    "Interval",
    "Mesh",
    "Nodes",
    "Piece",
    "PointCloud",
    "Polygon",
    "Rectangle",
    "Rows",
    "Sites",
    "SpaceTime",
    "Union",
    "batches",
    "find_sites",
    "graded",
    "place_nodes",
    "read_columns",
    "read_mesh",
    "read_rows",
]
