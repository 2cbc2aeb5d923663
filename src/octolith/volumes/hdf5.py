"""Octolith's own files: one chunked, compressed HDF5 dataset ``volume``.

gzip at level 1 after the byte shuffle is what every HDF5 reader in the world opens without a
plugin; docs/volumes.md has the measurement against its rivals.
"""

from __future__ import annotations

import errno
import json
import math
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import DTypeLike

from octolith.errors import InputError, OctolithError
from octolith.files import atomic
from octolith.phases import Phases
from octolith.volumes.volume import Source, Triple, Window

DATASET = "volume"
COMPRESSION: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
# Labels of rock shrink 10 to 40 times, noisy grey levels hardly; half of either is promised.
WORST_SHARE = {"labels": 0.25, "grey": 1.0}
CHUNK_CACHE = 64 << 20
SUFFIXES = (".h5", ".hdf5", ".hdf", ".he5", ".nxs")


class VolumeWriter:
    """What `create_volume` gives: assign arrays to windows of it, whole chunks if speed counts."""

    def __init__(self, path: Path, dataset: h5py.Dataset) -> None:
        self._path, self._dataset = path, dataset
        self.shape: tuple[int, int, int] = dataset.shape
        self.dtype: np.dtype[Any] = dataset.dtype
        self.chunk: tuple[int, int, int] = dataset.chunks

    def __setitem__(self, window: Window | slice | int, values: np.ndarray) -> None:
        with full_disk_named(self._path):
            self._dataset[window] = values


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
    path = Path(path)
    dtype = np.dtype("uint8") if np.dtype(dtype) == bool else np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    require_space(path, int(size * WORST_SHARE["grey" if phases is None else "labels"]))
    with (
        atomic(path) as temporary,
        full_disk_named(path),
        h5py.File(
            temporary, "w", locking="best-effort", rdcc_nbytes=CHUNK_CACHE, rdcc_nslots=10007
        ) as file,
    ):
        dataset = file.create_dataset(
            DATASET,
            tuple(shape),
            dtype,
            chunks=tuple(min(chunk, length) for length in shape),
            **COMPRESSION,
        )
        dataset.attrs["element_size_um"] = np.asarray(voxel_size_um, float)
        write_phases(dataset, phases)
        dataset.attrs["provenance"] = json.dumps(provenance or {}, ensure_ascii=False)
        yield VolumeWriter(path, dataset)


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
        raise InputError(path, f"no readable HDF5 ({error})", "an HDF5 file") from None
    try:
        found = _find(path, file, dataset)
        size = found.attrs.get("element_size_um")
        return Source(
            found,
            f"HDF5, dataset {found.name}, {found.compression or 'not compressed'}",
            None if size is None else _triple(path, size),
            read_phases(found),
            json.loads(found.attrs.get("provenance", "{}")),
            file.close,
        )
    except BaseException:
        file.close()
        raise


def _find(path: Path, file: h5py.File, name: str | None) -> h5py.Dataset:
    found: dict[str, h5py.Dataset] = {}
    file.visititems(
        lambda key, item: found.update({key: item}) if isinstance(item, h5py.Dataset) else None
    )
    if name is not None:
        if name.strip("/") not in found:
            raise InputError(path, f"no dataset {name!r}", f"one of {sorted(found)}")
        return found[name.strip("/")]
    volumes = {key: item for key, item in found.items() if item.ndim >= 3}
    return volumes[only(path, sorted(volumes), sorted(found))]


def only(path: Path, candidates: Sequence[str], others: Sequence[str]) -> str:
    """The one array of a container that may be meant; InputError lists what there is."""
    if DATASET in candidates:
        return DATASET
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise InputError(
            path, f"{len(candidates)} 3D datasets {list(candidates)}", "one", "Say dataset=NAME."
        )
    raise InputError(path, f"no 3D dataset among {list(others)}", "one")


def _triple(path: Path, size: Any) -> Triple:
    values = np.ravel(np.asarray(size, float))
    if values.size != 3 or not (values > 0).all():
        raise InputError(path, f"element_size_um {values.tolist()}", "three positive lengths in µm")
    return float(values[0]), float(values[1]), float(values[2])


def write_phases(item: h5py.Dataset | h5py.File, phases: Phases | None) -> None:
    """Store the names of the phases and which of them is the pore, or nothing for grey."""
    if phases is not None:
        item.attrs["phases"] = list(phases.names)
        item.attrs["pore"] = phases.pore


def read_phases(item: h5py.Dataset | h5py.File) -> Phases | None:
    """What `write_phases` stored."""
    if "phases" not in item.attrs:
        return None
    return Phases.of([str(name) for name in item.attrs["phases"]], str(item.attrs["pore"]))


def require_space(path: Path, needed: int) -> None:
    """Look at the free space before hours of writing.

    Raises
    ------
    OctolithError : there is less than ``needed`` bytes.
    """
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            path,
            f"{size_in_words(free)} free in {folder}",
            f"up to {size_in_words(needed)} for this file",
            "Free some space or write elsewhere.",
        )


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Turn the libraries' many ways of saying that the disk is full into one line.

    Raises
    ------
    OctolithError : the disk is full, or the user's quota is.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        text = str(error)
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or any(
            f"errno = {number}" in text for number in (errno.ENOSPC, errno.EDQUOT)
        ):
            raise OctolithError(
                f"{path}: the disk (or your quota) is full; nothing was left behind. "
                "Free some space or write elsewhere."
            ) from None
        raise


def size_in_words(size: float) -> str:
    """Bytes as a person reads them.

    >>> size_in_words(1536 * 2**20)
    '1.5 GiB'
    """
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
