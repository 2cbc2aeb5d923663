"""Octolith's own files: one chunked, compressed HDF5 dataset ``volume``.

Chunks are deflated ("gzip", after a byte shuffle where a voxel has several bytes): what every HDF5
reader opens without a plugin. Whole chunks are compressed by `octolith.volumes.deflate`, on
several threads if asked, and handed to HDF5 as they are.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.volumes.deflate import DeflatedArray, encode, readable
from octolith.volumes.disk import NewFile, new_hdf5, require_space
from octolith.volumes.volume import Index, Source, Triple, Window, complete_index

DATASET = "volume"
CHUNK_CACHE = 64 << 20
# Random labels of four phases would take a quarter of a byte each, a rock's take a tenth; the
# noise of a 16-bit scan hardly shrinks at all.
LABELS_SHARE = 0.25


class VolumeWriter:
    """What `create_volume` gives: assign an array to any window of it.

    Chunks that the window covers whole are written several times faster than others.
    """

    def __init__(self, file: NewFile, dataset: h5py.Dataset, pool: ThreadPoolExecutor) -> None:
        self._file, self._dataset, self._pool = file, dataset, pool
        self.shape: tuple[int, int, int] = dataset.shape
        self.dtype: np.dtype[Any] = dataset.dtype
        self.chunk: tuple[int, int, int] = dataset.chunks

    def __setitem__(self, index: Index, values: np.ndarray) -> None:
        window = self._whole_chunks(complete_index(index))
        if window is None:
            self._dataset[index] = values
        else:
            self._write_chunks(window, values)
        self._file.raise_failure()

    def _whole_chunks(self, index: tuple[int | slice, ...]) -> Window | None:
        """The index as bounds if it covers whole chunks, else None."""
        bounds = []
        for part, edge, length in zip(index, self.chunk, self.shape, strict=True):
            if not isinstance(part, slice):
                return None
            start, stop, step = part.indices(length)
            if start % edge or (stop % edge and stop != length) or step != 1:
                return None
            bounds.append(slice(start, stop))
        z, y, x = bounds
        return z, y, x

    def _write_chunks(self, window: Window, values: np.ndarray) -> None:
        values = np.broadcast_to(values, [part.stop - part.start for part in window])
        starts = [range(0, n, edge) for n, edge in zip(values.shape, self.chunk, strict=True)]
        corners = list(itertools.product(*starts))

        def deflated(corner: tuple[int, ...]) -> bytes:
            part = values[tuple(slice(c, c + e) for c, e in zip(corner, self.chunk, strict=True))]
            whole = np.zeros(self.chunk, self.dtype)
            whole[tuple(map(slice, part.shape))] = part
            return encode(whole)

        for corner, data in zip(corners, self._pool.map(deflated, corners), strict=True):
            place = tuple(part.start + c for part, c in zip(window, corner, strict=True))
            self._dataset.id.write_direct_chunk(place, data)


@contextmanager
def create_volume(
    path: str | Path,
    shape: Sequence[int],
    dtype: DTypeLike,
    voxel_size_um: Sequence[float],
    *,
    phases: Phases | None = None,
    provenance: Mapping[str, Any] | None = None,
    chunk: int = 64,
    threads: int = 1,
) -> Iterator[VolumeWriter]:
    """Write a volume part by part; it appears at ``path`` when the block ends without an error.

    Parameters
    ----------
    path : the HDF5 file to be.
    shape : (z, y, x).
    dtype : of a voxel; bool is stored as uint8.
    voxel_size_um : (z, y, x) in µm.
    phases : the meaning of the labels; None for grey.
    provenance : anything JSON can hold.
    chunk : edge of the compressed chunks, voxels. A window of whole chunks is written fastest.
    threads : that compress.

    Raises
    ------
    OctolithError : too little free space, before anything is written or while it is.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "rock.h5"
    >>> with create_volume(path, (8, 8, 8), "uint8", (1.0, 1.0, 1.0)) as writer:
    ...     writer[0:4] = np.ones((4, 8, 8), "uint8")
    >>> path.exists()
    True
    """
    kind = np.dtype("uint8") if np.dtype(dtype) == bool else np.dtype(dtype)
    size = math.prod(shape) * kind.itemsize
    require_space(path, int(size * (1 if phases is None else LABELS_SHARE)))
    cache = {"rdcc_nbytes": CHUNK_CACHE, "rdcc_nslots": 10007}
    with ThreadPoolExecutor(threads) as pool, new_hdf5(path, **cache) as file:
        dataset = file.create_dataset(
            DATASET,
            tuple(shape),
            kind,
            chunks=tuple(min(chunk, length) for length in shape),
            compression="gzip",
            compression_opts=1,
            shuffle=kind.itemsize > 1,
        )
        dataset.attrs["element_size_um"] = np.asarray(voxel_size_um, float)
        write_phases(dataset, phases)
        dataset.attrs["provenance"] = json.dumps(provenance or {}, ensure_ascii=False)
        yield VolumeWriter(file, dataset, pool)


def write_volume(
    path: str | Path,
    array: np.ndarray,
    voxel_size_um: Sequence[float],
    *,
    phases: Phases | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write a whole array (z, y, x) as a volume; see `create_volume`."""
    with create_volume(
        path, array.shape, array.dtype, voxel_size_um, phases=phases, provenance=provenance
    ) as writer:
        writer[:] = array


