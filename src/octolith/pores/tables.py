"""The network's tables on disk, and the formats in which others load it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openpnm
import pandas as pd

from octolith.files import atomic
from octolith.pores.connectivity import AXES
from octolith.pores.network import PoreNetwork
from octolith.pores.openpnm_network import COORDINATES, METRES, to_openpnm

DIGITS = "%.7g"
CIRCLE = 1 / (4 * np.pi)  # shape factor (area over squared perimeter) of a circle
CONTRACTION = 0.6  # Dong and Blunt, Physical Review E 80 (2009) 036307: where a pore's body ends


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a tidy CSV, whole or not at all."""
    with atomic(path) as temporary:
        table.to_csv(temporary, index=False, float_format=DIGITS)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read what `write_table` wrote: empty texts stay texts, infinities numbers."""
    texts = dict.fromkeys(["property", "axis", "unit", "method", "face"], str)
    return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values={"spread": [""]})


def write_network(network: PoreNetwork, folder: str | Path) -> None:
    """Write a network in every format.

    ``pores.csv`` and ``throats.csv`` (µm); ``network.npz`` for OpenPNM and ``network.vtp`` for
    ParaView (metres, openings as boundary pores); ``network_node1.dat``, ``_node2``, ``_link1``,
    ``_link2`` for Statoil's format (metres).
    """
    folder = Path(folder)
    write_table(network.pores, folder / "pores.csv")
    write_table(network.throats, folder / "throats.csv")
    net = to_openpnm(network)
    arrays: dict[str, Any] = {key: np.asarray(net[key]) for key in net}
    with atomic(folder / "network.npz") as temporary:  # OpenPNM's own files are pickles
        np.savez_compressed(temporary, **arrays)
    with atomic(folder / "network.vtp") as temporary:
        openpnm.io.project_to_vtk(net.project, str(temporary))
    openpnm.Workspace().close_project(net.project)
    write_statoil(network, folder, "network")


def write_statoil(network: PoreNetwork, folder: str | Path, prefix: str) -> None:
    """Write the four files that Imperial College's network codes and others read.

    The flow is along x: pore -1 is the inlet, behind the face ``x0``, pore 0 the outlet; openings
    to the other faces are left out. Radius and shape factor are chosen so that r² / (4 G) is the
    area; all volume is in the pores.
    """
    throats = network.throats[network.throats["face"].isin(["", "x0", "x1"])]
    pores, centres = network.pores, network.pores[COORDINATES] * METRES
    first = throats["pore1"].to_numpy() + 1
    second = np.select(
        [throats["face"] == "x0", throats["face"] == "x1"], [-1, 0], throats["pore2"] + 1
    )
    radius = np.sqrt(throats["area_um2"] * throats["aspect"] / np.pi).to_numpy() * METRES
    pore_radius = pores["inscribed_diameter_um"].to_numpy() / 2 * METRES
    halves = [throats[f"length{end}_um"].to_numpy() * METRES for end in (1, 2)]
    bodies = [
        half * np.maximum(0, 1 - CONTRACTION * radius / pore_radius[np.maximum(pore - 1, 0)])
        for half, pore in zip(halves, (first, second), strict=True)
    ]
    total = halves[0] + halves[1]
    shape = throats["aspect"].to_numpy() * CIRCLE
    zero = np.zeros(len(throats))
    link1 = [first, second, radius, shape, total]
    link2 = [first, second, *bodies, total - bodies[0] - bodies[1], zero, zero]
    volume = pores["volume_um3"].to_numpy() * METRES**3
    node2 = [volume, pore_radius, np.full(len(pores), CIRCLE), np.zeros(len(pores))]
    size = [network.extent_um[AXES.index(axis)] * METRES for axis in "xyz"]
    files = {
        "link1": [str(len(throats)), *_numbered(link1)],
        "link2": _numbered(link2),
        "node1": [
            f"{len(pores)} " + " ".join(f"{length:.7e}" for length in size),
            *_node_lines(centres.to_numpy(), first, second),
        ],
        "node2": _numbered(node2),
    }
    for name, lines in files.items():
        with atomic(Path(folder) / f"{prefix}_{name}.dat") as temporary:
            temporary.write_text("".join(f"{line}\n" for line in lines))


def _numbered(columns: list[np.ndarray]) -> list[str]:
    return [
        " ".join([str(number), *(_word(value) for value in row)])
        for number, row in enumerate(zip(*columns, strict=True), 1)
    ]


def _word(value: float) -> str:
    return str(value) if isinstance(value, np.integer) else f"{value:.7e}"


def _node_lines(centres: np.ndarray, first: np.ndarray, second: np.ndarray) -> list[str]:
    """Number, place, and the throats of each pore: how many, to whom, inlet?, outlet?, which."""
    neighbours: list[list[int]] = [[] for _ in centres]
    links: list[list[int]] = [[] for _ in centres]
    for link, (one, other) in enumerate(zip(first.tolist(), second.tolist(), strict=True), 1):
        for here, there in ((one, other), (other, one)):
            if here > 0:
                neighbours[here - 1].append(there)
                links[here - 1].append(link)
    return [
        " ".join(
            [str(number), *(_word(value) for value in centre), str(len(near))]
            + [str(value) for value in (*near, int(-1 in near), int(0 in near), *through)]
        )
        for number, (centre, near, through) in enumerate(
            zip(centres, neighbours, links, strict=True), 1
        )
    ]
