"""Morton (Z-order) keys: interleave (z, y, x) so that the eight children of a cell are adjacent.

A key holds three 16-bit coordinates (48 bits) and, above them, the index in the batch. Sorting
keys sorts by batch first and along the Z-curve within.
"""

from __future__ import annotations

import torch
from torch import Tensor

AXIS_BITS = 16
BATCH_SHIFT = 3 * AXIS_BITS
CELL_MASK = (1 << BATCH_SHIFT) - 1
LARGEST = (1 << AXIS_BITS) - 1

# Spreading 16 bits to every third place takes these (shift, mask) pairs; packing undoes them.
_SPREAD = (
    (32, 0x001F00000000FFFF),
    (16, 0x001F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)


def spread(values: Tensor) -> Tensor:
    """Move bit i of each value to bit 3i."""
    for shift, mask in _SPREAD:
        values = (values | (values << shift)) & mask
    return values


def pack(values: Tensor) -> Tensor:
    """Undo `spread`: keep every third bit."""
    values = values & _SPREAD[-1][1]
    masks = [*[mask for _, mask in _SPREAD[:-1]][::-1], LARGEST]
    for (shift, _), mask in zip(reversed(_SPREAD), masks, strict=True):
        values = (values | (values >> shift)) & mask
    return values


def encode(coordinates: Tensor, batch: Tensor | int = 0) -> Tensor:
    """Keys of integer coordinates.

    Parameters
    ----------
    coordinates : (n, 3) int64, each (z, y, x) in 0 … 65535.
    batch : (n,) int64 or one number.

    Returns
    -------
    (n,) int64.
    """
    z, y, x = spread(coordinates).unbind(-1)
    return (z << 2) | (y << 1) | x | (torch.as_tensor(batch, device=z.device) << BATCH_SHIFT)


def decode(keys: Tensor) -> Tensor:
    """Coordinates (n, 3) of keys (n,)."""
    return torch.stack([pack(keys >> 2), pack(keys >> 1), pack(keys)], -1)
