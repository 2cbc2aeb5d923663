"""HR images to the dense and mixed classes that each stage learns from (paper 1, section 2.5).

At stage s of S a pixel stands for a patch of 2^(S-s) HR pixels along either side. A patch of one
phase is *dense* and keeps its code, any other is *mixed*: code K. The last stage is the HR image.

**A square sees less than a cube.** An octree's node is mixed where any of its cube is of another
phase, and a plane through it shows that in two of three cases only: of isotropic interfaces of
area S_V in a unit of volume, squares of edge a meet a·S_V and cubes 3/2 a·S_V (by the mean widths
of both and Crofton's formula; Schneider and Weil 2008, chapter 5). Taken literally, patches teach
the generator to leave a third of the mixed nodes alone, and what is left alone is never refined.
So a patch counts as mixed, too, where another phase comes within ``reach`` of its edge: a quarter,
on all four sides, makes the square as often mixed as the cube.

Patches are laid out from the first row and column, at every stage, so that four patches are
always the children of one at the stage before, as the octree's nodes are; rows and columns at
the other end that no longer fill a patch are left out, at each stage its own, so that the later
stages see all there is.

The eight symmetries of the square are applied when a crop is drawn, and never stored: they cost
nothing (a view), eight copies would cost disk and memory, and reading one place in memory serves
all eight. Where the rock is layered only some of them hold, and the sampler says which.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from scipy.ndimage import gaussian_filter

from octolith.volumes import OUTSIDE

SYMMETRIES = 8
# Standard deviation, in patches, of how far chances about a patch's sides are alike.
NEIGHBOURHOOD = 2.0
# Sides of patches that reach no further than they are.
ALONE = np.zeros((4, 1, 1), int)
# Those that swap no axes: all that hold where the two axes of an image differ.
MIRRORS = (0, 2, 4, 6)


def classes(labels: np.ndarray, mixed: int, patch: int, reach: float = 0.0) -> np.ndarray:
    """Dense and mixed patches of one HR image.

    Parameters
    ----------
    labels : (y, x) uint8 label codes, or `OUTSIDE`.
    mixed : K, the number of phases.
    patch : edge of a patch in pixels, `patch_size`.
    reach : how far around a patch another phase makes it mixed, over its edge from the first
        pixel's centre to the last one's. Sides reach whole pixels, one more or less by chance,
        which is always the same and that of whole neighbourhoods: patch by patch it would be noise
        that no generator can make. 0: not at all (paper 1).

    Returns
    -------
    (y // patch, x // patch) uint8: the phase of a patch that has one, otherwise K; `OUTSIDE`
    where any of the patch is outside, since nobody knows what it would be.

    >>> classes(np.array([[0, 0, 1, 2], [0, 0, 1, 1]], np.uint8), 3, 2)
    array([[0, 3]], dtype=uint8)
    >>> classes(np.array([[0, 0, 1, 2], [0, 0, 1, 1]], np.uint8), 3, 2, reach=1)
    array([[3, 3]], dtype=uint8)
    """
    # OUTSIDE is the highest code there can be; around a patch it says nothing.
    rock = np.where(labels == OUTSIDE, np.uint8(0), labels)
    sides = _sides([length // patch for length in labels.shape], patch, reach)
    lowest, _ = _range(labels, patch, sides)
    _, highest = _range(rock, patch, sides)
    _, outside = _range(labels, patch, ALONE)
    found = np.where(lowest == highest, lowest, np.uint8(mixed))
    return np.where(outside == OUTSIDE, np.uint8(OUTSIDE), found)


def _range(image: np.ndarray, patch: int, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest code of every patch and of what its sides reach."""
    shape = tuple(length // patch for length in image.shape)
    up, down, left, right = sides
    most = int(sides.max(initial=0))
    seen = np.pad(image, most, mode="edge")
    lowest, highest = np.full(shape, 255, np.uint8), np.zeros(shape, np.uint8)
    for y, x in product(range(-most, patch + most), repeat=2):
        rows, columns = (
            slice(most + start, most + start + cells * patch, patch)
            for start, cells in zip((y, x), shape, strict=True)
        )
        code = seen[rows, columns]
        within = (-up <= y) & (y < patch + down) & (-left <= x) & (x < patch + right)
        np.minimum(lowest, code, out=lowest, where=within)
        np.maximum(highest, code, out=highest, where=within)
    return lowest, highest


def _sides(shape: Sequence[int], patch: int, reach: float) -> np.ndarray:
    """(4, y, x) whole pixels that every patch reaches up, down, left and right."""
    further = reach * (patch - 1)
    if not further:
        return ALONE
    random = np.random.default_rng(patch)
    sides = np.empty((4, *shape), np.int16)  # one at a time: mosaics have 10⁸ pixels and more
    for side in sides:
        side[:] = np.floor(further + _chances(shape, random))
    return sides


def _chances(shape: Sequence[int], random: np.random.Generator) -> np.ndarray:
    """(y, x) numbers that are uniform in 0 … 1, and alike in a neighbourhood."""
    noise = random.standard_normal(shape)
    order = gaussian_filter(noise, NEIGHBOURHOOD, output=noise, mode="wrap").ravel().argsort()
    chances = noise.ravel()
    chances[order] = (np.arange(order.size) + 0.5) / order.size
    return chances.reshape(shape)


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
