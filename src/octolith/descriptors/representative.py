"""How large an image must be to stand for the rock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from octolith.descriptors.correlation import (
    Lines,
    autocorrelation,
    pair_totals,
    scaled_autocovariance,
)
from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.registry import Count, Positive, Seed, descriptor, rows
from octolith.errors import InputError

SMALLEST = 4


@descriptor
def representative_size(
    micro: Microstructure, samples: Count = 30, tolerance: Positive = 1e-3, seed: Seed = 0
) -> Iterator[pd.DataFrame]:
    """The representative elementary size by the two-point correlation (paper 2, figure 5).

    Random crops of growing size are measured, and the mean F2 of each size is compared with that
    of the largest, over the distances they share. The sizes are half the image's shortest edge,
    the largest, and each time a factor √2 less, down to 4 voxels.

    Parameters
    ----------
    samples : crops of each size (paper 2: 30).
    tolerance : mean square error of F2 below which a size counts as representative; the paper
        judges by eye.
    seed : places the crops.

    Rows
    ----
    ``representative_error`` : mean square error of the mean F2 (radial), dimensionless, over the
        edge of the crop as distance, for every phase.
    ``representative_size`` : µm; the smallest edge from which on the error stays below the
        tolerance. Of a phase that no smaller size represents there is none: the image is too
        small to tell.

    Raises
    ------
    InputError : an image whose shortest edge is less than 16 voxels, of the longest edge.
    """
    shortest = min(n * h for n, h in zip(micro.labels.shape, micro.voxel_um, strict=True))
    least = 4 * SMALLEST * max(micro.voxel_um)
    if shortest < least * (1 - 1e-9):
        raise InputError("representative size", f"an image whose shortest edge is {shortest:g} µm",
                         f"{4 * SMALLEST} voxels ({least:g} µm) along every edge")  # fmt: skip
    halvings = int(2 * np.log2(shortest / 2 / (SMALLEST * max(micro.voxel_um))))
    edges = shortest / 2 * 2.0 ** (-np.arange(halvings + 1) / 2)
    rng = np.random.default_rng(seed)
    curves = [_mean_curves(micro, edge, samples, rng) for edge in edges]
    for code, name in micro.names:
        largest = curves[0][code]
        error = np.array([np.mean((curve[code] - largest[: curve.shape[1]]) ** 2)
                          for curve in curves[1:]])  # fmt: skip
        yield rows("representative_error", error, "1", phase=name, distance_um=edges[1:])
        settled = np.logical_and.accumulate(error < tolerance)
        if settled.any():
            size = edges[1:][settled][-1]
            yield rows("representative_size", size, "µm", phase=name)


def _mean_curves(
    micro: Microstructure, edge_um: float, samples: int, rng: np.random.Generator
) -> np.ndarray:
    """(K, shells) the mean radial F2 over random crops of one size; NaN where there is none."""
    size = np.rint(edge_um / np.array(micro.voxel_um)).astype(int)
    room = np.subtract(micro.labels.shape, size) + 1
    lines = Lines([n // 2 for n in size], micro.voxel_um)
    total, defined = 0.0, 0.0
    for _ in range(samples):
        corner = rng.integers(room)
        window = tuple(slice(c, c + n) for c, n in zip(corner, size, strict=True))
        curves = _radial(replace(micro, labels=micro.labels[window], periodic=False), lines)
        total, defined = total + np.nan_to_num(curves), defined + np.isfinite(curves)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / defined)


def _radial(crop: Microstructure, lines: Lines) -> np.ndarray:
    """(K, shells) F2 of every phase of a crop."""
    pairs = lines.sums(pair_totals(crop, lines.lags))
    curves = []
    for code, _ in crop.names:
        counts = lines.sums(autocorrelation(crop.labels == code, lines.lags))
        *_, (_, radial) = lines.curves(counts, pairs)
        curves.append(scaled_autocovariance(radial, 2, crop.counts[code] / max(crop.voxels, 1)))
    return np.array(curves)
