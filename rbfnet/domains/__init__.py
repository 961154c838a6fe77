"""Geometries, and points inside them and on their boundaries."""

from rbfnet.domains._box import Box, Rectangle
from rbfnet.domains._columns import read_columns
from rbfnet.domains._domain import Domain
from rbfnet.domains._point_cloud import PointCloud

__all__ = ["Box", "Domain", "PointCloud", "Rectangle", "read_columns"]
