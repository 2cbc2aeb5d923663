"""Memory of a training step at the paper's widths, octree against dense (paper 1, figure 5).

    python benchmarks/bench_memory.py

A step of 128 planes an axis of 512² pixels fits no small machine, so it is run without numbers:
PyTorch's fake tensors have shapes alone, and every one that the real layers, losses and backward
passes make and drop is counted. The same count over a real step, numbers and all, must agree.
The octree's nodes are those of paper 1, table 2.

Writes benchmarks/results/memory.json and docs/memory.svg and .png.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional

from octolith import figures
from octolith.networks import Block, Critic, DenseTwin, Generator
from octolith.networks.stages import FirstStage, Refinement
from octolith.octree import Families, Level, native, winograd
from octolith.settings.training import TrainSettings
from octolith.training.losses import gradient_penalty
from octree.memory import Peak
from octree.tracing import PeakTracer

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "memory.json"
# Mixed nodes that each stage hands to the next: paper 1, table 2.
MIXED = (9_530, 40_137, 150_025, 456_488)
PHASES = 4
PLANES, FEW = 128, 16
GIB = 1 << 30
CHUNK_BYTES = winograd.CHUNK_BYTES


class Step:
    """What a training step of one stage allocates, computed by the library's own parts.

    Parameters
    ----------
    settings : architecture and the LR cube.
    stage : in training.
    mixed : parents of the nodes of stages 2, 3, ….
    planes : drawn along each axis.
    at_once : of these, so many are judged at once (`planes_at_once`).
    """

    def __init__(
        self,
        settings: TrainSettings,
        stage: int,
        mixed: tuple[int, ...],
        *,
        planes: int,
        at_once: int,
        device: str = "cpu",
    ) -> None:
        self.settings, self.stage, self.mixed = settings, stage, mixed
        self.planes, self.at_once, self.device = planes, at_once, device
        self.cube = settings.cube
        self.face = self.cube << (stage - 1)
        with torch.device(device):
            self.critic = Critic(settings.critic_settings(), PHASES + 1, 5, self.cube)

    def network(self, dense: bool) -> Generator:
        """The generator or its twin, earlier stages frozen."""
        kind = DenseTwin if dense else Generator
        with torch.device(self.device):
            network = kind(self.settings.generator_settings(), PHASES, 5)
        network.freeze_before(self.stage)
        return network

    def grow(self, network: Generator) -> Tensor:
        """Logits of the octree's nodes, without asking what is mixed."""
        first, *later = network.stages[: self.stage]
        assert isinstance(first, FirstStage)
        with torch.set_grad_enabled(self.stage == 1):
            x = first.convolve(torch.zeros(1, PHASES + 1, *[self.cube] * 3))
            features = x.movedim(1, -1).reshape(-1, x.shape[1])
            logits = first.classify(features)
        for s, (refinement, parents) in enumerate(zip(later, self.mixed, strict=False), 2):
            assert isinstance(refinement, Refinement)
            with torch.set_grad_enabled(s == self.stage):
                near = placed(parents)
                labels = torch.zeros(1, 1, 1, 1, dtype=torch.uint8)
                level = Level(torch.zeros(8 * parents, dtype=torch.int64), s - 1, 1)
                nodes = refinement(features[:parents], labels, labels, near, level)
                features, logits = nodes.features, nodes.logits
        return logits

    def peak(self, dense: bool, precision: torch.dtype) -> dict[str, int]:
        """Bytes at the peak: of the generator's pass and its backward, and with the critic."""
        network = self.network(dense)
        trained = [*network.stages[self.stage - 1].parameters()]
        kept = [torch.zeros_like(p) for p in [*trained, *self.seen] for _ in ("AdamW", "moments")]
        tracer = PeakTracer()
        tracer.add([*network.parameters()], [*self.critic.parameters()], kept)
        with tracer:
            alone = 0
            for _ in self.turns(network, dense, precision):
                alone, tracer.peak = tracer.peak, tracer.bytes
        return {"generator_bytes": alone, "step_bytes": max(alone, tracer.peak)}

    @property
    def seen(self) -> list[nn.Parameter]:
        """What the critic trains."""
        return [*self.critic.trained_at(self.stage).parameters()]

    def turns(self, network: Generator, dense: bool, precision: torch.dtype) -> Iterator[None]:
        """The generator's pass and its backward; then the critic's turn and the generator's."""
        with (
            torch.device(self.device),
            torch.autocast(self.device, precision, precision != torch.float32),
        ):
            logits = self.logits(network, dense)
            logits.float().softmax(1).sum().backward(retain_graph=True)
            yield
            self.critic_turn(logits.detach(), dense)
            logits.backward(self.generator_turn(logits.detach(), dense))

    def logits(self, network: Generator, dense: bool) -> Tensor:
        """(n, K+1) of the octree, (1, K+1, z, y, x) of its twin."""
        if not dense:
            return self.grow(network)
        shape = (self.cube,) * 3
        block = Block(torch.zeros(1, *shape, dtype=torch.uint8), origin(), ((0, 0, 0), shape), 0)
        logits: Tensor = network(block, self.stage)
        return logits

    def critic_turn(self, logits: Tensor, dense: bool) -> None:
        """The critic's turn on planes of one axis, so many at once."""
        for parameter in self.seen:
            parameter.requires_grad_(True)
        random = torch.Generator(self.device)
        for _ in range(0, self.planes, self.at_once):
            with torch.no_grad():
                fake = self.draw(logits, dense)
            real = torch.zeros_like(fake)
            penalty = gradient_penalty(lambda x: self.critic(x, self.stage), real, fake, random)
            distance = self.critic(real, self.stage).mean() - self.critic(fake, self.stage).mean()
            (10 * penalty - distance).backward()
            del fake, real, penalty, distance
        for parameter in self.seen:
            parameter.requires_grad_(False)

    def generator_turn(self, logits: Tensor, dense: bool) -> Tensor:
        """What the planes of all axes want of the logits."""
        logits.requires_grad_(True)
        for _ in range(0, 3 * self.planes, self.at_once):
            (-self.critic(self.draw(logits, dense), self.stage).float().mean()).backward()
        assert logits.grad is not None
        return logits.grad

    def draw(self, logits: Tensor, dense: bool) -> Tensor:
        """Planes as `octolith.octree.render` leaves them: crossed nodes copied into an image."""
        soft = logits.float().softmax(1)
        shape = (self.at_once, self.face, self.face)
        if dense:
            return soft[0].movedim(1, 0)[torch.arange(self.at_once) % self.face]
        crossed = len(soft) * self.at_once // self.face
        image = functional.one_hot(torch.zeros(shape, dtype=torch.int64).view(-1), PHASES + 1)
        where = torch.arange(crossed)
        drawn = image.to(soft.dtype).index_copy(0, where, soft[where % len(soft)])
        return drawn.view(*shape, PHASES + 1).permute(0, 3, 1, 2)


