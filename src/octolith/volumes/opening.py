"""Open any volume."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from numpy.typing import DTypeLike

from octolith.volumes.hdf5 import open_hdf5
from octolith.volumes.volume import Volume


def open_volume(
    path: str | Path,
    *,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    byteorder: str = "little",
    offset: int = 0,
    dataset: str | None = None,
    voxel_size_um: Sequence[float] | None = None,
    crop: str | None = None,
) -> Volume:
    """Open a volume (HDF5 for now; the other formats follow in the same place)."""
    return Volume(path, open_hdf5(Path(path), dataset))
