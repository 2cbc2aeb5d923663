"""The packing: overlapping grains, two in every cell of a body-centred lattice.

A grain's properties are hashed from its cell, so that a block finds all grains that reach it by
looking at the cells around. Lengths are in µm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from octolith.phantom.noise import Block, normal, uniform
from octolith.phantom.recipe import GrainRecipe, Recipe

# Normal scores of radius and axes are cut off here, so that a grain's reach is finite.
TAIL = 2.0
# Grains are followed this far beyond their surface, in median radii; cement and roughness, which
# the distance from them decides, are much smaller.
BEYOND = 0.5
# Crystal faces cut an overgrown grain between these heights above its centre, in radii.
FACES = (0.7, 1.0)

Box = tuple[slice, slice, slice]


@dataclass(frozen=True)
class Grains:
    """The grains that may reach a block: G of them, in the order of their cells.

    Attributes
    ----------
    centre : (G, 3) global.
    radius : (G,) of the sphere of equal volume.
    metric : (G, 3, 3); the grain's ellipsoid is dᵀ metric d = 1.
    reach : (G,) beyond this distance from its centre a grain is of no concern.
    feldspar, sodic : (G,) bool.
    alteration : (G,) normal score of what weathering took of a feldspar.
    cleavage : (G, 3) unit normal of its cleavage planes.
    faces : (G, F, 3) unit normals of the crystal faces; their heights are ``heights`` (G, F).
    mixing : (G, 2) in which shares a grain's shape follows the two shape fields.
    """

    centre: np.ndarray
    radius: np.ndarray
    metric: np.ndarray
    reach: np.ndarray
    feldspar: np.ndarray
    sodic: np.ndarray
    alteration: np.ndarray
    cleavage: np.ndarray
    faces: np.ndarray
    heights: np.ndarray
    mixing: np.ndarray


@dataclass(frozen=True)
class Packing:
    """What the voxels of a block know of the grains; (z, y, x) arrays.

    Attributes
    ----------
    distance : to the surface of the nearest grain, negative inside; float32.
    second : to that of the second nearest.
    owner : index of the nearest grain in ``grains``; -1 far from all.
    """

    grains: Grains
    distance: np.ndarray
    second: np.ndarray
    owner: np.ndarray


def pack(recipe: Recipe, block: Block) -> Packing:
    """Find the two nearest grains of every voxel of a block."""
    of, grains = recipe.grains, _grains_about(recipe, block)
    distance = np.full(block.shape, BEYOND * of.radius_um, np.float32)
    second = distance.copy()
    owner = np.full(block.shape, -1, np.int32)
    waves = [of.shape_um * block.noise(f"shape{k}", of.shape_length_um) for k in range(2)]
    for number, (centre, reach) in enumerate(zip(grains.centre, grains.reach, strict=True)):
        box = _box(block, centre, reach)
        here = _surface_distance(of, grains, number, block, box)
        for share, wave in zip(grains.mixing[number], waves, strict=True):
            here += share * wave[box]
        nearest = distance[box]
        np.minimum(second[box], np.maximum(nearest, here), out=second[box])
        np.copyto(owner[box], number, where=here < nearest)
        np.minimum(nearest, here, out=nearest)
    return Packing(grains, distance, second, owner)


def _surface_distance(
    of: GrainRecipe, grains: Grains, number: int, block: Block, box: Box
) -> np.ndarray:
    """Distance of the voxels of a box from a grain's smooth surface, roughly; float32.

    The grain is an ellipsoid, upon which quartz has grown up to its crystal faces.
    """
    z, y, x = (
        (block.places(axis)[part] - grains.centre[number, axis]).astype(np.float32)
        for axis, part in enumerate(box)
    )
    z = z[:, None]
    m = grains.metric[number].astype(np.float32)
    # The quadratic form, as a polynomial in x whose coefficients are planes.
    constant = m[0, 0] * z * z + m[1, 1] * y * y + 2 * m[0, 1] * z * y
    linear = 2 * (m[0, 2] * z + m[1, 2] * y)
    here = linear[..., None] * x
    here += constant[..., None]
    here += m[2, 2] * x * x
    np.sqrt(np.maximum(here, 0, out=here), out=here)
    here -= 1
    here *= np.float32(grains.radius[number])
    if grains.feldspar[number]:
        return here
    here -= np.float32(of.overgrowth_um)
    for face, height in zip(grains.faces[number], grains.heights[number], strict=True):
        a, b, c = face.astype(np.float32)
        plane = a * z + b * y - np.float32(height)
        np.maximum(here, plane[..., None] + c * x, out=here)
    return here


def _grains_about(recipe: Recipe, block: Block) -> Grains:
    """All grains that can reach the block."""
    of = recipe.grains
    cell = of.spacing_um * 2 ** (1 / 3)
    # The longest axis of an ellipsoid whose other two are short, and where jitter may put it.
    largest = of.radius_um * np.exp(TAIL * (of.sorting + of.elongation * 4 / 3))
    reach = largest + of.overgrowth_um + BEYOND * of.radius_um + cell
    ends = [block.places(axis)[[0, -1]] for axis in range(3)]
    cells = np.stack(
        np.meshgrid(
            *(np.arange((a - reach) // cell, (b + reach) // cell + 1) for a, b in ends),
            (0, 1),
            indexing="ij",
        ),
        -1,
    )
    grains = _draw(recipe, cells.reshape(-1, 4).astype(np.int64), cell)
    low, high = np.transpose(ends)
    gap = np.maximum(low - grains.centre, grains.centre - high)
    near = (gap <= grains.reach[:, None]).all(1)
    return Grains(**{name: values[near] for name, values in vars(grains).items()})


def _draw(recipe: Recipe, cells: np.ndarray, cell: float) -> Grains:
    """The grains of cells (G, 4): z, y, x, and which of the cell's two sites."""
    of, seed = recipe.grains, recipe.seed

    def keys(shape: tuple[int, ...]) -> list[np.ndarray]:
        """A grain's cell along the first axis, the number of the draw along the others."""
        site = [index.reshape(-1, *[1] * len(shape)) for index in cells.T]
        return site + list(np.ix_(*map(np.arange, shape)))

    def uniforms(stream: str, *shape: int) -> np.ndarray:
        return uniform(seed, stream, *keys(shape))

    def normals(stream: str, *shape: int) -> np.ndarray:
        return normal(seed, stream, *keys(shape))

    def scores(stream: str, *shape: int) -> np.ndarray:
        return np.clip(normals(stream, *shape), -TAIL, TAIL)

    site = cells[:, :3] + 0.25 + 0.5 * cells[:, 3:]
    centre = cell * (site + of.disorder * (uniforms("place", 3) - 0.5))
    radius = of.radius_um * np.exp(of.sorting * scores("radius"))
    stretch = np.exp(of.elongation * scores("axes", 3))
    stretch /= np.cbrt(stretch.prod(1, keepdims=True))
    turned = _rotations(normals("orientation", 4)) / (radius[:, None] * stretch)[:, None]
    grown = radius + of.overgrowth_um
    lowest, highest = FACES
    return Grains(
        centre=centre,
        radius=radius,
        metric=turned @ turned.swapaxes(1, 2),
        reach=radius * stretch.max(1) + of.overgrowth_um + BEYOND * of.radius_um,
        feldspar=uniforms("mineral") < recipe.feldspar.share,
        sodic=uniforms("sodium") < recipe.feldspar.sodic,
        alteration=normals("alteration"),
        cleavage=_unit(normals("cleavage", 3)),
        faces=_unit(normals("faces", of.faces, 3)),
        heights=grown[:, None] * (lowest + (highest - lowest) * uniforms("heights", of.faces)),
        mixing=_unit(normals("mixing", 2)).astype(np.float32),
    )


def _box(block: Block, centre: np.ndarray, reach: float) -> Box:
    """The voxels of the block within the cube of a grain's reach."""
    z, y, x = (
        slice(*np.searchsorted(block.places(axis), [centre[axis] - reach, centre[axis] + reach]))
        for axis in range(3)
    )
    return z, y, x


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt((vectors**2).sum(-1, keepdims=True))


def _rotations(quaternions: np.ndarray) -> np.ndarray:
    """Rotation matrices (G, 3, 3), uniformly distributed if the quaternions (G, 4) are normal."""
    w, x, y, z = _unit(quaternions).T
    return np.stack(
        [
            1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
            2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
            2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
        ],
        -1,
    ).reshape(-1, 3, 3)  # fmt: skip