def placed(parents: int) -> Families:
    """Families whose neighbours are anywhere: where they lie costs no memory."""
    families = native.Families(Level(torch.zeros(0, dtype=torch.int64), 0, 1))
    families._near = torch.zeros(27, parents, dtype=torch.int32)
    return families


def origin() -> Tensor:
    return torch.zeros(1, 3, dtype=torch.int64)


@contextlib.contextmanager
def without_numbers() -> Iterator[None]:
    """Shapes alone, from here on, in larger chunks: fewer calls, at most 0.2 GiB more."""
    winograd.CHUNK_BYTES = 64 << 20
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def small_step(stage: int) -> Step:
    """A step that is run in earnest in seconds."""
    narrow = {"widths": ((64, 64), (64, 64), (32, 32)), "context": False, "norm": "batch"}
    settings = TrainSettings(
        preset="paper", lr_cube=16, generator=narrow,
        critic={"widths": (64, 64, 32), "trunk": (64,)},
    )  # fmt: skip
    return Step(settings, stage, (1_200, 5_000), planes=32, at_once=16)


def run(task: tuple[int, bool]) -> dict[str, int]:
    """Count a small step with its numbers, and read what the process came to hold."""
    stage, dense = task
    torch.set_num_threads(1)
    step = small_step(stage)
    resident = Peak("cpu")
    counted = step.peak(dense, torch.float32)["step_bytes"]
    return {"real": counted, "resident": resident.bytes()}


