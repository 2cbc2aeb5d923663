"""Octolith's own generator, trained on the 3D truth of the half that the images come from.

Nobody has such a truth. It shows what the network could do with LR if learning were no obstacle,
and what is left over is what LR does not tell. Its guess is the likeliest, not a rock.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional
from tqdm import trange

from octolith.networks import Generator, halo
from octolith.octree import build
from octolith.settings.training import TrainSettings
from octolith.training.data import Cubes
from validation.cases import Case

BATCH = 2
RATE = 1e-3


class Supervised:
    """The generator of the preset `laptop`, and the truth at every depth.

    Parameters
    ----------
    case : its ``elsewhere`` is the truth of the corner of its LR volume.
    """

    def __init__(self, case: Case) -> None:
        torch.manual_seed(1)
        settings = TrainSettings()
        phases, fine = len(case.phases), case.elsewhere
        coarse = tuple(n // case.scale for n in fine.shape)
        lr = case.lr[tuple(slice(n) for n in coarse)]
        self.generator = Generator(settings.generator_settings(), phases, case.stages)
        tree = build(torch.from_numpy(fine)[None], case.stages - 1, phases)
        self.truth = [tree.reconstruct(depth)[0].numpy() for depth in range(case.stages)]
        edge = settings.cube
        self.cubes = [
            Cubes(lr, edge, halo(self.generator.settings, depth)) for depth in range(case.stages)
        ]
        self.random = torch.Generator().manual_seed(1)

    def train(self, steps: int) -> None:
        """Stage by stage, so many steps each, at a rate that falls to 0."""
        for stage in range(1, self.generator.final + 1):
            self.generator.freeze_before(stage)
            learning = self.generator.stages[stage - 1].parameters()
            optimiser = torch.optim.Adam(learning, RATE)
            falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
            for _ in trange(steps, desc=f"supervised, stage {stage}"):
                optimiser.zero_grad()
                self._loss(stage).backward()
                optimiser.step()
                falling.step()
        self.generator.eval()

    def _loss(self, stage: int) -> torch.Tensor:
        """Cross entropy of the finest nodes of some cubes."""
        cubes = self.cubes[stage - 1]
        block = cubes.draw(BATCH, 1, self.random)
        growth = self.generator(block, stage)
        level = growth.octree.levels[-1]
        first = (block.origin + torch.tensor(block.core[0])) << level.depth
        z, y, x = (first[level.batch_index] + level.coordinates).unbind(-1)
        wanted = torch.from_numpy(self.truth[stage - 1][z, y, x].astype(np.int64))
        known = growth.logits[:, : self.generator.phases + (stage < self.generator.final)]
        total = functional.cross_entropy(known, wanted, reduction="sum")
        return total / max(1, len(wanted))  # none, where the stage before has left nothing open
