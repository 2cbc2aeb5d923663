"""From grains to minerals: which voxel is pore, quartz, feldspar or clay."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.special import ndtri

from octolith.phantom.grains import Packing, pack
from octolith.phantom.noise import field
from octolith.phantom.recipe import Recipe

PORE, QUARTZ, FELDSPAR, CLAY = range(4)
# A feldspar that is no label of its own, but that the CT sees as quartz.
SODIC = 4
# Edge of what is made at once: large enough that few grains are met twice.
BLOCK = 256


def fine_labels(recipe: Recipe, origin: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """The true phases of a block of the rock.

    Parameters
    ----------
    origin : (z, y, x) of the first voxel on the fine grid, any sign.
    shape : of the block; one may be 1 for a microscope's plane.

    Returns
    -------
    (z, y, x) uint8: 0 pore, 1 quartz, 2 feldspar, 3 clay. Blocks fit together to the last voxel.
    """
    labels = np.empty(tuple(shape), np.uint8)
    for window in blocks(shape, BLOCK):
        first = [o + part.start for o, part in zip(origin, window, strict=True)]
        labels[window] = minerals(recipe, first, labels[window].shape)
    labels[labels == SODIC] = FELDSPAR
    return labels


def blocks(shape: Sequence[int], edge: int) -> Iterator[tuple[slice, ...]]:
    """Cut an array into blocks of at most ``edge`` along each axis."""
    for corner in itertools.product(*(range(0, n, edge) for n in shape)):
        yield tuple(slice(c, min(c + edge, n)) for c, n in zip(corner, shape, strict=True))


def minerals(recipe: Recipe, origin: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """As `fine_labels`, in one go (some 50 bytes a voxel), with sodic feldspar told apart (4)."""

    def noise(stream: str, length_um: float) -> np.ndarray:
        return field(recipe.seed, stream, length_um / recipe.voxel_um, origin, shape)

    of, pitch = recipe.grains, np.float32(recipe.voxel_um)
    packing = pack(recipe, origin, shape)
    surface = noise("cement", of.cement_length_um)
    surface *= of.cement_um / recipe.voxel_um
    surface += of.roughness_um / recipe.voxel_um * noise("roughness", of.roughness_length_um)
    surface += packing.distance
    contact = packing.second - packing.distance
    solid = surface < 0
    contact_open = noise("contact", of.contact_length_um) > _score(1 - of.contact_open)
    solid &= ~((contact * pitch < of.contact_um) & contact_open)
    del contact, contact_open

    grains = packing.grains
    species = np.where(grains.feldspar, np.where(grains.sodic, SODIC, FELDSPAR), QUARTZ)
    # The last entry serves the owner -1, which is nobody.
    labels = np.append(species, PORE).astype(np.uint8)[packing.owner]
    labels[~solid] = PORE
    weathered = _weathered(recipe, labels, packing, noise("weathering", recipe.feldspar.pore_um),
                           origin)  # fmt: skip
    labels[weathered] = PORE
    labels[_clay(recipe, labels, surface, weathered, noise)] = CLAY
    return labels


def _weathered(
    recipe: Recipe, labels: np.ndarray, packing: Packing, noise: np.ndarray, origin: Sequence[int]
) -> np.ndarray:
    """Where feldspar has gone: along its cleavage and in irregular patches."""
    of, grains = recipe.feldspar, packing.grains
    where = np.nonzero(labels >= FELDSPAR)
    owner = packing.owner[where]
    places = np.stack([w + (o + 0.5) for w, o in zip(where, origin, strict=True)], -1)
    offset = ((places - grains.centre[owner]) * grains.cleavage[owner]).sum(-1)
    phase = offset * recipe.voxel_um / of.cleavage_um + 0.15 * noise[where]
    # A triangular wave of unit variance between the cleavage planes.
    wave = np.sqrt(3) * (4 * np.abs(phase - np.floor(phase) - 0.5) - 1)
    score = (noise[where] + of.cleavage * wave) / np.sqrt(1 + of.cleavage**2)
    gone = np.zeros(labels.shape, bool)
    gone[where] = score < _score(of.dissolved) + of.variety * grains.alteration[owner]
    return gone


def _clay(
    recipe: Recipe,
    labels: np.ndarray,
    surface: np.ndarray,
    weathered: np.ndarray,
    noise: Callable[[str, float], np.ndarray],
) -> np.ndarray:
    """Where porous aggregates of clay fill pores, between grains and in weathered feldspar."""
    of = recipe.clay
    lining = np.maximum(1 - surface * np.float32(recipe.voxel_um / of.lining_um), 0)
    lining[weathered] = 0
    score = noise("clay", of.patch_um) + np.float32(of.lining) * lining
    share = np.where(weathered, _score(1 - recipe.feldspar.clay), _score(1 - of.share))
    micropores = noise("micropores", of.pore_um) < _score(of.porosity)
    return (labels == PORE) & (score > share) & ~micropores


def _score(share: float) -> np.float32:
    """The threshold that a standard normal field falls below in this share of the rock."""
    return np.float32(ndtri(share))
