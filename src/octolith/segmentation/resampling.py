"""Labels on another grid."""

from __future__ import annotations

import numpy as np


def resample(labels: np.ndarray, pixel_um: float, target_um: float) -> np.ndarray:
    """Resample a label image (y, x) to another pixel size by nearest neighbour.

    Each new pixel takes the label that lies under its centre, so labels are never mixed.

    Parameters
    ----------
    pixel_um, target_um : edge of a pixel now and then.

    >>> resample(np.array([[1, 2]]), 1.0, 0.5)
    array([[1, 1, 2, 2],
           [1, 1, 2, 2]])
    """
    under = []
    for length in labels.shape:
        pixels = max(round(length * pixel_um / target_um), 1)
        centres = (np.arange(pixels) + 0.5) * target_um / pixel_um
        under.append(np.minimum(centres.astype(int), length - 1))
    return labels[np.ix_(*under)]
