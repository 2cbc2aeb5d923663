"""`octolith network`: the pore network of any label volume."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.table import Table

from octolith import figures
from octolith.errors import InputError
from octolith.phases import Phases
from octolith.pores.connectivity import AXES
from octolith.pores.planning import EXTRACTION, TRANSPORT
from octolith.pores.subvolumes import Place, cube_of
from octolith.settings.steps import NetworkSettings
from octolith.volumes import open_volume, parse_reader

PORE = Phases.of(["solid", "pore"])


def network(
    volume: Annotated[str, typer.Argument(help="A file, a folder, or a quoted glob of slices.")],
    *,
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    pore: Annotated[
        int | None, typer.Option(help="The label of the pore; else what the file says, or 0.")
    ] = None,
    voxel_size: Annotated[
        float | None, typer.Option(help="Edge of a voxel, µm, where the file does not say it.")
    ] = None,
    reader: Annotated[
        str, typer.Option(help="What the file does not say: 'shape=200x100x100 dtype=uint8'.")
    ] = "",
    subvolume_um: Annotated[
        float | None, typer.Option(help="Edge of the cube in the middle, µm.")
    ] = None,
    max_voxels: Annotated[
        int, typer.Option(help="Without --subvolume-um: at most so many voxels.")
    ] = 160**3,
    blocks: Annotated[
        int, typer.Option(help="Cut each axis in so many blocks, found in parallel.")
    ] = 1,
    diffusion: Annotated[
        bool, typer.Option(help="Solve for the tortuosity factor of each axis, too; slower.")
    ] = False,
    memory_gib: Annotated[
        float | None, typer.Option(help="What it may use; else what is free now.")
    ] = None,
) -> None:
    """Extract pores and throats, and what they conduct.

    Writes `properties.csv`, `pores.csv`, `throats.csv` and a figure, and the network for OpenPNM
    (`network.npz`), ParaView (`network.vtp`) and Statoil's readers (`network_node1.dat`, …).

    Examples:

    `octolith network rock.tif --pore 255 --voxel-size 3.5 --out network`

    `octolith network results/berea/smooth/realisation0.h5 --subvolume-um 100 --out network`
    """
    # PoreSpy and OpenPNM take seconds to import, which every other command would wait for.
    from octolith.pores.extraction import extract_network  # noqa: PLC0415
    from octolith.pores.figures import draw_network  # noqa: PLC0415
    from octolith.pores.properties import (  # noqa: PLC0415
        network_properties,
        summarise,
        transport_properties,
    )
    from octolith.pores.tables import write_network, write_table  # noqa: PLC0415

    settings = NetworkSettings.read(
        {"subvolume_um": subvolume_um, "max_voxels": max_voxels, "blocks": blocks}, "network"
    )
    sizes = None if voxel_size is None else (voxel_size,) * 3
    cost = TRANSPORT if diffusion else EXTRACTION
    memory_mb = None if memory_gib is None else memory_gib * 1024
    with open_volume(volume, **parse_reader(reader, "--reader"), voxel_size_um=sizes) as opened:
        labels, voxel_um = cube_of(opened, settings, Place(), cost, memory_mb)
        if pore is None:
            pore = opened.phases.pore_code if opened.phases else 0
    if labels.dtype.kind not in "bui":
        raise InputError(volume, f"values of type {labels.dtype}", "whole labels", "Segment it.")
    space = labels == pore
    if not space.any():
        found = [int(label) for label in np.unique(labels)[:16]]
        typer.echo(f"No voxel has the label {pore}; the labels are {found}.", err=True)
    extracted = extract_network(space, voxel_um, settings.blocks)
    tables = [network_properties(extracted, space, voxel_um)]
    if diffusion:
        tables += [
            transport_properties(space.astype(np.uint8), PORE, settings.transport, axis)
            for axis in range(len(AXES))
        ]
    properties = summarise(tables)
    write_network(extracted, out)
    figures.save(draw_network(extracted, space, voxel_um), out / "network", ["png"])
    write_table(properties, out / "properties.csv")
    _show(properties, str(out))


def _show(properties: pd.DataFrame, title: str) -> None:
    columns = ["property", "axis", "value", "unit"]
    table = Table(*columns, title=title)
    for name, axis, value, unit in properties[columns].itertuples(index=False):
        table.add_row(name, axis, f"{value:.5g}", unit)
    Console(highlight=False).print(table)
