"""What a node cannot know from its own features: the LR image, and what was decided around it.

The octree drops dense nodes, and with them their phases: a mixed node no longer knows what its
memorised neighbours are. Both are given back as phases, smoothly interpolated. Those of the LR
image are also where an untrained generator starts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from octolith.octree import Level


def remember(known: Tensor, level: Level, classes: Tensor) -> Tensor:
    """The classes of a level's nodes, and where it has none, what coarser ones have decided.

    Parameters
    ----------
    known : (batch, z, y, x) uint8 of the level before, or at depth 0 anything on the LR grid.
    level : nodes at any depth.
    classes : (n,) uint8 of them.

    Returns
    -------
    (batch, z, y, x) uint8 on the grid of the level; a byte a cell, where features have hundreds.
    """
    if level.depth:
        for axis in (1, 2, 3):
            known = known.repeat_interleave(2, axis)
    else:
        known = known.clone()
    z, y, x = level.coordinates.unbind(-1)
    known[level.batch_index, z, y, x] = classes
    return known


def interpolate(labels: Tensor, level: Level, phases: int, finer: int) -> Tensor:
    """Fractions of the phases around each node, by the quadratic B-spline over voxels.

    The spline (de Boor 1978) spreads each voxel over the three nearest per axis, so that a node at
    the centre of a voxel still sees its neighbours. Voxels outside the image count as their
    nearest neighbour within; voxels outside the rock (255), and mixed ones, count as nothing.

    Parameters
    ----------
    labels : (batch, z, y, x) uint8, the voxels that the level's nodes lie in: of the LR image, or
        classes of a coarser level.
    level : nodes at any depth.
    phases : K.
    finer : halvings from the voxels to the nodes.

    Returns
    -------
    (n, K) float32, non-negative, at most 1 in sum.
    """
    cell = level.coordinates >> finer
    within = level.coordinates & ((1 << finer) - 1)
    offset = (within.float() + 0.5) / (1 << finer) - 0.5
    weights = torch.stack([(0.5 - offset) ** 2 / 2, 0.75 - offset**2, (0.5 + offset) ** 2 / 2])
    _, depth, height, width = labels.shape
    edges = torch.tensor([depth, height, width], device=labels.device)
    steps = torch.arange(-1, 2, device=labels.device)[:, None, None]
    at = torch.minimum((cell + steps).clamp_min(0), edges - 1)  # (3, n, 3)
    flat = labels.reshape(-1)
    row = level.batch_index * depth
    fractions = torch.zeros(len(level), phases, device=labels.device)
    codes = torch.arange(phases, device=labels.device, dtype=labels.dtype)
    for a in range(3):
        for b in range(3):
            plane = ((row + at[a, :, 0]) * height + at[b, :, 1]) * width
            weight = weights[a, :, 0] * weights[b, :, 1]
            for c in range(3):
                seen = flat[plane + at[c, :, 2]][:, None] == codes
                fractions += seen * (weight * weights[c, :, 2])[:, None]
    return fractions
