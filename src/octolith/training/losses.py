"""The losses of algorithm E (paper 1): Wasserstein with gradient penalty, and the voxel tie."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from octolith.networks import Growth

# Of the softmax that stands in for argmax (paper 4): two shares that differ by a tenth give 0.62.
TEMPERATURE = 0.2


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
    growth: Growth, lr: Tensor, tied: tuple[int, ...], form: str, tolerance: float,
    *, pore: int | None = None,
) -> Tensor:  # fmt: skip
    """Mean squared difference between LR phases and SR brought to the LR grid.

    A mixed node promises nothing yet and so agrees with whatever LR says. Where phases meet, a scan
    sees a mean of both, which may be the grey of a third: between pore and feldspar lies a rim of
    what looks like quartz. Pore is told from rock even there, a mineral from others only within.

    Parameters
    ----------
    growth : of the core.
    lr : (batch, z, y, x) uint8 LR labels of the same core.
    tied : codes of the phases that LR ties down; the pore alone in paper 1.
    form : how SR is brought to the LR grid:
        "nearest", one voxel of each LR cell: an LR image that is under-sampled (paper 4), and
        paper 1's σ; "majority", the phase that most of the cell is, and "blur", the same after a
        Gaussian blur (paper 4): an LR image that is under-resolved. Both leave detail finer than
        an LR voxel free; their argmax is a softmax of low temperature.
    tolerance : a loss below this is none (paper 4).
    pore : code of the phase that is tied everywhere, other ones only within; None: all everywhere.
    """
    tree = growth.octree
    z, y, x = tree.levels[0].coordinates.unbind(-1)
    place = (tree.levels[0].batch_index, z, y, x)
    wanted = lr[place]
    codes = torch.tensor(tied, device=lr.device)
    target = (wanted[:, None] == codes).float()
    weights = WEIGHTS[form](1 << tree.depth).to(lr.device)
    share = _share(growth, target, codes, weights)
    found = share if form == "nearest" else _most(share)
    apart = (found - target).square()
    if pore is not None and set(tied) != {pore}:
        apart = apart * (within(lr)[place][:, None] | (codes == pore))
    loss = apart.mean()
    return torch.where(loss > tolerance, loss, 0.0 * loss)


def within(lr: Tensor) -> Tensor:
    """(batch, z, y, x) bool: voxels whose 26 neighbours, as far as there are, are alike."""
    labels = lr.float()[:, None]
    highest = functional.max_pool3d(labels, 3, stride=1, padding=1)
    lowest = -functional.max_pool3d(-labels, 3, stride=1, padding=1)
    return (highest == lowest)[:, 0]


def prior_loss(growth: Growth, lr: Tensor, decided: bool) -> Tensor:
    """Squared difference between the finest nodes and the interpolated LR image, per fine voxel.

    Of all rocks that the critic takes for real and that agree with LR, the likeliest is wanted:
    where LR leaves no doubt this costs most, on the interpolated interface nothing. A mixed node
    agrees with everything.

    Parameters
    ----------
    growth : of the core.
    lr : (batch, z, y, x) uint8 LR labels of the same core.
    decided : of the classes that inference will give, rather than of their probabilities.
    """
    tree = growth.octree
    level = tree.levels[-1]
    likely = cubic(lr, tree.phases, 1 << level.depth, level.batch_index, level.coordinates)
    nodes = growth.decisions if decided else growth.probabilities
    found = nodes[:, :-1] + nodes[:, -1:] * likely
    return (found - likely).square().sum() / (lr.numel() << (3 * level.depth))


def cubic(labels: Tensor, phases: int, scale: int, batch: Tensor, places: Tensor) -> Tensor:
    """Interpolate labels by Keys' cubic convolution (1981), a = -0.75, within 0 … 1.

    Sharper than a B-spline: its half-way surface keeps the volume of what LR shows.

    Parameters
    ----------
    labels : (batch, z, y, x) uint8; what is outside is as its nearest voxel.
    batch, places : (n,) and (n, 3) of fine voxels, ``scale`` times finer: only they are computed.

    Returns
    -------
    (n, K) share of each phase.
    """
    shares = torch.zeros(len(places), phases, device=labels.device)
    lengths = labels.shape[1:]
    along = [_keys(places[:, axis], scale, lengths[axis]) for axis in range(3)]
    for (z, by_z), (y, by_y), (x, by_x) in product(*along):
        found = labels[batch, z, y, x].long()
        shares.scatter_add_(1, found[:, None], (by_z * by_y * by_x)[:, None])
    return shares.clamp(0, 1)


def _keys(
    places: Tensor, scale: int, length: int, a: float = -0.75
) -> Iterator[tuple[Tensor, Tensor]]:
    """The four voxels around each finer one along an axis, and what each weighs there."""
    centre = (places + 0.5) / scale - 0.5
    for tap in range(-1, 3):
        voxel = centre.floor() + tap
        t = (centre - voxel).abs()
        near = (a + 2) * t**3 - (a + 3) * t**2 + 1
        far = a * (t**3 - 5 * t**2 + 8 * t - 4)
        yield voxel.long().clamp(0, length - 1), torch.where(t < 1, near, far)


def one_voxel(edge: int) -> Tensor:
    """(edge,) what nearest-neighbour downsampling weighs a cell's voxels with, along an axis."""
    return torch.arange(edge).eq(edge // 2).float()


def binning(edge: int) -> Tensor:
    """(edge,) all voxels of a cell alike: a pixel of a detector."""
    return torch.full((edge,), 1 / edge)


def gaussian(edge: int) -> Tensor:
    """(edge,) paper 4's blur, and the linear interpolation at the cell's centre that follows it.

    The blur is of an odd width k = edge - 1 (1 for a cell of one voxel), with
    σ = 0.3((k - 1)/2 - 1) + 0.8 voxels. A centre between two voxels takes the mean of both.
    """
    if edge == 1:
        return torch.ones(1)
    width = edge - 1
    sigma = 0.3 * ((width - 1) / 2 - 1) + 0.8
    bell = torch.exp(-0.5 * ((torch.arange(width) - (width - 1) / 2) / sigma) ** 2)
    bell = functional.pad(bell / bell.sum(), (1, 1))
    return (bell[:-1] + bell[1:]) / 2


WEIGHTS = {"nearest": one_voxel, "majority": binning, "blur": gaussian}


def _most(share: Tensor) -> Tensor:
    """Nearly one-hot: (cells, tied) shares of the tied phases, the others together against them."""
    others = 1.0 - share.sum(1, keepdim=True)
    return torch.softmax(torch.cat([share, others], 1) / TEMPERATURE, 1)[:, :-1]


def _share(growth: Growth, target: Tensor, codes: Tensor, weights: Tensor) -> Tensor:
    """Weighted membership of each LR cell's voxels in the tied phases: (cells, tied).

    A node stands for all its voxels, so it weighs what they weigh together.
    """
    tree = growth.octree
    total = torch.zeros_like(target)
    leaves = zip(tree.levels, tree.classes, _leaves(growth, codes), strict=True)
    for level, classes, (member, mixed) in leaves:
        along = weights.view(1 << level.depth, -1).sum(1)
        within = level.coordinates & ((1 << level.depth) - 1)
        weight = along[within].prod(-1) * _leaf(growth, level.depth, classes)
        cell = level.ancestors(tree.levels[0])
        part = member + mixed[:, None] * target[cell]
        total = total.index_add(0, cell, part * weight[:, None])
    return total


def _leaves(growth: Growth, codes: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Per level: membership (n, tied) in the tied phases, and in mixed (n,)."""
    tree = growth.octree
    known = [
        ((classes[:, None] == codes).float(), torch.zeros(len(classes), device=codes.device))
        for classes in tree.classes[:-1]
    ]
    p = growth.probabilities
    return [*known, (p[:, codes], p[:, tree.phases])]


def _leaf(growth: Growth, depth: int, classes: Tensor) -> Tensor:
    """Which nodes are not refined further."""
    if depth == growth.octree.depth:
        return torch.ones_like(classes, dtype=torch.bool)
    return classes < growth.octree.phases
