"""The octree generator (paper 1, table A1, appendix D): grow, classify, prune, subdivide."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from octolith import octree
from octolith.blocks import Box, needed, triple
from octolith.networks.context import interpolate, remember
from octolith.networks.noise import coordinate_noise, gumbel, smooth_noise
from octolith.octree import Families, Level, Octree
from octolith.octree.level import CHILDREN
from octolith.phases import OUTSIDE
from octolith.settings.training import GeneratorSettings
from octolith.surroundings import Labels, surrounded

# Apart from the seed of the noise that goes into the network.
DRAWS = 1 << 10


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


def inside(level: Level, box: Box) -> Tensor:
    """(n,) which nodes lie in ``box``, given in cells of the level's depth."""
    low, high = (torch.tensor(corner, device=level.keys.device) for corner in box)
    return ((level.coordinates >= low) & (level.coordinates < high)).all(-1)


class ChannelNorm(nn.Module):
    """Scale each node's features to unit mean square: no statistics over space, so no cut shows.

    Karras et al. (2017), section 4.2, with a learned gain and offset.
    """

    def __init__(self, channels: int, eps: float, axis: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps, self.axis = eps, axis

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``axis`` of x."""
        scale = torch.rsqrt(x.square().mean(self.axis, keepdim=True) + self.eps)
        shape = [1] * x.ndim
        shape[self.axis] = -1
        return x * scale * self.weight.view(shape) + self.bias.view(shape)


def _norm(settings: GeneratorSettings, kind: type[nn.Module], channels: int) -> nn.Module:
    """The normalisation of the settings; running statistics make inference independent of cuts."""
    if settings.norm == "channel":
        return ChannelNorm(channels, settings.norm_eps, axis=1)
    return kind(channels, eps=settings.norm_eps, affine=True, track_running_stats=True)


class OctreeConv(nn.Conv3d):
    """A 3×3×3 convolution on the nodes of a level; holds the weights of a dense one."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 3, padding=1)

    def forward(self, x: Tensor, families: Families) -> Tensor:  # type: ignore[override]
        """X (8p, c_in) on all children of the families -> (8p, c_out)."""
        return families.conv3(x, self.weight, self.bias)


class OctreeUpsample(nn.ConvTranspose3d):
    """The generative transposed convolution, kernel 2, stride 2."""

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__(c_in, c_out, 2, stride=2)

    def forward(self, x: Tensor, families: Families) -> Tensor:  # type: ignore[override]
        """X (p, c_in) of parents -> (8p, c_out) of their children."""
        assert self.bias is not None
        return families.upsample(x, self.weight, self.bias)


class Classifier(nn.Linear):
    """Node features, and phases around where there are any, to logits of K+1 classes.

    With the LR image among them it starts as that, interpolated; mixed where it is undecided.

    Parameters
    ----------
    width, around : channels of the features, and of the phases around; those of LR come first.
    start : whether they do.
    last : no node is mixed any more: to call one so would please the voxel-wise loss, which nobody
        decides and the critic does not see.
    """

    # An untrained node is mixed where no phase holds more than 0.85 of its surroundings.
    GAIN, MIXED = 4.0, 3.4
    NEVER = -1e4  # a logit that half precision has, too

    def __init__(self, width: int, around: int, phases: int, start: bool, last: bool) -> None:
        super().__init__(width + around, phases + 1)
        self.phases, self.last = phases, last
        if start:
            with torch.no_grad():
                self.weight[:, :width] *= 0.1
                self.weight[:, width:] = 0.0
                self.weight[:phases, width : width + phases] = self.GAIN * torch.eye(phases)
                self.bias.zero_()
                self.bias[phases] = self.MIXED

    def forward(self, x: Tensor) -> Tensor:
        """X (…, width + around) -> logits (…, K+1)."""
        logits = super().forward(x)
        if self.last:
            logits = functional.pad(logits[..., : self.phases], (0, 1), value=self.NEVER)
        return logits


# Normalisations that follow running means and variances.
STATISTICS = (nn.BatchNorm1d, nn.BatchNorm3d, nn.InstanceNorm3d)


@contextmanager
def kept_statistics(module: nn.Module) -> Iterator[None]:
    """A second pass over the same batch must not move running means and variances again."""
    norms = [m for m in module.modules() if isinstance(m, STATISTICS)]
    before = [(norm.momentum, copy.deepcopy(norm.num_batches_tracked)) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked = count


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


class FirstStage(Growing):
    """Dense convolutions on the LR grid (paper 1, table A1, stage 1)."""

    def __init__(self, settings: GeneratorSettings, phases: int) -> None:
        super().__init__(phases)
        a, b = settings.widths[0]
        k = settings.first_kernel
        self.phases, self.context = phases, settings.context
        self.conv1 = nn.Conv3d(phases + settings.noise, a, k, padding=k // 2)
        self.norm1 = _norm(settings, nn.InstanceNorm3d, a)
        self.conv2 = nn.Conv3d(a, b, 3, padding=1)
        self.norm2 = _norm(settings, nn.InstanceNorm3d, b)
        self.conv3 = nn.Conv3d(b, b, 3, padding=1)
        self.norm3 = _norm(settings, nn.BatchNorm3d, b)
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
        self.norm1 = _norm(settings, nn.BatchNorm1d, c_in)
        self.conv1 = OctreeConv(c_in + around, a)
        self.norm2 = _norm(settings, nn.BatchNorm1d, a)
        self.conv2 = OctreeConv(a, b)
        self.norm3 = _norm(settings, nn.BatchNorm1d, b)
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


def join(features: Tensor, around: list[Tensor]) -> Tensor:
    """(n, c) features and the phases around them, as one."""
    if not around:
        return features
    return torch.cat([features, *(phases.to(features.dtype) for phases in around)], 1)


class Generator(nn.Module):
    """Stages 1 … S. Stage s works at depth s - 1; all but the last may call a node mixed.

    Parameters
    ----------
    settings : architecture.
    phases : K.
    stages : S = log2(scale) + 1 of the finished generator, at least 2.
    engine : that computes the sparse convolutions (`octolith.octree.ENGINES`); the weights are
        the same for all.
    """

    def __init__(
        self, settings: GeneratorSettings, phases: int, stages: int, engine: str = "native"
    ) -> None:
        super().__init__()
        self.engine = engine
        self.settings, self.phases, self.final = settings, phases, stages
        widths = [settings.widths[min(s, len(settings.widths) - 1)] for s in range(stages)]
        blocks: list[nn.Module] = [FirstStage(settings, phases)]
        for s in range(1, stages):
            blocks.append(
                Refinement(settings, phases, widths[s - 1][1], widths[s], last=s == stages - 1)
            )
        self.stages = nn.ModuleList(blocks)

    def forward(self, block: Block, stage: int) -> Growth:
        """Grow a block by stages 1 … ``stage``.

        Stages before the last are run without gradients; put them in evaluation mode
        (`freeze_before`).
        """
        boxes = needed(block.core, stage - 1, self.settings)
        level = Level.grid(block.shape, block.labels.shape[0], block.labels.device)
        with self._learning(1, stage):
            nodes: Nodes = self.stages[0](self._input(block), block.seen, level)
        z, y, x = level.coordinates.unbind(-1)
        outside = block.labels[level.batch_index, z, y, x] == OUTSIDE
        noise = self._decision_noise(block, level, 1)
        decided = self.decide(nodes, 1, noise).masked_fill_(outside, OUTSIDE)
        levels, classes, known = [level], [decided], block.labels
        for s in range(2, stage + 1):
            if self.settings.neighbours:
                known = remember(known, level, classes[-1])
            grown = (classes[-1] == self.phases) & inside(level, boxes[s - 2])
            parents = level.select(grown)
            level = parents.children()
            with self._learning(s, stage):
                families = octree.families(parents, self.engine)
                nodes = self.stages[s - 1](
                    nodes.features[grown], block.seen, known, families, level
                )
            levels.append(level)
            noise = self._decision_noise(block, level, s)
            classes.append(self.decide(nodes, s, noise))
        grown_tree = Octree(block.shape, tuple(levels), tuple(classes), self.phases)
        return _core(grown_tree, nodes, noise, block.core)

    def _learning(self, stage: int, last: int) -> torch.set_grad_enabled:
        """Gradients for the stage in training alone."""
        return torch.set_grad_enabled(torch.is_grad_enabled() and stage == last)

    def decide(self, nodes: Nodes, stage: int, noise: Tensor | None = None) -> Tensor:
        """(n,) uint8 classes; the last stage knows no mixed."""
        logits = nodes.logits.detach()
        scores = logits if noise is None else logits + noise
        if stage == self.final:
            return scores[:, : self.phases].argmax(-1).to(torch.uint8)
        block = self.stages[stage - 1]
        assert isinstance(block, Growing)
        unsure = nodes.sure < block.refined_below
        return scores.argmax(-1).to(torch.uint8).masked_fill_(unsure, self.phases)

    def freeze_before(self, stage: int) -> None:
        """Train stage ``stage`` alone: earlier stages neither learn nor change statistics."""
        self.train()
        for s, block in enumerate(self.stages, 1):
            block.requires_grad_(s == stage)
            if s < stage:
                block.eval()

    def in_training(self, stage: int, recompute: bool) -> nn.Module:
        """The stage in training; ``recompute`` its layers on the way back rather than keep them."""
        block = self.stages[stage - 1]
        assert isinstance(block, Growing)
        block.recompute = recompute
        return block

    def _decision_noise(self, block: Block, level: Level, stage: int) -> Tensor | None:
        """(n, K+1) to draw the classes of a stage by; None: they are decided.

        Only the finished rock is drawn: a draw that calls a mixed node pure cannot be mended.
        """
        temperature = block.temperature * self.settings.decision_noise
        if stage < self.final or not temperature:
            return None
        at = (block.origin << level.depth)[level.batch_index] + level.coordinates
        seed = block.seed + ((level.depth + DRAWS) << 40)
        families = at[::CHILDREN] >> 1  # whole ones, whatever the block's origin
        noise = smooth_noise(families, seed, self.phases + 1).flatten(0, 1)
        return temperature * gumbel(noise)

    def _input(self, block: Block) -> Tensor:
        """One-hot LR phases and noise: (batch, K + noise, z, y, x)."""
        codes = torch.arange(self.phases, device=block.seen.device, dtype=torch.uint8)
        one_hot = (block.seen[:, None] == codes[:, None, None, None]).float()
        grid = torch.stack(
            torch.meshgrid(
                *[torch.arange(n, device=block.labels.device) for n in block.shape], indexing="ij"
            ),
            -1,
        )
        at = block.origin[:, None, None, None] + grid
        noise = coordinate_noise(at, block.seed, self.settings.noise)
        return torch.cat([one_hot, noise.movedim(-1, 1)], 1)


def _core(grown: Octree, nodes: Nodes, noise: Tensor | None, core: Box) -> Growth:
    """Cut the halo off: the nodes of the core, in the core's coordinates and order."""
    low, high = core
    levels, classes = [], []
    for level, known in zip(grown.levels, grown.classes, strict=True):
        box = (
            triple([c << level.depth for c in low]),
            triple([c << level.depth for c in high]),
        )
        cut, rows = level.crop(box[0], inside(level, box))
        levels.append(cut)
        classes.append(known[rows])
    shape = triple([b - a for a, b in zip(low, high, strict=True)])
    computed = tuple(len(level) for level in grown.levels)
    return Growth(
        Octree(shape, tuple(levels), tuple(classes), grown.phases),
        nodes.logits[rows], nodes.sure[rows],
        None if noise is None else noise[rows], computed,
    )  # fmt: skip


def parameter_count(module: nn.Module) -> int:
    """Trainable and frozen weights."""
    return sum(math.prod(p.shape) for p in module.parameters())
