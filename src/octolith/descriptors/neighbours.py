"""Which phases touch: pairs of labels a lattice vector apart, and lines in all lattice directions.

Counting pairs one step apart is all that the faces between voxels, Crofton's formula and the
co-occurrence matrix of texture analysis need.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from scipy.spatial import SphericalVoronoi

# Pairs that are counted at once; their temporaries stay in a core's cache.
CHUNK = 1 << 20


def pair_counts(
    labels: np.ndarray, offset: Sequence[int], phases: int, periodic: bool = False
) -> np.ndarray:
    """How often phase j lies at ``offset`` from phase i.

    Parameters
    ----------
    labels : uint8 label codes; ``phases`` itself stands for what is not counted.
    offset : a lattice vector in voxels, one number an axis.
    phases : K.
    periodic : whether the vector may leave the image and come back at the other side.

    Returns
    -------
    (K, K) counts of ordered pairs [i, j].
    """
    width = phases + 1
    code = np.uint8 if width**2 <= 256 else np.uint16
    if periodic:
        here, there = labels, np.roll(labels, [-k for k in offset], range(labels.ndim))
    else:
        pairs = zip(labels.shape, offset, strict=True)
        windows = [(slice(max(0, -k), n - max(0, k)), slice(max(0, k), n + min(0, k)))
                   for n, k in pairs]  # fmt: skip
        here = labels[tuple(window[0] for window in windows)]
        there = labels[tuple(window[1] for window in windows)]
    counts = np.zeros(width**2, dtype=np.int64)
    planes = max(1, CHUNK // max(1, here[:1].size))
    for start in range(0, len(here), planes):
        joint: np.ndarray = here[start : start + planes].astype(code)
        joint *= width
        joint += there[start : start + planes]
        counts += _histogram(joint.ravel(), width**2)
    return counts.reshape(width, width)[:phases, :phases]


def _histogram(codes: np.ndarray, size: int) -> np.ndarray:
    """How often each code below ``size`` occurs; two bytes are counted as one number."""
    if codes.itemsize > 1:
        return np.bincount(codes, minlength=size)
    even = codes.size // 2 * 2
    pairs = np.bincount(codes[:even].view(np.uint16), minlength=256 * size).reshape(size, 256)
    odd = np.bincount(codes[even:], minlength=size)
    return np.asarray(pairs.sum(axis=1) + pairs[:, :size].sum(axis=0) + odd)


def directions(ndim: int) -> list[tuple[int, ...]]:
    """The lattice vectors to all neighbours, one of each opposite pair: 4 in 2D, 13 in 3D."""
    vectors = [v for v in product((-1, 0, 1), repeat=ndim) if any(v)]
    return [v for v in vectors if v > tuple(-k for k in v)]


def direction_weights(voxel_um: Sequence[float]) -> np.ndarray:
    """The share of all directions in space that each of `directions` stands for.

    It is the area of its cell, and its opposite's, in the Voronoi diagram of the sphere
    (Ohser and Mücklich 2000, for cubic voxels; here for any).
    """
    vectors = np.array(directions(len(voxel_um))) * np.asarray(voxel_um)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cells = SphericalVoronoi(np.concatenate([unit, -unit]))
    if unit.shape[1] == 3:
        cells.sort_vertices_of_regions()
    areas = cells.calculate_areas()[: len(unit)]
    return np.asarray(areas / areas.sum())
