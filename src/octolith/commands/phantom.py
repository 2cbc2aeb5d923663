"""``octolith phantom``: make a synthetic rock to try the workflow on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from octolith.phantom import PHASES, load_recipe, recipes, write_phantom


def phantom(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if need be.")],
    *,
    recipe: Annotated[
        str, typer.Option(help=f"One of {', '.join(recipes())}, or a YAML file.")
    ] = "berea-like",
    size: Annotated[int, typer.Option(min=8, help="Edge of the CT volume, voxels.")] = 64,
    scale: Annotated[int, typer.Option(min=1, help="Edge of a CT voxel, fine voxels.")] = 4,
    images: Annotated[int, typer.Option(min=1, help="Number of microscope images.")] = 6,
    image_size: Annotated[int, typer.Option(min=8, help="Their edge, fine pixels.")] = 256,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Another seed is another rock; default: the recipe's.")
    ] = None,
) -> None:
    """Make a synthetic sandstone: a CT scan, microscope images of other parts, and the truth.

    Writes `ct.tif` (grey, coarse), `microscope/panel*.tif` and `truth.tif` (labels, fine), a
    picture of them, and the `samples.tsv` and `segmentation.yaml` that feed them to the workflow.
    Older panels in the folder are removed.

    Example: `octolith phantom rock --size 64 --scale 4 --images 6`

    The paper's scale: `octolith phantom rock --recipe berea-16x --size 32 --scale 16
    --image-size 1024`
    """
    fractions = write_phantom(
        folder,
        load_recipe(recipe, seed),
        size=size,
        scale=scale,
        images=images,
        image_size=image_size,
    )
    typer.echo(f"{'phase':10}" + "".join(f"{image:>12}" for image in fractions))
    for name in PHASES.names:
        typer.echo(f"{name:10}" + "".join(f"{f[name]:12.3f}" for f in fractions.values()))
    typer.echo(f"Written to {folder}; look at {folder / 'phantom.png'} first.")
