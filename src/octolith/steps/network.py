"""The step `network`: subvolumes of a label volume to pore networks, transport and tables.

One job a subvolume finds the network; one job a subvolume and axis solves for diffusion; `gather`
makes one set of tables of an image, and `compare` says what changed between two.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from octolith import figures
from octolith.errors import InputError
from octolith.pores.connectivity import AXES
from octolith.pores.extraction import extract_network
from octolith.pores.figures import draw_network
from octolith.pores.planning import EXTRACTION, TRANSPORT
from octolith.pores.properties import (
    change,
    network_properties,
    summarise,
    transport_properties,
)
from octolith.pores.subvolumes import Place, read_cube
from octolith.pores.tables import read_table, write_network, write_table
from octolith.settings.steps import NetworkSettings

log = logging.getLogger(__name__)

PARTS = ("pores", "throats")
MIDDLE = Place()


def network(
    labels: str | Path,
    out_csv: str | Path,
    *,
    settings: NetworkSettings,
    place: Place = MIDDLE,
    memory_mb: float | None = None,
) -> None:
    """Extract the pore network of one subvolume.

    Writes ``out_csv``, the properties (property, axis, value, unit, method), and beside it the
    network in every format of `octolith.pores.tables.write_network` and a figure of it. A rock
    without a way through, or without a pore, is a result: it conducts nothing.

    Parameters
    ----------
    labels : phases (HDF5).
    settings : the branch ``network`` of the configuration.
    place : which subvolume.
    memory_mb : that this job may use, MiB; None: what is free now.

    Raises
    ------
    InputError : what `octolith.pores.subvolumes.read_cube` raises.
    """
    cube = read_cube(labels, settings, place, EXTRACTION, memory_mb)
    pore = cube.labels == cube.phases.pore_code
    found = extract_network(pore, cube.voxel_um, settings.blocks)
    log.info("%d pores, %d throats in %s voxels", len(found.pores), len(found.inner), pore.shape)
    folder = Path(out_csv).parent
    write_network(found, folder)
    figures.save(draw_network(found, pore, cube.voxel_um), folder / "network", ["png"])
    write_table(network_properties(found, pore, cube.voxel_um), out_csv)


def transport(
    labels: str | Path,
    out_csv: str | Path,
    *,
    axis: str,
    settings: NetworkSettings,
    place: Place = MIDDLE,
    memory_mb: float | None = None,
) -> None:
    """Solve for diffusion through one subvolume along one axis, in every medium of the settings.

    Writes ``out_csv`` (property, axis, value, unit, method). The parameters are those of
    `network`, and ``axis``, one of x, y, z.

    Raises
    ------
    InputError : also, an axis or a phase that does not exist.
    OctolithError : the solver has not converged.
    """
    if axis not in tuple(AXES):
        raise InputError("axis", repr(axis), f"one of {list(AXES)}")
    cube = read_cube(labels, settings, place, TRANSPORT, memory_mb)
    found = transport_properties(cube.labels, cube.phases, settings.transport, AXES.index(axis))
    write_table(found, out_csv)


def gather(
    properties: Sequence[str | Path], transports: Sequence[str | Path], out_csv: str | Path
) -> None:
    """Make one set of tables of an image from those of its subvolumes.

    Writes ``out_csv``: the mean of each property, its ``spread`` over the subvolumes and their
    number; and ``pores.csv`` and ``throats.csv`` beside it, with a column ``subvolume``.

    Parameters
    ----------
    properties : of `network`, one a subvolume in order, each in its own folder.
    transports : of `transport`, any number.
    """
    out_csv = Path(out_csv)
    folders = [Path(path).parent for path in properties]
    for part in PARTS:
        tables = [
            read_table(folder / f"{part}.csv").assign(subvolume=number)
            for number, folder in enumerate(folders)
        ]
        write_table(pd.concat(tables, ignore_index=True), out_csv.with_name(f"{part}.csv"))
    write_table(summarise([read_table(path) for path in (*properties, *transports)]), out_csv)


def compare(before: str | Path, after: str | Path, out_csv: str | Path) -> None:
    """Say how each property moves from the LR to the SR image.

    Parameters
    ----------
    before, after : the properties that `gather` wrote of the LR and of the SR image.
    out_csv : the table to be.
    """
    tables = {"LR": read_table(before), "SR": read_table(after)}
    write_table(change(tables, "LR", "SR"), out_csv)
