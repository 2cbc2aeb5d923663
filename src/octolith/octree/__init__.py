"""The octree engine: sorted levels, sparse convolutions on families, dense views and planes."""

from octolith.octree.conv import conv3, node_table, upsample
from octolith.octree.level import Level
from octolith.octree.octree import Octree, build, from_classes
from octolith.octree.render import render

__all__ = ["Level", "Octree", "build", "conv3",
    "from_classes", "node_table", "render", "upsample"]
