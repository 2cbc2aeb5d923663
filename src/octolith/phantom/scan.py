"""The instruments that look at a phantom: a CT scanner, and a microscope on polished planes."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from scipy.ndimage import gaussian_filter

from octolith.phantom.noise import normal
from octolith.phantom.recipe import Recipe
from octolith.phantom.rock import EDGE, blocks, fine_labels, minerals

# The blur is cut off after so many standard deviations.
TRUNCATE = 4.0
# Microscope planes lie so many grains away from each other and from the rock about the origin.
APART = 1000


def ct_scan(recipe: Recipe, origin: Sequence[int], shape: Sequence[int], scale: int) -> np.ndarray:
    """A grey CT image of a block of the rock.

    A coarse voxel is the mean attenuation of its ``scale``³ fine voxels, blurred by the scanner's
    point spread function, with noise of which a share grows with the grey level, as photon
    counting does. The noise, too, belongs to the place: blocks of a scan fit together.

    Parameters
    ----------
    origin : (z, y, x) of the first coarse voxel.
    shape : coarse voxels.
    scale : edge of a coarse voxel, fine voxels.

    Returns
    -------
    (z, y, x) uint16 grey levels.
    """
    of = recipe.scan
    halo = int(TRUNCATE * of.blur + 0.5)
    sharp = _attenuation(recipe, [o - halo for o in origin], [n + 2 * halo for n in shape], scale)
    grey = gaussian_filter(sharp, of.blur, truncate=TRUNCATE) if of.blur else sharp
    grey = grey[tuple(slice(halo, halo + n) for n in shape)]
    place = np.ix_(*(np.arange(o, o + n) for o, n in zip(origin, shape, strict=True)))
    variance = of.noise**2 * (1 - of.photon + of.photon * grey / of.quartz)
    grey = grey + np.sqrt(variance) * normal(recipe.seed, f"scan{scale}", *place)
    return np.clip(np.rint(grey), 0, 65535).astype(np.uint16)


def microscope_images(recipe: Recipe, number: int, size: int) -> list[np.ndarray]:
    """Label images of polished planes through other parts of the rock.

    Parameters
    ----------
    number : of images; their normals are z, y and x in turn.
    size : edge of an image, fine pixels.

    Returns
    -------
    (size, size) uint8 label images, none of which lies within `APART` grains of another or of
    the origin, where a scan is.
    """
    step = round(APART * recipe.grains.spacing_um / recipe.voxel_um)
    images = []
    for image in range(number):
        axis = image % 3
        shape = [size] * 3
        shape[axis] = 1
        images.append(fine_labels(recipe, [(image + 1) * step] * 3, shape).squeeze(axis))
    return images


def bands(recipe: Recipe) -> dict[str, list[tuple[float, float]]]:
    """The grey-level bands that a person would draw on the scan's histogram.

    Halfway between the peaks of pore, clay, quartz and feldspar. The clay's aggregates are
    porous, and darker than clay; and a voxel that is part pore reads as clay, or as quartz.
    """
    of = recipe.scan
    aggregate = of.clay + recipe.clay.porosity * (of.pore - of.clay)
    edges = [0.0, (of.pore + of.clay) / 2, (aggregate + of.quartz) / 2,
             (of.quartz + of.feldspar) / 2, 65535.0]  # fmt: skip
    edges = [float(round(edge)) for edge in edges]
    order = ("pore", "clay", "quartz", "feldspar")
    return {phase: [band] for phase, band in zip(order, itertools.pairwise(edges), strict=True)}


def _attenuation(
    recipe: Recipe, origin: Sequence[int], shape: Sequence[int], scale: int
) -> np.ndarray:
    """Mean grey level of each coarse voxel, block by block so that 1024³ fits into memory."""
    of = recipe.scan
    # In the order of the labels; the fifth is sodic feldspar.
    level = (of.pore, of.quartz, of.feldspar, of.clay, of.quartz)
    result = np.empty(tuple(shape), np.float64)
    for window in blocks(shape, max(EDGE // scale, 1)):
        size = result[window].shape
        first = [(o + part.start) * scale for o, part in zip(origin, window, strict=True)]
        labels = minerals(recipe, first, [n * scale for n in size])
        cells = labels.reshape(size[0], scale, size[1], scale, size[2], scale)
        # Counts are exact, so that the cut into blocks leaves no trace.
        counts = [np.count_nonzero(cells == code, axis=(1, 3, 5)) for code in range(len(level))]
        result[window] = sum(c * g for c, g in zip(counts, level, strict=True)) / scale**3
    return result
