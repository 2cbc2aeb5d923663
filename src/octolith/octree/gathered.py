"""3×3×3 convolution on families as one matrix product, for half precision on a GPU.

What lies around each node is copied into a row of 27·c features, which meets the whole kernel at
once. That multiplies 3.4 times as often as `octolith.octree.winograd`, but in half precision, of
which a GPU has far more than of float32, and with no sums of neighbours, which half precision would
spoil. Rows exist for one chunk of families at a time, and the backward pass makes them again.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from octolith.octree.level import CHILDREN
from octolith.octree.winograd import CHILD, PARENT, mirrored, padded

CHUNK_BYTES = 256 << 20
# (8, 27): for each child, which cells of the family's 4×4×4 window are its own 3×3×3.
_CORNER = torch.cartesian_prod(*[torch.arange(2)] * 3) @ torch.tensor([16, 4, 1])
_STEP = torch.cartesian_prod(*[torch.arange(3)] * 3) @ torch.tensor([16, 4, 1])
AROUND = _CORNER[:, None] + _STEP


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, near: Tensor) -> Tensor:
    """3×3×3 convolution, as of `octolith.octree.convolution.conv3`.

    Products are in the precision of ``x``, and summed in float32 where that is half.
    """
    kernel = weight.permute(2, 3, 4, 1, 0).reshape(-1, len(weight)).to(x.dtype)
    start = None if bias is None else bias.to(x.dtype)
    out = x.new_empty(len(x), len(weight))
    for nodes, rows in _rows(x, near):
        if start is None:
            torch.mm(rows, kernel, out=out[nodes])
        else:
            torch.addmm(start, rows, kernel, out=out[nodes])
    return out


def adjoint(
    x: Tensor, grad: Tensor, weight: Tensor, near: Tensor, *, wanted_x: bool, wanted_weight: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients by x and by the weight; rows are made again for each."""
    return (
        convolve(grad, mirrored(weight), None, near) if wanted_x else None,
        _of_weight(x, grad, weight, near) if wanted_weight else None,
    )


def _of_weight(x: Tensor, grad: Tensor, weight: Tensor, near: Tensor) -> Tensor:
    """The gradient by the weight; chunks are summed in the weight's precision."""
    c_out, c_in = weight.shape[:2]
    total = weight.new_zeros(27 * c_in, c_out)
    for nodes, rows in _rows(x, near):
        total += rows.T @ grad[nodes]
    return total.view(3, 3, 3, c_in, c_out).permute(4, 3, 0, 1, 2)


def _rows(x: Tensor, near: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """The nodes of each chunk of families, and what lies around each: (n, 27·c)."""
    channels, families = x.shape[1], near.shape[1]
    parent, child, around = (table.to(x.device) for table in (PARENT, CHILD, AROUND))
    features = padded(x, x.dtype)
    most = max(1, CHUNK_BYTES // (CHILDREN * 27 * channels * x.element_size()))
    buffer = x.new_empty(CHILDREN * 27 * min(most, families), channels)
    for first in range(0, families, most):
        window = near[:, first : first + most][parent] * CHILDREN + child  # (64, families)
        which = window.T[:, around].reshape(-1)  # of each family, child and neighbour
        rows = torch.index_select(features, 0, which, out=buffer[: len(which)])
        nodes = slice(CHILDREN * first, CHILDREN * (first + window.shape[1]))
        yield nodes, rows.view(-1, 27 * channels)
