"""Permeability straight from the voxels: the slow truth that a network's number is held against.

A lattice-Boltzmann solver for creeping flow, for images of up to some 100³ voxels. The two
relaxation times are tied by the 'magic' product 3/16, which puts the no-slip wall exactly
half-way between a pore voxel and a solid one whatever the viscosity: Ginzburg, Verhaeghe and
d'Humières, Communications in Computational Physics 3 (2008) 427.
"""

from __future__ import annotations

import itertools

import numpy as np
from numba import njit

from octolith.errors import OctolithError
from octolith.pores.connectivity import spanning_mask

# D3Q19: rest, six faces, twelve edges.
VELOCITIES = np.array(
    [c for c in itertools.product((0.0, -1.0, 1.0), repeat=3) if np.abs(c).sum() < 3]
)
WEIGHTS = np.array([1 / 3, 1 / 18, 1 / 36])[np.abs(VELOCITIES).sum(1).astype(int)]
OPPOSITE = np.array([int(np.flatnonzero((-c == VELOCITIES).all(1))[0]) for c in VELOCITIES])
VISCOSITY = 1 / 20  # the result does not depend on it, the steps until steady do
EVEN_RATE = 1 / (3 * VISCOSITY + 0.5)
ODD_RATE = 1 / (3 / 16 / (1 / EVEN_RATE - 0.5) + 0.5)
FORCE = 1e-6  # creeping flow is linear: any value will do
RESERVOIR = 4  # layers of open fluid before and behind the rock, where the pressure evens out


def stokes_permeability(
    pore: np.ndarray, axis: int, tolerance: float = 2e-5, max_steps: int = 50_000
) -> float:
    """Permeability along one axis in voxel², with closed sides and open ends.

    Parameters
    ----------
    pore : (z, y, x) bool.
    axis : 0, 1 or 2.
    tolerance : stop when the flux changes by less than this share in 100 steps.

    Raises
    ------
    OctolithError : not steady after ``max_steps``.
    """
    rock = np.moveaxis(spanning_mask(pore, axis), axis, 0)
    if not rock.any():
        return 0.0
    fluid = np.pad(rock, [(RESERVOIR, RESERVOIR), (0, 0), (0, 0)], constant_values=True)
    source = _streaming(fluid)
    f = np.tile(WEIGHTS, (len(source), 1))
    spare = np.empty_like(f)
    flux = 0.0
    for _ in range(0, max_steps, 100):
        before = flux
        for _ in range(50):
            _step(f, spare, source)
            flux = _step(spare, f, source)
        if abs(flux - before) < tolerance * abs(flux):
            drop = FORCE * fluid.shape[0] / rock.shape[0]
            return flux / fluid.size * VISCOSITY / drop
    raise OctolithError(f"Stokes flow: not steady after {max_steps} steps. Raise max_steps.")


@njit(cache=True)
def _step(old: np.ndarray, new: np.ndarray, source: np.ndarray) -> float:
    """Stream from ``old``, collide into ``new`` (both (N, 19)); returns the flux along axis 0."""
    populations = old.ravel()
    here = np.empty(19)
    flux = 0.0
    for node in range(len(source)):
        density = along = across = aside = 0.0
        for q in range(19):
            here[q] = populations[source[node, q]]
            density += here[q]
            along += here[q] * VELOCITIES[q, 0]
            across += here[q] * VELOCITIES[q, 1]
            aside += here[q] * VELOCITIES[q, 2]
        flux += along + FORCE / 2
        for q in range(19):
            mirrored = here[OPPOSITE[q]]
            drift = VELOCITIES[q, 0] * along + VELOCITIES[q, 1] * across + VELOCITIES[q, 2] * aside
            even = (here[q] + mirrored) / 2 - WEIGHTS[q] * density
            odd = (here[q] - mirrored) / 2 - 3 * WEIGHTS[q] * drift
            push = 3 * FORCE * WEIGHTS[q] * VELOCITIES[q, 0]
            new[node, q] = here[q] - EVEN_RATE * even - ODD_RATE * odd + push
    return flux


def _streaming(fluid: np.ndarray) -> np.ndarray:
    """Where each population comes from, (N, 19), as an index into the flattened (N, 19).

    A population that would come out of a solid is the opposite one, bounced back at half-way.
    Axis 0 is periodic; the other sides are walls.
    """
    number = np.full(np.add(fluid.shape, (0, 2, 2)), -1)
    number[:, 1:-1, 1:-1][fluid] = np.arange(fluid.sum())
    source = np.empty((fluid.sum(), len(VELOCITIES)), np.int64)
    for q, (velocity, opposite) in enumerate(zip(VELOCITIES, OPPOSITE, strict=True)):
        upstream = np.roll(number, velocity.astype(int), (0, 1, 2))[:, 1:-1, 1:-1][fluid]
        bounced = np.arange(len(source)) * len(VELOCITIES) + opposite
        source[:, q] = np.where(upstream < 0, bounced, upstream * len(VELOCITIES) + q)
    return source
