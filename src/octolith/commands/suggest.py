"""`octolith suggest`: grey-level bands to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from octolith import figures
from octolith.phases import Phases
from octolith.segmentation import Bands, Histogram, Parts, grey_range, suggest_bands, suggestion
from octolith.segmentation.drawing import draw_bands, draw_histogram
from octolith.slabs import read_slabs
from octolith.volumes import open_images, open_volume, parse_reader


def suggest(
    image: Annotated[str, typer.Argument(help="A 3D image; with --images, paths or globs.")],
    *,
    phases: Annotated[str, typer.Option(help="From dark to bright, separated by commas.")],
    images: Annotated[bool, typer.Option("--images", help="IMAGE is 2D images.")] = False,
    reader: Annotated[str, typer.Option(help="What a raw file does not say.")] = "",
    figure: Annotated[
        Path | None, typer.Option(help="Draw the histogram and the bands: a path without suffix.")
    ] = None,
) -> None:
    """Suggest grey-level bands for an image (multi-Otsu), to paste into the configuration.

    It is a first guess: where one phase has most of the voxels, its peak tends to be cut in two.
    Look at the figure and move the ends into the valleys.

    Example: `octolith suggest rock.tif --phases pore,clay,quartz,feldspar --figure bands`

    A raw file: `--reader "shape=200x100x100 dtype=uint16 order=little"`
    """
    names = Phases.of([name.strip() for name in phases.split(",")], phases.split(",")[0].strip())
    with _parts(image, images, reader) as parts:
        histogram = Histogram.of(parts(), grey_range(parts(), image))
    line = suggestion(histogram, names.names, image)
    typer.echo(pasted(line, "images" if images else "scan"))
    if figure is not None:
        bands = Bands.of(suggest_bands(histogram, names.names, image), names)
        drawing, ((axis,),) = figures.new(width=6, height=3.5)
        draw_histogram(axis, histogram)
        draw_bands(axis, bands, names)
        for path in figures.save(drawing, figure):
            typer.echo(f"Look at {path}", err=True)


def pasted(line: str, name: str) -> str:
    """A suggested line under a name, as it stands in the configuration."""
    return f"  # under `segmentations`; the sample sheet names it\n  {name}:\n    {line}"


@contextmanager
def _parts(image: str, images: bool, reader: str) -> Iterator[Parts]:
    """What gives the image part by part, each time it is called."""
    if images:
        planes: list[np.ndarray] = open_images(image).images
        yield lambda: iter(planes)
    else:
        with open_volume(image, **parse_reader(reader, "--reader")) as volume:
            yield lambda: read_slabs(volume, "grey levels")
