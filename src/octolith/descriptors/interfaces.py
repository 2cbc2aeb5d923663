"""Where phases meet: interfacial areas and specific surface."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.neighbours import direction_weights, directions, pair_counts
from octolith.descriptors.registry import descriptor, rows
from octolith.errors import InputError


@descriptor
def interfacial_area(micro: Microstructure) -> Iterator[pd.DataFrame]:
    """Interfaces between every two phases, and the surface of every phase.

    Rows
    ----
    ``interfacial_area`` : faces between two phases over all faces between voxels of the rock
        (paper 1, section 3), each face counted by its area; dimensionless. In 2D, edges. It
        depends on the voxel size: halve the voxels of an image and it halves.
    ``specific_interface`` : area of the interface between two phases per volume, 1/µm, by
        Crofton's formula.
    ``specific_surface`` : the same between a phase and all others (paper 5, S11).
    ``specific_surface_faces`` : area of the voxel faces of a phase per volume, 1/µm, in 3D. Of a
        smooth surface it is 3/2 of the true area, however fine the voxels.

    Crofton's formula: S_V = 2 P_L, twice the mean number of interfaces that a line meets per
    length. Lines run in all 13 directions to a voxel's neighbours (2D: 4), each weighted by the
    directions that it stands for (Ohser and Mücklich, Statistical Analysis of Microstructures
    in Materials Science, 2000). A 2D image is taken for a section through an isotropic rock:
    the same formula then estimates the area of the surface in 3D.

    Raises
    ------
    InputError : a single voxel, which has no neighbour.
    """
    area_fraction, faces_per_um = _faces(micro)
    crofton = _crofton(micro)
    for (i, first), (j, second) in combinations(enumerate(micro.phases.names), 2):
        pair = {"phase": first, "other": second}
        yield rows("interfacial_area", area_fraction[i, j], "1", **pair)
        yield rows("specific_interface", crofton[i, j], "1/µm", **pair)
    for i, name in micro.names:
        yield rows("specific_surface", crofton[i].sum(), "1/µm", phase=name)
        if micro.ndim == 3:
            yield rows("specific_surface_faces", faces_per_um[i].sum(), "1/µm", phase=name)


def _faces(micro: Microstructure) -> tuple[np.ndarray, np.ndarray]:
    """Faces between phases i ≠ j over all faces, and their area per volume in 1/µm: (K, K)."""
    share, per_um = np.zeros((2, len(micro.phases), len(micro.phases)))
    total = 0.0
    for axis, step in enumerate(micro.voxel_um):
        pairs, meetings = _meetings(micro, tuple(int(a == axis) for a in range(micro.ndim)))
        # A face's area is the voxel's volume over its thickness; only ratios matter here.
        share += meetings / step
        total += pairs / step
        per_um += meetings / max(pairs, 1) / step
    if not total:
        raise InputError("interfacial area", "no two voxels side by side", "at least two")
    return share / total, per_um


def _crofton(micro: Microstructure) -> np.ndarray:
    """(K, K) interface between phases i ≠ j per volume, in 1/µm; the diagonal is zero."""
    area, seen = np.zeros((len(micro.phases),) * 2), 0.0
    weights = direction_weights(micro.voxel_um)
    for vector, weight in zip(directions(micro.ndim), weights, strict=True):
        pairs, meetings = _meetings(micro, vector)
        if pairs:
            length = pairs * float(np.linalg.norm(np.multiply(vector, micro.voxel_um)))
            area += weight * 2 * meetings / length
            seen += weight
    return area / seen


def _meetings(micro: Microstructure, vector: tuple[int, ...]) -> tuple[int, np.ndarray]:
    """Pairs of voxels ``vector`` apart, and (K, K) those of phases i ≠ j in either order."""
    counts = pair_counts(micro.codes, vector, len(micro.phases), micro.periodic)
    meetings = counts + counts.T
    np.fill_diagonal(meetings, 0)
    return int(counts.sum()), meetings


@descriptor
def triple_phase_boundary(micro: Microstructure) -> Iterator[pd.DataFrame]:
    """Lines along which three phases meet (paper 5; in 2D, points).

    Rows
    ----
    ``triple_phase_boundary`` : length of line per volume, 1/µm², by L_V = 2 P_A: twice the
        number of triple points per area of plane sections, the mean of the planes across the
        axes; from a 2D image, of the image itself (an isotropic rock). The staircase of voxel
        edges is longer than the line it follows; this estimate is not.
    ``triple_edges`` : voxel edges (2D: corners) where at least three phases meet, over all that
        four voxels of the rock share; dimensionless (paper 4; TauFactor).

    Both for every three phases (``phase`` and ``other``, which is two names joined by " + "),
    and for all of them together (both empty).

    Raises
    ------
    InputError : fewer than three phases, or an image of single voxels.
    """
    count = len(micro.phases)
    if count < 3:
        raise InputError("triple phase boundary", f"{count} phases", "at least three")
    sets, areas = _meeting_sets(micro)
    total = sets.sum(axis=1)
    if not total.any():
        raise InputError("triple phase boundary", "no four voxels about an edge", "some")
    members = (np.arange(sets.shape[1])[:, None] >> np.arange(count)) & 1
    meets = {("", ""): members.sum(axis=1) > 2}
    for triple in combinations(range(count), 3):
        first, second, third = (micro.phases.names[code] for code in triple)
        meets[first, f"{second} + {third}"] = members[:, triple].all(axis=1)
    sections = total > 0
    for (phase, other), where in meets.items():
        found = sets[:, where].sum(axis=1)
        density = 2 * np.mean(found[sections] / (total * areas)[sections])
        yield rows("triple_phase_boundary", density, "1/µm²", phase=phase, other=other)
        yield rows("triple_edges", found.sum() / total.sum(), "1", phase=phase, other=other)


def _meeting_sets(micro: Microstructure) -> tuple[np.ndarray, np.ndarray]:
    """Which phases meet at the corners of pixels, in sections across each axis.

    Returns
    -------
    (sections, 2^K) how often each set of phases meets, a bit for each phase; and (sections,)
    the area in µm² that belongs to a corner. A 2D image is the one section.
    """
    count = len(micro.phases)
    bit = np.full(256, 1 << count, dtype=np.uint32)
    bit[:count] = 1 << np.arange(count)
    volume = micro.labels.reshape((1,) * (3 - micro.ndim) + micro.labels.shape)
    edges = np.array([1.0, *micro.voxel_um][-3:])
    found, areas = [], []
    for normal in range(3 if micro.ndim == 3 else 1):
        sets = np.zeros(2 << count, dtype=np.int64)
        for plane in np.moveaxis(volume, normal, 0):
            phases = bit[np.pad(plane, (0, 1), mode="wrap") if micro.periodic else plane]
            phases = phases[1:] | phases[:-1]
            phases = phases[:, 1:] | phases[:, :-1]
            sets += np.bincount(phases.ravel(), minlength=len(sets))
        found.append(sets[: 1 << count])
        areas.append(np.prod(np.delete(edges, normal)))
    return np.array(found), np.array(areas)
