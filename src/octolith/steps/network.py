"""The pore network of one image: labels -> properties, pores and throats."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from octolith.errors import InputError
from octolith.files import atomic
from octolith.phases import Phases
from octolith.pores.connectivity import AXES, Clusters
from octolith.pores.extraction import extract_network
from octolith.pores.flow import permeability_md, relative_conductivity
from octolith.pores.network import PoreNetwork
from octolith.volumes import Volume, open_volume

log = logging.getLogger(__name__)

Property = tuple[str, str, float, str]


def network(labels: str | Path, out_csv: str | Path, *, edge_um: float, phases: Phases) -> None:
    """Extract the pore network of the middle of a volume.

    Writes ``out_csv`` (property, axis, value, unit), and ``pores.csv`` and ``throats.csv`` beside
    it. A rock without a way through is a result: it conducts nothing.

    Parameters
    ----------
    labels : phases (HDF5).
    edge_um : of the cube in the middle that is looked at, µm; less where the volume is smaller.

    Raises
    ------
    InputError : no voxel size, or voxels that are no cubes.
    """
    with open_volume(labels) as volume:
        voxel_um = _cubic_voxel(volume)
        middle = tuple(_middle(n, round(edge_um / voxel_um)) for n in volume.shape)
        pore = volume[middle] == phases.pore_code
    found = extract_network(pore, voxel_um)
    log.info("%d pores, %d throats in %s voxels", len(found.pores), len(found.inner), pore.shape)
    rows = list(_properties(pore, found, voxel_um))
    table = pd.DataFrame(rows, columns=["property", "axis", "value", "unit"])
    out_csv = Path(out_csv)
    for name, frame in (("pores", found.pores), ("throats", found.throats)):
        with atomic(out_csv.with_name(f"{name}.csv")) as temporary:
            frame.to_csv(temporary, index=False)
    with atomic(out_csv) as temporary:
        table.to_csv(temporary, index=False)


def _properties(pore: np.ndarray, found: PoreNetwork, voxel_um: float) -> Iterator[Property]:
    clusters = Clusters.of(pore)
    yield "edge", "", pore.shape[0] * voxel_um, "µm"
    yield "porosity", "", float(pore.mean()), "1"
    yield "isolated_porosity", "", clusters.isolated_fraction(), "1"
    yield "pores", "", float(len(found.pores)), "1"
    yield "throats", "", float(len(found.inner)), "1"
    if len(found.pores):
        yield "pore_diameter_median", "", float(found.pores["diameter_um"].median()), "µm"
        yield "coordination_mean", "", float(found.pores["coordination"].mean()), "1"
    if len(found.inner):
        yield "throat_diameter_median", "", float(found.inner["diameter_um"].median()), "µm"
    for number, axis in enumerate(AXES):
        yield "percolates", axis, float(clusters.percolates(number)), "1"
        yield "connected_porosity", axis, clusters.connected_fraction(number), "1"
        yield "permeability", axis, permeability_md(found, number), "mD"
        yield "relative_conductivity", axis, relative_conductivity(found, number), "1"


def _cubic_voxel(volume: Volume) -> float:
    sizes = volume.voxel_size_um
    if sizes is None:
        raise InputError(volume.path, "no voxel size", "one", "Give lr_voxel_um.")
    if max(sizes) > 1.01 * min(sizes):
        raise InputError(volume.path, f"voxels of {sizes} µm", "cubes", "Resample the volume.")
    return float(sizes[0])


def _middle(length: int, edge: int) -> slice:
    edge = max(2, min(length, edge))
    start = (length - edge) // 2
    return slice(start, start + edge)
