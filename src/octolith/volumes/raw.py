"""Files that are nothing but numbers: raw binary, and NumPy's .npy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike

from octolith.errors import InputError
from octolith.volumes.volume import Source, Volume

NPY_MAGIC = b"\x93NUMPY"
ORDERS = {"little": "<", "big": ">"}
RAW = "raw"
CLEARLY = 3


def open_raw(
    path: Path, shape: Sequence[int], dtype: DTypeLike, byteorder: str, offset: int
) -> Source:
    """Map a headerless file into memory.

    Parameters
    ----------
    path : the file.
    shape : (z, y, x).
    dtype : of a voxel.
    byteorder : ``little`` or ``big``.
    offset : bytes to skip at the start.

    Raises
    ------
    InputError : the file's size is not what shape, dtype and offset make it.
    """
    if byteorder not in ORDERS:
        raise InputError("order", repr(byteorder), f"one of {list(ORDERS)}")
    kind = np.dtype(dtype).newbyteorder(ORDERS[byteorder])  # type: ignore[arg-type]
    needed = offset + math.prod(shape) * kind.itemsize
    size = path.stat().st_size
    if size != needed:
        product = " × ".join(map(str, (*shape, kind.itemsize)))
        mend = (
            "The file is truncated, or the shape or dtype is wrong."
            if size < needed
            else f"Check the shape and dtype; a header is skipped with offset={size - needed}."
        )
        raise InputError(
            path,
            f"{size:,} bytes",
            f"{product}{f' + {offset}' * (offset > 0)} = {needed:,} (shape × bytes of {kind.name})",
            mend,
        )
    return Source(
        np.memmap(path, kind, "r", offset, tuple(shape)),
        f"{RAW} {kind.name}, {byteorder}-endian",
        provenance={"reader": f"raw {kind.name} {byteorder} {'x'.join(map(str, shape))}"},
    )


def open_npy(path: Path) -> Source:
    """Map a NumPy array into memory; InputError if it is truncated or pickled."""
    try:
        array = np.load(path, mmap_mode="r")
    except ValueError as error:
        raise InputError(path, f"no readable .npy ({error})", "a numeric NumPy array") from None
    return Source(array, "NumPy array", provenance={"reader": f"numpy {np.__version__}"})


def misread_as(volume: Volume) -> str | None:
    """Whether a raw file looks more like an image when its bytes are read in another way.

    Neighbouring voxels of an image resemble each other: one minus their correlation is small.
    Where another byte order, or the sign bit taken as magnitude, makes it three times smaller,
    the reader options are wrong. Formats that say themselves how to read them are not doubted.

    Returns
    -------
    the other way in words (``the other byte order``, ``dtype=uint16``), or None if all is well.
    """
    if volume.dtype.itemsize == 1 or not volume.format.startswith(RAW):
        return None
    plane = volume[volume.shape[0] // 2, :512, :512]
    ways = {"the other byte order": plane.byteswap()}
    if plane.dtype.kind in "iu":
        other = f"{'u' if plane.dtype.kind == 'i' else ''}int{8 * plane.dtype.itemsize}"
        ways[f"dtype={other}"] = plane.view(other)
    roughness = {way: 1 - _neighbour_correlation(values) for way, values in ways.items()}
    best = min(roughness, key=roughness.__getitem__)
    doubtful = CLEARLY * roughness[best] < 1 - _neighbour_correlation(plane)
    return best if doubtful else None


def _neighbour_correlation(plane: np.ndarray) -> float:
    """Correlation of a 2D image with itself shifted by one pixel; 0 where it is undefined."""
    with np.errstate(all="ignore"):
        values = plane.astype(np.float64)
        left, right = values[:, :-1].ravel(), values[:, 1:].ravel()
        if not np.isfinite(values).all() or left.size < 2 or 0 in (np.ptp(left), np.ptp(right)):
            return 0.0
        found = float(np.corrcoef(left, right)[0, 1])
    return found if np.isfinite(found) else 0.0
