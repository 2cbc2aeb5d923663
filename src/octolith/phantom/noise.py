"""Random numbers and random fields that are functions of seed and global position.

Nothing here remembers what it drew before: the value at a place is the same whichever block of
the rock asks for it, in whatever order. Sums run in a fixed order, voxel by voxel, so that blocks
agree to the last bit.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

# splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))
# The mean over a cell of the sum of the four squared weights of the cubic B-spline.
_SPLINE_POWER = 151 / 315

Triple = tuple[int, int, int]


def uniform(seed: int, stream: str, *coordinates: np.ndarray) -> np.ndarray:
    """Uniform numbers in (0, 1), one for each tuple of integer coordinates.

    Parameters
    ----------
    seed : another seed is another rock.
    stream : what the numbers are for; streams are independent.
    coordinates : integer arrays that broadcast against each other.

    Returns
    -------
    float64 of the broadcast shape.
    """
    state = _scramble(np.asarray(zlib.crc32(stream.encode()), np.uint64))
    state = _scramble(state ^ np.uint64(seed))
    for coordinate in coordinates:
        state = _scramble(state ^ np.asarray(coordinate, np.int64).astype(np.uint64))
    return np.asarray(((state >> np.uint64(12)) + 0.5) / 2.0**52)


def normal(seed: int, stream: str, *coordinates: np.ndarray) -> np.ndarray:
    """Standard normal numbers; see `uniform`."""
    return np.asarray(ndtri(uniform(seed, stream, *coordinates)))


@dataclass(frozen=True)
class Block:
    """A box of voxels of an unbounded rock.

    Attributes
    ----------
    seed : of the rock.
    voxel_um : edge of a voxel.
    origin : (z, y, x) of the first voxel, any sign.
    shape : (z, y, x) in voxels.
    """

    seed: int
    voxel_um: float
    origin: Triple
    shape: Triple

    def places(self, axis: int) -> np.ndarray:
        """Centres of the voxels along an axis, µm; float64."""
        first, length = self.origin[axis], self.shape[axis]
        return (np.arange(first, first + length) + 0.5) * self.voxel_um

    def noise(self, stream: str, length_um: float) -> np.ndarray:
        """A band-limited Gaussian field of mean 0 and variance 1.

        White noise on a lattice, interpolated by cubic B-splines: smooth below the lattice's
        spacing ``length_um``, uncorrelated beyond four of them. The correlation falls to one half
        at about one spacing.

        Returns
        -------
        (z, y, x) float32.
        """
        splines = [_spline(self.places(axis) / length_um) for axis in range(3)]
        nodes = [np.arange(first[0], first[-1] + 4) for first, _ in splines]
        values = normal(self.seed, stream, *np.ix_(*nodes)).astype(np.float32)
        # z last: its planes are contiguous, and it is the one pass over the whole block.
        for axis in (2, 1, 0):
            first, weights = splines[axis]
            values = _interpolate(values, axis, first - first[0], weights)
        return values


def _scramble(state: np.ndarray) -> np.ndarray:
    """One splitmix64 step: every output bit depends on every input bit."""
    with np.errstate(over="ignore"):
        state = state + _GOLDEN
        state = (state ^ (state >> np.uint64(30))) * _MIX[0]
        state = (state ^ (state >> np.uint64(27))) * _MIX[1]
        return state ^ (state >> np.uint64(31))


def _spline(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each place, in lattice spacings: its first node, and the weights (4, n) of four nodes."""
    node = np.floor(places)
    t = places - node
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    )
    return node.astype(np.int64) - 1, (weights / (6 * _SPLINE_POWER**0.5)).astype(np.float32)


def _interpolate(
    values: np.ndarray, axis: int, first: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Replace the nodes along ``axis`` by the voxels between them."""
    nodes = np.moveaxis(values, axis, 0)
    result = np.empty((len(first), *nodes.shape[1:]), np.float32)
    for voxel, node in enumerate(first):
        plane = result[voxel]
        np.multiply(nodes[node], weights[0, voxel], out=plane)
        for k in range(1, 4):
            plane += nodes[node + k] * weights[k, voxel]
    return np.ascontiguousarray(np.moveaxis(result, 0, axis))
