"""A look at what a stage makes: its descriptors against those of the HR images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from octolith.training.data import AXES, random_planes
from octolith.training.monitor import Statistics, disagreement, errors, statistics
from octolith.training.stage import Stage

BATCHES = 8  # of cubes that a look grows
PLANES = 16  # of each batch, across each axis


class Look:
    """Planes of a stage's averaged generator, from the same cubes each time: looks are compared.

    Parameters
    ----------
    stage : in training.

    Attributes
    ----------
    planes : of the last look, across z, y and x, a (p, face, face) tensor of classes a batch.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.phases = stage.phases
        self.real = {across: self._measure(own) for across, own in stage.panels.images().items()}
        self.planes: list[list[Tensor]] = [[], [], []]

    def take(self) -> dict[str, float]:
        """Look: errors, each a share of what is real; their mean ``error``; the ``diversity``."""
        stage = self.stage
        seeds = torch.Generator().manual_seed(0)
        self.planes, ties = [[], [], []], []
        with stage.evaluating(stage.average):
            for _ in range(BATCHES):
                block = stage.draw_cubes(0, seeds)
                growth = stage.grow(block)
                where = random_planes(stage.settings.batch, stage.face, PLANES, seeds)
                for axis, own in enumerate(self.planes):
                    own.append(stage.draw(growth, axis, where[axis]).argmax(1).byte().cpu())
                ties.append(stage.tie(growth, block, 0.0).item())
        found = self._compare() | {"error_voxel": float(np.mean(ties)) ** 0.5}
        return found | {"error": float(np.mean(list(found.values()))), "diversity": self._spread()}

    def _measure(self, planes: Sequence[np.ndarray | Tensor]) -> Statistics:
        found = [torch.as_tensor(plane) for plane in planes]
        return statistics(found, len(self.phases), self.phases.pore_code, self.stage.face)

    def _across(self, axes: str) -> list[Tensor]:
        return [planes for axis in axes for planes in self.planes[AXES.index(axis)]]

    def _compare(self) -> dict[str, float]:
        """Mean over the sets of axes of how far their planes are from their images."""
        found = [errors(self._measure(self._across(axes)), own) for axes, own in self.real.items()]
        return {key: float(np.mean([each[key] for each in found])) for key in found[0]}

    def _spread(self) -> float:
        """How much planes across an axis differ from each other, over how much real ones do."""
        ratios = []
        for axes, real in self.real.items():
            for axis in axes:
                planes = torch.cat(self._across(axis))
                ratios.append(disagreement(planes, len(self.phases)) / real.disagreement)
        return float(np.mean(ratios))

    def picture(self, path: Path) -> None:
        """Write a PNG: planes of the last look over real ones."""
        from octolith.training.pictures import sample_figure  # noqa: PLC0415 (matplotlib is slow)

        seeds = torch.Generator().manual_seed(0)
        real = torch.cat([self.stage.panels.of(axis).draw(2, seeds) for axis in range(3)])
        fake = torch.cat([planes[0][:2] for planes in self.planes])
        sample_figure(fake.numpy(), real.numpy(), self.phases, path.with_suffix(""))
