"""Sparse convolutions on whole families of siblings.

Because every level below the first is made of families of eight, a 3×3×3 neighbour of a child is
a child of one of the 27 neighbours of its parent: one table row a parent serves eight nodes.
Absent nodes count as zero, as in MinkowskiEngine.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from octolith.octree.level import CHILDREN, Level

# Rows gathered at a time: the window matrix of a chunk stays in cache.
CHUNK_BYTES = 8 << 20


def _child_table() -> tuple[Tensor, Tensor]:
    """For child c and offset k: the parent's offset (8, 27) and the child's place there (8, 27)."""
    child = torch.arange(CHILDREN)
    offset = torch.arange(27)
    parent_offset = torch.zeros((8, 27), dtype=torch.int64)
    place = torch.zeros((8, 27), dtype=torch.int64)
    for axis, stride in ((2, 9), (1, 3), (0, 1)):
        at = ((child >> axis) & 1)[:, None] + (offset // stride % 3 - 1)[None, :]
        parent_offset += (at.div(2, rounding_mode="floor") + 1) * stride
        place += (at & 1) << axis
    return parent_offset, place


PARENT_OFFSET, CHILD_PLACE = _child_table()


def node_table(parents: Level) -> Tensor:
    """Neighbour rows of every node of ``parents.children()``.

    Returns
    -------
    (8p, 27) int64: rows among the children, 8p where absent.
    """
    p = len(parents)
    table = parents.neighbours()[:, PARENT_OFFSET.to(parents.keys.device)]  # (p, 8, 27)
    rows = table * CHILDREN + CHILD_PLACE.to(parents.keys.device)
    rows = torch.where(table == p, CHILDREN * p, rows)
    return rows.reshape(CHILDREN * p, 27)


def conv3(x: Tensor, weight: Tensor, bias: Tensor | None, table: Tensor) -> Tensor:
    """3×3×3 convolution of features on the nodes of a level.

    Parameters
    ----------
    x : (n, c_in) features.
    weight : (c_out, c_in, 3, 3, 3), as in ``torch.nn.Conv3d``.
    bias : (c_out,) or None.
    table : (n, 27) neighbour rows from `node_table`.

    Returns
    -------
    (n, c_out).
    """
    out: Tensor = _Conv3.apply(x, weight, table)
    return out if bias is None else out + bias.to(out.dtype)


def upsample(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Generative transposed convolution, kernel 2, stride 2: one GEMM.

    Parameters
    ----------
    x : (p, c_in) features of parents.
    weight : (c_in, c_out, 2, 2, 2), as in ``torch.nn.ConvTranspose3d``.

    Returns
    -------
    (8p, c_out) features of all children, family after family.
    """
    c_in, c_out = weight.shape[:2]
    matrix = weight.permute(0, 2, 3, 4, 1).reshape(c_in, CHILDREN * c_out)
    return (x @ matrix).reshape(CHILDREN * x.shape[0], c_out) + bias


def _matrix(weight: Tensor) -> Tensor:
    """(27·c_in, c_out) with the offset slowest, as the windows are gathered."""
    c_out, c_in = weight.shape[:2]
    return weight.permute(2, 3, 4, 1, 0).reshape(27 * c_in, c_out)


def _windows(padded: Tensor, table: Tensor) -> Tensor:
    return padded[table].reshape(table.shape[0], -1)


def _chunks(rows: int, channels: int) -> list[slice]:
    step = max(64, CHUNK_BYTES // (27 * channels * 4))
    return [slice(i, min(i + step, rows)) for i in range(0, rows, step)]


def _gather_gemm(x: Tensor, matrix: Tensor, table: Tensor) -> Tensor:
    padded = torch.cat([x, x.new_zeros(1, x.shape[1])])
    out = x.new_empty(table.shape[0], matrix.shape[1])
    for rows in _chunks(table.shape[0], x.shape[1]):
        torch.mm(_windows(padded, table[rows]), matrix, out=out[rows])
    return out


class _Conv3(torch.autograd.Function):
    """Stores no windows: the backward pass gathers them again, chunk by chunk."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, table: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight, table)
        return _gather_gemm(x, _matrix(weight), table)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight, table = ctx.saved_tensors
        grad = grad.contiguous()
        grad_x = grad_weight = None
        if ctx.needs_input_grad[0]:
            # The neighbour relation is symmetric: the adjoint is the mirrored kernel, no scatter.
            mirrored = weight.flip(2, 3, 4).transpose(0, 1)
            grad_x = _gather_gemm(grad, _matrix(mirrored), table)
        if ctx.needs_input_grad[1]:
            padded = torch.cat([x, x.new_zeros(1, x.shape[1])])
            total = x.new_zeros(27 * x.shape[1], grad.shape[1])
            for rows in _chunks(table.shape[0], x.shape[1]):
                total.addmm_(_windows(padded, table[rows]).T, grad[rows])
            c_out, c_in = weight.shape[:2]
            grad_weight = total.reshape(3, 3, 3, c_in, c_out).permute(4, 3, 0, 1, 2)
        return grad_x, grad_weight, None
