"""Adaptive augmentation for few HR images (Karras et al. 2020), by what keeps label images valid.

The critic sees real and generated planes through the same random changes, so that the generator
does not learn them, and as often as it takes to keep the critic from knowing the images by heart.

How much it does is their r_v = (E[train] - E[held out]) / (E[train] - E[generated]) of its scores:
0 where held-out crops score as those of training do, 1 where they score as generated planes do.
Their other measure, r_t, is the sign of the scores, and a Wasserstein critic's have no zero: r_v
stays the same when scores are shifted or scaled.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from octolith.pyramid import SYMMETRIES, apply_symmetry
from octolith.training.data import uniform

# Beyond this the generator begins to learn the changes (Karras et al., section 2.2).
LIMIT = 0.8
# The share of a stage's steps in which the probability can go from 0 to the limit.
PACE = 0.1
# Steps that the measure is a running mean over.
MEMORY = 4
# Largest shift, and edge of the cutout, over the edge of a plane.
SHIFT, CUTOUT = 1 / 8, 1 / 2


def augment(planes: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Each plane turned, shifted and cut out, each with ``probability`` and by itself.

    A pixel stays a pixel: nothing is interpolated.

    Parameters
    ----------
    planes : (p, K+1, h, h); gradients pass through.
    """
    return torch.stack([_changed(plane, probability, generator) for plane in planes])


def _changed(plane: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    turn, shift, cut = (torch.rand(3, generator=generator) < probability).tolist()
    edge = plane.shape[-1]
    pixels = np.arange(edge * edge).reshape(edge, edge)
    if shift:
        reach = int(edge * SHIFT)
        y, x = (uniform(2 * reach + 1, generator) - reach for _ in range(2))
        pixels = pixels[reflected(edge, y)][:, reflected(edge, x)]
    if turn:
        pixels = apply_symmetry(pixels, uniform(SYMMETRIES, generator))
    plane = plane.flatten(1)[:, torch.from_numpy(np.ascontiguousarray(pixels)).to(plane.device)]
    if cut:
        half = int(edge * CUTOUT) // 2
        y, x = (uniform(edge, generator) for _ in range(2))
        kept = torch.ones(edge, edge, device=plane.device)
        kept[max(0, y - half) : y + half, max(0, x - half) : x + half] = 0
        plane = plane * kept
    return plane


def reflected(edge: int, shift: int) -> np.ndarray:
    """Positions seen after a shift, mirrored at the ends.

    >>> reflected(5, 2).tolist(), reflected(5, -2).tolist()
    ([2, 3, 4, 3, 2], [2, 1, 0, 1, 2])
    """
    at = np.abs(np.arange(edge) + shift)
    return np.where(at < edge, at, 2 * (edge - 1) - at)


def overfitting(train: float, held_out: float, generated: float) -> float:
    """r_v of mean scores, 0 to 1; 0 as long as the critic tells nothing apart.

    >>> overfitting(3.0, 3.0, 1.0), overfitting(3.0, 2.0, 1.0), overfitting(3.0, 1.0, 1.0)
    (0.0, 0.5, 1.0)
    """
    apart = train - generated
    return min(1.0, max(0.0, (train - held_out) / apart)) if apart > 0 else 0.0


def adapted(probability: float, measured: float, target: float, steps: int) -> float:
    """The probability after a step of a stage of so many: up where the critic knows too much."""
    change = LIMIT / (PACE * steps) * (1 if measured > target else -1)
    return min(LIMIT, max(0.0, probability + change))
