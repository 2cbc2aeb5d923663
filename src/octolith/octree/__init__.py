"""The octree engine: sorted levels, sparse convolutions on families, dense views and planes."""

from octolith.octree.engines import ENGINES, Families, families
from octolith.octree.level import Level
from octolith.octree.octree import Octree, build, from_classes
from octolith.octree.render import render

__all__ = [
    "ENGINES",
    "Families",
    "Level",
    "Octree",
    "build",
    "families",
    "from_classes",
    "render",
]
