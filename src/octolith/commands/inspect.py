"""`octolith inspect`: what a volume is, before anything is done with it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from octolith.commands.suggest import pasted
from octolith.segmentation import Histogram, grey_range, suggestion
from octolith.volumes import Volume, open_volume, parse_reader
from octolith.volumes.disk import size_in_words
from octolith.volumes.raw import misread_as
from octolith.volumes.survey import Survey, survey


def inspect(
    volume: Annotated[str, typer.Argument(help="A file, a folder, or a quoted glob of slices.")],
    reader: Annotated[
        str,
        typer.Option(help="What the file does not say: 'shape=200x100x100 dtype=uint16'."),
    ] = "",
    crop: Annotated[str, typer.Option(help="'z0:z1,y0:y1,x0:x1' in voxels.")] = "",
    phases: Annotated[
        str, typer.Option(help="Suggest grey-level bands for these, dark to bright: 'pore,quartz'.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print the format, size and voxel size of a 3D image, and what its values look like.

    Reads TIFF (ImageJ, OME, BigTIFF), folders of slices, HDF5, Zarr, .npy and raw files, as the
    workflow does: what works here works in the sample sheet, where the option `--reader` is the
    column `lr_reader` and `--crop` is `lr_crop`. Microscope images are 2D: `octolith suggest
    --images` looks at their grey levels, `octolith plan` at their sizes.

    Examples:

    `octolith inspect scan.tif`

    `octolith inspect 'slices/scan_*.tif' --phases pore,clay,quartz`

    `octolith inspect scan.raw --reader 'shape=200x100x100 dtype=uint16 order=little'`
    """
    options = parse_reader(reader, "--reader")
    with open_volume(volume, crop=crop or None, **options) as opened:
        seen = survey(opened)
        facts = _facts(opened, seen, [name.strip() for name in phases.split(",") if name.strip()])
    if as_json:
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
    else:
        _show(facts)


def _facts(volume: Volume, seen: Survey, names: list[str]) -> dict[str, Any]:
    size = volume.voxel_size_um
    labels = seen.labels
    facts: dict[str, Any] = {
        "volume": str(volume.path),
        "format": volume.format,
        "shape": volume.shape,
        "dtype": volume.dtype.name,
        "bytes": volume.nbytes,
        "voxel_um": size,
        "size_um": size and [n * edge for n, edge in zip(volume.shape, size, strict=True)],
        "looked_at": seen.share,
        "looks_like": "labels" if labels else "grey levels",
        "grey": seen.grey,
        "labels": labels,
        "phases": volume.phases and volume.phases.names,
        "remarks": _remarks(volume, seen),
    }
    if names and seen.values.size:
        grey = grey_range([seen.values], volume.path)
        facts["suggestion"] = suggestion(Histogram.of([seen.values], grey), names, str(volume.path))
    return facts


def _remarks(volume: Volume, seen: Survey) -> list[str]:
    remarks = []
    if volume.voxel_size_um is None:
        remarks.append("No voxel size in the file: give lr_voxel_um in the sample sheet.")
    elif len({round(edge, 6) for edge in volume.voxel_size_um}) > 1:
        remarks.append("The voxels are no cubes: resample the image, or correct lr_voxel_um.")
    if seen.bad:
        remarks.append(f"NaN or infinity in {seen.bad:,} of the voxels looked at: crop them away.")
    better = misread_as(volume)
    if better is not None:
        remarks.append(f"This looks like noise; with {better} it would look like an image.")
    return remarks


def _show(facts: dict[str, Any]) -> None:
    console = Console(highlight=False)
    console.print(facts["volume"], style="bold", soft_wrap=True, markup=False)
    table = Table(show_header=False, box=None)
    size, extent = facts["voxel_um"], facts["size_um"]
    table.add_row("format", facts["format"])
    table.add_row("shape", f"{_product(facts['shape'])} (z × y × x)")
    table.add_row("voxels", f"{facts['dtype']}, {size_in_words(facts['bytes'])} in all")
    table.add_row("voxel size", f"{_product(size)} µm" if size else "unknown")
    if extent:
        table.add_row("physical size", f"{_product(extent)} µm")
    looked = "all of it" if facts["looked_at"] == 1 else f"{facts['looked_at']:.1%} of it"
    table.add_row("looks like", f"{facts['looks_like']} (from {looked})")
    console.print(table)
    console.print(_label_table(facts) if facts["labels"] else _grey_table(facts))
    for remark in facts["remarks"]:
        console.print(f"! {remark}", soft_wrap=True)
    if "suggestion" in facts:
        console.print("\nFor the configuration:")
        console.print(pasted(facts["suggestion"], "scan"), soft_wrap=True, markup=False)


def _label_table(facts: dict[str, Any]) -> Table:
    names = dict(enumerate(facts["phases"] or ()))
    table = Table("label", "phase", "fraction")
    for label, fraction in facts["labels"].items():
        table.add_row(str(label), names.get(label, ""), f"{fraction:.4f}")
    return table


def _grey_table(facts: dict[str, Any]) -> Table:
    table = Table(*facts["grey"])
    table.add_row(*(f"{value:.6g}" for value in facts["grey"].values()))
    return table


def _product(lengths: list[float]) -> str:
    return " × ".join(f"{length:.6g}" for length in lengths)
