"""What a network and its pore space come to: tidy rows (property, axis, value, unit, method)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version

import numpy as np
import pandas as pd

from octolith import __version__
from octolith.phases import Phases
from octolith.pores.connectivity import AXES, Clusters
from octolith.pores.flow import permeability_md, relative_conductivity
from octolith.pores.network import PoreNetwork
from octolith.pores.transport import diffusion

COLUMNS = ["property", "axis", "value", "unit", "method"]
Row = tuple[str, str, float, str, str]

VOXELS = f"octolith {__version__}"
SNOW = f"porespy {version('porespy')}"
FLOW = f"{SNOW}, openpnm {version('openpnm')}"
DIFFUSION = f"taufactor {version('taufactor')}"


def network_properties(network: PoreNetwork, pore: np.ndarray, voxel_um: float) -> pd.DataFrame:
    """Counts, sizes, connectivity, and permeability and formation factor along each axis.

    A pore space without a way through is a result: ``percolates`` and ``permeability`` are 0, the
    formation factor is infinite. Sizes of what does not exist are left out.

    Parameters
    ----------
    network : of ``pore``, as `extract_network` gives it.
    pore : (z, y, x) bool.
    voxel_um : edge of a voxel, µm.
    """
    rows = [
        *_image_rows(pore, voxel_um),
        *_network_rows(network),
        *_flow_rows(network),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _image_rows(pore: np.ndarray, voxel_um: float) -> Iterator[Row]:
    clusters = Clusters.of(pore)
    yield "edge", "", pore.shape[0] * voxel_um, "µm", VOXELS
    yield "voxel", "", voxel_um, "µm", VOXELS
    yield "porosity", "", float(pore.mean()), "1", VOXELS
    yield "isolated_porosity", "", clusters.isolated_fraction(), "1", VOXELS
    for number, axis in enumerate(AXES):
        yield "connected_porosity", axis, clusters.connected_fraction(number), "1", VOXELS
        yield "percolates", axis, float(clusters.percolates(number)), "1", VOXELS


def _network_rows(network: PoreNetwork) -> Iterator[Row]:
    inner = network.inner
    yield "pores", "", float(len(network.pores)), "1", SNOW
    yield "throats", "", float(len(inner)), "1", SNOW
    if len(network.pores):
        coordination = network.pores["coordination"]
        yield "coordination_mean", "", float(coordination.mean()), "1", SNOW
        yield "unconnected_pores", "", float((coordination == 0).sum()), "1", SNOW
    for what, sizes in (("pore", network.pores["diameter_um"]), ("throat", inner["diameter_um"])):
        if len(sizes):
            yield f"{what}_diameter_mean", "", float(sizes.mean()), "µm", SNOW
            yield f"{what}_diameter_median", "", float(sizes.median()), "µm", SNOW


def _flow_rows(network: PoreNetwork) -> Iterator[Row]:
    for number, axis in enumerate(AXES):
        conductivity = relative_conductivity(network, number)
        factor = 1 / conductivity if conductivity else np.inf
        yield "permeability", axis, permeability_md(network, number), "mD", FLOW
        yield "formation_factor", axis, factor, "1", FLOW


def transport_properties(
    labels: np.ndarray,
    phases: Phases,
    media: Mapping[str, Mapping[str, float]],
    axis: int,
) -> pd.DataFrame:
    """Relative diffusivity and tortuosity factor along one axis, of each medium.

    Parameters
    ----------
    labels : (z, y, x) phase codes.
    media : name -> {phase: conductivity}; the phases that are not named insulate.
    axis : 0, 1 or 2.

    Raises
    ------
    InputError : a phase that does not exist.
    """
    rows = []
    for name, conductivity in media.items():
        coded = {phases.code(phase): value for phase, value in conductivity.items()}
        found = diffusion(labels, coded, axis)
        for what in ("relative_diffusivity", "tortuosity_factor"):
            rows.append((f"{what} ({name})", AXES[axis], getattr(found, what), "1", DIFFUSION))
    return pd.DataFrame(rows, columns=COLUMNS)


def summarise(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The mean of each property over subvolumes, its standard deviation and their number.

    Parameters
    ----------
    tables : with `COLUMNS`; several may be of one subvolume.

    Returns
    -------
    the columns `COLUMNS`, with ``spread`` (empty for one subvolume) and ``subvolumes`` added.
    """
    keys = ["property", "axis", "unit", "method"]
    groups = pd.concat(tables, ignore_index=True).groupby(keys, sort=False)["value"]
    found = groups.agg(value="mean", spread="std", subvolumes="count").reset_index()
    return found[[*COLUMNS, "spread", "subvolumes"]]


def change(tables: Mapping[str, pd.DataFrame], before: str, after: str) -> pd.DataFrame:
    """How each property moves from one image to another.

    Parameters
    ----------
    tables : image -> properties.
    before, after : two of the images.

    Returns
    -------
    columns ``property``, ``axis``, ``unit``, then both images, ``difference`` and ``ratio``.
    """
    keys = ["property", "axis", "unit"]
    columns = [tables[name].set_index(keys)["value"].rename(name) for name in (before, after)]
    found = pd.concat(columns, axis=1, sort=False).reset_index()
    with np.errstate(invalid="ignore", divide="ignore"):
        return found.assign(
            difference=found[after] - found[before], ratio=found[after] / found[before]
        )
