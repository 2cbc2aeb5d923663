"""Texture by grey-level co-occurrence, and how much it differs between directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.neighbours import pair_counts
from octolith.descriptors.registry import Count, Finite, descriptor, rows
from octolith.errors import InputError

ANISOTROPIC = 100.0
AT_ONCE = 64  # slices: as many voxels as a line of a core's cache holds


@descriptor
def glcm(
    micro: Microstructure, levels: Mapping[str, Finite] | None = None, distance: Count = 1
) -> Iterator[pd.DataFrame]:
    """Contrast, homogeneity, energy and entropy of slices; the anisotropy index.

    Paper 5, supplement S1, equations S1 to S6; Haralick et al. (1973). Pairs are counted in both
    orders along rows, columns and both diagonals of every slice; features are those of a slice
    and direction, averaged. They depend on the voxel size, and contrast and homogeneity on which
    grey level stands for which phase.

    Parameters
    ----------
    levels : grey level of each phase; None: equal steps from 0 to 255 in the order of the phases,
        as the paper has it.
    distance : of the pairs, in voxels (√2 times that along diagonals).

    Rows
    ----
    ``glcm_contrast``, ``glcm_homogeneity``, ``glcm_energy`` (the sum of squares, S3),
    ``glcm_entropy`` (in nats): for slices across each axis (2D: z).
    ``anisotropy_index`` : root of the sum of the four variances over the three directions, S5.
        In 3D only. ``anisotropic`` : 1 where the index reaches 100, the paper's verdict, else 0;
        since contrast dominates, it holds for levels from 0 to 255.

    Raises
    ------
    InputError : levels that are not those of the phases; slices smaller than the distance.
    """
    grey = _grey(micro, levels)
    difference = np.square(np.subtract.outer(grey, grey))
    volume = micro.codes.reshape((1,) * (3 - micro.ndim) + micro.labels.shape)
    features = []
    for normal, direction in enumerate(("z", "y", "x")[: 3 if micro.ndim == 3 else 1]):
        found = [
            _features(matrix, difference)
            for plane in _planes(volume, normal)
            for matrix in _matrices(plane, len(micro.phases), distance, micro.periodic)
        ]
        if not found:
            nothing = f"no two voxels of the rock {distance} apart in slices across {direction}"
            raise InputError("glcm", nothing, "at least two")
        features.append(np.mean(found, axis=0))
        for name, value, unit in zip(FEATURES, features[-1], UNITS, strict=True):
            yield rows(f"glcm_{name}", value, unit, direction=direction)
    if micro.ndim == 3:
        index = anisotropy_index(np.array(features))
        yield rows("anisotropy_index", index, "1")
        yield rows("anisotropic", float(index >= ANISOTROPIC), "1")


FEATURES = ("contrast", "homogeneity", "energy", "entropy")
UNITS = ("1", "1", "1", "nat")


def anisotropy_index(features: np.ndarray) -> float:
    """Equation S5: how much features differ between directions.

    Parameters
    ----------
    features : (directions, features).
    """
    return float(np.sqrt(features.var(axis=0, ddof=1).sum()))


def _grey(micro: Microstructure, levels: Mapping[str, float] | None) -> np.ndarray:
    """(K,) the grey level of each phase."""
    names = micro.phases.names
    if levels is None:
        return np.linspace(0, 255, len(names))
    if set(levels) != set(names):
        raise InputError("glcm: levels", sorted(levels), f"one for each of {list(names)}")
    return np.array([levels[name] for name in names], dtype=float)


def _planes(volume: np.ndarray, normal: int) -> Iterator[np.ndarray]:
    """The slices across an axis, a few copied at once: those across x lie scattered in memory."""
    slices = np.moveaxis(volume, normal, 0)
    for start in range(0, len(slices), AT_ONCE):
        yield from np.ascontiguousarray(slices[start : start + AT_ONCE])


def _matrices(
    plane: np.ndarray, phases: int, distance: int, periodic: bool
) -> Iterator[np.ndarray]:
    """The co-occurrence matrix, summing to one, of each direction that has pairs."""
    if periodic or min(plane.shape) > distance:
        for counts in co_occurrences(plane, phases, distance, periodic):
            if counts.any():
                yield (counts + counts.T) / (2 * counts.sum())


def co_occurrences(
    plane: np.ndarray, phases: int, distance: int, periodic: bool = False
) -> list[np.ndarray]:
    """Pairs along rows, columns and both diagonals, from one histogram of squares of four pixels.

    Parameters
    ----------
    plane : (y, x) codes up to K, which itself stands for what is not counted.
    phases : K.
    distance : edge of the squares in pixels.
    periodic : whether the image goes on at its opposite side.

    Returns
    -------
    four (K, K) counts of pairs, each pair in one order.
    """
    width, d = phases + 1, distance
    image = np.pad(plane, (0, d), mode="wrap") if periodic else plane
    square: np.ndarray = image[:-d, :-d].astype(np.min_scalar_type(width**4))
    for corner in (image[:-d, d:], image[d:, :-d], image[d:, d:]):
        square *= width
        square += corner
    squares = np.bincount(square.ravel(), minlength=width**4).reshape((width,) * 4)
    others = ((2, 3), (1, 3), (1, 2), (0, 3))
    row, column, falling, rising = (squares.sum(axis=k)[:phases, :phases] for k in others)
    if not periodic:  # the last rows begin no square, nor do the last columns
        row = row + pair_counts(plane[-d:], (0, d), phases)
        column = column + pair_counts(plane[:, -d:], (d, 0), phases)
    return [row, column, falling, rising]


def _features(matrix: np.ndarray, difference: np.ndarray) -> tuple[float, float, float, float]:
    """Equations S1 to S4."""
    present = matrix[matrix > 0]
    return (
        float((matrix * difference).sum()),
        float((matrix / (1 + difference)).sum()),
        float(np.square(matrix).sum()),
        float(-(present * np.log(present)).sum()),
    )
