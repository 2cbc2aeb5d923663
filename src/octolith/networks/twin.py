"""The dense twin of the generator (paper 1, table B1): a reference for numbers and for memory.

It computes every cell of every stage by PyTorch's own dense layers. Where the octree prunes
nothing the two agree; its weights are the generator's, name for name.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from octolith.networks.context import interpolate
from octolith.networks.generator import Generator
from octolith.networks.growth import Block
from octolith.networks.layers import join
from octolith.networks.stages import FirstStage, Refinement
from octolith.octree import Level


class DenseTwin(Generator):
    """`Generator` without an octree; ``load_state_dict`` takes a generator's state.

    >>> twin = DenseTwin(settings, phases=4, stages=5)      # doctest: +SKIP
    >>> twin.load_state_dict(generator.state_dict())        # doctest: +SKIP
    """

    def forward(self, block: Block, stage: int) -> Tensor:  # type: ignore[override]
        """Logits of every cell of the block at ``stage``, halo included.

        Returns
        -------
        (batch, K+1, z·2^d, y·2^d, x·2^d) with d = stage - 1.
        """
        first, *later = self.stages[:stage]
        assert isinstance(first, FirstStage)
        with self._learning(1, stage):
            x = first.convolve(self._input(block))
        for s, refinement in enumerate(later, 2):
            assert isinstance(refinement, Refinement)
            with self._learning(s, stage):
                x = _activate(refinement.norm1, _upsample(refinement.up, x))
                x = join(x, self._around(block, s))
                x = _activate(refinement.norm2, _convolve(refinement.conv1, x))
                x = _activate(refinement.norm3, _convolve(refinement.conv2, x))
        last = self.stages[stage - 1]
        assert isinstance(last, FirstStage | Refinement)
        joined = join(x, self._around(block, stage))
        logits: Tensor = last.classify(joined.movedim(1, -1))
        return logits.movedim(-1, 1)

    def _around(self, block: Block, stage: int) -> list[Tensor]:
        """What LR says at every cell, and what is decided: nothing. Each (batch, K, z, y, x)."""
        level, around = _every_cell(block, stage), []
        if self.settings.context:
            around.append(interpolate(block.seen, level, self.phases, level.depth))
        if self.settings.neighbours and stage > 1:
            around.append(torch.zeros(len(level), self.phases, device=level.keys.device))
        return [_dense(phases, block, level) for phases in around]


def _every_cell(block: Block, stage: int) -> Level:
    level = Level.grid(block.shape, block.labels.shape[0], block.labels.device)
    for _ in range(stage - 1):
        level = level.children()
    return level


def _dense(values: Tensor, block: Block, level: Level) -> Tensor:
    """(n, c) of all cells of a level as (batch, c, z, y, x)."""
    z, y, x = level.coordinates.unbind(-1)
    shape = [edge << level.depth for edge in block.shape]
    dense = values.new_empty(level.batch, *shape, values.shape[1])
    dense[level.batch_index, z, y, x] = values
    return dense.movedim(-1, 1)


def _activate(norm: nn.Module, x: Tensor) -> Tensor:
    """ReLU of the normalised cells; the layers of the octree take them as one axis."""
    return functional.relu(norm(x.flatten(2)).view_as(x))


def _upsample(layer: nn.ConvTranspose3d, x: Tensor) -> Tensor:
    return functional.conv_transpose3d(x, layer.weight, layer.bias, stride=2)


def _convolve(layer: nn.Conv3d, x: Tensor) -> Tensor:
    return functional.conv3d(x, layer.weight, layer.bias, padding=1)
