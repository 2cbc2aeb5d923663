"""Cutting the LR volume into blocks that are computed apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product

Triple = tuple[int, int, int]


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
    axes = []
    for n in shape:
        pieces = -(-n // edge)
        bounds = [-(-i * n // pieces) for i in range(pieces + 1)]
        axes.append(list(pairwise(bounds)))
    return [
        Cut(i, (z[0], y[0], x[0]), (z[1], y[1], x[1])) for i, (z, y, x) in enumerate(product(*axes))
    ]


def groups(shape: Sequence[int], edge: int, per_job: int) -> list[list[Cut]]:
    """The blocks of each job."""
    blocks = cut(shape, edge)
    return [blocks[i : i + per_job] for i in range(0, len(blocks), per_job)]
