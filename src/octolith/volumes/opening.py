"""Open any volume: the format is told by the file's first bytes, not by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from octolith.errors import InputError
from octolith.volumes.hdf5 import open_hdf5
from octolith.volumes.options import parse_crop
from octolith.volumes.raw import NPY_MAGIC, open_npy, open_raw
from octolith.volumes.slices import SUFFIXES, first_bytes, matching, open_image, open_slices
from octolith.volumes.tiff import TIFF_MAGIC, open_tiff
from octolith.volumes.volume import Source, Triple, Volume
from octolith.volumes.zarr_store import is_zarr, open_zarr

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


def open_volume(
    path: str | Path,
    *,
    shape: Sequence[int] | None = None,
    dtype: DTypeLike | None = None,
    byteorder: str = "little",
    offset: int = 0,
    dataset: str | None = None,
    voxel_size_um: float | Sequence[float] | None = None,
    crop: str | None = None,
) -> Volume:
    """Open a 3D image of any format; of its voxels nothing is read yet.

    TIFF (BigTIFF, ImageJ, OME, multi-page), a folder or glob of 2D slices, HDF5, Zarr and
    OME-Zarr, ``.npy``, and raw binary files.

    Parameters
    ----------
    path : a file, a folder, or a glob of slices such as ``scan/slice_*.tif``.
    shape, dtype, byteorder, offset : of a raw file: (z, y, x), type of a voxel, ``little`` or
        ``big``, bytes to skip at the start. Other formats say so themselves.
    dataset : which array of an HDF5 file or Zarr group, where several could be meant.
    voxel_size_um : (z, y, x) in µm, or one number for a cube; wins over what the file says.
    crop : ``'z0:z1,y0:y1,x0:x1'`` in voxels.

    Returns
    -------
    Volume
        open; use it as a context manager, or close it.

    Raises
    ------
    InputError : missing, unreadable, truncated, not 3D, not numbers; the text says how to mend it.
    """
    raw = None if shape is None or dtype is None else (shape, dtype, byteorder, offset)
    source = _source(path, raw, dataset)
    try:
        if dtype is not None and np.dtype(dtype) != np.dtype(source.array.dtype).newbyteorder("="):
            raise InputError(path, str(source.array.dtype), f"dtype={np.dtype(dtype)}")
        if voxel_size_um is not None:
            source.voxel_size_um = as_triple(voxel_size_um)
        volume = Volume(path, source)
        if shape is not None and volume.shape != tuple(shape):
            raise InputError(path, f"the shape {volume.shape}", f"shape={tuple(shape)}")
        if crop:
            source.provenance = {**source.provenance, "crop": crop}
            volume = Volume(path, source, parse_crop(crop, volume.shape, f"{path}: crop"))
    except BaseException:
        source.close()
        raise
    return volume


def as_triple(voxel_size_um: float | Sequence[float]) -> Triple:
    """One length for a cube, or three, as (z, y, x)."""
    z, y, x = np.broadcast_to(np.asarray(voxel_size_um, float), 3).tolist()
    if min(z, y, x) <= 0:
        raise InputError("voxel size", voxel_size_um, "positive lengths in µm")
    return z, y, x


def _source(
    path: str | Path,
    raw: tuple[Sequence[int], DTypeLike, str, int] | None,
    dataset: str | None,
) -> Source:
    place = Path(path)
    if place.is_dir():
        return open_zarr(place, dataset) if is_zarr(place) else open_slices(place)
    if not place.exists() and matching(path):
        return open_slices(path)
    start = first_bytes(place)
    readers: dict[bytes, Callable[[Path], Source]] = {
        HDF5_MAGIC: partial(open_hdf5, dataset=dataset),
        NPY_MAGIC: open_npy,
        **dict.fromkeys(TIFF_MAGIC, open_tiff),
    }
    for magic, reader in readers.items():
        if start.startswith(magic):
            return reader(place)
    if raw is not None:
        return open_raw(place, *raw)
    if place.suffix.lower() in SUFFIXES:
        return open_image(place)
    raise InputError(
        path,
        "no format that is known by its first bytes" if start else "an empty file",
        "TIFF, HDF5, Zarr, .npy or a folder of slices",
        "For a raw file say shape=ZxYxX and dtype=...",
    )
