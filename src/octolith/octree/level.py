"""A level of the octree: a sorted, immutable set of equal cells.

Stage s of the generator works at depth d = s - 1, whose cells are 2^d times finer than an LR
voxel. Every level below the first consists of whole families: row 8p + c is child c of parent p.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from octolith.octree import morton

# Child c of a cell lies at (z, y, x) = bits (2, 1, 0) of c.
CHILDREN = 8


@dataclass(frozen=True, eq=False)
class Level:
    """Cells at one depth.

    Attributes
    ----------
    keys : (n,) int64, sorted, unique Morton keys (`octolith.octree.morton`).
    depth : the cells are 2^depth times finer than LR voxels.
    batch : number of volumes that the keys' batch index runs over.
    """

    keys: Tensor
    depth: int
    batch: int

    @classmethod
    def grid(cls, shape: tuple[int, int, int], batch: int = 1, device: object = None) -> Level:
        """All LR voxels of ``batch`` boxes of ``shape`` (z, y, x), at depth 0."""
        axes = [torch.arange(n, device=device) for n in (batch, *shape)]  # type: ignore[call-overload]
        b, z, y, x = (axis.reshape(-1) for axis in torch.meshgrid(*axes, indexing="ij"))
        keys = morton.encode(torch.stack([z, y, x], -1), b)
        return cls(keys.sort().values, 0, batch)

    def __len__(self) -> int:
        return self.keys.shape[0]

    @cached_property
    def coordinates(self) -> Tensor:
        """(n, 3) int64: (z, y, x) of each cell, in cells of this depth."""
        return morton.decode(self.keys)

    @cached_property
    def batch_index(self) -> Tensor:
        """(n,) int64: the volume that each cell belongs to."""
        return self.keys >> morton.BATCH_SHIFT

    @cached_property
    def layers(self) -> tuple[tuple[Tensor, Tensor], ...]:
        """For each axis (n,) the layers of all cells across it, sorted, and the rows in this order.

        A layer is ``batch_index << 32 | coordinate``.
        """
        batch = self.batch_index[:, None] << 32
        numbers = (batch | self.coordinates).sort(dim=0, stable=True)
        return tuple(zip(numbers.values.T.contiguous(), numbers.indices.T, strict=True))

    def select(self, mask: Tensor) -> Level:
        """The cells where ``mask`` (n,) is true: pruning."""
        return Level(self.keys[mask], self.depth, self.batch)

    def children(self) -> Level:
        """All children of all cells, one depth finer: 8n cells, family after family."""
        cell = (self.keys & morton.CELL_MASK) << 3
        family = torch.arange(CHILDREN, device=self.keys.device)
        keys = (cell[:, None] | family) | (self.batch_index << morton.BATCH_SHIFT)[:, None]
        return Level(keys.reshape(-1), self.depth + 1, self.batch)

    def crop(self, low: tuple[int, int, int], rows: Tensor) -> tuple[Level, Tensor]:
        """The cells ``rows`` (mask or indices), with ``low`` (in cells) as the new origin.

        ``low`` must be even below depth 0, so that families stay families.

        Returns
        -------
        The moved level, and for each of its cells the row in this one.
        """
        rows = torch.arange(len(self), device=self.keys.device)[rows]
        moved = self.coordinates[rows] - torch.tensor(low, device=self.keys.device)
        keys, order = morton.encode(moved, self.batch_index[rows]).sort()
        return Level(keys, self.depth, self.batch), rows[order]

    def ancestors(self, coarse: Level) -> Tensor:
        """(n,) row in ``coarse`` of the cell that each cell lies in."""
        cell = (self.keys & morton.CELL_MASK) >> (3 * (self.depth - coarse.depth))
        return coarse.find(cell | (self.batch_index << morton.BATCH_SHIFT))

    def find(self, keys: Tensor) -> Tensor:
        """Row of each key, or n where there is no such cell."""
        n = len(self)
        if n == 0:
            return torch.zeros_like(keys)
        row = torch.searchsorted(self.keys, keys).clamp_max_(n - 1)
        return torch.where(self.keys[row] == keys, row, n)

    def neighbours(self) -> Tensor:
        """The 27 cells around each cell.

        They are looked up on a grid over the bounding box, of four bytes a cell: for parents that
        is half of what the labels of their children's dense block take.

        Returns
        -------
        (27, n) int32: entry 9(dz+1) + 3(dy+1) + (dx+1) holds the rows of the cells at that
        offset, n where there is none; entry 13 the cells themselves.
        """
        n = len(self)
        if n == 0:
            return torch.empty((27, 0), dtype=torch.int32, device=self.keys.device)
        low = self.coordinates.amin(0) - 1
        depth, height, width = (self.coordinates.amax(0) - low + 2).tolist()
        z, y, x = (self.coordinates - low).unbind(-1)
        place = ((self.batch_index * depth + z) * height + y) * width + x
        grid = place.new_full((self.batch * depth * height * width,), n, dtype=torch.int32)
        grid[place] = torch.arange(n, dtype=torch.int32, device=place.device)
        step = torch.arange(-1, 2, device=place.device)
        offset = torch.cartesian_prod(step * height * width, step * width, step).sum(1)
        return grid[place + offset[:, None]]
