"""The octree of a volume: what was decided at each depth, and dense views of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from octolith.octree.level import Level

Shape = tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Octree:
    """Nodes and their classes, coarse to fine.

    Attributes
    ----------
    shape : (z, y, x) of each volume in LR voxels.
    levels : the nodes computed at each depth; ``levels[0]`` holds all LR voxels.
    classes : for each level (n,) uint8; K says *mixed*, and such a node's children, where they
        were computed, are in the next level.
    phases : K.
    """

    shape: Shape
    levels: tuple[Level, ...]
    classes: tuple[Tensor, ...]
    phases: int

    @property
    def depth(self) -> int:
        """Depth of the finest level."""
        return len(self.levels) - 1

    def counts(self) -> list[dict[str, int]]:
        """Dense and mixed nodes at each depth (paper 1, table 2)."""
        rows = []
        for level, classes in zip(self.levels, self.classes, strict=True):
            mixed = int((classes == self.phases).sum())
            rows.append({"nodes": len(level), "dense": len(level) - mixed, "mixed": mixed})
        return rows

    def reconstruct(self, depth: int | None = None) -> Tensor:
        """Dense classes at ``depth`` (default: the finest): every node painted over its cells.

        Returns
        -------
        (batch, z·2^d, y·2^d, x·2^d) uint8; K where a node was mixed and no finer one is known.
        """
        depth = self.depth if depth is None else depth
        batch = self.levels[0].batch
        device = self.levels[0].keys.device
        dense = torch.full((batch, *self.shape), self.phases, dtype=torch.uint8, device=device)
        for level, classes in zip(self.levels[: depth + 1], self.classes, strict=False):
            if level.depth > 0:
                for axis in (1, 2, 3):
                    dense = dense.repeat_interleave(2, axis)
            z, y, x = level.coordinates.unbind(-1)
            dense[level.batch_index, z, y, x] = classes
        return dense


def from_classes(shape: Shape, classes: list[Tensor], phases: int) -> Octree:
    """The octree that a list of classes describes, since they say which nodes have children.

    Parameters
    ----------
    shape : (z, y, x) in LR voxels of one volume.
    classes : for each depth (n,) uint8, in Morton order.
    """
    level = Level.grid(shape, 1, classes[0].device)
    levels = [level]
    for known in classes[:-1]:
        level = level.select(known == phases).children()
        levels.append(level)
    return Octree(shape, tuple(levels), tuple(classes), phases)


def build(labels: Tensor, depth: int, phases: int) -> Octree:
    """The octree of a dense label volume: mixed where a cell's voxels differ.

    Parameters
    ----------
    labels : (batch, z, y, x) uint8 with each edge a multiple of 2^depth.
    depth : depth of the voxels of ``labels``; the coarsest cells are 2^depth voxels wide.

    Raises
    ------
    ValueError : an edge is no multiple of 2^depth.
    """
    batch, *edges = labels.shape
    if any(edge % (1 << depth) for edge in edges):
        raise ValueError(f"edges {edges} are no multiples of {1 << depth}")
    pyramid = [labels]
    for _ in range(depth):
        fine = pyramid[0]
        _, depth_, rows, columns = fine.shape
        cells = fine.reshape(batch, depth_ // 2, 2, rows // 2, 2, columns // 2, 2)
        low, high = cells.amin((2, 4, 6)), cells.amax((2, 4, 6))
        pyramid.insert(0, torch.where(low == high, low, phases).to(torch.uint8))
    coarse = tuple(edge >> depth for edge in edges)
    level = Level.grid((coarse[0], coarse[1], coarse[2]), batch, labels.device)
    levels: list[Level] = []
    classes: list[Tensor] = []
    for d, dense in enumerate(pyramid):
        if d > 0:
            level = level.select(classes[-1] == phases).children()
        z, y, x = level.coordinates.unbind(-1)
        levels.append(level)
        classes.append(dense[level.batch_index, z, y, x])
    return Octree((coarse[0], coarse[1], coarse[2]), tuple(levels), tuple(classes), phases)
