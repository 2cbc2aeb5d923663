"""The last touch to a stage: as much of every class as the HR images allow.

A critic compares planes one by one, and lets the mean of many be a few per cent off; what is off
at one stage, the next ones inherit. The biases of the stage's classifier mend it: one number a
class, which moves every interface a little and nothing from its place.

How much of a class there is, a few images of another place know but roughly: shares within a
standard error of theirs are left as they are, others are brought to the nearest that is.

Which biases give classes their shares is a problem of optimal transport from nodes to classes: its
dual is concave in the biases, and its gradient is what the shares lack (Peyré and Cuturi,
Computational Optimal Transport, 2019, section 5.2).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.optimize import minimize
from torch import nn

from octolith.networks import Block, Growth
from octolith.phases import OUTSIDE
from octolith.slabs import count_codes
from octolith.training.data import Cubes
from octolith.training.stage import Stage

log = logging.getLogger(__name__)

# LR cubes along an axis that stand for the volume, and finest nodes of each that do for it.
LATTICE, NODES = 4, 20_000
# No bias beyond this: what is so far off, no bias mends.
LIMIT = 4.0
# What a share that is 1 may lack, and equal ones differ by, in single precision.
ALIKE = 1e-5


@dataclass(frozen=True)
class Sample:
    """What a volume is made of, before the finest nodes are decided.

    Attributes
    ----------
    decided : (K+1,) shares of the volume that coarser levels have decided.
    logits : (n, K+1) of finest nodes, which stand for the rest of it.
    sure : (n,) how sure the LR image is of each, as of `octolith.networks.Growth`.
    weights : (n,) how much of the rest each stands for, 1 in all.
    made : (blocks, K+1) shares of each block as it is now.
    lr : (blocks, K+1) shares of the LR phases in the same place.
    """

    decided: np.ndarray
    logits: np.ndarray
    sure: np.ndarray
    weights: np.ndarray
    made: np.ndarray
    lr: np.ndarray


def sample(grow: Callable[[Block], Growth], blocks: Iterable[Block], classes: int) -> Sample:
    """Grow blocks and take stock of them."""
    decided = np.zeros(classes)
    logits, sure, weights, made, lr = [], [], [], [], []
    for block in blocks:
        growth = grow(block)
        found = _by_depth(growth, classes)
        decided += found[:-1].sum(0)
        made.append(found.sum(0))
        # The eight children of a node stand in a row, each with weights of its own: an even step
        # would see some of the eight more often than others.
        step = max(1, -(-len(growth.scores) // NODES)) | 1
        logits.append(growth.scores[::step].float().cpu().numpy())
        sure.append(growth.sure[::step].float().cpu().numpy())
        weights.append(np.full(len(logits[-1]), float(step)))
        lr.append(shares(block.core_labels.cpu().numpy(), classes))
    each, count = np.concatenate(weights), len(made)
    return Sample(
        decided / count, np.concatenate(logits), np.concatenate(sure),
        each / max(1.0, each.sum()), np.stack(made), np.stack(lr),
    )  # fmt: skip


def _by_depth(growth: Growth, classes: int) -> np.ndarray:
    """(depths, K+1) shares of the core in nodes that are not refined; the finest may be mixed."""
    tree = growth.octree
    leaves = [known[known < tree.phases] for known in tree.classes[:-1]] + [tree.classes[-1]]
    counts = [torch.bincount(known.cpu().long(), minlength=classes).numpy() for known in leaves]
    voxels = len(tree.levels[0])
    return np.stack([count / (8**depth * voxels) for depth, count in enumerate(counts)])


def shares(labels: np.ndarray, classes: int) -> np.ndarray:
    """(classes,) of the rock."""
    counts = count_codes(labels)[:classes]
    return counts / max(1, counts.sum())


def biases(found: Sample, wanted: np.ndarray) -> np.ndarray:
    """(classes,) to add to the logits, so that the volume has the shares that are wanted.

    Their mean is 0. A class that coarser levels already have too much of gets none of the rest, or
    as little as the limit allows. Nothing changes where nothing is left to decide.
    """
    rest = np.clip(wanted - found.decided, 0, None)
    if not len(found.logits) or not rest.sum():
        return np.zeros(len(wanted))
    rest /= rest.sum()

    def dual(bias: np.ndarray) -> tuple[float, np.ndarray]:
        scores = found.logits + bias
        chosen = np.bincount(scores.argmax(1), found.weights, len(bias))
        # No product of BLAS: its threads would sum in another order, and show in the last digit.
        total = (found.weights * scores.max(1)).sum()
        return float(total - (bias * rest).sum()), chosen - rest

    limits = [(-LIMIT, LIMIT)] * len(wanted)
    start = np.zeros(len(wanted))
    best: np.ndarray = minimize(dual, start, jac=True, method="L-BFGS-B", bounds=limits).x
    return best - best.mean()


def refined_below(found: Sample, bias: np.ndarray, factor: float) -> float:
    """How sure the LR image has to be of a node, or else it is mixed whatever the network says.

    A critic sees that as many nodes are mixed as should be, but not whether they are the right
    ones; what is not refined is never mended, and near an interface that LR shows LR knows better.
    So ``factor`` times as much is refined: what the network says, and the nodes that LR is least
    sure of.

    Parameters
    ----------
    bias : (K+1,) with which classes have the shares that they should; mixed is the last.

    Returns
    -------
    0: no node, up to nearly 1: never those with one phase all around them.
    """
    scores = found.logits + bias
    mixed = scores[:, -1] > scores[:, :-1].max(1)
    more = (factor - 1) * found.weights[mixed].sum()
    if not more:
        return 0.0
    order = np.argsort(np.where(mixed, np.inf, found.sure), kind="stable")
    last = min(int(np.searchsorted(np.cumsum(found.weights[order]), more)), (~mixed).sum() - 1)
    return float(min(found.sure[order[last]] + ALIKE, 1 - ALIKE)) if last >= 0 else 0.0


@dataclass(frozen=True)
class Wanted:
    """How much of each class the HR images say there is.

    Attributes
    ----------
    shares : (K+1,) of the classes in all images.
    error : (K+1,) their standard error.
    """

    shares: np.ndarray
    error: np.ndarray

    @classmethod
    def of(cls, images: Sequence[np.ndarray], classes: int) -> Wanted:
        """From the quarters of the images, which differ as much as there is rock in each."""
        quarters = [
            part
            for image in images
            for half in np.array_split(image, 2, 0)
            for part in np.array_split(half, 2, 1)
            if (part != OUTSIDE).any()
        ]
        each = np.stack([shares(part, classes) for part in quarters])
        weight = np.array([(part != OUTSIDE).sum() for part in quarters], float)
        weight /= weight.sum()
        mean = weight @ each
        if len(each) < 2:
            return cls(mean, np.full(classes, np.inf))  # one says nothing of how much they differ
        few = len(each) / (len(each) - 1)
        return cls(mean, np.sqrt(few * weight**2 @ (each - mean) ** 2))

    def nearest_to(self, made: np.ndarray, error: np.ndarray) -> np.ndarray:
        """The shares within a standard error of these that are nearest to what is made.

        Parameters
        ----------
        error : (K+1,) of what is made, of the rock that the images are of.
        """
        doubt = np.hypot(self.error, error)
        near = np.clip(made, np.clip(self.shares - doubt, 0, None), self.shares + doubt)
        return np.asarray(near / near.sum())


def with_lr(found: Sample, excess: np.ndarray) -> np.ndarray:
    """(K+1,) how much more of each class comes with an excess of LR phases (K+1,), 0 in all.

    The slopes are those of the blocks (least squares: they are control variates); of a few blocks
    they would be noise, and are taken for 0.
    """
    lr, made = found.lr - found.lr.mean(0), found.made - found.made.mean(0)
    if len(lr) <= 2 * len(excess):
        return np.zeros_like(excess)
    slopes, *_ = np.linalg.lstsq(lr, made, rcond=1e-6)
    return np.asarray(excess @ slopes)


def calibrated(
    grow: Callable[[Block], Growth],
    cubes: Cubes,
    hr: Wanted,
    stage_is_last: bool,
    mixed_factor: float = 1.0,
) -> tuple[np.ndarray, float]:
    """What gives the whole LR volume classes as the HR images have.

    Cubes that have more of an LR phase than the LR volume may have more of the classes that come
    with it (`with_lr`). A volume as small as the LR volume differs from the rock at large as its
    cubes tell.

    Parameters
    ----------
    grow : the trained generator.
    cubes : of the LR volume.
    hr : the classes in the HR images of the stage.
    stage_is_last : it knows no mixed.
    mixed_factor : how many times as much is mixed in the end, at the other stages.

    Returns
    -------
    (K+1,) biases, and how sure LR has to be of what they leave unrefined.
    """
    classes = len(hr.shares)
    blocks = list(cubes.lattice(LATTICE))
    found = sample(grow, blocks, classes)
    excess = with_lr(found, found.lr.mean(0) - shares(cubes.labels, classes))
    volume = max(1.0, np.count_nonzero(cubes.labels != OUTSIDE) / cubes.edge**3)
    varies = found.made.std(0, ddof=1) if len(blocks) > 1 else np.zeros(classes)
    wanted = hr.nearest_to(found.made.mean(0) - excess, varies / np.sqrt(volume))
    wanted = np.clip(wanted + excess, 0, None)
    if not stage_is_last:
        bias = biases(found, wanted)
        return bias, refined_below(found, bias, mixed_factor)
    phases = replace(found, decided=found.decided[:-1], logits=found.logits[:, :-1])
    return np.append(biases(phases, wanted[:-1]), 0.0), 0.0


def calibrate(stage: Stage, trained: nn.Module) -> None:
    """Give a stage's classes shares as in its HR images, in place.

    Parameters
    ----------
    trained : weights of the stage.
    """
    images = [image for own in stage.panels.images().values() for image in own]
    hr = Wanted.of(images, len(stage.phases) + 1)

    def grow(block: Block) -> Growth:
        return stage.grow(block.to(stage.device))

    state = trained.state_dict()
    tied = state["tied"].fill_(False)
    tied[list(stage.tied)] = True
    with stage.evaluating(trained):
        change, below = calibrated(grow, stage.cubes, hr, stage.last, stage.settings.mixed_factor)
    state["classify.bias"] += torch.from_numpy(change).to(stage.device)
    state["refined_below"].fill_(below)
    biases = np.round(change, 3).tolist()
    log.info("stage %d: biases changed by %s, refined below %.3f", stage.stage, biases, below)
