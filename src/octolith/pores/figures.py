"""The network over its pore space."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection
from skimage.measure import marching_cubes

from octolith import figures
from octolith.pores.network import PoreNetwork
from octolith.pores.openpnm_network import COORDINATES

SHOWN = 64  # voxels along an edge of what is drawn: more hides itself


def draw_network(network: PoreNetwork, pore: np.ndarray, voxel_um: float) -> Figure:
    """The low corner of a network in 3D: balls of the pores' inscribed size, bars, pore walls.

    Parameters
    ----------
    network : of ``pore``.
    pore : (z, y, x) bool.
    voxel_um : edge of a voxel, µm.
    """
    corner = pore[:SHOWN, :SHOWN, :SHOWN]
    size = np.multiply(corner.shape, voxel_um)[::-1]
    with mpl.rc_context(figures.STYLE):
        figure = Figure(figsize=(5, 5), layout="constrained")
        FigureCanvasAgg(figure)
        axis = figure.add_subplot(projection="3d", computed_zorder=False)
    axis.set(
        xlim=(0, size[0]), ylim=(0, size[1]), zlim=(0, size[2]),
        xlabel="x, µm", ylabel="y, µm", zlabel="z, µm",
    )  # fmt: skip
    axis.set_box_aspect(tuple(size))  # a copy: matplotlib scales an array in place
    if corner.any():
        _draw_walls(axis, corner, voxel_um)
        _draw_balls_and_bars(axis, network, size)
    return figure


def _draw_walls(axis: Any, pore: np.ndarray, voxel_um: float) -> None:
    points, triangles, *_ = marching_cubes(np.pad(pore, 1).astype(np.float32), 0.5)
    corners = (points[:, ::-1] - 0.5) * voxel_um  # from the centre of the padding to the corner
    walls = Poly3DCollection(corners[triangles], facecolor="#56b4e9", alpha=0.08)
    axis.add_collection3d(walls, autolim=False)


def _draw_balls_and_bars(axis: Any, network: PoreNetwork, size: np.ndarray) -> None:
    places = network.pores[COORDINATES].to_numpy()
    shown = np.logical_and.reduce(places < size, axis=1)
    inner = network.inner
    inner = inner[shown[inner["pore1"]] & shown[inner["pore2"]]]
    bars = places[inner[["pore1", "pore2"]].to_numpy()]
    points_per_um = 5 * 72 / size.max() / 2
    widths = inner["inscribed_diameter_um"] * points_per_um / 2
    lines = Line3DCollection(bars, linewidths=widths, colors="#7f7f7f", zorder=2)
    axis.add_collection3d(lines, autolim=False)
    diameters = network.pores["inscribed_diameter_um"].to_numpy()[shown]
    axis.scatter(*places[shown].T, s=(diameters * points_per_um) ** 2, c="#d55e00", lw=0, zorder=3)
