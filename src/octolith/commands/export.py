"""`octolith export`: a volume in the formats that people open."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from octolith.settings.steps import EXPORT_SUFFIXES, ExportFormat
from octolith.steps.export import export as export_volume


def export(
    volume: Annotated[
        Path,
        typer.Argument(help="A file, a folder, or a quoted glob of slices, with a voxel size."),
    ],
    out: Annotated[Path, typer.Argument(help="The folder to write to.")],
    form: Annotated[
        ExportFormat,
        typer.Option("--format", help="tiff (Fiji, Avizo), ome-zarr (napari), raw, vti (ParaView)"),
    ] = "tiff",
) -> None:
    """Convert a volume of any size, voxel size included.

    Example: `octolith export results/berea/smooth/realisation0.h5 shared --format ome-zarr`
    writes `shared/realisation0.ome.zarr`. A raw file has an NRRD and a MetaImage header beside it.
    """
    named = volume if volume.exists() else volume.resolve().parent  # a glob: its folder
    target = out / f"{named.stem.removesuffix('.ome')}{EXPORT_SUFFIXES[form]}"
    export_volume(volume, target, form)
    typer.echo(target)
