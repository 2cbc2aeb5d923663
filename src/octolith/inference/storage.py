"""Octrees on disk: a block is the classes of its nodes, which say all there is to know.

Which nodes exist at a depth follows from which were mixed at the one before, so that a file holds
one byte a node, compressed, and no keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import h5py
import numpy as np
import torch

from octolith.blocks import Cut
from octolith.errors import InputError
from octolith.octree import Octree, from_classes
from octolith.phases import Phases
from octolith.volumes import new_hdf5
from octolith.volumes.hdf5 import read_phases, write_phases
from octolith.volumes.opening import as_triple


class BlockWriter:
    """Appends blocks to an open file."""

    def __init__(self, file: h5py.File) -> None:
        self.file = file

    def add(self, cut: Cut, tree: Octree) -> None:
        """Store one block's octree."""
        group = self.file.create_group(f"block{cut.index:06d}")
        group.attrs.update({"index": cut.index, "low": cut.low, "high": cut.high})
        for depth, classes in enumerate(tree.classes):
            values = classes.cpu().numpy()
            options = {"compression": "gzip", "compression_opts": 4} if values.size else {}
            group.create_dataset(f"depth{depth}", data=values, **options)


@contextmanager
def write_blocks(
    path: str | Path,
    phases: Phases,
    voxel_size_um: tuple[float, float, float],
    stages: int,
    total: int,
) -> Iterator[BlockWriter]:
    """Open a file for blocks; it appears whole or not at all.

    Parameters
    ----------
    voxel_size_um : of the LR volume (z, y, x).
    total : blocks of the whole volume, in all files.
    """
    with new_hdf5(path) as file:
        write_phases(file, phases)
        file.attrs.update({"lr_voxel_um": voxel_size_um, "stages": stages, "total": total})
        yield BlockWriter(file)


class Blocks:
    """A file of blocks, opened for reading.

    Attributes
    ----------
    phases, stages, voxel_size_um, total : as `write_blocks` was given them.

    Raises
    ------
    InputError : no such file, or not one of blocks.
    """

    def __init__(self, path: str | Path) -> None:
        try:
            self.file = h5py.File(path, "r")
            self.stages = int(self.file.attrs["stages"])
            self.total = int(self.file.attrs["total"])
            self.voxel_size_um = as_triple(self.file.attrs["lr_voxel_um"])
            phases = read_phases(self.file)
        except (OSError, KeyError) as error:
            raise InputError(path, f"{error}", "a file of super-resolved blocks",
                             "Delete it and run again.") from None  # fmt: skip
        if phases is None:
            raise InputError(path, "no phases", "a file of super-resolved blocks")
        self.path, self.phases = path, phases

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    @property
    def cuts(self) -> list[Cut]:
        """The blocks in the file."""
        cuts = []
        for group in self.file.values():
            low, high = ([int(c) for c in group.attrs[key]] for key in ("low", "high"))
            cuts.append(Cut(int(group.attrs["index"]), (low[0], low[1], low[2]),
                            (high[0], high[1], high[2])))  # fmt: skip
        return cuts

    def read(self, cut: Cut, depth: int | None = None) -> Octree:
        """One block's octree, down to ``depth`` (default: all)."""
        group = self.file[f"block{cut.index:06d}"]
        last = self.stages - 1 if depth is None else depth
        classes = [torch.from_numpy(group[f"depth{d}"][:]) for d in range(last + 1)]
        return from_classes(cut.shape, classes, len(self.phases))

    def dense(self, cut: Cut, depth: int | None = None) -> np.ndarray:
        """One block's labels at ``depth``: uint8, K where still mixed."""
        labels: np.ndarray = self.read(cut, depth).reconstruct()[0].numpy()
        return labels