def open_hdf5(path: Path, dataset: str | None = None) -> Source:
    """Open the 3D dataset of an HDF5 file, Octolith's or any other's.

    Raises
    ------
    InputError : no HDF5, no such dataset, none or several that may be meant.
    """
    try:
        file = h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        raise _broken(path, error) from None
    try:
        found = _find(path, file, dataset)
        size = found.attrs.get("element_size_um")
        return Source(
            DeflatedArray(path, found) if readable(found) else found,
            f"HDF5, dataset {found.name}, {found.compression or 'not compressed'}",
            None if size is None else _lengths(path, size),
            read_phases(found),
            _provenance(found),
            file.close,
        )
    except RuntimeError as error:
        file.close()
        raise _broken(path, error) from None
    except BaseException:
        file.close()
        raise


def _broken(path: Path, error: Exception) -> InputError:
    return InputError(
        path, f"a broken HDF5 file ({error})", "a whole one", "Write or copy it again."
    )


def _find(path: Path, file: h5py.File, name: str | None) -> h5py.Dataset:
    found: dict[str, h5py.Dataset] = {}

    def collect(key: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            found[key] = item

    file.visititems(collect)
    return found[choose(path, {key: item.ndim for key, item in found.items()}, name)]


def choose(path: Path, dimensions: Mapping[str, int], name: str | None) -> str:
    """The one array of a container (array name -> number of axes) that may be meant.

    Raises
    ------
    InputError : lists the arrays there are.
    """
    if name is not None:
        if name.strip("/") not in dimensions:
            raise InputError(path, f"no dataset {name!r}", f"one of {sorted(dimensions)}")
        return name.strip("/")
    candidates = sorted(key for key, axes in dimensions.items() if axes >= 3)
    if DATASET in candidates:
        return DATASET
    if len(candidates) > 1:
        raise InputError(path, f"the 3D datasets {candidates}", "one", "Say dataset=NAME.")
    if not candidates:
        raise InputError(path, f"no 3D dataset among {sorted(dimensions)}", "one")
    return candidates[0]


def _provenance(item: h5py.Dataset) -> dict[str, Any]:
    """What `create_volume` stored; another program's attribute of that name is kept as it is."""
    text = item.attrs.get("provenance", "{}")
    try:
        return dict(json.loads(text))
    except (ValueError, TypeError):
        return {"provenance": str(text)}


def _lengths(path: Path, size: Any) -> Triple:
    values = np.ravel(np.asarray(size, float)).tolist()
    if len(values) != 3 or min(values) <= 0:
        raise InputError(path, f"element_size_um {values}", "three positive lengths in µm")
    return values[0], values[1], values[2]


def write_phases(item: h5py.Dataset | h5py.File, phases: Phases | None) -> None:
    """Store the names of the phases and which of them is the pore, or nothing for grey."""
    if phases is not None:
        item.attrs["phases"] = list(phases.names)
        item.attrs["pore"] = phases.pore


def read_phases(item: h5py.Dataset | h5py.File) -> Phases | None:
    """What `write_phases` stored."""
    if not {"phases", "pore"} <= set(item.attrs):
        return None
    return Phases.of([str(name) for name in item.attrs["phases"]], str(item.attrs["pore"]))
