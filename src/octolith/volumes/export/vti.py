"""VTK image data for ParaView: cells, with a spacing in µm."""

from __future__ import annotations

from pathlib import Path

from octolith.volumes.export.raw import stream_voxels
from octolith.volumes.volume import Triple, Volume

VTK_TYPES = {"f": "Float", "i": "Int", "u": "UInt"}
# The voxels follow as they are, after the number of their bytes: writers that take a whole array
# cannot stream them.
HEADER = """<?xml version="1.0"?>
<VTKFile type="ImageData" version="1.0" byte_order="LittleEndian" header_type="UInt64">
  <ImageData WholeExtent="{extent}" Origin="0 0 0" Spacing="{spacing}">
    <Piece Extent="{extent}">
      <CellData Scalars="{name}">
        <DataArray type="{type}" Name="{name}" format="appended" offset="0"/>
      </CellData>
    </Piece>
  </ImageData>
  <AppendedData encoding="raw">
_"""
FOOTER = "\n  </AppendedData>\n</VTKFile>\n"


def write_vti(volume: Volume, voxel_size_um: Triple, path: Path) -> None:
    """Write a ``.vti`` whose one cell array is called ``phase`` (labels) or ``grey``."""
    header = HEADER.format(
        extent=" ".join(f"0 {length}" for length in volume.shape[::-1]),
        spacing=" ".join(map(repr, voxel_size_um[::-1])),
        name="grey" if volume.phases is None else "phase",
        type=f"{VTK_TYPES[volume.dtype.kind]}{8 * volume.dtype.itemsize}",
    )
    with path.open("wb") as stream:
        stream.write(header.encode())
        stream.write(volume.nbytes.to_bytes(8, "little"))
        stream_voxels(volume, stream, "VTI")
        stream.write(FOOTER.encode())
