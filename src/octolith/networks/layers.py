"""The layers of the generator (paper 1, table A1): normalise, convolve, subdivide, classify."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from octolith.octree import Families
from octolith.settings.training import GeneratorSettings


class ChannelNorm(nn.Module):
    """Scale each node's features to unit mean square: no statistics over space, so no cut shows.

    Karras et al. (2017), section 4.2, with a learned gain and offset.
    """

    def __init__(self, channels: int, eps: float, axis: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps, self.axis = eps, axis

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``axis`` of x."""
        scale = torch.rsqrt(x.square().mean(self.axis, keepdim=True) + self.eps)
        shape = [1] * x.ndim
        shape[self.axis] = -1
        return x * scale * self.weight.view(shape) + self.bias.view(shape)


def normalisation(settings: GeneratorSettings, kind: type[nn.Module], channels: int) -> nn.Module:
    """The normalisation of the settings; running statistics make inference independent of cuts."""
    if settings.norm == "channel":
        return ChannelNorm(channels, settings.norm_eps, axis=1)
    return kind(channels, eps=settings.norm_eps, affine=True, track_running_stats=True)


class OctreeConv(nn.Conv3d):
    """A 3×3×3 convolution on the nodes of a level; holds the weights of a dense one."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 3, padding=1)

    def forward(self, x: Tensor, families: Families) -> Tensor:  # type: ignore[override]
        """X (8p, c_in) on all children of the families -> (8p, c_out)."""
        return families.conv3(x, self.weight, self.bias)


class OctreeUpsample(nn.ConvTranspose3d):
    """The generative transposed convolution, kernel 2, stride 2."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 2, stride=2)

    def forward(self, x: Tensor, families: Families) -> Tensor:  # type: ignore[override]
        """X (p, c_in) of parents -> (8p, c_out) of their children."""
        assert self.bias is not None
        return families.upsample(x, self.weight, self.bias)


class Classifier(nn.Linear):
    """Node features, and phases around where there are any, to logits of K+1 classes.

    With the LR image among them it starts as that, interpolated; mixed where it is undecided.

    Parameters
    ----------
    width, around : channels of the features, and of the phases around; those of LR come first.
    start : whether they do.
    last : no node is mixed any more: to call one so would please the voxel-wise loss, which nobody
        decides and the critic does not see.
    """

    # An untrained node is mixed where no phase holds more than 0.85 of its surroundings.
    GAIN, MIXED = 4.0, 3.4
    NEVER = -1e4  # a logit that half precision has, too

    def __init__(self, width: int, around: int, phases: int, start: bool, last: bool) -> None:
        super().__init__(width + around, phases + 1)
        self.phases, self.last = phases, last
        if start:
            with torch.no_grad():
                self.weight[:, :width] *= 0.1
                self.weight[:, width:] = 0.0
                self.weight[:phases, width : width + phases] = self.GAIN * torch.eye(phases)
                self.bias.zero_()
                self.bias[phases] = self.MIXED

    def forward(self, x: Tensor) -> Tensor:
        """X (…, width + around) -> logits (…, K+1)."""
        logits = super().forward(x)
        if self.last:
            logits = functional.pad(logits[..., : self.phases], (0, 1), value=self.NEVER)
        return logits


def join(features: Tensor, around: list[Tensor]) -> Tensor:
    """(n, c) features and the phases around them, as one."""
    if not around:
        return features
    return torch.cat([features, *(phases.to(features.dtype) for phases in around)], 1)


# Normalisations that follow running means and variances.
STATISTICS = (nn.BatchNorm1d, nn.BatchNorm3d, nn.InstanceNorm3d)


@contextmanager
def kept_statistics(module: nn.Module) -> Iterator[None]:
    """A second pass over the same batch must not move running means and variances again."""
    norms = [m for m in module.modules() if isinstance(m, STATISTICS)]
    before = [(norm.momentum, copy.deepcopy(norm.num_batches_tracked)) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked = count