def check() -> list[dict[str, Any]]:
    """Small steps with numbers, without, and as resident memory, each in a process of its own."""
    tasks = [(stage, dense) for stage in (1, 2, 3) for dense in (False, True)]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        measured = pool.map(run, tasks, chunksize=1)
    rows = []
    for (stage, dense), found in zip(tasks, measured, strict=True):
        with without_numbers():
            winograd.CHUNK_BYTES = CHUNK_BYTES
            counted = small_step(stage).peak(dense, torch.float32)["step_bytes"]
        engine = "dense" if dense else "octree"
        rows.append({"stage": stage, "engine": engine, "fake": counted} | found)
    return rows


def main() -> None:
    """Count, check, draw."""
    torch.set_num_threads(1)  # only this thread's tensors are counted
    rows = []
    for stage in range(1, 6):
        for engine, at_once in (("octree", FEW), ("octree", PLANES), ("dense", PLANES)):
            with without_numbers():
                step = Step(
                    TrainSettings(preset="paper"), stage, MIXED, planes=PLANES, at_once=at_once
                )
                row = step.peak(engine == "dense", torch.bfloat16)
            what = {"stage": stage, "engine": engine, "planes_at_once": at_once}
            rows.append(what | {"dtype": "bfloat16"} | row)
            sizes = {key: f"{value / GIB:.1f} GiB" for key, value in row.items()}
            print(f"{what} {sizes}", flush=True)
    checks = check()
    for row in checks:
        more = (row["resident"] - row["fake"]) / 2**20
        line = f"check: stage {row['stage']} {row['engine']}: {row['fake'] / 2**20:.0f} MiB counted"
        print(f"{line}, {row['real'] / 2**20:.0f} with numbers, {more:.0f} more resident")
    RESULTS.write_text(json.dumps({"rows": rows, "checks": checks}, indent=1) + "\n")
    draw(rows)


def draw(rows: list[dict[str, Any]]) -> None:
    """The figure."""
    figure, axes = figures.new(width=4.5)
    axis = axes[0, 0]
    lines = (
        ("dense", PLANES, "step_bytes", "#7f7f7f", "-", "dense, whole step"),
        ("dense", PLANES, "generator_bytes", "#7f7f7f", "--", "dense, generator alone"),
        ("octree", PLANES, "step_bytes", "#d55e00", "-", "octree, whole step"),
        ("octree", FEW, "step_bytes", "#d55e00", ":", f"octree, {FEW} planes at once"),
        ("octree", PLANES, "generator_bytes", "#d55e00", "--", "octree, generator alone"),
    )
    for engine, at_once, key, colour, style, name in lines:
        mine = [r for r in rows if (r["engine"], r["planes_at_once"]) == (engine, at_once)]
        values = [row[key] / GIB for row in mine]
        axis.plot([r["stage"] for r in mine], values, style, marker="o", color=colour, label=name)
    axis.axhline(16, color="#0072b2", linewidth=0.8)
    axis.annotate("16 GiB", (1, 16), xytext=(0, 3), textcoords="offset points", color="#0072b2")
    axis.set_yscale("log")
    axis.set_xticks(range(1, 6))
    axis.set_xlabel("stage in training")
    axis.set_ylabel("peak memory, GiB")
    axis.legend(fontsize=7)
    figures.save(figure, ROOT / "docs" / "memory")


if __name__ == "__main__":
    main()
