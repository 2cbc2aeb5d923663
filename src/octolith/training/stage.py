"""One stage in training: algorithm E of paper 1.

A `Stage` holds all that training goes on from; ``step`` is one pass of the algorithm's inner loop.
`octolith.training.loop` repeats it.
"""

from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from octolith.networks import (
    AxisCritics,
    Block,
    Critic,
    Generator,
    Growth,
    halo,
    kept_statistics,
)
from octolith.octree import render
from octolith.phases import Phases
from octolith.settings.training import StageSettings
from octolith.training import checkpoint, distributed
from octolith.training.augmentation import MEMORY, adapted, augment, overfitting
from octolith.training.data import Cubes, Panels, one_hot, random_planes
from octolith.training.losses import gradient_penalty, prior_loss, voxel_loss


@dataclass
class Progress:
    """Where training stands; goes into the checkpoint as JSON."""

    epoch: int = 0
    iteration: int = 0
    seconds: float = 0.0
    rate: float = 1.0
    recoveries: int = 0
    dull: int = 0
    diversity: float = 1.0
    train_over_held_out: float = 0.0
    train_over_generated: float = 0.0
    augment: float = 0.0
    healthy: bool = True
    best_error: float = math.inf
    best_epoch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, float]] = field(default_factory=list)

    def count(self, measured: dict[str, float], seconds: float) -> None:
        """A step more of the epoch."""
        for key, value in measured.items():
            self.sums[key] = self.sums.get(key, 0.0) + value
        self.iteration += 1
        self.seconds += seconds


