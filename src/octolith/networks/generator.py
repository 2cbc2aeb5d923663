"""The octree generator (paper 1, appendix D): grow, classify, prune, subdivide."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from octolith import octree
from octolith.blocks import Box, needed, triple
from octolith.networks.context import remember
from octolith.networks.growth import Block, Growth
from octolith.networks.noise import coordinate_noise, gumbel, smooth_noise
from octolith.networks.stages import FirstStage, Growing, Nodes, Refinement
from octolith.octree import Level, Octree
from octolith.octree.level import CHILDREN
from octolith.phases import OUTSIDE
from octolith.settings.training import GeneratorSettings

# Apart from the seed of the noise that goes into the network.
DRAWS = 1 << 10


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


def inside(level: Level, box: Box) -> Tensor:
    """(n,) which nodes lie in ``box``, given in cells of the level's depth."""
    low, high = (torch.tensor(corner, device=level.keys.device) for corner in box)
    return ((level.coordinates >= low) & (level.coordinates < high)).all(-1)


def parameter_count(module: nn.Module) -> int:
    """Trainable and frozen weights."""
    return sum(math.prod(p.shape) for p in module.parameters())
