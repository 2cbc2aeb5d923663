"""Noise that is a function of seed and global coordinate, so that no cut of the volume shows."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Multipliers of splitmix64 (Steele, Lea and Flood, OOPSLA 2014), as signed 64-bit integers.
_GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
_MIX = (0xBF58476D1CE4E5B9 - (1 << 64), 0x94D049BB133111EB - (1 << 64))

# Coarse cells that smooth noise is made around at a time, in 64-bit arithmetic.
AT_ONCE = 1 << 16


def coordinate_noise(coordinates: Tensor, seed: int, channels: int) -> Tensor:
    """Standard normal numbers, one for each coordinate and channel.

    Parameters
    ----------
    coordinates : (..., 3) int64, global (z, y, x).
    seed : another seed is another realisation.

    Returns
    -------
    (..., channels) float32.
    """
    if not channels:
        return torch.zeros((*coordinates.shape[:-1], 0), device=coordinates.device)
    state = torch.full(coordinates.shape[:-1], _wrap(seed * _GOLDEN), device=coordinates.device)
    for axis in range(3):
        state = _scramble(state ^ coordinates[..., axis])
    numbers = [_normal(_scramble(state + _wrap((c + 1) * _GOLDEN))) for c in range(channels)]
    return torch.stack(numbers, -1)


def smooth_noise(coarse: Tensor, seed: int, channels: int) -> Tensor:
    """Standard normal numbers that neighbours share: those of coarse cells, interpolated.

    Every child is a quarter of a coarse cell from its centre, so all weigh eight coarse cells
    alike and no variance differs.

    Parameters
    ----------
    coarse : (p, 3) int64, global (z, y, x) of cells, of whose children noise is wanted.
    seed, channels : as of `coordinate_noise`.

    Returns
    -------
    (p, 8, channels) float32; child c lies at (z, y, x) = bits (2, 1, 0) of c.
    """
    steps = torch.cartesian_prod(*[torch.arange(-1, 2, device=coarse.device)] * 3)
    parts = [
        _of_children(coordinate_noise(some[:, None] + steps, seed, channels))
        for some in coarse.split(AT_ONCE)
    ]
    return torch.cat(parts)


def _of_children(around: Tensor) -> Tensor:
    """(p, 27, channels) of each cell and those beside it -> (p, 8, channels) of its children."""
    cube = around.unflatten(1, (3, 3, 3))
    for axis in (1, 2, 3):
        below, own, above = cube.unbind(axis)
        cube = torch.stack([0.75 * own + 0.25 * below, 0.75 * own + 0.25 * above], axis)
    return cube.flatten(1, 3) / (0.75**2 + 0.25**2) ** 1.5


def gumbel(normal: Tensor) -> Tensor:
    """Numbers of Gumbel's distribution from standard normal ones.

    Added to logits, the largest is a draw from their softmax.
    """
    # The logarithm of Φ itself, which far below 0 would be 0.
    return -torch.log(-torch.special.log_ndtr(normal))


def _wrap(value: int) -> int:
    """A Python integer as the signed 64-bit integer that wraps around to it."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _scramble(state: Tensor) -> Tensor:
    """One splitmix64 step: every output bit depends on every input bit."""
    state = state + _GOLDEN
    state = (state ^ _shift(state, 30)) * _MIX[0]
    state = (state ^ _shift(state, 27)) * _MIX[1]
    return state ^ _shift(state, 31)


def _shift(state: Tensor, bits: int) -> Tensor:
    """Logical right shift (torch's is arithmetic)."""
    return (state >> bits) & ((1 << (64 - bits)) - 1)


def _normal(state: Tensor) -> Tensor:
    """Box and Muller's transform of the upper and the lower 31 bits."""
    radius = ((_shift(state, 33)).double() + 0.5) / (1 << 31)
    angle = (state & 0x7FFFFFFF).double() / (1 << 31)
    normal = torch.sqrt(-2.0 * torch.log(radius)) * torch.cos(2.0 * math.pi * angle)
    return normal.float()
