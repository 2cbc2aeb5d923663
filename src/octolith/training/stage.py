"""Train one stage: algorithm E of paper 1, which survives being killed.

A `Stage` holds all that training goes on from; ``step`` is one pass of the algorithm's inner loop
and ``run`` repeats it, saves, looks at the descriptors, and stops when it is asked to.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm import tqdm

from octolith.errors import TrainingError
from octolith.files import atomic
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
from octolith.progress import track
from octolith.settings.training import StageSettings
from octolith.training import checkpoint, distributed
from octolith.training.augmentation import MEMORY, adapted, augment, overfitting
from octolith.training.board import Board
from octolith.training.calibration import Wanted, calibrated
from octolith.training.data import AXES, Cubes, Panels, random_planes
from octolith.training.health import (
    ALL_ALIKE,
    NOT_FINITE,
    PATIENCE,
    Trouble,
    after_epoch,
    after_step,
    finite,
)
from octolith.training.interruption import Interrupted, Interruption
from octolith.training.losses import gradient_penalty, prior_loss, voxel_loss
from octolith.training.monitor import Statistics, disagreement, errors, statistics

log = logging.getLogger(__name__)

# Cubes that a look at the descriptors grows.
LOOK_BATCHES = 8


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
    overfitting: float = 0.0
    augment: float = 0.0
    healthy: bool = True
    best_error: float = math.inf
    best_epoch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    rows: list[dict[str, float]] = field(default_factory=list)


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
    folder : for the log, samples and checkpoint.
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
        folder: Path,
        device: torch.device,
    ) -> None:
        self.generator, self.critic = generator.to(device), critic.to(device)
        self.stage, self.settings, self.phases = stage, settings, phases
        self.folder, self.device = folder, device
        self.face = critic.face << (stage - 1)
        width = halo(generator.settings, stage - 1) if settings.halo else 0
        self.cubes = Cubes(labels, critic.face, width)
        self.panels = Panels(
            images, axes, self.face, len(phases),
            symmetries=settings.symmetries, keep_back=settings.augment > 0,
        )  # fmt: skip
        self.real = {across: self._measure(own) for across, own in self.panels.images().items()}
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
        """HR crops to hold against planes across an axis: (count, K+1, face, face)."""
        return self.panels.of(axis, held_out).draw(count, self.random)

    def _adam(self, module: nn.Module, rate: float) -> torch.optim.AdamW:
        s = self.settings
        return torch.optim.AdamW(module.parameters(), rate, s.betas, s.adam_eps, s.weight_decay)

    # -- one step of algorithm E ---------------------------------------------------------------

    def step(self) -> dict[str, float]:
        """Per plane a critic update, then one generator update; returns what was measured."""
        s = self.settings
        self._set_rate(self.progress.rate * self.settled)
        seeds = torch.randint(2**31, (s.accumulate,), generator=self.random).tolist()
        blocks = [self._cubes(seed, self.random) for seed in seeds]
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

    def _cubes(self, seed: int, random: torch.Generator) -> Block:
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
                    losses = self._critic_loss(axis, of_rock.to(self.device), fake)
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
        p.overfitting += (overfitting(0.0, -gap, -apart) - p.overfitting) / MEMORY
        steps = self.settings.epochs * self.settings.iterations
        p.augment = adapted(p.augment, p.overfitting, self.settings.augment, steps)
        return measured | {"overfitting": p.overfitting, "augment": p.augment}

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
            unknown = self.real_planes(axis, len(real), held_out=True).to(self.device)
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
        tie = self._tie(nodes, block, s.voxel_tolerance)
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

    def _tie(self, growth: Growth, block: Block, tolerance: float) -> Tensor:
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
        step = self._steps_done + 1
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
        return 1.0 if self.stage == 1 or fade == 0 else min(1.0, self._steps_done / fade)

    # -- the whole stage -----------------------------------------------------------------------

    def run(self, saved: Path) -> nn.Module:
        """Train to the end, from ``saved`` if that checkpoint exists; returns the best weights.

        Raises
        ------
        Interrupted : a signal came; the state is in ``saved``.
        TrainingError : training cannot go on; the text says which knob to turn.
        """
        s = self.settings
        if self._any(saved.is_file()):
            self.load(saved)
            distributed.wait()  # before one of them writes it again, or ends and deletes it
            log.info("resuming in epoch %d", self.progress.epoch + 1)
        else:
            # The good one first: a job that resumes counts on both, and looks for the other.
            self.save(good_copy(saved))
            self.save(saved)
        kept = kept_good = time.monotonic()
        with Interruption() as interruption, self._bar() as bar, self._board() as board:
            while self.progress.epoch < s.epochs:
                bar.update(self._steps_done - bar.n)
                trouble = self._advance(bar, board)
                stop = self._any(interruption.requested)
                late = self._late(kept)
                good = self.progress.healthy and self._late(kept_good)
                if (stop or late or good) and not (trouble or finite(self.block, self.critic)):
                    trouble = NOT_FINITE
                if trouble:
                    self._recover(saved, trouble)
                    board.again(self.progress.epoch)
                    continue
                if good:
                    self.save(good_copy(saved))
                    kept_good = time.monotonic()
                if stop or late:
                    self.save(saved)
                    kept = time.monotonic()
                if stop:
                    raise Interrupted
        return self.best

    def _advance(self, bar: tqdm[int], board: Board) -> Trouble | None:
        """One step, and what comes at an epoch's end; returns what is wrong, if something is."""
        began = time.monotonic()
        self.progress.healthy = False
        measured = self.step()
        trouble = after_step(measured)
        if self._any(trouble is not None):
            return trouble or NOT_FINITE  # another process's
        self._count(measured, time.monotonic() - began)
        if self.progress.iteration < self.settings.iterations:
            return None
        return self._end_epoch(bar, board, measured)

    @property
    def _steps_done(self) -> int:
        return self.progress.epoch * self.settings.iterations + self.progress.iteration

    def _late(self, since: float) -> bool:
        """Whether it is time for a checkpoint, in all processes at once."""
        return self._any(time.monotonic() - since > 60 * self.settings.checkpoint_minutes)

    def _any(self, flag: bool) -> bool:
        return distributed.any_process(flag, self.device)

    def _bar(self) -> tqdm[int]:
        """Steps of all epochs; a resumed job's time left is reckoned from its own pace."""
        total = self.settings.epochs * self.settings.iterations
        shown = distributed.rank() == 0
        bar = track(range(total), f"stage {self.stage}", total, shown=shown)
        bar.initial = bar.n = bar.last_print_n = self._steps_done
        return bar

    @contextmanager
    def _board(self) -> Iterator[Board]:
        wanted = self.settings.tensorboard and distributed.rank() == 0
        board = Board(self.folder / "tensorboard" if wanted else None, self.progress.epoch)
        try:
            yield board
        finally:
            board.close()

    def _count(self, measured: dict[str, float], seconds: float) -> None:
        p = self.progress
        for key, value in measured.items():
            p.sums[key] = p.sums.get(key, 0.0) + value
        p.iteration += 1
        p.seconds += seconds

    def _end_epoch(self, bar: tqdm[int], board: Board, last: dict[str, float]) -> Trouble | None:
        """Log, look at the descriptors when it is time, and judge what the generator makes."""
        s, p = self.settings, self.progress
        row: dict[str, float] = {
            "epoch": p.epoch + 1,
            "step": (p.epoch + 1) * s.iterations,
            "seconds": p.seconds,
        } | {key: total / s.iterations for key, total in p.sums.items()}
        row["learning_rate"] = self.g_optimiser.param_groups[0]["lr"]
        p.epoch, p.iteration, p.sums = p.epoch + 1, 0, {}
        if p.epoch % s.check_every == 0 or p.epoch == s.epochs:
            row |= self.look()
            p.diversity = row["diversity"]
            if row["error"] < p.best_error:
                p.best_error, p.best_epoch = row["error"], p.epoch
                self.best.load_state_dict(self.average.state_dict())
        p.rows.append(row)
        shown = ("wasserstein", "voxel_loss", "mixed_fraction", "error")
        bar.set_postfix({key: f"{row[key]:.3g}" for key in shown if key in row})
        if distributed.rank() == 0:
            with atomic(self.folder / "log.csv") as temporary:
                pd.DataFrame(p.rows).to_csv(temporary, index=False)
        board.epoch(row, self._picture_path if "error" in row else None)
        final = self.stage == self.generator.final
        trouble = after_epoch(last["mixed_fraction"], last["largest_class"], p.diversity, final)
        dead = self._any(trouble is not None)
        p.dull = p.dull + 1 if dead else 0
        p.healthy = "error" in row and not dead
        # That planes are alike is known from the last look: it has to be seen again.
        sure = self._any(trouble not in (None, ALL_ALIKE)) or "error" in row
        return (trouble or ALL_ALIKE) if p.dull >= PATIENCE and sure else None

    def look(self) -> dict[str, float]:
        """Descriptors of planes from the averaged generator against the HR images."""
        trained = copy.deepcopy(self.block.state_dict())
        self.block.load_state_dict(self.average.state_dict())
        self.generator.eval()
        seeds = torch.Generator().manual_seed(0)  # the same cubes each time: epochs are compared
        generated: list[list[Tensor]] = [[], [], []]
        ties = []
        with torch.no_grad():
            for _ in range(LOOK_BATCHES):
                block = self._cubes(0, seeds)
                growth = self.grow(block)
                where = random_planes(self.settings.batch, self.face, 16, seeds)
                for axis, own in enumerate(generated):
                    own.append(self.draw(growth, axis, where[axis]).argmax(1).byte().cpu())
                ties.append(self._tie(growth, block, 0.0).item())
        self.generator.freeze_before(self.stage)
        self.block.load_state_dict(trained)
        found = self._compare(generated)
        found["error_voxel"] = float(np.mean(ties)) ** 0.5
        error = float(np.mean(list(found.values())))
        if distributed.rank() == 0:
            self._picture(generated)
        return found | {"error": error, "diversity": self._diversity(generated)}

    def calibrate(self, trained: nn.Module) -> None:
        """Give the classes shares as in the HR images, in place.

        Parameters
        ----------
        trained : weights of this stage, as `run` returns them.
        """
        self.block.load_state_dict(trained.state_dict())
        self.generator.eval()
        images = [image for own in self.panels.images().values() for image in own]
        hr = Wanted.of(images, len(self.phases) + 1)
        final = self.stage == self.generator.final

        def grow(block: Block) -> Growth:
            return self.grow(block.to(self.device))

        with torch.no_grad():
            found = calibrated(grow, self.cubes, hr, final, self.settings.mixed_factor)
        self.generator.freeze_before(self.stage)
        if found is None:
            log.warning("stage %d: no cube of rock to calibrate on", self.stage)
            return
        change, below = found
        state = trained.state_dict()
        state["classify.bias"] += torch.from_numpy(change).to(self.device)
        state["refined_below"].fill_(below)
        biases = np.round(change, 3).tolist()
        log.info("stage %d: biases changed by %s, refined below %.3f", self.stage, biases, below)

    def _measure(self, planes: Sequence[np.ndarray | Tensor]) -> Statistics:
        found = [torch.as_tensor(plane) for plane in planes]
        return statistics(found, len(self.phases), self.phases.pore_code, self.face)

    def _compare(self, generated: list[list[Tensor]]) -> dict[str, float]:
        """Mean over the sets of axes of how far their planes are from their images."""
        found = []
        for across, real in self.real.items():
            made = [p for axis in across for p in generated[AXES.index(axis)]]
            found.append(errors(self._measure(made), real))
        return {key: float(np.mean([each[key] for each in found])) for key in found[0]}

    def _diversity(self, generated: list[list[Tensor]]) -> float:
        """How much planes across an axis differ from each other, over how much real ones do."""
        ratios = []
        for across, real in self.real.items():
            for axis in across:
                planes = torch.cat(generated[AXES.index(axis)])
                ratios.append(disagreement(planes, len(self.phases)) / real.disagreement)
        return float(np.mean(ratios))

    @property
    def _picture_path(self) -> Path:
        return self.folder / "samples" / f"epoch{self.progress.epoch:04d}.png"

    def _picture(self, generated: list[list[Tensor]]) -> None:
        """Generated planes over real ones, one PNG a look."""
        from octolith.training.pictures import sample_figure  # noqa: PLC0415 (matplotlib is slow)

        seeds = torch.Generator().manual_seed(0)
        real = torch.cat([self.panels.of(axis).draw(2, seeds) for axis in range(3)])
        fake = torch.cat([planes[0][:2] for planes in generated])
        stem = self._picture_path.with_suffix("")
        sample_figure(fake.numpy(), real.argmax(1).byte().numpy(), self.phases, stem)

    def _recover(self, saved: Path, trouble: Trouble) -> None:
        """Go back to the last checkpoint that a look has called healthy, once, at half the rate."""
        p = self.progress
        rate = self.settings.learning_rate * p.rate
        if p.recoveries:
            raise TrainingError(
                f"stage {self.stage}, epoch {p.epoch + 1}: {trouble.what}, again after a new "
                f"start at half the rate. Lower train.all.learning_rate (now {rate:g}), "
                f"{trouble.mend}"
            )
        self.load(good_copy(saved))
        self.progress.recoveries, self.progress.rate = 1, 0.5
        self._set_rate(0.5)
        self.save(saved)
        log.warning(
            "stage %d: %s: back to epoch %d, once, with half the learning rate",
            self.stage, trouble.what, self.progress.epoch + 1,
        )  # fmt: skip

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
        self._set_rate(self.progress.rate)

    def _set_rate(self, factor: float) -> None:
        s = self.settings
        rates = (s.learning_rate, s.critic_learning_rate or s.learning_rate)
        for optimiser, rate in zip((self.g_optimiser, self.c_optimiser), rates, strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor


def good_copy(saved: Path) -> Path:
    """Where the last checkpoint that was judged healthy lies, beside the last one of all."""
    return saved.with_name(f"{saved.stem}-good{saved.suffix}")


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
