"""Super-resolution of volumes of any size, block by block, without seams."""

from octolith.blocks import Cut, cut, groups
from octolith.inference.grow import check_labels, grow
from octolith.inference.storage import Blocks, write_blocks

__all__ = ["Blocks", "Cut", "check_labels", "cut", "groups", "grow", "write_blocks"]
