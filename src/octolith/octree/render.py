"""Planes straight from the nodes that cross them, with gradients; no dense volume is built."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from octolith.octree.level import Level
from octolith.octree.octree import Octree


def render(octree: Octree, probabilities: Tensor, axis: int, planes: Tensor) -> Tensor:
    """Draw planes across ``axis`` at the finest depth.

    Parameters
    ----------
    octree : its coarser levels are painted as constants (memorised classes, one-hot).
    probabilities : (n, K+1) of the finest level's nodes; gradients flow to them.
    axis : 0, 1 or 2 for planes of constant z, y or x.
    planes : (p, 2) int64: volume in the batch, and position along ``axis`` in the finest cells.

    Returns
    -------
    (p, K+1, h, w) in the order of the two other axes.
    """
    depth = octree.depth
    rows, columns = (octree.shape[a] for a in range(3) if a != axis)
    count = planes.shape[0]
    classes = torch.full(
        (count, rows, columns), octree.phases, dtype=torch.uint8, device=planes.device
    )
    for level, known in zip(octree.levels[:-1], octree.classes[:-1], strict=True):
        if level.depth > 0:
            classes = classes.repeat_interleave(2, 1).repeat_interleave(2, 2)
        pixel, node = crossing(level, axis, planes, depth, classes.shape[1:])
        classes.view(-1)[pixel] = known[node]
    if depth > 0:
        classes = classes.repeat_interleave(2, 1).repeat_interleave(2, 2)
    pixel, node = crossing(octree.levels[-1], axis, planes, depth, classes.shape[1:])
    image = functional.one_hot(classes.long().view(-1), octree.phases + 1).to(probabilities.dtype)
    image = image.index_copy(0, pixel, probabilities[node])
    return image.view(*classes.shape, octree.phases + 1).permute(0, 3, 1, 2)


def crossing(
    level: Level, axis: int, planes: Tensor, depth: int, size: torch.Size
) -> tuple[Tensor, Tensor]:
    """Which node each plane's pixels see at this level.

    Returns
    -------
    pixel, node : (m,) flat index into (p, *size), and row of the node there.
    """
    ordered, order = level.layers[axis]
    wanted = (planes[:, 0] << 32) | (planes[:, 1] >> (depth - level.depth))
    first = torch.searchsorted(ordered, wanted)
    count = torch.searchsorted(ordered, wanted, right=True) - first
    slot = torch.repeat_interleave(torch.arange(len(planes), device=planes.device), count)
    within = torch.arange(len(slot), device=planes.device) - torch.repeat_interleave(
        count.cumsum(0) - count, count
    )
    node = order[first[slot] + within]
    u, v = (level.coordinates[node, a] for a in range(3) if a != axis)
    return (slot * size[0] + u) * size[1] + v, node
