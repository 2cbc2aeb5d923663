"""3×3×3 convolution on families: one operation of autograd over two ways to compute it."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from octolith.octree import gathered, winograd


class Way(Protocol):
    """How the products are made: `octolith.octree.winograd` or `octolith.octree.gathered`."""

    def convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, near: Tensor) -> Tensor:
        """The convolution."""
        ...

    def adjoint(
        self, x: Tensor, grad: Tensor, weight: Tensor, near: Tensor, *, wanted_x: bool,
        wanted_weight: bool,
    ) -> tuple[Tensor | None, Tensor | None]:  # fmt: skip
        """Gradients by x and by the weight, those that are wanted."""
        ...


def way_for(x: Tensor) -> Way:
    """Half precision on a GPU has products of its own; all else is Winograd's, in float32."""
    half = x.is_cuda and x.dtype in (torch.bfloat16, torch.float16)
    return gathered if half else winograd


def conv3(
    x: Tensor, weight: Tensor, bias: Tensor | None, near: Tensor, way: Way | None = None
) -> Tensor:
    """3×3×3 convolution on whole families; absent nodes count as zero.

    Nothing but the features themselves is kept for the backward pass.

    Parameters
    ----------
    x : (8p, c_in), family after family.
    weight : (c_out, c_in, 3, 3, 3), as in ``torch.nn.Conv3d``.
    bias : (c_out,) or None.
    near : (27, p) neighbours of the parents, from `Level.neighbours`.
    way : None: what suits device and precision.

    Returns
    -------
    (8p, c_out), in the precision of ``x``.
    """
    out: Tensor = _Conv3.apply(x, weight, bias, near, way or way_for(x))
    return out


class _Conv3(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917 (autograd passes them in order)
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, near: Tensor, way: Way
    ) -> Tensor:
        ctx.save_for_backward(x, weight, near)
        ctx.way = way
        with torch.autocast(x.device.type, enabled=False):
            return way.convolve(x, weight, bias, near)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, near = ctx.saved_tensors
        wanted_x, wanted_weight, wanted_bias, *_ = ctx.needs_input_grad
        grad_x = grad_weight = None
        if wanted_x or wanted_weight:
            with torch.autocast(x.device.type, enabled=False):
                grad_x, grad_weight = ctx.way.adjoint(
                    x, grad, weight, near, wanted_x=wanted_x, wanted_weight=wanted_weight
                )
        return grad_x, grad_weight, grad.sum(0) if wanted_bias else None, None, None
