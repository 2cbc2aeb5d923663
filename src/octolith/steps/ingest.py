"""The step `ingest`: a 3D image of any format to one chunked HDF5 volume, checked."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from octolith.errors import InputError
from octolith.progress import track
from octolith.settings import Sample
from octolith.slabs import read_slabs, write_slabs
from octolith.volumes import Volume, create_volume, open_volume, parse_reader
from octolith.volumes.opening import as_triple
from octolith.volumes.raw import misread_as
from octolith.volumes.slices import matching
from octolith.volumes.volume import Triple

log = logging.getLogger(__name__)

READ_AT_ONCE = 16 << 20


def ingest(sample: Sample, out: str | Path) -> None:
    """Read, crop and check a 3D image and write it as a volume, a slab at a time.

    The voxel size is the sample sheet's if it has one, else the file's. Where the image comes
    from (path as given, size, SHA-256, time of change, reader) is kept as ``provenance``.

    Parameters
    ----------
    sample : a row of the sample sheet.
    out : the HDF5 file to be.

    Raises
    ------
    InputError : an image that is missing, unreadable, truncated, not 3D, not finite, read in the
        wrong byte order, without a voxel size, or with voxels that are no cubes.
    OctolithError : a full disk.
    """
    source = sample.lr
    options = parse_reader(sample.lr_reader)
    with open_volume(source, crop=sample.lr_crop or None, **options) as volume:
        size = voxel_size(volume, sample)
        _check_reading(volume)
        provenance = volume.provenance | _origin(source) | {"reader_options": sample.lr_reader}
        log.info("%s: %s, %s %s, voxel %s µm", source, volume.format, volume.shape, volume.dtype,
                 size[0])  # fmt: skip
        with create_volume(
            out, volume.shape, volume.dtype, size, phases=volume.phases, provenance=provenance
        ) as writer:
            write_slabs(writer, _finite(volume, read_slabs(volume, f"read {sample.sample}")))


def voxel_size(volume: Volume, sample: Sample) -> Triple:
    """The sheet's, or the file's; must be a cube, because the octree halves all axes alike."""
    stated, found = sample.lr_voxel_um, volume.voxel_size_um
    if stated is not None:
        if found is not None and not np.allclose(found, stated, rtol=0.01):
            log.warning(
                "%s: the file says a voxel is %s µm (z, y, x), the sample sheet %s µm, which is "
                "used.", volume.path, " × ".join(f"{edge:g}" for edge in found), stated,
            )  # fmt: skip
        return as_triple(stated)
    where = f"{volume.path}: voxel size"
    if found is None:
        raise InputError(
            where, "none in the file", "the edge of a voxel in µm",
            "Give it in the sample sheet, column lr_voxel_um.",
        )  # fmt: skip
    if not np.allclose(found, found[0], rtol=0.01):
        raise InputError(
            where,
            " × ".join(f"{edge:g}" for edge in found) + " µm (z, y, x)",
            "cubes",
            "Resample the image, or, if its voxels are cubes, say lr_voxel_um in the sample sheet.",
        )
    return found


def _check_reading(volume: Volume) -> None:
    better = misread_as(volume)
    if better is not None:
        raise InputError(
            volume.path,
            f"neighbouring voxels far less alike when read as {volume.format} than with {better}",
            "an image",
            "Correct lr_reader in the sample sheet (or, if it is right, convert the file to TIFF).",
        )


def _finite(volume: Volume, slabs: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Pass the slabs on, as long as every value is a finite number."""
    start = 0
    for slab in slabs:
        if slab.dtype.kind == "f" and not np.isfinite(slab).all():
            z, y, x = map(int, np.unravel_index(np.isfinite(slab).argmin(), slab.shape))
            raise InputError(
                volume.path,
                f"{slab[z, y, x]} at voxel (z, y, x) = ({start + z}, {y}, {x})",
                "finite grey levels",
                "Crop it away (lr_crop) or give those voxels a grey level.",
            )
        start += len(slab)
        yield slab


def _origin(source: str) -> dict[str, Any]:
    """Size, digest and time of change of a file, or of all files of a folder or glob."""
    files = [
        file
        for found in matching(source)
        for file in (sorted(found.rglob("*")) if found.is_dir() else [found])
        if file.is_file()
    ]
    digest = hashlib.sha256()
    for file in track(files, "digest") if len(files) > 1 else files:
        with file.open("rb") as stream:
            while block := stream.read(READ_AT_ONCE):
                digest.update(block)
    changed = max(file.stat().st_mtime for file in files)
    return {
        "source": str(source),
        "files": len(files),
        "bytes": sum(file.stat().st_size for file in files),
        "sha256": digest.hexdigest(),
        "changed": datetime.fromtimestamp(changed, UTC).isoformat(timespec="seconds"),
    }
