"""Minkowski functionals: volume, surface, curvature and Euler number, all from one histogram.

Whether each of the 2 × 2 × 2 voxels about a lattice point is in the phase or not makes one of 256
configurations. Every functional is a sum over lattice points of what its configuration is worth
(Ohser and Mücklich, Statistical Analysis of Microstructures in Materials Science, 2000).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd

from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.neighbours import direction_weights, directions
from octolith.descriptors.registry import descriptor, rows
from octolith.errors import InputError
from octolith.volumes import OUTSIDE

# Lattice points whose configurations are found at once.
CHUNK = 1 << 20


@descriptor
def minkowski(micro: Microstructure) -> Iterator[pd.DataFrame]:
    """Densities of the Minkowski functionals of every phase.

    Only lattice points whose voxels are all in the image and in the rock are counted, so that
    the edge of the image is no surface. Neither curvature nor Euler number sees a gap of less than
    about a voxel: both need fine voxels (a few in the narrowest throat), and images of different
    voxel size differ by that alone.

    Rows
    ----
    ``minkowski_volume`` : volume fraction, dimensionless.
    ``minkowski_surface`` : surface per volume, 1/µm, as ``specific_surface`` of
        `interfacial_area`.
    ``minkowski_curvature`` : integral of the mean curvature over the surface, per volume, 1/µm²:
        2π times the Euler number per area of plane sections, the mean of the planes across the
        axes; exact for isotropic structures, 4πR for a ball. From a 2D image, the section itself.
        The mean of (8, 4) and (4, 8) connectivity, so that two phases have opposite values.
    ``euler_number`` : per volume, 1/µm³; pieces less tunnels plus cavities, where voxels that
        touch at all are connected: (26, 6) connectivity. In 3D only.

    Raises
    ------
    InputError : an axis of a single voxel.
    """
    if min(micro.labels.shape) < 2:
        raise InputError("minkowski", f"an image of {micro.labels.shape}", "two voxels each way")
    table = configurations(micro)
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    if not table.sum():
        raise InputError("minkowski", "no neighbourhood wholly in the rock", "at least one")
    worths = {
        "minkowski_volume": (_volume(micro.ndim), "1"),
        "minkowski_surface": (_surface(micro.voxel_um), "1/µm"),
        "minkowski_curvature": (_curvature(micro.voxel_um), "1/µm²"),
    }
    if micro.ndim == 3:
        euler = euler_worth(_cells(3)) / np.prod(micro.voxel_um)
        worths["euler_number"] = (euler, "1/µm³")
    for name, (worth, unit) in worths.items():
        for code, phase in micro.names:
            yield rows(name, share[code] @ worth, unit, phase=phase)


def configurations(micro: Microstructure) -> np.ndarray:
    """(K, 2^(2^d)) how often each configuration of each phase occurs.

    Bit k of a configuration is voxel k of the neighbourhood, in C order.
    """
    labels = np.pad(micro.labels, (0, 1), mode="wrap") if micro.periodic else micro.labels
    corners = list(product((0, 1), repeat=micro.ndim))
    size = 2 ** len(corners)
    table = np.zeros((len(micro.phases), size), dtype=np.int64)
    planes = max(1, CHUNK // labels[0].size)
    for start in range(0, len(labels) - 1, planes):
        slab = labels[start : start + planes + 1]
        views = [
            slab[tuple(slice(c, c + n - 1) for c, n in zip(corner, slab.shape, strict=True))]
            for corner in corners
        ]
        rock = np.logical_and.reduce([view != OUTSIDE for view in views]) if micro.masked else ...
        for code, _ in micro.names:
            bits = np.zeros(views[0].shape, dtype=np.uint8)
            for k, view in enumerate(views):
                bits |= (view == code).view(np.uint8) << k
            table[code] += np.bincount(bits[rock].ravel(), minlength=size)
    return table


def _cells(ndim: int) -> np.ndarray:
    """(configurations, 2, 2[, 2]) bool: which voxels each configuration has."""
    codes = np.arange(2 ** (2**ndim))
    bits = (codes[:, None] >> np.arange(2**ndim)) & 1
    return bits.astype(bool).reshape(-1, *(2,) * ndim)


def euler_worth(cells: np.ndarray) -> np.ndarray:
    """What configurations add to the Euler number of a union of closed voxels.

    Vertices less edges plus faces less cubes, as far as they meet the lattice point: a cell that
    runs along k axes is shared by 2^k points, and is there if any voxel beside it is.

    Parameters
    ----------
    cells : (configurations, 2, 2[, 2]) bool.
    """
    ndim = cells.ndim - 1
    worth = np.zeros(len(cells))
    for sides in product((slice(None), 0, 1), repeat=ndim):
        along = sum(side != slice(None) for side in sides)
        where: tuple[Any, ...] = (slice(None), *sides)
        beside = cells[where].reshape(len(cells), -1)
        worth += (-0.5) ** along * beside.any(axis=1)
    return worth


def _volume(ndim: int) -> np.ndarray:
    return np.asarray(_cells(ndim).reshape(2 ** (2**ndim), -1).mean(axis=1))


def _surface(voxel_um: Sequence[float]) -> np.ndarray:
    """Crofton's formula: see `octolith.descriptors.interfaces.interfacial_area`."""
    ndim = len(voxel_um)
    bits = _cells(ndim).reshape(-1, 2**ndim)
    corners = np.array(list(product((0, 1), repeat=ndim)))
    worth = np.zeros(len(bits))
    for vector, weight in zip(directions(ndim), direction_weights(voxel_um), strict=True):
        pairs = [
            (p, q) for p, q in combinations(range(len(corners)), 2)
            if tuple(corners[q] - corners[p]) in (vector, tuple(-k for k in vector))
        ]  # fmt: skip
        crossed = np.mean([bits[:, p] != bits[:, q] for p, q in pairs], axis=0)
        worth += 2 * weight * crossed / np.linalg.norm(np.multiply(vector, voxel_um))
    return worth


def _curvature(voxel_um: Sequence[float]) -> np.ndarray:
    """2π times the Euler number per area of plane sections."""
    cells = _cells(len(voxel_um))
    if cells.ndim == 3:
        sections = [(cells, np.prod(voxel_um))]
    else:
        sections = [
            (cells.take(0, axis + 1), np.prod(np.delete(voxel_um, axis))) for axis in range(3)
        ]
    worth = [(euler_worth(flat) - euler_worth(~flat)) / 2 / area for flat, area in sections]
    return np.asarray(2 * np.pi * np.mean(worth, axis=0))
