"""TIFF for Fiji, Avizo and everything else.

OME metadata rather than ImageJ's: ImageJ's dialect cannot be a BigTIFF (its files above 4 GiB are
readable by ImageJ alone), while OME's can, states the unit of each voxel edge, and is an XML text
in an ordinary TIFF, which programs that do not know it ignore. They find the pixel size in the
resolution tags.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tifffile

from octolith.slabs import read_slabs
from octolith.volumes.volume import Triple, Volume

# A classic TIFF ends at 4 GiB, and many programs count its bytes with a sign.
CLASSIC_UP_TO = 2 << 30


def write_tiff(volume: Volume, voxel_size_um: Triple, path: Path) -> None:
    """Write an OME-TIFF with a page a plane, deflated; a BigTIFF if it is larger than 2 GiB.

    Parameters
    ----------
    volume : grey or labels; the names of its phases go into the description.
    voxel_size_um : (z, y, x) in µm.
    path : the file to be.
    """
    planes = (plane for slab in read_slabs(volume, "TIFF") for plane in slab)
    metadata: dict[str, Any] = {"axes": "ZYX"}
    for axis, edge in zip("ZYX", voxel_size_um, strict=True):
        metadata |= {f"PhysicalSize{axis}": edge, f"PhysicalSize{axis}Unit": "µm"}
    if volume.phases is not None:
        names = (f"{code} {name}" for code, name in enumerate(volume.phases.names))
        metadata["Description"] = f"Labels: {', '.join(names)}."
    per_centimetre = [10_000 / edge for edge in voxel_size_um]
    tifffile.imwrite(
        path,
        planes,
        shape=volume.shape,
        dtype=volume.dtype,
        ome=True,
        bigtiff=volume.nbytes > CLASSIC_UP_TO,
        photometric="minisblack",
        compression="zlib",
        compressionargs={"level": 1},
        metadata=metadata,
        resolution=(per_centimetre[2], per_centimetre[1]),
        resolutionunit="CENTIMETER",
    )
