"""The packing: overlapping grains, each drawn from its cell of a lattice.

Every cell of a body-centred lattice owns one grain, whose properties are hashed from the cell's
index. A block therefore finds all grains that reach it by looking at the cells around.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from octolith.phantom.noise import field, normal, uniform
from octolith.phantom.recipe import Recipe

# Grains are looked at this far beyond their surface; pores are nowhere wider.
FAR = 1.0
# No grain is larger, by so many standard deviations of the logarithm.
TAIL = 2.0


@dataclass(frozen=True)
class Grains:
    """Grains that may reach a block; G of them, in the order of their cells. Lengths in voxels.

    Attributes
    ----------
    centre : (G, 3) global.
    radius : (G,)
    metric : (G, 3, 3) positive definite; the ellipsoid is dᵀ metric d = 1.
    reach : (G,) beyond this no point belongs to the grain.
    feldspar, sodic : (G,) bool.
    alteration : (G,) normal score of what weathering took.
    cleavage : (G, 3) unit normals of the cleavage planes.
    facets : (G, F, 3) unit normals; ``facet_distance`` (G, F) from the centre.
    mixing : (G, 2) weights of the two shape fields: grains differ, neighbours fit.
    """

    centre: np.ndarray
    radius: np.ndarray
    metric: np.ndarray
    reach: np.ndarray
    feldspar: np.ndarray
    sodic: np.ndarray
    alteration: np.ndarray
    cleavage: np.ndarray
    facets: np.ndarray
    facet_distance: np.ndarray
    mixing: np.ndarray

    def __len__(self) -> int:
        return len(self.radius)


@dataclass(frozen=True)
class Packing:
    """What a block's voxels know of the grains; (z, y, x) arrays, lengths in voxels.

    Attributes
    ----------
    distance : to the surface of the nearest grain, negative inside; float32.
    second : to that of the second nearest.
    owner : index of the nearest grain in ``grains``, -1 far from all.
    """

    grains: Grains
    distance: np.ndarray
    second: np.ndarray
    owner: np.ndarray


def grains_about(recipe: Recipe, origin: Sequence[int], shape: Sequence[int]) -> Grains:
    """All grains that can reach the block."""
    of = recipe.grains
    cell = of.spacing_um / recipe.voxel_um * 2 ** (1 / 3)
    largest = (of.radius_um * np.exp(TAIL * (of.sorting + of.elongation))) / recipe.voxel_um
    reach = largest + _far(recipe) + cell
    ranges = [
        np.arange(np.floor((o - reach) / cell), np.ceil((o + n + reach) / cell) + 1)
        for o, n in zip(origin, shape, strict=True)
    ]
    cells = np.array(list(itertools.product(*ranges, (0, 1))), np.int64)
    grains = _draw(recipe, cells, cell)
    low, high = np.asarray(origin), np.asarray(origin) + np.asarray(shape)
    near = ((grains.centre + grains.reach[:, None] >= low)
            & (grains.centre - grains.reach[:, None] <= high)).all(1)  # fmt: skip
    return Grains(**{name: values[near] for name, values in vars(grains).items()})


def pack(recipe: Recipe, origin: Sequence[int], shape: Sequence[int]) -> Packing:
    """The grains of a block of voxels, nearest and second nearest."""
    of, pitch = recipe.grains, recipe.voxel_um
    grains = grains_about(recipe, origin, shape)
    far = _far(recipe)
    distance = np.full(shape, far, np.float32)
    second = np.full(shape, far, np.float32)
    owner = np.full(shape, -1, np.int32)
    waves = [
        of.shape_um
        / pitch
        * field(recipe.seed, f"shape{k}", of.shape_length_um / pitch, origin, shape)
        for k in range(2)
    ]
    for number in range(len(grains)):
        box = _box(grains, number, origin, shape)
        if box is None:
            continue
        here = surface_distance(recipe, grains, number, origin, box)
        for weight, wave in zip(grains.mixing[number], waves, strict=True):
            here += weight * wave[box]
        nearest, next_ = distance[box], second[box]
        np.minimum(next_, np.maximum(nearest, here), out=next_)
        np.copyto(owner[box], number, where=here < nearest)
        np.minimum(nearest, here, out=nearest)
    return Packing(grains, distance, second, owner)


def surface_distance(
    recipe: Recipe, grains: Grains, number: int, origin: Sequence[int], box: tuple[slice, ...]
) -> np.ndarray:
    """Distance (voxels, roughly) of the voxels of a box from a grain's smooth surface.

    An ellipsoid, which on quartz has grown and is cut by its crystal faces.
    """
    centre, metric = grains.centre[number], grains.metric[number]
    z, y, x = (
        (np.arange(s.start, s.stop) + (o + 0.5) - c).astype(np.float32)
        for s, o, c in zip(box, origin, centre, strict=True)
    )
    z, y = z[:, None], y[None, :]
    m = metric.astype(np.float32)
    constant = m[0, 0] * z * z + m[1, 1] * y * y + 2 * m[0, 1] * z * y
    linear = 2 * (m[0, 2] * z + m[1, 2] * y)
    here = linear[..., None] * x
    here += constant[..., None]
    here += m[2, 2] * x * x
    np.sqrt(np.maximum(here, 0, out=here), out=here)
    radius = np.float32(grains.radius[number])
    here -= 1
    here *= radius
    if grains.feldspar[number]:
        return here
    here -= np.float32(recipe.grains.overgrowth_um / recipe.voxel_um)
    faces = zip(grains.facets[number], grains.facet_distance[number], strict=True)
    for face, height in faces:
        a, b, c = face.astype(np.float32)
        plane = a * z + b * y - np.float32(height)
        np.maximum(here, plane[..., None] + c * x, out=here)
    return here


def _far(recipe: Recipe) -> float:
    return FAR * recipe.grains.radius_um / recipe.voxel_um


def _box(
    grains: Grains, number: int, origin: Sequence[int], shape: Sequence[int]
) -> tuple[slice, ...] | None:
    """The voxels of the block within a grain's reach, or None."""
    centre, reach = grains.centre[number], grains.reach[number]
    low = np.maximum(np.floor(centre - reach).astype(int) - origin, 0)
    high = np.minimum(np.ceil(centre + reach).astype(int) - origin, shape)
    return None if (low >= high).any() else tuple(map(slice, low, high))


