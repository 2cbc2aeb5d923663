"""The stages of the generator (paper 1, table A1): features and classes of a level's nodes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from octolith.networks.context import interpolate
from octolith.networks.layers import (
    Classifier,
    OctreeConv,
    OctreeUpsample,
    join,
    kept_statistics,
    normalisation,
)
from octolith.octree import Families, Level
from octolith.settings.training import GeneratorSettings


class Nodes(NamedTuple):
    """What a stage makes of the nodes of its level.

    Attributes
    ----------
    features : (n, c).
    logits : (n, K+1).
    sure : (n,) how sure the LR image is of each (`Growing.surely`).
    """

    features: Tensor
    logits: Tensor
    sure: Tensor


class Growing(nn.Module):
    """A stage. While ``recompute``, its layers keep what goes in, and compute the rest again.

    Attributes
    ----------
    refined_below : a node is mixed, whatever its logits, of which the LR image is less sure than
        this; calibration sets it.
    tied : (K,) the phases that the LR image ties down, and so tells from all others; calibration
        sets them, too.
    """

    recompute = False
    refined_below: Tensor
    tied: Tensor

    def __init__(self, phases: int) -> None:
        super().__init__()
        self.register_buffer("refined_below", torch.zeros(()))
        self.register_buffer("tied", torch.ones(phases, dtype=torch.bool))

    def surely(self, lr: Tensor) -> Tensor:
        """How sure the LR image is of each node, (n,), at most 1.

        It is the largest share of a phase around it. Phases that LR does not tell apart count as
        one: where it sees them meet, it knows no better than the network.

        Parameters
        ----------
        lr : (n, K) phases of the LR image around each node.
        """
        others = lr.masked_fill(self.tied, 0).sum(1)
        return torch.maximum(lr.masked_fill(~self.tied, 0).amax(1), others)

    def layer(self, function: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """Apply a layer, its normalisation and its activation."""
        if not (self.recompute and torch.is_grad_enabled()):
            return function(*inputs)
        again = lambda: (nullcontext(), kept_statistics(self))  # noqa: E731
        out: Tensor = checkpoint(
            function, *inputs, use_reentrant=False, preserve_rng_state=False, context_fn=again
        )
        return out


class FirstStage(Growing):
    """Dense convolutions on the LR grid (paper 1, table A1, stage 1)."""

    def __init__(self, settings: GeneratorSettings, phases: int) -> None:
        super().__init__(phases)
        a, b = settings.widths[0]
        k = settings.first_kernel
        self.phases, self.context = phases, settings.context
        self.conv1 = nn.Conv3d(phases + settings.noise, a, k, padding=k // 2)
        self.norm1 = normalisation(settings, nn.InstanceNorm3d, a)
        self.conv2 = nn.Conv3d(a, b, 3, padding=1)
        self.norm2 = normalisation(settings, nn.InstanceNorm3d, b)
        self.conv3 = nn.Conv3d(b, b, 3, padding=1)
        self.norm3 = normalisation(settings, nn.BatchNorm3d, b)
        around = phases * settings.context
        self.classify = Classifier(b, around, phases, settings.context, last=False)

    def forward(self, x: Tensor, labels: Tensor, level: Level) -> Nodes:
        """X (batch, K+noise, z, y, x) -> the nodes of the level."""
        z, y, c = level.coordinates.unbind(-1)
        features = self.convolve(x).movedim(1, -1)[level.batch_index, z, y, c]
        lr = interpolate(labels, level, self.phases, 0)
        logits = self.classify(join(features, [lr] if self.context else []))
        return Nodes(features, logits, self.surely(lr))

    def convolve(self, x: Tensor) -> Tensor:
        """X (batch, K+noise, z, y, x) -> features (batch, c, z, y, x)."""
        x = self.layer(lambda x: functional.relu(self.norm1(self.conv1(x))), x)
        x = self.layer(lambda x: functional.relu(self.norm2(self.conv2(x))), x)
        return self.layer(lambda x: functional.relu(self.norm3(self.conv3(x))), x)


class Refinement(Growing):
    """A later stage: subdivide the mixed nodes and classify their children.

    What LR says about a child, and what is decided around it, joins its features after they are
    grown.
    """

    def __init__(
        self, settings: GeneratorSettings, phases: int, c_in: int, widths: tuple[int, int],
        last: bool,
    ) -> None:  # fmt: skip
        super().__init__(phases)
        a, b = widths
        self.phases = phases
        self.context, self.neighbours = settings.context, settings.neighbours
        around = phases * (settings.context + settings.neighbours)
        self.up = OctreeUpsample(c_in, c_in)
        self.norm1 = normalisation(settings, nn.BatchNorm1d, c_in)
        self.conv1 = OctreeConv(c_in + around, a)
        self.norm2 = normalisation(settings, nn.BatchNorm1d, a)
        self.conv2 = OctreeConv(a, b)
        self.norm3 = normalisation(settings, nn.BatchNorm1d, b)
        self.classify = Classifier(b, around, phases, settings.context, last)

    def forward(
        self, features: Tensor, labels: Tensor, known: Tensor, families: Families, level: Level
    ) -> Nodes:
        """Features (p, c_in) of mixed parents -> their 8p children.

        Parameters
        ----------
        labels : (batch, z, y, x) uint8 of the LR image.
        known : (batch, z, y, x) uint8 classes on the parents' grid.
        level : the children.
        """
        lr = interpolate(labels, level, self.phases, level.depth)
        around = [lr] if self.context else []
        if self.neighbours:
            around.append(interpolate(known, level, self.phases, 1))
        x = self.layer(lambda x: functional.relu(self.norm1(self.up(x, families))), features)
        x = join(x, around)
        x = self.layer(lambda x: functional.relu(self.norm2(self.conv1(x, families))), x)
        x = self.layer(lambda x: functional.relu(self.norm3(self.conv2(x, families))), x)
        return Nodes(x, self.classify(join(x, around)), self.surely(lr))
