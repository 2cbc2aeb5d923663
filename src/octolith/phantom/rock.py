"""From grains to minerals: which voxel is pore, quartz, feldspar or clay."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.special import ndtri

from octolith.phantom.grains import Box, Packing, pack
from octolith.phantom.noise import Block
from octolith.phantom.recipe import PHASES, Recipe

PORE, QUARTZ, FELDSPAR, CLAY = range(len(PHASES))
# A feldspar that is no label of its own, but that the scanner takes for quartz.
SODIC = len(PHASES)
# Edge of what is made at once: some 50 bytes a voxel.
EDGE = 128


def fine_labels(recipe: Recipe, origin: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """The true phases of a block of the rock.

    Parameters
    ----------
    origin : (z, y, x) of the first voxel on the fine grid, any sign.
    shape : of the block; one edge may be 1, which is what a microscope sees.

    Returns
    -------
    (z, y, x) uint8: 0 pore, 1 quartz, 2 feldspar, 3 clay. Blocks fit together to the last voxel.
    """
    labels = minerals(recipe, origin, shape)
    labels[labels == SODIC] = FELDSPAR
    return labels


def minerals(recipe: Recipe, origin: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """As `fine_labels`, with the sodic part of the feldspar told apart (4)."""
    labels = np.empty(tuple(shape), np.uint8)
    for window in blocks(shape, EDGE):
        z, y, x = (o + part.start for o, part in zip(origin, window, strict=True))
        part = labels[window]
        part[:] = _minerals(recipe, Block(recipe.seed, recipe.voxel_um, (z, y, x), part.shape))
    return labels


def blocks(shape: Sequence[int], edge: int) -> Iterator[Box]:
    """Windows of at most ``edge`` along each axis, which cover an array."""
    for z, y, x in itertools.product(*(range(0, n, edge) for n in shape)):
        yield slice(z, z + edge), slice(y, y + edge), slice(x, x + edge)


def _minerals(recipe: Recipe, block: Block) -> np.ndarray:
    packing = pack(recipe, block)
    surface = _pore_wall(recipe, packing, block)
    opened = _open_contacts(recipe, packing, block)
    grains = packing.grains
    species = np.where(grains.feldspar, np.where(grains.sodic, SODIC, FELDSPAR), QUARTZ)
    # The last entry serves the owner -1, which is nobody.
    labels = np.append(species, PORE).astype(np.uint8)[packing.owner]
    labels[(surface >= 0) | opened] = PORE
    alteration = block.noise("alteration", recipe.clay.patch_um)
    weathered = _weathered(recipe, labels, packing, alteration, block)
    labels[weathered] = PORE
    clay = _clay(recipe, surface, weathered, alteration, block)
    labels[clay & (labels == PORE) & (weathered | (surface >= 0))] = CLAY
    return labels


def _pore_wall(recipe: Recipe, packing: Packing, block: Block) -> np.ndarray:
    """Distance from the pore wall, µm: that from the grains, less cement, with roughness."""
    of = recipe.grains
    wall = of.cement_um * block.noise("cement", of.cement_length_um)
    wall += of.roughness_um * block.noise("roughness", of.roughness_length_um)
    wall += packing.distance
    return wall


def _open_contacts(recipe: Recipe, packing: Packing, block: Block) -> np.ndarray:
    """Where cement has left thin lenses open between two grains."""
    of = recipe.grains
    # Widest where the field is highest above the threshold, and gone where it is below.
    width = block.noise("contact", of.contact_length_um) - _score(1 - of.contact_open)
    width *= of.contact_um
    return packing.second - packing.distance < width


def _weathered(
    recipe: Recipe, labels: np.ndarray, packing: Packing, alteration: np.ndarray, block: Block
) -> np.ndarray:
    """Where feldspar has gone: along its cleavage, in irregular pores, and in zones of both."""
    of, grains = recipe.feldspar, packing.grains
    where = np.nonzero(labels >= FELDSPAR)
    owner = packing.owner[where]
    places = np.stack([block.places(axis)[index] for axis, index in enumerate(where)], -1)
    height = ((places - grains.centre[owner]) * grains.cleavage[owner]).sum(-1)
    noise = block.noise("weathering", of.pore_um)[where]
    phase = height / of.cleavage_um + 0.15 * noise
    # A triangular wave of unit variance, highest on the cleavage planes.
    wave = np.sqrt(3) * (4 * np.abs(phase - np.floor(phase) - 0.5) - 1)
    score = noise - of.cleavage * wave - of.zoning * alteration[where]
    score /= np.sqrt(1 + of.cleavage**2 + of.zoning**2)
    gone = np.zeros(labels.shape, bool)
    gone[where] = score < _score(of.dissolved) + of.variety * grains.alteration[owner]
    return gone


def _clay(
    recipe: Recipe,
    wall: np.ndarray,
    weathered: np.ndarray,
    alteration: np.ndarray,
    block: Block,
) -> np.ndarray:
    """Porous aggregates of clay, which fill pores between grains and in weathered feldspar."""
    of = recipe.clay
    share = np.where(weathered, _score(1 - recipe.feldspar.clay), _score(1 - of.share))
    rim = of.rim * np.clip(1 - wall / np.float32(of.rim_um), 0, 1)
    rim[weathered] = 0
    solid = block.noise("micropores", of.pore_um) - rim >= _score(of.porosity)
    return (alteration > share) & solid


def _score(share: float) -> np.float32:
    """The threshold that a standard normal field falls below in this share of the rock."""
    return np.float32(ndtri(share))
