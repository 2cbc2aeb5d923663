"""HR images to the dense and mixed classes that each stage learns from (paper 1, section 2.5).

At stage s of S a pixel stands for a patch of 2^(S-s) HR pixels along either side. A patch of one
phase is *dense* and keeps its code, any other is *mixed*: code K. The last stage is the HR image.

Patches are laid out from the first row and column, at every stage, so that four patches are
always the children of one at the stage before, as the octree's nodes are; rows and columns at
the other end that no longer fill a patch are left out, at each stage its own, so that the later
stages see all there is.

The eight symmetries of the square are applied when a crop is drawn, and never stored: they cost
nothing (a view), eight copies would cost disk and memory, and reading one place in memory serves
all eight. Where the rock is layered only some of them hold, and the sampler says which.
"""

from __future__ import annotations

import numpy as np

from octolith.volumes import OUTSIDE

SYMMETRIES = 8
# Those that swap no axes: all that hold where the two axes of an image differ.
MIRRORS = (0, 2, 4, 6)


def classes(labels: np.ndarray, mixed: int, patch: int) -> np.ndarray:
    """Dense and mixed patches of one HR image.

    Parameters
    ----------
    labels : (y, x) uint8 label codes, or `OUTSIDE`.
    mixed : K, the number of phases.
    patch : edge of a patch in pixels, `patch_size`.

    Returns
    -------
    (y // patch, x // patch) uint8: the phase of a patch that has one, otherwise K; `OUTSIDE`
    where any of the patch is outside, since nobody knows what it would be.

    >>> classes(np.array([[0, 0, 1, 2], [0, 0, 1, 1]], np.uint8), 3, 2)
    array([[0, 3]], dtype=uint8)
    """
    rows, columns = (length // patch for length in labels.shape)
    whole = labels[: rows * patch, : columns * patch]
    patches = whole.reshape(rows, patch, columns, patch)
    lowest, highest = patches.min(axis=(1, 3)), patches.max(axis=(1, 3))
    found = np.where(lowest == highest, lowest, np.uint8(mixed))
    # OUTSIDE is the highest code there can be.
    return np.where(highest == OUTSIDE, np.uint8(OUTSIDE), found)


def patch_size(stage: int, stages: int) -> int:
    """Edge, in HR pixels, of what one pixel of ``stage`` (1 … ``stages``) stands for."""
    if not 1 <= stage <= stages:
        raise ValueError(f"stage {stage} of {stages}")
    return 1 << (stages - stage)


def mixed_fraction(classified: np.ndarray, mixed: int) -> float:
    """The share of mixed patches among those in the rock."""
    return float(np.mean(classified[classified != OUTSIDE] == mixed))


def apply_symmetry(image: np.ndarray, symmetry: int) -> np.ndarray:
    """One of the eight symmetries of the square, as a view.

    Parameters
    ----------
    image : (…, y, x).
    symmetry : 0 to 7; quarter turns for 0 to 3, and those of the mirror image for 4 to 7.
    """
    if not 0 <= symmetry < SYMMETRIES:
        raise ValueError(f"symmetry {symmetry} of {SYMMETRIES}")
    mirrored = image[..., ::-1] if symmetry >= 4 else image
    return np.rot90(mirrored, symmetry % 4, axes=(-2, -1))