class Stage:
    """One stage in training.

    Parameters
    ----------
    generator, critic : with the weights of the stages before.
    stage : 1 … S.
    settings : of this stage.
    phases : the rock's.
    labels : (z, y, x) uint8 LR labels.
    images : the HR pyramid at this stage.
    axes : of an anisotropic rock, which axes each image is perpendicular to, such as "z" or "yx";
        the critic has then one for each set of axes.
    seed : of everything random.
    device : where to compute.
    """

    def __init__(
        self,
        generator: Generator,
        critic: Critic | AxisCritics,
        stage: int,
        settings: StageSettings,
        *,
        phases: Phases,
        labels: np.ndarray,
        images: list[np.ndarray],
        axes: list[str] | None = None,
        seed: int,
        device: torch.device,
    ) -> None:
        self.generator, self.critic = generator.to(device), critic.to(device)
        self.stage, self.settings, self.phases = stage, settings, phases
        self.device = device
        self.face = critic.face << (stage - 1)
        width = halo(generator.settings, stage - 1) if settings.halo else 0
        self.cubes = Cubes(labels, critic.face, width)
        self.panels = Panels(
            images, axes, self.face,
            symmetries=settings.symmetries, keep_back=settings.augment > 0,
        )  # fmt: skip
        self.random = torch.Generator().manual_seed(seed + 7919 * distributed.rank())
        tied = settings.tied_phases or (phases.pore,)
        self.tied = tuple(phases.code(name) for name in tied)
        self.precision = precision(settings.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.precision == torch.float16)
        self.generator.freeze_before(stage)
        self.block = generator.in_training(stage, settings.recompute)
        self.seen = critic.trained_at(stage)
        self.average = copy.deepcopy(self.block).requires_grad_(False)
        self.best = copy.deepcopy(self.average)
        self.g_optimiser = self._adam(self.block, settings.learning_rate)
        critic_rate = settings.critic_learning_rate or settings.learning_rate
        self.c_optimiser = self._adam(self.seen, critic_rate)
        self.progress = Progress()

    def real_planes(self, axis: int, count: int, held_out: bool = False) -> Tensor:
        """Class codes of HR crops to hold against planes across an axis: (count, face, face)."""
        return self.panels.of(axis, held_out).draw(count, self.random)

    def _adam(self, module: nn.Module, rate: float) -> torch.optim.AdamW:
        s = self.settings
        return torch.optim.AdamW(module.parameters(), rate, s.betas, s.adam_eps, s.weight_decay)

    @property
    def last(self) -> bool:
        """Whether it is the last one, whose nodes are all phases."""
        return self.stage == self.generator.final

    @property
    def steps_done(self) -> int:
        """Of all epochs."""
        return self.progress.epoch * self.settings.iterations + self.progress.iteration

    @contextmanager
    def evaluating(self, weights: nn.Module) -> Iterator[None]:
        """Evaluate other weights of this stage, such as the average, than those in training."""
        own = copy.deepcopy(self.block.state_dict())
        self.block.load_state_dict(weights.state_dict())
        self.generator.eval()
        with torch.no_grad():
            yield
        self.generator.freeze_before(self.stage)
        self.block.load_state_dict(own)

    # -- one step of algorithm E ---------------------------------------------------------------

    def step(self) -> dict[str, float]:
        """Per plane a critic update, then one generator update; returns what was measured."""
        s = self.settings
        self.set_rate(self.progress.rate * self.settled)
        seeds = torch.randint(2**31, (s.accumulate,), generator=self.random).tolist()
        blocks = [self.draw_cubes(seed, self.random) for seed in seeds]
        places = self._places(len(blocks))
        # One batch is grown once; several are grown again for the generator's turn, one at a time.
        several = s.accumulate > 1
        with torch.set_grad_enabled(not several), self._first_of_two(several):
            grown = [self.grow(block) for block in blocks]
        measured = self._critic_turns(grown, places)
        self.g_optimiser.zero_grad()
        for i, (block, where) in enumerate(zip(blocks, places, strict=True)):
            if several:
                grown[i] = self.grow(block)
            for name, loss in self._generator_gradient(block, grown[i], where).items():
                measured[name] = measured.get(name, 0.0) + loss / s.accumulate
            grown[i] = grown[i].detached()
        self._apply(self.g_optimiser, self.block)
        self._follow()
        made = torch.bincount(grown[-1].octree.classes[-1].long(), minlength=self.phases.mixed + 1)
        shares = made / made.sum().clamp_min(1)
        return measured | {
            "mixed_fraction": float(shares[self.phases.mixed]),
            "largest_class": float(shares.max()),
            "alpha": self.alpha,
        }

    def grow(self, block: Block) -> Growth:
        """Generate under the training precision."""
        with torch.autocast(self.device.type, self.precision, self.precision != torch.float32):
            growth: Growth = self.generator(block, self.stage)
        return growth

    def _first_of_two(self, several: bool) -> AbstractContextManager[None]:
        """Batches that are grown twice move running means and variances the second time only."""
        return kept_statistics(self.block) if several else nullcontext()

    def draw_cubes(self, seed: int, random: torch.Generator) -> Block:
        """LR cubes drawn for an update."""
        return self.cubes.draw(self.settings.batch, seed, random).to(self.device)

    def _places(self, count: int) -> list[list[Tensor]]:
        """Planes to draw of so many batches, along each axis."""
        s = self.settings
        return [random_planes(s.batch, self.face, s.planes, self.random) for _ in range(count)]

    def draw(self, growth: Growth, axis: int, where: Tensor) -> Tensor:
        """Planes across an axis: (p, K+1, face, face)."""
        seen = growth.decisions if self.settings.hard else growth.probabilities
        return render(growth.octree, seen, axis, where.to(self.device))

    def score(self, planes: Tensor, axis: int) -> Tensor:
        """The critic's of planes across an axis, with the present fade."""
        with torch.autocast(self.device.type, self.precision, self.precision != torch.float32):
            scores: Tensor = self.critic.of(axis)(planes, self.stage, self.alpha)
        return scores.float()

    def _critic_turns(self, grown: list[Growth], places: list[list[Tensor]]) -> dict[str, float]:
        s = self.settings
        measured: defaultdict[str, float] = defaultdict(float)
        self.seen.requires_grad_(True)
        turns = [places, *(self._places(len(grown)) for _ in range(s.critic_steps - 1))]
        for at, axis in product(turns, range(3)):
            self.c_optimiser.zero_grad()
            for growth, where in zip(grown, at, strict=True):
                real = self.real_planes(axis, s.planes)
                parts = zip(self._parts(where[axis]), self._parts(real), strict=True)
                for of_volume, of_rock in parts:
                    with torch.no_grad():
                        fake = self.draw(growth, axis, of_volume)
                    share = len(of_volume) / (s.planes * s.accumulate)
                    losses = self._critic_loss(axis, self._seen(of_rock), fake)
                    self.scaler.scale(losses["critic_loss"] * share).backward()
                    for name, loss in losses.items():
                        measured[name] += loss.item() * share / (3 * s.critic_steps)
            self._apply(self.c_optimiser, self.critic.of(axis).trained_at(self.stage))
        self.seen.requires_grad_(False)
        return self._adapt(dict(measured)) if s.augment else dict(measured)

    def _adapt(self, measured: dict[str, float]) -> dict[str, float]:
        """Move the probability of augmentation by how well the critic knows its images."""
        p = self.progress
        gap = distributed.mean(measured.pop("train_over_held_out"), self.device)
        apart = distributed.mean(measured["wasserstein"], self.device)
        # Scores are averaged before they are compared: clipped step by step, noise would add up.
        p.train_over_held_out += (gap - p.train_over_held_out) / MEMORY
        p.train_over_generated += (apart - p.train_over_generated) / MEMORY
        found = overfitting(0.0, -p.train_over_held_out, -p.train_over_generated)
        steps = self.settings.epochs * self.settings.iterations
        p.augment = adapted(p.augment, found, self.settings.augment, steps)
        return measured | {"overfitting": found, "augment": p.augment}

    def _seen(self, classes: Tensor) -> Tensor:
        """Crops as the critic sees them: (p, K+1, face, face)."""
        return one_hot(classes.to(self.device), len(self.phases))

    def _augmented(self, planes: Tensor) -> Tensor:
        probability = self.progress.augment
        return augment(planes, probability, self.random) if probability > 0 else planes

    def _critic_loss(self, axis: int, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        judge = partial(self.critic.of(axis), stage=self.stage, alpha=self.alpha)
        real, fake = self._augmented(real), self._augmented(fake)
        penalty = gradient_penalty(judge, real, fake, self.random)
        liked = self.score(real, axis).mean()
        distance = liked - self.score(fake, axis).mean()
        loss = self.settings.gradient_penalty * penalty - distance
        losses = {"critic_loss": loss, "wasserstein": distance, "gradient_penalty": penalty}
        if self.settings.augment:
            unknown = self._seen(self.real_planes(axis, len(real), held_out=True))
            with torch.no_grad():
                scores = self.score(self._augmented(unknown), axis)
            losses["train_over_held_out"] = liked.detach() - scores.mean()
        return losses

    def _generator_gradient(
        self, block: Block, growth: Growth, where: list[Tensor]
    ) -> dict[str, float]:
        """What planes want of the nodes, a few at a time; then through the generator once."""
        s = self.settings
        nodes = growth.detached(learning=True)
        tie = self.tie(nodes, block, s.voxel_tolerance)
        measured = {"voxel_loss": tie.item()}
        total = self._backward(3 * s.voxel_weight * tie)
        if s.prior_weight:
            prior = prior_loss(nodes, block.core_labels, s.hard)
            total += self._backward(3 * s.prior_weight * prior)
        for axis in range(3):
            for part in self._parts(where[axis]):
                scores = self.score(self._augmented(self.draw(nodes, axis, part)), axis)
                total += self._backward(-scores.sum() / s.planes)
        if growth.logits.requires_grad and nodes.logits.grad is not None:
            growth.logits.backward(nodes.logits.grad.to(growth.logits.dtype))
        return measured | {"generator_loss": total}

    def tie(self, growth: Growth, block: Block, tolerance: float) -> Tensor:
        """How far the growth is from what LR says."""
        form, pore = self.settings.voxel_form, self.phases.pore_code
        return voxel_loss(growth, block.core_labels, self.tied, form, tolerance, pore=pore)

    def _backward(self, loss: Tensor) -> float:
        """Add a part of the generator's loss to the gradients; returns it."""
        if loss.requires_grad:
            self.scaler.scale(loss / self.settings.accumulate).backward()
        return loss.item()

    def _parts(self, planes: Tensor) -> Sequence[Tensor]:
        """As many planes at a time as the critic's memory is meant for."""
        return planes.split(self.settings.planes_at_once or len(planes))

    def _apply(self, optimiser: torch.optim.Optimizer, module: nn.Module) -> None:
        distributed.average_gradients(module)
        self.scaler.unscale_(optimiser) if self.scaler.is_enabled() else None
        if self.settings.clip:
            nn.utils.clip_grad_norm_(module.parameters(), self.settings.clip)
        self.scaler.step(optimiser)
        self.scaler.update()

    def _follow(self) -> None:
        """Move the average after the weights; faster at the start, which it would remember."""
        step = self.steps_done + 1
        decay = min(self.settings.ema, step / (step + 10)) if self.settings.ema else 0.0
        mine, theirs = self.average.state_dict(), self.block.state_dict()
        for key, mean in mine.items():
            if mean.is_floating_point():
                mean.lerp_(theirs[key], 1 - decay)
            else:
                mean.copy_(theirs[key])

    @property
    def settled(self) -> float:
        """Of the learning rates: 1, falling to 0 over the last epochs."""
        s, p = self.settings, self.progress
        left = (s.epochs - p.epoch) * s.iterations - p.iteration
        settling = min(s.settle_epochs, s.epochs) * s.iterations
        return min(1.0, left / settling) if settling else 1.0

    @property
    def alpha(self) -> float:
        """Weight of the critic's newest layer: 0 to 1 over the first epochs."""
        fade = self.settings.fade_epochs * self.settings.iterations
        return 1.0 if self.stage == 1 or fade == 0 else min(1.0, self.steps_done / fade)

    # -- state ---------------------------------------------------------------------------------

    def _modules(self) -> dict[str, nn.Module]:
        return {
            "block": self.block, "critic": self.critic,
            "average": self.average, "best": self.best,
        }  # fmt: skip

    def save(self, path: Path) -> None:
        """Write everything that training goes on from; all processes wait until it is there."""
        states = distributed.gather(self.random.get_state())
        if distributed.rank() == 0:
            self._write(path, states)
        distributed.wait()

    def _write(self, path: Path, states: list[Tensor]) -> None:
        tensors = {
            f"{name}.{key}": value
            for name, module in self._modules().items()
            for key, value in module.state_dict().items()
        }
        tensors |= checkpoint.pack_optimiser(self.g_optimiser, "g_optimiser")
        tensors |= checkpoint.pack_optimiser(self.c_optimiser, "c_optimiser")
        tensors |= {f"random.{i}": state for i, state in enumerate(states)}
        values = {"progress": vars(self.progress), "scaler": self.scaler.state_dict()}
        checkpoint.save(path, tensors, values)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        tensors, values = checkpoint.load(path)
        for name, module in self._modules().items():
            module.load_state_dict(_under(tensors, name))
        checkpoint.unpack_optimiser(self.g_optimiser, "g_optimiser", tensors)
        checkpoint.unpack_optimiser(self.c_optimiser, "c_optimiser", tensors)
        self.random.set_state(tensors[f"random.{distributed.rank()}"])
        self.scaler.load_state_dict(values["scaler"])
        self.progress = Progress(**values["progress"])
        self.set_rate(self.progress.rate)

    def set_rate(self, factor: float) -> None:
        """Learn at a share of the rates of the settings."""
        s = self.settings
        rates = (s.learning_rate, s.critic_learning_rate or s.learning_rate)
        for optimiser, rate in zip((self.g_optimiser, self.c_optimiser), rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor


def _under(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}


def precision(wanted: str, device: torch.device) -> torch.dtype:
    """What to compute in, from `StageSettings.precision`."""
    if wanted == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float32
    kinds: dict[str, torch.dtype] = {
        "float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16
    }  # fmt: skip
    return kinds[wanted]
