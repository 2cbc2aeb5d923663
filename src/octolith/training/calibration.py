"""The last touch to a stage: as much of every class as in the HR images.

A critic compares planes one by one, and lets the mean of many be a few per cent off; what is off
at one stage, the next ones inherit. The biases of the stage's classifier mend it: one number a
class, which moves every interface a little and nothing from its place.

Which biases give classes their shares is a problem of optimal transport from nodes to classes: its
dual is concave in the biases, and its gradient is what the shares lack (Peyré and Cuturi,
Computational Optimal Transport, 2019, section 5.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize

from octolith.networks import Block, Growth
from octolith.phases import OUTSIDE
from octolith.training.data import Cubes

# LR cubes along an axis that stand for the volume, and finest nodes of each that do for it.
LATTICE, NODES = 4, 20_000
# No bias beyond this: what is so far off, no bias mends.
LIMIT = 4.0


@dataclass(frozen=True)
class Sample:
    """What a volume is made of, before the finest nodes are decided.

    Attributes
    ----------
    decided : (K+1,) shares of the volume that coarser levels have decided.
    logits : (n, K+1) of finest nodes, which stand for the rest of it.
    weights : (n,) how much of the rest each stands for, 1 in all.
    lr : (K+1,) shares of the LR phases in the same place.
    """

    decided: np.ndarray
    logits: np.ndarray
    weights: np.ndarray
    lr: np.ndarray


def sample(grow: Callable[[Block], Growth], blocks: Iterable[Block], classes: int) -> Sample:
    """Grow blocks and take stock of them."""
    decided, logits, weights, lr = np.zeros(classes), [], [], np.zeros(classes)
    count = 0
    for block in blocks:
        growth = grow(block)
        decided += _decided(growth, classes)
        step = max(1, -(-len(growth.logits) // NODES))
        logits.append(growth.logits[::step].float().cpu().numpy())
        weights.append(np.full(len(logits[-1]), float(step)))
        lr += shares(block.core_labels.cpu().numpy(), classes)
        count += 1
    each = np.concatenate(weights)
    return Sample(decided / count, np.concatenate(logits), each / max(1.0, each.sum()), lr / count)


def _decided(growth: Growth, classes: int) -> np.ndarray:
    """(K+1,) shares of the core in nodes that are no longer refined, above the finest level."""
    tree = growth.octree
    total = torch.zeros(classes, dtype=torch.float64)
    for level, known in zip(tree.levels[:-1], tree.classes[:-1], strict=True):
        leaves = known[known < tree.phases].cpu().long()
        total += torch.bincount(leaves, minlength=classes) / (8**level.depth * len(tree.levels[0]))
    return total.numpy()


def shares(labels: np.ndarray, classes: int) -> np.ndarray:
    """(classes,) of the rock."""
    counts = np.bincount(labels.ravel(), minlength=OUTSIDE + 1)[:classes]
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
        return float(found.weights @ scores.max(1) - bias @ rest), chosen - rest

    limits = [(-LIMIT, LIMIT)] * len(wanted)
    start = np.zeros(len(wanted))
    best: np.ndarray = minimize(dual, start, jac=True, method="L-BFGS-B", bounds=limits).x
    return best - best.mean()


def calibrated(
    grow: Callable[[Block], Growth], cubes: Cubes, hr: np.ndarray, stage_is_last: bool
) -> np.ndarray | None:
    """The biases that give the whole LR volume the classes of the HR images; None: no cube fits.

    What the cubes have more of than the LR volume, in LR, they may have more of when refined.

    Parameters
    ----------
    grow : the trained generator.
    cubes : of the LR volume.
    hr : (K+1,) shares of the classes in the HR images of the stage.
    stage_is_last : it knows no mixed.
    """
    blocks = list(cubes.lattice(LATTICE))
    if not blocks:
        return None
    found = sample(grow, blocks, len(hr))
    excess = found.lr - shares(cubes.labels, len(hr))
    wanted = np.clip(hr + excess, 0, None)
    if not stage_is_last:
        return biases(found, wanted)
    phases = Sample(found.decided[:-1], found.logits[:, :-1], found.weights, found.lr[:-1])
    return np.append(biases(phases, wanted[:-1]), 0.0)
