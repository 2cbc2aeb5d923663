"""Cutting the LR volume into blocks, and what lies around a block that its growth depends on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

from octolith.settings.training import GeneratorSettings

Triple = tuple[int, int, int]
Box = tuple[Triple, Triple]
# Two 3×3×3 convolutions a stage; before the first stage's classifier, the first kernel and two.
STAGE_RADIUS = 2


@dataclass(frozen=True)
class Cut:
    """A block of the LR volume: voxels ``low`` … ``high`` - 1, numbered in z, y, x order."""

    index: int
    low: Triple
    high: Triple

    @property
    def shape(self) -> Triple:
        """(z, y, x) edges in LR voxels."""
        a, b, c = (h - w for w, h in zip(self.low, self.high, strict=True))
        return a, b, c

    def region(self, scale: int = 1) -> tuple[slice, slice, slice]:
        """Where the block lies in a volume ``scale`` times finer."""
        z, y, x = (slice(a * scale, b * scale) for a, b in zip(self.low, self.high, strict=True))
        return z, y, x


def cut(shape: Sequence[int], edge: int) -> list[Cut]:
    """Blocks of at most ``edge`` voxels that tile ``shape``; an axis is cut as evenly as it goes.

    >>> [c.high[2] - c.low[2] for c in cut((8, 8, 20), 8)]
    [7, 7, 6]
    """
    axes = [spans(n, edge) for n in shape]
    return [
        Cut(i, (z[0], y[0], x[0]), (z[1], y[1], x[1])) for i, (z, y, x) in enumerate(product(*axes))
    ]


def spans(length: int, edge: int) -> list[tuple[int, int]]:
    """(low, high) of the pieces, of at most ``edge`` voxels, of one axis."""
    pieces = -(-length // edge)
    return list(pairwise(-(-i * length // pieces) for i in range(pieces + 1)))


def groups(shape: Sequence[int], edge: int, per_job: int) -> list[list[Cut]]:
    """The blocks of each job."""
    blocks = cut(shape, edge)
    return [blocks[i : i + per_job] for i in range(0, len(blocks), per_job)]


def needed(core: Box, depth: int, settings: GeneratorSettings) -> list[Box]:
    """The cells of each depth that the core at ``depth`` depends on: their features, or classes.

    A node outside the box of its depth is dropped before it is subdivided: no core voxel sees it.

    >>> needed(((0, 0, 0), (8, 8, 8)), 1, GeneratorSettings(widths=((1, 1),), neighbours=False))
    [((-1, -1, -1), (9, 9, 9)), ((0, 0, 0), (16, 16, 16))]
    """
    beside = int(settings.neighbours)  # parents whose classes the children of one see
    low, high = ([c << depth for c in corner] for corner in core)
    boxes = [(low, high)]
    for _ in range(depth):
        low = [((c - STAGE_RADIUS) >> 1) - beside for c in low]
        high = [-((-c - STAGE_RADIUS) >> 1) + beside for c in high]
        boxes.insert(0, (low, high))
    return [(triple(a), triple(b)) for a, b in boxes]


def halo(settings: GeneratorSettings, depth: int) -> int:
    """LR voxels around a core that its growth to ``depth`` depends on."""
    (low, _, _), _ = needed(((0, 0, 0), (1, 1, 1)), depth, settings)[0]
    return -low + settings.first_kernel // 2 + 2


def triple(values: Sequence[int]) -> Triple:
    """Three numbers, as the type checker wants them."""
    z, y, x = values
    return z, y, x
