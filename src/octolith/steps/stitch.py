"""Stitch blocks into one volume, a block at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from octolith.errors import InputError
from octolith.inference import Blocks, Cut
from octolith.progress import track
from octolith.volumes import create_volume


def stitch(groups: Sequence[str | Path], out: str | Path) -> None:
    """Write the SR volume of all blocks in ``groups``; holds one block at a time.

    Raises
    ------
    InputError : a damaged file, or blocks that do not tile a volume.
    """
    files = [Blocks(path) for path in groups]
    try:
        cuts = [cut for file in files for cut in file.cuts]
        shape = _tiled(cuts, out)
        first = files[0]
        scale = 2 ** (first.stages - 1)
        z, y, x = (size / scale for size in first.voxel_size_um)
        fine = (shape[0] * scale, shape[1] * scale, shape[2] * scale)
        with create_volume(out, fine, "uint8", (z, y, x), phases=first.phases) as writer:
            owners = [(file, cut) for file in files for cut in file.cuts]
            for file, cut in track(owners, "stitching"):
                writer[cut.region(scale)] = file.dense(cut)
    finally:
        for file in files:
            file.close()


def _tiled(cuts: list[Cut], where: object) -> tuple[int, int, int]:
    """The volume that the blocks fill without gap or overlap."""
    z, y, x = (max(cut.high[axis] for cut in cuts) for axis in range(3))
    covered = sum(a * b * c for a, b, c in (cut.shape for cut in cuts))
    indices = sorted(cut.index for cut in cuts)
    if covered != z * y * x or indices != list(range(len(cuts))):
        missing = sorted(set(range(max(indices) + 1)) - set(indices))
        raise InputError(where, f"blocks {missing} missing", "blocks that tile the volume",
                         "Run superresolve for the lost group again.")  # fmt: skip
    return z, y, x
