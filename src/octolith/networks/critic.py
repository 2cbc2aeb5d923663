"""The 2D discriminator (paper 1, table C1): a layer more for every stage, faded in.

The paper's halves planes at once, by a linear layer before and a stride of 2. Here they can pass a
layer at their full resolution first: what is a pixel wide is seen before it is halved.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from octolith.settings.training import CriticSettings


class Critic(nn.Module):
    """Scores planes of K+1 classes; higher is more real.

    Parameters
    ----------
    settings : widths.
    classes : K+1.
    stages : S of the finished generator; stage s looks at planes of edge ``face``·2^(s-1).
    face : edge of the LR training cube, voxels.

    Raises
    ------
    InputError : a face that the trunk does not halve evenly, or halves to nothing.
    """

    def __init__(self, settings: CriticSettings, classes: int, stages: int, face: int) -> None:
        super().__init__()
        self.slope, self.final, self.face = settings.slope, stages, face
        widths = [settings.widths[min(s, len(settings.widths) - 1)] for s in range(stages)]
        # Stage s's layer takes what stage s+1's gives; the last, planes or what they enter by.
        inputs = [*widths[1:], settings.entry or classes]
        self.layers = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in zip(inputs, widths, strict=True)
        )
        self.entry = settings.entry > 0
        entering, kernel = (inputs, 3) if self.entry else (inputs[:-1], 1)
        self.from_classes = nn.ModuleList(
            nn.Conv2d(classes, i, kernel, padding=kernel // 2) for i in entering
        )
        trunk = [widths[0], *settings.trunk]
        self.trunk = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in pairwise(trunk)
        )
        self.head = nn.Conv2d(trunk[-1], trunk[-1], settings.head_edge(face))
        self.score = nn.Linear(trunk[-1], 1)

    def forward(self, planes: Tensor, stage: int, alpha: float = 1.0) -> Tensor:
        """Score planes.

        Parameters
        ----------
        planes : (p, K+1, h, w).
        stage : the stage in training.
        alpha : weight of the newest layer; below 1 the halved planes still enter beside it.

        Returns
        -------
        (p,) scores.
        """
        x = self._activate(self.layers[stage - 1](self._enter(planes, stage)))
        if alpha < 1.0 and stage > 1:
            before = self._enter(functional.avg_pool2d(planes, 2), stage - 1)
            x = torch.lerp(before, x, alpha)
        for layer in [*reversed(self.layers[: stage - 1]), *self.trunk, self.head]:
            x = self._activate(layer(x))
        score: Tensor = self.score(x.flatten(1)).squeeze(-1)
        return score

    def of(self, axis: int) -> Critic:
        """The critic of planes across an axis: this one judges all."""
        return self

    def _enter(self, planes: Tensor, stage: int) -> Tensor:
        """By a stage's own layer; the paper's last has none and takes planes as they are."""
        if self.entry:
            return self._activate(self.from_classes[stage - 1](planes))
        return planes if stage == self.final else self.from_classes[stage - 1](planes)

    def _activate(self, x: Tensor) -> Tensor:
        return functional.leaky_relu(x, self.slope)

    def trained_at(self, stage: int) -> nn.ModuleList:
        """The layers that a stage uses (and trains)."""
        used: list[nn.Module] = [*self.layers[:stage], *self.trunk, self.head, self.score]
        used += self.from_classes[max(0, stage - 2) : stage]
        return nn.ModuleList(used)


class AxisCritics(nn.ModuleList):
    """A critic for every set of axes of an anisotropic rock (as in paper 4).

    Parameters
    ----------
    critics : alike in architecture.
    axes : which axes each judges the planes across, such as ("z", "yx").
    """

    def __init__(self, critics: Sequence[Critic], axes: Sequence[str]) -> None:
        super().__init__(critics)
        self.axes, self.face = tuple(axes), critics[0].face

    def of(self, axis: int) -> Critic:
        """The critic of planes across an axis: 0, 1 or 2 for z, y or x."""
        (number,) = (n for n, own in enumerate(self.axes) if "zyx"[axis] in own)
        return cast(Critic, self[number])

    def trained_at(self, stage: int) -> nn.ModuleList:
        """The layers that a stage uses (and trains)."""
        return nn.ModuleList(cast(Critic, critic).trained_at(stage) for critic in self)
