"""Raw binary for simulators, with a header each for those who read NRRD and MetaImage."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from octolith.files import atomic
from octolith.slabs import read_slabs
from octolith.volumes.volume import Triple, Volume

MET_TYPES = {
    "uint8": "MET_UCHAR",
    "int8": "MET_CHAR",
    "uint16": "MET_USHORT",
    "int16": "MET_SHORT",
    "uint32": "MET_UINT",
    "int32": "MET_INT",
    "float32": "MET_FLOAT",
    "float64": "MET_DOUBLE",
}
NRRD_TYPES = {name: name for name in MET_TYPES} | {"float32": "float", "float64": "double"}


def write_raw(volume: Volume, voxel_size_um: Triple, path: Path) -> None:
    """Write the bare voxels, little-endian, x fastest."""
    with path.open("wb") as stream:
        stream_voxels(volume, stream, "raw")


def stream_voxels(volume: Volume, stream: BinaryIO, description: str) -> None:
    """Write every voxel, little-endian, x fastest."""
    little = volume.dtype.newbyteorder("<")
    for slab in read_slabs(volume, description):
        stream.write(np.ascontiguousarray(slab, little).data)


def write_headers(volume: Volume, voxel_size_um: Triple, path: Path) -> None:
    """Write the headers ``.nhdr`` (NRRD) and ``.mhd`` (MetaImage) beside the raw file ``path``.

    NRRD states its unit, µm. MetaImage has none; its readers take millimetres, so it is in those.
    """
    for header, suffix in ((_nrrd, ".nhdr"), (_metaimage, ".mhd")):
        with atomic(path.with_suffix(suffix)) as temporary:
            temporary.write_text(header(volume, voxel_size_um[::-1], path.name), "utf-8")


def _nrrd(volume: Volume, spacing: Triple, data_file: str) -> str:
    x, y, z = spacing
    lines = [
        "NRRD0004",
        "# A volume of Octolith; the axes are x, y, z",
        f"type: {NRRD_TYPES[volume.dtype.name]}",
        "dimension: 3",
        "space dimension: 3",
        f"sizes: {' '.join(map(str, volume.shape[::-1]))}",
        f"space directions: ({x!r},0,0) (0,{y!r},0) (0,0,{z!r})",
        'space units: "um" "um" "um"',
        "kinds: domain domain domain",
        "endian: little",
        "encoding: raw",
        f"data file: {data_file}",
    ]
    return "\n".join(lines + [f"{key}:={value}" for key, value in _labels(volume)]) + "\n\n"


def _metaimage(volume: Volume, spacing: Triple, data_file: str) -> str:
    fields = {
        "ObjectType": "Image",
        "NDims": 3,
        "BinaryData": True,
        "BinaryDataByteOrderMSB": False,
        "CompressedData": False,
        "Offset": "0 0 0",
        "TransformMatrix": "1 0 0 0 1 0 0 0 1",
        "DistanceUnits": "mm",
        "ElementSpacing": " ".join(repr(edge / 1000) for edge in spacing),
        "DimSize": " ".join(map(str, volume.shape[::-1])),
        "ElementType": MET_TYPES[volume.dtype.name],
        "ElementDataFile": data_file,
    }
    return "".join(f"{key} = {value}\n" for key, value in fields.items())


def _labels(volume: Volume) -> list[tuple[str, str]]:
    """The phases, as NRRD's key/value pairs."""
    names = () if volume.phases is None else volume.phases.names
    return [(f"label {code}", name) for code, name in enumerate(names)]
