"""Nodes of a real rock: the children of the mixed cells of a cube of Berea sandstone."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import tifffile
import torch
from scipy import ndimage

from octolith.octree import Level, build
from octolith.phantom import fine_labels, load_recipe

BEREA = "berea-binary/berea_binary_400.tif"
# The scan drawn on voxels 1.6 times finer: 8 % of the cells are then active, which is between
# what paper 1 finds at its stages 4 (15 %) and 5 (6 %; its table 2, mixed cells times eight).
FINER = 1.6


def labels(edge: int) -> tuple[str, np.ndarray]:
    """A cube of pore and grain, and its name."""
    folder = os.environ.get("OCTOLITH_ROCK_DATA")
    if folder and (Path(folder) / BEREA).is_file():
        cut = int(np.ceil(edge / FINER)) + 1
        scan = tifffile.imread(Path(folder) / BEREA)[:cut, :cut, :cut] > 0
        fine = ndimage.zoom(scan.astype(np.float32), FINER, order=1) > 0.5
        return "Berea sandstone", fine[:edge, :edge, :edge].astype(np.uint8)
    print("NO REAL ROCK: set OCTOLITH_ROCK_DATA. These are nodes of the phantom.", file=sys.stderr)
    rock = fine_labels(load_recipe("berea-like"), (0, 0, 0), (edge, edge, edge))
    return "phantom sandstone", (rock > 0).astype(np.uint8)


def mixed(edge: int) -> tuple[str, Level]:
    """The mixed cells of 2³ voxels in a cube of ``edge`` voxels, a multiple of 4."""
    name, cube = labels(edge)
    octree = build(torch.from_numpy(cube)[None], 2, phases=2)
    return name, octree.levels[1].select(octree.classes[1] == 2)
