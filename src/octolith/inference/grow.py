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
    block = Block.read(volume, [cut.low], cut.shape, width, seed)
    block = block.to(next(generator.parameters()).device)
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
