"""The two-point cluster function: two points in one phase *and* in one connected piece of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from octolith.descriptors.correlation import Lines, autocorrelation, pair_totals
from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.registry import descriptor, rows
from octolith.errors import InputError

# Clusters of at most so many voxels are measured together, pair by pair; a larger one is worth a
# Fourier transform of its bounding box.
SMALL = 64
CONNECTIVITY = ("faces", "all")


@descriptor
def cluster_function(
    micro: Microstructure, max_lag_um: float | None = None, connectivity: str = "faces"
) -> Iterator[pd.DataFrame]:
    """C2: the probability that two points a distance apart lie in the same cluster of a phase.

    Torquato, Beasley and Chiew, J. Chem. Phys. 88, 6540 (1988). A cluster is a connected piece
    within the image. (Paper 5, S8, prints S2 over φ² under this name; that knows no clusters.)
    C2 is at most S2, and equal to it for a phase that is one piece.

    Parameters
    ----------
    max_lag_um : longest distance; None: half the shortest edge.
    connectivity : whether voxels that share ``faces`` are connected (2D: edges), or ``all`` that
        touch.

    Rows
    ----
    ``cluster_function`` : dimensionless, of every phase along each axis and ``radial``, as in
        `two_point_correlation`.

    Raises
    ------
    InputError : a lag longer than the image, or an unknown connectivity.
    """
    if connectivity not in CONNECTIVITY:
        raise InputError("connectivity", repr(connectivity), f"one of {CONNECTIVITY}")
    lags = micro.lags(max_lag_um)
    lines = Lines(lags, micro.voxel_um)
    pairs = lines.sums(pair_totals(micro, lags))
    for code, name in micro.names:
        clusters = label_clusters(micro.labels == code, connectivity, micro.periodic)
        counts = lines.sums(pairs_within(clusters, lags, micro.periodic))
        for where, value in lines.curves(counts, pairs):
            yield rows("cluster_function", value, "1", phase=name, **where)


def label_clusters(there: np.ndarray, connectivity: str, periodic: bool) -> np.ndarray:
    """Number the connected pieces 1, 2, …; 0 where there is nothing."""
    touching = ndimage.generate_binary_structure(
        there.ndim, 1 if connectivity == "faces" else there.ndim
    )
    if not periodic:
        return np.asarray(ndimage.label(there, touching)[0])
    labels, count = ndimage.label(np.pad(there, 1, mode="wrap"), touching)
    inner = labels[(slice(1, -1),) * there.ndim]
    # A voxel of the rim is a copy of one inside: their clusters are the same.
    twins = np.stack([labels.ravel(), np.pad(inner, 1, mode="wrap").ravel()])
    links = np.unique(twins[:, twins[0] != twins[1]], axis=1)
    graph = coo_array((np.ones(links.shape[1]), links), shape=(count + 1,) * 2)
    merged = connected_components(graph, directed=False)[1]
    # Nothing links to 0, which is the first component.
    return np.asarray(merged[inner])


def pairs_within(clusters: np.ndarray, lags: Sequence[int], periodic: bool = False) -> np.ndarray:
    """How many pairs of voxels of the same cluster lie at each lag.

    Parameters
    ----------
    clusters : cluster numbers, 0 for none.
    lags, periodic : as for `octolith.descriptors.correlation.autocorrelation`, and so is the
        array that is returned.
    """
    counts = np.zeros((lags[0] + 1, *(2 * m + 1 for m in lags[1:])), dtype=np.float32)
    sizes = np.bincount(clusters.ravel())
    sizes[0] = 0
    _add_small(counts, clusters, sizes, lags, periodic)
    boxes = ndimage.find_objects(clusters)
    for number in np.flatnonzero(sizes > SMALL):
        box = boxes[number - 1]
        extent = [part.stop - part.start for part in box]
        wraps = periodic and any(2 * e > n for e, n in zip(extent, clusters.shape, strict=True))
        if wraps:
            reach, pairs = lags, autocorrelation(clusters == number, lags, periodic=True)
        else:
            reach = [min(m, e - 1) for m, e in zip(lags, extent, strict=True)]
            pairs = autocorrelation(clusters[box] == number, reach)
        middle = [slice(m - r, m + r + 1) for m, r in zip(lags[1:], reach[1:], strict=True)]
        counts[(slice(reach[0] + 1), *middle)] += pairs
    return counts


def _add_small(
    counts: np.ndarray,
    clusters: np.ndarray,
    sizes: np.ndarray,
    lags: Sequence[int],
    periodic: bool,
) -> None:
    """Add the pairs of all clusters of up to `SMALL` voxels: each voxel with those after it."""
    small = (sizes > 0) & (sizes <= SMALL)
    voxels = np.flatnonzero(small[clusters.ravel()])
    number = clusters.ravel()[voxels]
    order = np.argsort(number, kind="stable")
    number = number[order]
    place = np.stack(np.unravel_index(voxels[order], clusters.shape)).astype(np.int32)
    centre = np.array([0, *lags[1:]])[:, None]
    counts[tuple(centre[:, 0])] += len(number)
    shape = np.array(clusters.shape)[:, None]
    for step in range(1, sizes[small].max(initial=1)):
        same = number[step:] == number[:-step]
        lag = place[:, step:][:, same] - place[:, :-step][:, same]
        if periodic:
            lag = (lag + shape // 2) % shape - shape // 2
        lag = lag[:, (np.abs(lag) <= np.reshape(lags, (-1, 1))).all(axis=0)]
        lag[:, lag[0] < 0] *= -1
        in_plane = lag[:, lag[0] == 0]
        for some in (lag, -in_plane):
            np.add.at(counts, tuple(some + centre), np.float32(1))
