"""The n-point polytope functions: regular polygons whose corners all lie in one phase.

A polygon lies in a plane across an axis. Along that axis nothing is shifted, so eight planes are
packed into the bits of one byte, and a corner costs one AND of bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from octolith.descriptors.correlation import scaled_autocovariance
from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.registry import Count, descriptor, rows
from octolith.volumes import OUTSIDE

HEIGHT = np.sqrt(3) / 2
# Corners of polygons with edge 1, (down, right): of the plane's two axes the first and second.
POLYGONS = {
    "P3H": ((HEIGHT, 0.0), (HEIGHT, 1.0), (0.0, 0.5)),
    "P3V": ((0.0, 0.0), (1.0, 0.0), (0.5, HEIGHT)),
    "P4": ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)),
    "P6": ((0.0, 0.5), (0.0, 1.5), (HEIGHT, 0.0), (HEIGHT, 2.0), (2 * HEIGHT, 0.5),
           (2 * HEIGHT, 1.5)),
}  # fmt: skip


@descriptor
def polytope(
    micro: Microstructure, max_lag_um: float | None = None, points: Count = 32
) -> Iterator[pd.DataFrame]:
    """P_n: the probability that all n corners of a regular polygon lie in a phase.

    Paper 2, with its scaled autocovariance (equation 2); Chen et al., Acta Mater. 179, 317
    (2019). Triangles have a horizontal or a vertical edge (P3H, P3V), P4 is a square with edges
    along the axes, P6 a hexagon with horizontal edges. Corners are rounded to voxels.

    Parameters
    ----------
    max_lag_um : longest edge of a polygon; None: a quarter of the image's shortest edge.
    points : at most so many lengths of the edge, dense where it is short.

    Rows
    ----
    ``P3H``, ``P3V``, ``P4``, ``P6`` : dimensionless, of every phase, over the polygon's edge. The
        direction is the axis across the polygon's plane (2D: z). Polygons that are larger than
        the image, as a hexagon is twice its edge wide, are left out.
    ``F3H``, ``F3V``, ``F4``, ``F6`` : (P_n - φ^n) / (φ - φ^n); a phase that is absent, or alone,
        has none. F2 comes with `two_point_correlation`.

    Raises
    ------
    InputError : an edge longer than the image.
    """
    edges = _edges(micro, max_lag_um, points)
    volume = micro.labels.reshape((1,) * (3 - micro.ndim) + micro.labels.shape)
    for normal, direction in enumerate(("z", "y", "x")[: 3 if micro.ndim == 3 else 1]):
        across = [axis for axis in range(3) if axis != normal]
        planes = volume.transpose(*across, normal)
        pixel = np.array([(1.0, *micro.voxel_um)[-3:][axis] for axis in across])
        rock = _packed(planes != OUTSIDE)
        for code, phase in micro.names:
            packed = _packed(planes == code)
            for name, corners in POLYGONS.items():
                value = np.full(len(edges), np.nan)
                for k, edge in enumerate(edges):
                    places = np.rint(np.multiply(corners, edge) / pixel).astype(int)
                    room = _together(rock, places, micro.periodic)
                    if room:
                        value[k] = _together(packed, places, micro.periodic) / room
                where: dict[str, Any] = {
                    "phase": phase, "direction": direction, "distance_um": edges,
                }  # fmt: skip
                scaled = scaled_autocovariance(value, len(corners), micro.fractions[code])
                yield rows(name, value, "1", **where)
                yield rows(name.replace("P", "F"), scaled, "1", **where)


def _edges(micro: Microstructure, max_lag_um: float | None, points: int) -> np.ndarray:
    """Edges in µm, multiples of the smallest voxel edge, dense where they are short."""
    step = min(micro.voxel_um)
    lags = micro.lags(max_lag_um, share=0.25)
    reach = zip(lags, micro.voxel_um, strict=True)
    longest = round(min((m * h for m, h in reach if m), default=0.0) / step)
    dense = np.arange(min(points // 2, longest + 1))
    sparse = np.geomspace(max(points // 2, 1), max(longest, 1), points - points // 2)
    return step * np.unique(np.rint([*dense, *sparse[sparse <= longest]]))


def _packed(there: np.ndarray) -> np.ndarray:
    """Eight (or, of many, 64) planes of a bool array (a, b, planes) in the bits of one word."""
    packed = np.packbits(there, axis=2)
    if packed.shape[2] < 8:
        return packed
    return np.pad(packed, [(0, 0), (0, 0), (0, -packed.shape[2] % 8)]).view(np.uint64)


def _together(packed: np.ndarray, corners: np.ndarray, periodic: bool) -> int:
    """At how many positions all corners of a polygon are set, in all planes together."""
    height, width = np.subtract(packed.shape[:2], corners.max(axis=0))
    if not periodic and min(height, width) < 1:
        return 0
    if periodic:
        corner_views = [np.roll(packed, -corner, (0, 1)) for corner in corners]
    else:
        corner_views = [packed[y : y + height, x : x + width] for y, x in corners]
    both = corner_views[0] & corner_views[1]
    for view in corner_views[2:]:
        both &= view
    return int(np.bitwise_count(both).sum())
