"""Grow a block with just the halo that its core depends on: the cut leaves no trace."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from octolith.blocks import Cut
from octolith.errors import InputError
from octolith.networks import Block, Generator, Growth, halo
from octolith.phases import OUTSIDE, Phases
from octolith.volumes import Volume


def read_block(volume: Volume, cut: Cut, width: int, seed: int) -> Block:
    """A block of an LR volume with ``width`` voxels around it, less at the volume's edges."""
    low = [max(0, a - width) for a in cut.low]
    high = [min(n, b + width) for n, b in zip(volume.shape, cut.high, strict=True)]
    labels = volume[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    (z0, y0, x0), (z1, y1, x1) = (
        [c - a for c, a in zip(corner, low, strict=True)] for corner in (cut.low, cut.high)
    )
    origin = torch.tensor([low])
    return Block(torch.from_numpy(labels[None]), origin, ((z0, y0, x0), (z1, y1, x1)), seed)


def grow(
    generator: Generator, volume: Volume, cut: Cut, seed: int, stage: int | None = None,
    *, temperature: float = 1.0,
) -> Growth:  # fmt: skip
    """Super-resolve one block.

    Parameters
    ----------
    generator : trained to its last stage, in evaluation mode.
    volume : LR labels.
    cut : the block.
    seed : of the noise: another one is another realisation.
    stage : how far to grow; None: to the last stage.
    temperature : of the finest classes, as of `Block`.
    """
    stage = generator.final if stage is None else stage
    width = halo(generator.settings, stage - 1)
    block = read_block(volume, cut, width, seed).to(next(generator.parameters()).device)
    block = replace(block, temperature=temperature)
    with torch.inference_mode():
        growth: Growth = generator(block, stage)
    return growth


def check_labels(labels: np.ndarray, phases: Phases, where: object) -> None:
    """Refuse labels that are neither a phase nor outside the rock.

    Raises
    ------
    InputError : names the unknown labels and how often each occurs.
    """
    values, counts = np.unique(labels, return_counts=True)
    unknown = {
        int(v): int(n)
        for v, n in zip(values, counts, strict=True)
        if v >= len(phases) and v != OUTSIDE
    }
    if unknown:
        found = ", ".join(f"label {value} ({count} voxels)" for value, count in unknown.items())
        expected = f"0 to {len(phases) - 1} ({', '.join(phases.names)}) or {OUTSIDE} (outside)"
        raise InputError(where, found, expected, "Map it to a phase in the segmentation.")
