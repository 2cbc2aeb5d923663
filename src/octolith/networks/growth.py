"""What goes into the generator, a block of LR voxels, and what it makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from octolith.blocks import Box, triple
from octolith.octree import Octree
from octolith.surroundings import Labels, surrounded


@dataclass(frozen=True)
class Block:
    """LR voxels to grow, with the halo that their growth depends on.

    Attributes
    ----------
    labels : (batch, z, y, x) uint8 phase codes; 255 is outside the rock.
    origin : (batch, 3) int64, global (z, y, x) of each first voxel: noise is keyed to it.
    core : (low, high) in voxels of the block: what must come out right.
    seed : of the noise.
    temperature : of the finest classes, times that of the settings; at 0 they are decided.
    continued : (batch, z, y, x) uint8 labels that go on beyond the rock
        (`octolith.surroundings.surrounded`); None: where it ends the network sees nothing.
    """

    labels: Tensor
    origin: Tensor
    core: Box
    seed: int
    temperature: float = 1.0
    continued: Tensor | None = None

    @classmethod
    def read(
        cls, volume: Labels, corners: Sequence[Sequence[int]], shape: Sequence[int], width: int,
        seed: int,
    ) -> Block:  # fmt: skip
        """Blocks of ``shape`` at ``corners`` of a volume, with ``width`` voxels around each."""
        ends = [[a + n for a, n in zip(corner, shape, strict=True)] for corner in corners]
        read = [surrounded(volume, *box, width) for box in zip(corners, ends, strict=True)]
        labels, continued = (torch.from_numpy(np.stack(part)) for part in zip(*read, strict=True))
        core = triple([width] * 3), triple([width + n for n in shape])
        return cls(labels, torch.tensor(corners) - width, core, seed, continued=continued)

    def to(self, device: torch.device) -> Block:
        """The same on another device."""
        continued = None if self.continued is None else self.continued.to(device)
        labels, origin = self.labels.to(device), self.origin.to(device)
        return replace(self, labels=labels, origin=origin, continued=continued)

    @property
    def seen(self) -> Tensor:
        """(batch, z, y, x) uint8 labels as the network sees them."""
        return self.labels if self.continued is None else self.continued

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x) edges in LR voxels, halo included."""
        _, z, y, x = self.labels.shape
        return z, y, x

    @property
    def core_labels(self) -> Tensor:
        """The labels of the core alone."""
        (z0, y0, x0), (z1, y1, x1) = self.core
        return self.labels[:, z0:z1, y0:y1, x0:x1]


@dataclass(frozen=True)
class Growth:
    """What the generator made of a block's core.

    Attributes
    ----------
    octree : of the core alone, in the core's own coordinates.
    logits : (n, K+1) of the finest level's nodes.
    sure : (n,) how sure the LR image is of each node (`Growing.surely`).
    noise : (n, K+1) that was added to the logits to draw classes; None: they were decided.
    computed : nodes computed at each depth, those of the halo included.
    """

    octree: Octree
    logits: Tensor
    sure: Tensor
    noise: Tensor | None = None
    computed: tuple[int, ...] = ()

    @property
    def probabilities(self) -> Tensor:
        """(n, K+1) softmax of the logits, in float32."""
        return self.logits.float().softmax(-1)

    def detached(self, learning: bool = False) -> Growth:
        """The same without its history; ``learning``: its logits gather gradients."""
        logits = self.logits.detach()
        # Many planes add to these gradients: half precision would drop some.
        return replace(self, logits=logits.float().requires_grad_() if learning else logits)

    @property
    def decisions(self) -> Tensor:
        """(n, K+1) one-hot classes, with the gradients of the probabilities."""
        soft = self.probabilities
        decided = functional.one_hot(self.octree.classes[-1].long(), soft.shape[1])
        return decided + (soft - soft.detach())

    @property
    def scores(self) -> Tensor:
        """(n, K+1) of which the largest is the class that the network gives a node."""
        logits = self.logits.detach()
        return logits if self.noise is None else logits + self.noise
