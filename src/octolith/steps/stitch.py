"""Stitch blocks into one volume, a block at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from octolith.errors import InputError
from octolith.inference import Blocks, Cut
from octolith.progress import track
from octolith.volumes import create_volume


def stitch(groups: Sequence[str | Path], out: str | Path, threads: int = 1) -> None:
    """Write the SR volume of all blocks in ``groups``; holds one block, of one file, at a time.

    Parameters
    ----------
    groups : the files of all jobs of a realisation.
    out : the HDF5 file to be.
    threads : that paint and compress.

    Raises
    ------
    InputError : a damaged file, or blocks that do not tile a volume.
    """
    torch.set_num_threads(threads)
    owners: list[tuple[str | Path, Cut]] = []
    for path in groups:
        with Blocks(path) as file:
            owners += [(path, cut) for cut in file.cuts]
            phases, scale, coarse_um = file.phases, 2 ** (file.stages - 1), file.voxel_size_um
            total = file.total
    z, y, x = _tiled([cut for _, cut in owners], total, out)
    fine_um = [size / scale for size in coarse_um]
    with create_volume(
        out, (z * scale, y * scale, x * scale), "uint8", fine_um, phases=phases, threads=threads
    ) as writer:
        for path, cut in track(owners, "stitching"):
            with Blocks(path) as file:
                writer[cut.region(scale)] = file.dense(cut)


def _tiled(cuts: list[Cut], total: int, where: object) -> tuple[int, int, int]:
    """The volume that ``total`` blocks fill without gap or overlap."""
    z, y, x = (max(cut.high[axis] for cut in cuts) for axis in range(3))
    covered = sum(a * b * c for a, b, c in (cut.shape for cut in cuts))
    indices = sorted(cut.index for cut in cuts)
    if covered != z * y * x or indices != list(range(total)):
        missing = sorted(set(range(total)) - set(indices))
        raise InputError(where, f"blocks {missing} missing", "blocks that tile the volume",
                         "Run superresolve for the lost group again.")  # fmt: skip
    return z, y, x
