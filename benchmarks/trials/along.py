"""What a volume is like along each axis, and how far that is from the truth."""

from __future__ import annotations

from typing import Any

import numpy as np

from octolith.descriptors import measure
from octolith.phases import Phases

AXES = ("z", "y", "x")
LAG = 24  # fine voxels


def along_axes(volume: np.ndarray, phases: Phases) -> dict[str, Any]:
    """Of the pore: its fraction, and along each axis the mean chord and the two-point correlation.

    Returns
    -------
    ``fraction``; ``chord``, an axis -> the mean length of its chords, voxels (None without any);
    ``f2``, an axis -> the scaled autocovariance (S2 - φ²) / (φ - φ²) at lags of 0 … `LAG`
    voxels, from which differences of the fraction have been divided out.
    """
    chords = measure("chord_length", volume, 1.0, phases)
    chords = chords[(chords.phase == phases.pore) & (chords.descriptor == "mean_chord_length")]
    mean = dict(zip(chords.direction, chords.value, strict=True))
    curves = measure("two_point_correlation", volume, 1.0, phases, max_lag_um=float(LAG))
    curves = curves[(curves.phase == phases.pore) & (curves.descriptor == "F2")]
    return {
        "fraction": float(np.mean(volume == phases.pore_code)),
        "chord": {axis: float(mean[axis]) if axis in mean else None for axis in AXES},
        "f2": {
            axis: [round(float(v), 4) for v in curves[curves.direction == axis].value]
            for axis in AXES
        },
    }


def away(found: list[float], true: list[float]) -> float:
    """Root mean square difference of two curves, over the root mean square of the true one."""
    a, b = np.asarray(found), np.asarray(true)
    return float(np.sqrt(np.mean((a - b) ** 2) / np.mean(b**2)))
