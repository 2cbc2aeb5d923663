"""A dense generator trained by a Wasserstein GAN on slices, as SuperRes is (paper 4).

The octree's opposite number: every fine voxel is computed. What is the paper's: LR phases and a
volume of noise go in, slices of all three directions are judged, the voxel-wise loss is that of
its algorithm 1 (`octolith.training.losses`: the same blur, temperature, weight and tolerance),
and the critic has five turns to the generator's one. What is ours: upsampling by nearest voxel
and convolution, a halo instead of a cut of 4 voxels, leaky activations (a few hundred turns leave
no time to recover from all grain, whose gradient is none), a moving average of the generator, and
widths for minutes on a CPU.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from octolith.blocks import Cut
from octolith.surroundings import window
from octolith.training.data import Cubes, Planes, one_hot
from octolith.training.losses import TEMPERATURE, gaussian, gradient_penalty
from validation.rock import Rock, whole

EDGE = 64  # fine voxels of a training cube, its halo included
SMALLEST = 4  # coarse voxels of it without
HALO = 3  # coarse voxels that each face sees, which the critic does not look at
CRITIC_TURNS, PLANES = 5, 16
WEIGHT, TOLERANCE = 10.0, 0.005
RATE, BETAS = 5e-4, (0.0, 0.9)
AVERAGE = 0.95  # of the moving average of the generator, a turn
SLOPE = 0.2  # of the leaky activations
TILE, OVERLAP = 32, 4  # coarse voxels of an inference tile, and around it


class DenseGenerator(nn.Module):
    """LR phases and a channel of noise to fine phase probabilities."""

    def __init__(self, phases: int, scale: int, width: int = 32) -> None:
        super().__init__()
        doublings = scale.bit_length() - 1
        widths = [max(width >> i, 8) for i in range(doublings + 1)]
        self.enter = nn.Conv3d(phases + 1, width, 3, padding=1)
        self.deepen = nn.Conv3d(width, width, 3, padding=1)
        self.refine = nn.ModuleList(nn.Conv3d(a, b, 3, padding=1) for a, b in pairwise(widths))
        self.leave = nn.Conv3d(widths[-1], phases, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """X (batch, K+1, z, y, x) -> (batch, K, z·scale, y·scale, x·scale) probabilities."""
        x = functional.leaky_relu(self.enter(x), SLOPE)
        x = functional.leaky_relu(self.deepen(x), SLOPE)
        for layer in self.refine:
            x = functional.leaky_relu(layer(functional.interpolate(x, scale_factor=2)), SLOPE)
        probabilities: Tensor = self.leave(x).softmax(1)
        return probabilities


def dense_critic(phases: int, widths: tuple[int, ...] = (32, 64, 96)) -> nn.Module:
    """Scores planes (p, K+1, h, w): the last class is the octree's mixed, which none has here."""
    layers: list[nn.Module] = []
    for a, b in pairwise((phases + 1, *widths)):
        layers += [nn.Conv2d(a, b, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE)]
    layers += [nn.Conv2d(widths[-1], 1, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(0)]
    return nn.Sequential(*layers)


@dataclass
class Dense:
    """The training, for a number of seconds."""

    case: Rock
    seed: int = 1

    def __post_init__(self) -> None:
        torch.manual_seed(self.seed)
        phases = len(self.case.phases)
        self.random = torch.Generator().manual_seed(self.seed)
        edge = max(SMALLEST, EDGE // self.case.scale - 2 * HALO)
        self.cubes = Cubes(self.case.lr, edge, HALO)
        self.planes = Planes(self.case.images, edge * self.case.scale)
        self.generator, self.critic = DenseGenerator(phases, self.case.scale), dense_critic(phases)
        self.averaged = AveragedModel(self.generator, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
        self.optimisers = {
            module: torch.optim.Adam(module.parameters(), RATE, BETAS)
            for module in (self.generator, self.critic)
        }

    def train(self, seconds: float) -> int:
        """Train for so much time of a processor; returns the iterations."""
        began, iterations = time.process_time(), 0
        while time.process_time() - began < seconds:
            iterations += 1
            self.step(of_generator=iterations % (CRITIC_TURNS + 1) == 0)
        return iterations

    def step(self, of_generator: bool) -> None:
        """One turn of the critic or of the generator (paper 4, algorithm 1)."""
        block = self.cubes.draw(1, 0, self.random)
        trained = self.generator if of_generator else self.critic
        cut = slice(HALO * self.case.scale, -HALO * self.case.scale)
        with torch.set_grad_enabled(of_generator):
            fine = self.generator(self.input(block.seen))[..., cut, cut, cut]
        loss = (
            self._generator_loss(block.core_labels, fine)
            if of_generator
            else self._critic_loss(fine)
        )
        self.optimisers[trained].zero_grad()
        loss.backward()
        self.optimisers[trained].step()
        if of_generator:
            self.averaged.update_parameters(self.generator)

    def input(self, lr: Tensor) -> Tensor:
        """One-hot phases and noise."""
        shares = functional.one_hot(lr.long(), len(self.case.phases)).movedim(-1, 1).float()
        noise = torch.randn(lr.shape, generator=self.random)[:, None]
        return torch.cat([shares, noise], 1)

    def _critic_loss(self, fine: Tensor) -> Tensor:
        fake = self._slices(fine)
        real = one_hot(self.planes.draw(len(fake), self.random), len(self.case.phases))
        penalty = gradient_penalty(self.critic, real, fake, self.random)
        distance: Tensor = self.critic(real).mean() - self.critic(fake).mean()
        return 10 * penalty - distance

    def _generator_loss(self, lr: Tensor, fine: Tensor) -> Tensor:
        loss: Tensor = -self.critic(self._slices(fine)).mean()
        tie = voxel_wise(lr, fine, self.case.scale, self.case.tied)
        return loss + WEIGHT * tie if tie > TOLERANCE else loss

    def _slices(self, fine: Tensor) -> Tensor:
        """Planes of each direction: (3·PLANES, K+1, edge, edge)."""
        planes = []
        for axis in (1, 2, 3):
            chosen = torch.randint(fine.shape[axis + 1], (PLANES,), generator=self.random)
            planes.append(fine[0].index_select(axis, chosen).movedim(axis, 0))
        return functional.pad(torch.cat(planes), (0, 0, 0, 0, 0, 1))

    def super_resolve(self, lr: np.ndarray, seed: int, box: Cut | None = None) -> np.ndarray:
        """The most likely phases of a box of the LR volume, or all, by tiles with an overlap."""
        box = box or whole(lr)
        lr = window(lr, box.low, box.high, OVERLAP)
        self.random.manual_seed(seed)
        scale = self.case.scale
        fine = self._all(self.input(torch.from_numpy(lr)[None]), lr.shape, scale)
        inner = slice(OVERLAP * scale, -OVERLAP * scale)
        return fine[inner, inner, inner]

    def _all(self, whole: Tensor, shape: Sequence[int], scale: int) -> np.ndarray:
        fine = np.empty([n * scale for n in shape], np.uint8)
        for low in np.ndindex(*(-(-n // TILE) for n in shape)):
            core = [slice(a * TILE, min((a + 1) * TILE, n)) for a, n in zip(low, shape)]  # noqa: B905
            around = [slice(max(0, s.start - OVERLAP), s.stop + OVERLAP) for s in core]
            with torch.inference_mode():
                made = self.averaged(whole[(slice(None), slice(None), *around)])[0].argmax(0)
            inside = [
                slice((s.start - a.start) * scale, (s.stop - a.start) * scale)
                for s, a in zip(core, around, strict=True)
            ]
            place = tuple(slice(s.start * scale, s.stop * scale) for s in core)
            fine[place] = made[tuple(inside)].byte().numpy()
        return fine


def voxel_wise(lr: Tensor, fine: Tensor, scale: int, tied: Sequence[int]) -> Tensor:
    """Mean squared difference of LR and the blurred, downsampled, nearly one-hot fine volume.

    Parameters
    ----------
    lr : (batch, z, y, x) labels.
    fine : (batch, K, z·scale, …) probabilities.
    tied : codes of the phases that are compared.
    """
    phases = fine.shape[1]
    w = gaussian(scale)
    kernel = torch.einsum("i,j,k->ijk", w, w, w).expand(phases, 1, -1, -1, -1)
    share = functional.conv3d(fine, kernel, stride=scale, groups=phases)
    wanted = functional.one_hot(lr.long(), phases).movedim(-1, 1).float()
    apart = (share / TEMPERATURE).softmax(1) - wanted
    return apart[:, tied].square().mean()
