"""The step `export`: a volume in a format that people open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from octolith.errors import InputError
from octolith.files import atomic
from octolith.settings.steps import ExportFormat
from octolith.volumes import open_volume
from octolith.volumes.disk import full_disk_named, require_space
from octolith.volumes.export.ome_zarr import write_ome_zarr
from octolith.volumes.export.raw import MET_TYPES, write_headers, write_raw
from octolith.volumes.export.tiff import write_tiff
from octolith.volumes.export.vti import write_vti
from octolith.volumes.hdf5 import LABELS_SHARE
from octolith.volumes.volume import Triple, Volume

WRITERS: dict[ExportFormat, Callable[[Volume, Triple, Path], None]] = {
    "ome-zarr": write_ome_zarr,
    "tiff": write_tiff,
    "raw": write_raw,
    "vti": write_vti,
}
COMPRESSED = ("ome-zarr", "tiff")


def export(source: str | Path, out: str | Path, form: ExportFormat) -> None:
    """Stream a volume of any size into another format, voxel size included.

    Parameters
    ----------
    source : the volume; any file that `open_volume` reads.
    out : the file (``ome-zarr``: the folder) to be. Beside a raw file its headers appear,
        ``.nhdr`` and ``.mhd``.
    form : ``ome-zarr`` (napari), ``tiff`` (Fiji, Avizo), ``raw`` (simulators) or ``vti``
        (ParaView).

    Raises
    ------
    InputError : an unreadable volume, or one whose voxel size nobody has said; ``out`` is the
        volume itself.
    OctolithError : a full disk.
    """
    out = Path(out)
    if out.exists() and Path(source).exists() and out.samefile(source):
        raise InputError(out, "the volume itself", "another file", "Name another folder.")
    with open_volume(source) as volume:
        size = _exportable(volume)
        shrinks = form in COMPRESSED and volume.phases is not None
        require_space(out, int(volume.nbytes * (LABELS_SHARE if shrinks else 1)))
        with full_disk_named(out), atomic(out) as temporary:
            WRITERS[form](volume, size, temporary)
        if form == "raw":
            write_headers(volume, size, out)


def _exportable(volume: Volume) -> Triple:
    """The voxel size of a volume whose type of voxel every format knows."""
    if volume.dtype.name not in MET_TYPES:
        raise InputError(volume.path, f"{volume.dtype} voxels", f"one of {list(MET_TYPES)}")
    if volume.voxel_size_um is None:
        raise InputError(
            volume.path, "no voxel size", "the edges of a voxel in µm",
            "Ingest the volume with lr_voxel_um first.",
        )  # fmt: skip
    return volume.voxel_size_um
