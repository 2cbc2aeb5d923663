"""The engine that installs everywhere: PyTorch alone."""

from __future__ import annotations

import torch
from torch import Tensor

from octolith.octree.convolution import conv3
from octolith.octree.level import CHILDREN, Level


class Families:
    """The children of a set of parents, and the convolutions on them.

    Parameters
    ----------
    parents : nodes that were subdivided; their children are rows 8p + c.
    """

    def __init__(self, parents: Level) -> None:
        self._near = parents.neighbours()

    def conv3(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """3×3×3 convolution; absent nodes count as zero.

        Parameters
        ----------
        x : (8p, c_in) features of all children.
        weight : (c_out, c_in, 3, 3, 3), as in ``torch.nn.Conv3d``.
        bias : (c_out,) or None.

        Returns
        -------
        (8p, c_out).
        """
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        return conv3(x, weight, bias, self._near)

    def upsample(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Generative transposed convolution, kernel 2, stride 2: one matrix product.

        Parameters
        ----------
        x : (p, c_in) features of the parents.
        weight : (c_in, c_out, 2, 2, 2), as in ``torch.nn.ConvTranspose3d``.
        bias : (c_out,).

        Returns
        -------
        (8p, c_out) features of all children.
        """
        c_in, c_out = weight.shape[:2]
        matrix = weight.permute(0, 2, 3, 4, 1).reshape(c_in, CHILDREN * c_out)
        return torch.addmm(bias.repeat(CHILDREN), x, matrix).view(-1, c_out)
