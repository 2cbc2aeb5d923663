"""The losses of algorithm E (paper 1): Wasserstein with gradient penalty, and the voxel tie."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from octolith.networks import Growth

# Width of the soft threshold at one half in the "majority" tie.
SOFTNESS = 0.1


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator
) -> Tensor:
    """Mean of (|∇ critic| - 1)² between real and fake planes, in float32 (Gulrajani et al.).

    Parameters
    ----------
    real, fake : (p, K+1, h, w) detached planes.
    """
    mix = torch.rand(real.shape[0], 1, 1, 1, generator=generator).to(real.device)
    between = torch.lerp(real.float(), fake.float(), mix).requires_grad_()
    with torch.autocast(between.device.type, enabled=False):
        score = critic(between).sum()
    (slope,) = torch.autograd.grad(score, between, create_graph=True)
    penalty: Tensor = ((slope.flatten(1).norm(dim=1) - 1.0) ** 2).mean()
    return penalty


def voxel_loss(
    growth: Growth, lr: Tensor, tied: tuple[int, ...], form: str, tolerance: float
) -> Tensor:
    """Mean squared difference between LR phases and SR brought to the LR grid.

    A mixed node promises nothing yet and so agrees with whatever LR says.

    Parameters
    ----------
    growth : of the core.
    lr : (batch, z, y, x) uint8 LR labels of the same core.
    tied : codes of the phases that LR ties down; the pore alone in paper 1.
    form : "nearest", one voxel of each LR cell (paper 1's σ), or "majority": the share of the
        cell, softly thresholded at one half (after paper 4's blur and low-temperature softmax):
        detail finer than an LR voxel is then free.
    tolerance : a loss below this is none (paper 4).
    """
    share = sampled_share if form == "nearest" else majority_share
    z, y, x = growth.octree.levels[0].coordinates.unbind(-1)
    wanted = lr[growth.octree.levels[0].batch_index, z, y, x]
    codes = torch.tensor(tied, device=lr.device)
    target = (wanted[:, None] == codes).float()
    loss = (share(growth, target, codes) - target).square().mean()
    return torch.where(loss > tolerance, loss, 0.0 * loss)


def _leaves(growth: Growth, codes: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Per level: membership (n, tied) in the tied phases, and in mixed (n,)."""
    tree = growth.octree
    known = [
        ((classes[:, None] == codes).float(), torch.zeros(len(classes), device=codes.device))
        for classes in tree.classes[:-1]
    ]
    p = growth.probabilities
    return [*known, (p[:, codes], p[:, tree.phases])]


def _to_cells(growth: Growth, target: Tensor, codes: Tensor, weights: list[Tensor]) -> Tensor:
    """Sum weighted node memberships into LR cells: (cells, tied)."""
    tree = growth.octree
    total = torch.zeros_like(target)
    for level, (member, mixed), weight in zip(
        tree.levels, _leaves(growth, codes), weights, strict=True
    ):
        cell = level.ancestors(tree.levels[0])
        part = member + mixed[:, None] * target[cell]
        total = total.index_add(0, cell, part * weight[:, None])
    return total


def sampled_share(growth: Growth, target: Tensor, codes: Tensor) -> Tensor:
    """Membership of the voxel that nearest-neighbour downsampling picks in each LR cell."""
    tree = growth.octree
    middle = (1 << tree.depth) >> 1
    weights = []
    for level, classes in zip(tree.levels, tree.classes, strict=True):
        within = level.coordinates & ((1 << level.depth) - 1)
        here = (within == middle >> (tree.depth - level.depth)).all(-1)
        weights.append((here & _leaf(growth, level.depth, classes)).float())
    return _to_cells(growth, target, codes, weights)


def majority_share(growth: Growth, target: Tensor, codes: Tensor) -> Tensor:
    """Share of each LR cell that belongs to a tied phase, softly thresholded at one half."""
    tree = growth.octree
    weights = [
        _leaf(growth, level.depth, classes).float() * 0.125**level.depth
        for level, classes in zip(tree.levels, tree.classes, strict=True)
    ]
    share = _to_cells(growth, target, codes, weights)
    return torch.sigmoid((share - 0.5) / SOFTNESS)


def _leaf(growth: Growth, depth: int, classes: Tensor) -> Tensor:
    """Which nodes are not refined further."""
    if depth == growth.octree.depth:
        return torch.ones_like(classes, dtype=torch.bool)
    return classes < growth.octree.phases
