"""What lies around a block of LR voxels, where the volume ends and where the rock ends too.

Networks learn inside the rock. Of zeros around it they make something else, as far in as they see;
so the rock goes on there: mirrored at the faces of the volume, and beyond its own surface (a core
in a box) with the labels of the surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Protocol

import numpy as np

from octolith.phases import OUTSIDE

# The 26 voxels beside one, the nearest first.
BESIDE = sorted(
    (step for step in product((-1, 0, 1), repeat=3) if any(step)),
    key=lambda step: sum(map(abs, step)),
)


class Labels(Protocol):
    """A volume in memory or in a file: (z, y, x) labels, read by the window."""

    @property
    def shape(self) -> tuple[int, ...]: ...  # noqa: D102

    def __getitem__(self, window: tuple[slice, slice, slice], /) -> np.ndarray: ...


def surrounded(
    volume: Labels, low: Sequence[int], high: Sequence[int], width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Labels of a block with ``width`` voxels around it, as they are and as a network sees them.

    Parameters
    ----------
    volume : (z, y, x) uint8 phase codes; 255 is outside the rock.
    low, high : of the block: voxels ``low`` … ``high`` - 1.

    Returns
    -------
    Both (z, y, x) uint8. In the second the rock goes on as far as any voxel of the block sees.
    What a voxel of the rock sees does not depend on how the volume is cut.
    """
    labels = window(volume, low, high, width)
    outside = labels == OUTSIDE
    if outside.all() or not outside.any():
        return labels, labels
    # What a voxel goes on with comes from as far as it is from the rock.
    inner = slice(width, -width or None)
    wide = continued(window(volume, low, high, 2 * width), width)
    return labels, np.ascontiguousarray(wide[inner, inner, inner])


def window(volume: Labels, low: Sequence[int], high: Sequence[int], width: int) -> np.ndarray:
    """Voxels ``low`` … ``high`` - 1 and ``width`` around them; mirrored beyond the volume's faces.

    >>> window(np.arange(3)[None, None], (0, 0, 0), (1, 1, 3), 1)[1, 1]
    array([0, 0, 1, 2, 2])
    """
    z, y, x = (
        mirrored(n, a - width, b + width) for n, a, b in zip(volume.shape, low, high, strict=True)
    )
    a, b, c = z.min(), y.min(), x.min()
    inside = volume[a : z.max() + 1, b : y.max() + 1, c : x.max() + 1]
    return inside[np.ix_(z - a, y - b, x - c)]


def mirrored(length: int, low: int, high: int) -> np.ndarray:
    """Where ``low`` … ``high`` - 1 lie on an axis that is mirrored at both ends, time and again.

    >>> mirrored(3, -2, 8)
    array([1, 0, 0, 1, 2, 2, 1, 0, 0, 1])
    """
    at = np.arange(low, high) % (2 * length)
    return np.where(at < length, at, 2 * length - 1 - at)


def continued(labels: np.ndarray, steps: int) -> np.ndarray:
    """The rock grown outwards by ``steps`` voxels, each with the label of a nearest neighbour.

    >>> continued(np.array([[[0, 1, 255, 255, 255]]], np.uint8), 2)
    array([[[  0,   1,   1,   1, 255]]], dtype=uint8)
    """
    shape = labels.shape
    for _ in range(steps):
        if not (labels == OUTSIDE).any():
            break
        padded = np.pad(labels, 1, constant_values=OUTSIDE)
        grown = labels.copy()
        for step in BESIDE:
            z, y, x = (slice(1 + by, 1 + by + n) for by, n in zip(step, shape, strict=True))
            np.copyto(grown, padded[z, y, x], where=grown == OUTSIDE)
        labels = grown
    return labels
