"""How much of the rock each phase is, over all and from place to place."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.registry import Count, Positive, descriptor, rows
from octolith.errors import InputError

QUANTILES = np.linspace(0, 1, 21)


@descriptor
def volume_fraction(micro: Microstructure) -> Iterator[pd.DataFrame]:
    """The share of the rock's voxels that each phase has (paper 1, section 3).

    Rows: ``volume_fraction`` of every phase, dimensionless; an absent phase has 0.
    """
    for code, name in micro.names:
        yield rows("volume_fraction", micro.fractions[code], "1", phase=name)


@descriptor
def local_porosity(
    micro: Microstructure, window_um: Positive | None = None, steps: Count = 4
) -> Iterator[pd.DataFrame]:
    """How the volume fraction varies from place to place, in windows of one size.

    Paper 5, supplement S4; Hilfer, Phys. Rev. B 44, 60 (1991). The local porosity is the local
    fraction of the pore; the same is measured for every phase. Windows that are not wholly in
    the rock are not counted.

    Parameters
    ----------
    window_um : edge of the window; None: a quarter of the image's shortest edge (at least a
        voxel). Give it where images of different size are compared.
    steps : the window is moved by its edge over so many.

    Rows
    ----
    ``local_porosity`` : the distribution by its quantiles (column ``quantile``, 0 to 1 in steps
        of 0.05): the fraction that this share of the windows does not exceed; dimensionless.
    ``local_porosity_deviation`` : its standard deviation.

    Raises
    ------
    InputError : a window smaller than a voxel or larger than the image, or none in the rock.
    """
    sizes = np.multiply(micro.labels.shape, micro.voxel_um)
    wanted = max(sizes.min() / 4, *micro.voxel_um) if window_um is None else window_um
    widths = np.rint(wanted / np.array(micro.voxel_um)).astype(int)
    if (widths < 1).any() or (widths > micro.labels.shape).any():
        raise InputError(
            "window_um", f"{wanted:g} µm", f"at least a voxel ({max(micro.voxel_um):g} µm) and at "
            f"most the image's shortest edge ({sizes.min():g} µm)",
        )  # fmt: skip
    inside = _box_counts(micro, micro.inside, widths, steps)
    whole = inside == np.prod(widths)
    if not whole.any():
        raise InputError("local porosity", "no window wholly in the rock", "one",
                         "Take smaller windows.")  # fmt: skip
    for code, name in micro.names:
        local = _box_counts(micro, micro.labels == code, widths, steps)[whole] / np.prod(widths)
        value = np.quantile(local, QUANTILES)
        yield rows("local_porosity", value, "1", phase=name, quantile=QUANTILES)
        yield rows("local_porosity_deviation", local.std(), "1", phase=name)


def _box_counts(
    micro: Microstructure, there: np.ndarray, widths: np.ndarray, steps: int
) -> np.ndarray:
    """How many voxels of each window are true."""
    if micro.periodic:
        there = np.pad(there, [(0, width - 1) for width in widths], mode="wrap")
    stack = []
    # A plane at a time for all axes but the first keeps the sums small.
    for plane in there:
        counts = plane
        for axis, width in enumerate(widths[1:]):
            counts = _window_sums(counts, axis, width, steps)
        stack.append(counts)
    return _window_sums(np.array(stack), 0, widths[0], steps)


def _window_sums(values: np.ndarray, axis: int, width: int, steps: int) -> np.ndarray:
    """Sums of ``width`` neighbours along an axis, at every ``width / steps``-th place."""
    sums = np.insert(np.cumsum(values, axis, dtype=np.int64), 0, 0, axis)
    starts = np.arange(0, values.shape[axis] - width + 1, max(1, width // steps))
    return np.asarray(sums.take(starts + width, axis) - sums.take(starts, axis))