def _draw(recipe: Recipe, cells: np.ndarray, cell: float) -> Grains:
    """The grains of the cells, (G, 4) integers: z, y, x and which of the cell's two sites."""
    of, pitch, seed = recipe.grains, recipe.voxel_um, recipe.seed
    index = tuple(cells.T)

    def uniforms(stream: str, *shape: int) -> np.ndarray:
        extra = np.ix_(*map(np.arange, shape))
        return uniform(seed, stream, *(i.reshape(-1, *(1,) * len(shape)) for i in index), *extra)

    def normals(stream: str, *shape: int) -> np.ndarray:
        extra = np.ix_(*map(np.arange, shape))
        return normal(seed, stream, *(i.reshape(-1, *(1,) * len(shape)) for i in index), *extra)

    site = cells[:, :3] + 0.25 + 0.5 * cells[:, 3:]
    centre = cell * (site + 0.5 * of.disorder * (uniforms("place", 3) - 0.5) * 2**0.5)
    radius = of.radius_um / pitch * np.exp(of.sorting * np.clip(normals("radius"), -TAIL, TAIL))
    stretch = np.exp(of.elongation * np.clip(normals("axes", 3), -TAIL, TAIL))
    stretch /= stretch.prod(1, keepdims=True) ** (1 / 3)
    rotation = _rotations(normals("orientation", 4))
    metric = np.einsum("gij,gj,gkj->gik", rotation, (radius[:, None] * stretch) ** -2.0, rotation)
    facets = _unit(normals("facets", of.facets, 3))
    grown = radius + of.overgrowth_um / pitch
    facet_distance = grown[:, None] * (0.75 + 0.3 * uniforms("facet heights", of.facets))
    return Grains(
        centre=centre,
        radius=radius,
        metric=metric,
        reach=grown * stretch.max(1) + _far(recipe),
        feldspar=uniforms("mineral") < recipe.feldspar.share,
        sodic=uniforms("sodium") < recipe.feldspar.sodic,
        alteration=normals("alteration"),
        cleavage=_unit(normals("cleavage", 3)),
        facets=facets,
        facet_distance=facet_distance,
        mixing=_unit(normals("mixing", 2)).astype(np.float32),
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.sqrt((vectors**2).sum(-1, keepdims=True))


def _rotations(quaternions: np.ndarray) -> np.ndarray:
    """(G, 3, 3) rotation matrices, uniform if the (G, 4) quaternions are normal."""
    w, x, y, z = _unit(quaternions).T
    return np.stack(
        [
            1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
            2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
            2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
        ],
        -1,
    ).reshape(-1, 3, 3)  # fmt: skip
