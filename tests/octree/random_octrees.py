"""Random octrees for the tests of this room."""

from __future__ import annotations

import torch

from octolith.octree import Level, build


def blobs(seed: int, shape: tuple[int, ...], depth: int, phases: int = 3, batch: int = 2):
    """Random labels (batch, z, y, x): coarse blobs with a few finer voxels changed."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, phases, (batch, *shape), generator=g, dtype=torch.uint8)
    for _ in range(depth):
        for axis in (1, 2, 3):
            labels = labels.repeat_interleave(2, axis)
        flip = torch.rand(labels.shape, generator=g) < 0.05
        labels = torch.where(flip, (labels + 1) % phases, labels).to(torch.uint8)
    return labels


def mixed_parents(seed: int, shape: tuple[int, ...], depth: int) -> Level:
    """The mixed nodes of `blobs` just above the voxels."""
    octree = build(blobs(seed, shape, depth), depth, phases=3)
    return octree.levels[-2].select(octree.classes[-2] == 3)
