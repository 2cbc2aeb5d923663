"""How many nodes will be mixed: as training found, as the HR images show, or as in paper 1.

And where: LR labels tell how much more of the rock is mixed in one block than in another.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from pathlib import Path

import numpy as np

from octolith.blocks import spans
from octolith.errors import InputError
from octolith.layout import Layout
from octolith.pyramid import mixed_fraction
from octolith.settings.training import TrainSettings
from octolith.volumes import open_volume
from octolith.volumes.images import read_images

# Mixed nodes of stages 1 to 4 in an LR cube of 32³ (paper 1, table 2).
PAPER = (9_530, 40_137, 150_025, 456_488)


@dataclass(frozen=True)
class Mixed:
    """Shares of the computed nodes that are mixed.

    Attributes
    ----------
    shares : of stages 1 … S - 1.
    source : where they are from, in words.
    uneven : mixed voxels of the block that has most, over those of a block of average rock.
    """

    shares: tuple[float, ...]
    source: str
    uneven: float = 1.0


def mixed_shares(
    run: Layout, stages: int, block: int, settings: TrainSettings | None = None
) -> Mixed:
    """The best that is known of a sample: the training's log, its HR images, or paper 1.

    Parameters
    ----------
    run : where the sample's files are, or will be.
    stages : S.
    block : edge of the blocks, LR voxels.
    settings : of the training, which may call more mixed than it finds (`mixed_factor`).
    """
    labels = Path(run.lr_labels)
    try:
        uneven = unevenness(labels, block) if labels.is_file() else 1.0
    except InputError:
        uneven = 1.0  # the step that needs these labels will say what is wrong with them
    factors = _factors(settings, stages) if settings else (1.0,) * (stages - 1)
    return Mixed(*_shares(run, stages, factors), uneven)


def _factors(settings: TrainSettings, stages: int) -> tuple[float, ...]:
    """How many times as much is mixed as a stage finds in training, at stages 1 … S - 1."""
    each = [settings.stage(stage) for stage in range(1, stages)]
    return tuple(stage.mixed_factor if stage.calibrate else 1.0 for stage in each)


def unevenness(labels: Path, block: int) -> float:
    """Mixed voxels of the block that has most, over those of the largest block of average rock.

    A voxel beside one of another phase stands for a mixed one. At least 1.

    Parameters
    ----------
    labels : LR phases (HDF5), read a layer of blocks at a time.
    block : edge of the blocks, LR voxels; an axis is cut as evenly as `octolith.blocks` does.
    """
    with open_volume(labels) as volume:
        shape = volume.shape
        pieces = [spans(n, block) for n in shape]
        counts = np.stack([_borders(volume[low:high]).sum(0) for low, high in pieces[0]])
    for axis in (1, 2):
        counts = np.add.reduceat(counts, [low for low, _ in pieces[axis]], axis)
    largest = prod(max(high - low for low, high in own) for own in pieces)
    average = counts.sum() / prod(shape) * largest
    return max(1.0, float(counts.max() / average)) if average else 1.0


def _borders(labels: np.ndarray) -> np.ndarray:
    """Which voxels have another phase beside them."""
    found = np.zeros(labels.shape, bool)
    for axis in range(3):
        along, own = labels.swapaxes(0, axis), found.swapaxes(0, axis)
        differ = along[1:] != along[:-1]
        own[1:] |= differ
        own[:-1] |= differ
    return found


def _shares(run: Layout, stages: int, factors: tuple[float, ...]) -> tuple[tuple[float, ...], str]:
    """Shares of the nodes that are mixed, and where they are from.

    A log has what a stage found in the nodes that it got. Of all nodes that images or the paper
    know of, the stage before has refined as many more as its own factor says.
    """
    after = tuple(f / before for before, f in pairwise((1.0, *factors)))
    numbers = range(1, stages)
    logs = [Path(run.training_log(stage)) for stage in numbers]
    if all(log.is_file() for log in logs):
        return _times([_last_epoch(log) for log in logs], factors), "the training's log"
    pyramids = [Path(run.pyramid(stage)) for stage in numbers]
    if all(pyramid.is_file() for pyramid in pyramids):
        return _times(_of_images(pyramids), after), "the HR images"
    nodes = [32**3, *(8 * mixed for mixed in PAPER)]
    shares = [mixed / n for mixed, n in zip(PAPER, nodes, strict=False)]
    shares += [shares[-1]] * (stages - 1 - len(shares))
    return _times(shares[: stages - 1], after), "another rock (Ugolkov et al., table 2)"


def _times(shares: Sequence[float], factors: Sequence[float]) -> tuple[float, ...]:
    return tuple(min(1.0, a * b) for a, b in zip(shares, factors, strict=True))


def _last_epoch(log: Path) -> float:
    with log.open(encoding="utf-8", newline="") as lines:
        *_, last = csv.DictReader(lines)
    return float(last["mixed_fraction"])


def _of_images(pyramids: list[Path]) -> tuple[float, ...]:
    """Only a mixed patch has mixed parts: the share among those is the share of all, over theirs.

    The critic makes the generator's planes look like these patches, so that nodes are mixed as
    often as they, although more cubes than squares of a rock are mixed.
    """
    shares, before = [], 1.0
    for pyramid in pyramids:
        images = read_images(pyramid)
        assert images.phases is not None
        patches = np.concatenate([image.ravel() for image in images.images])
        share = mixed_fraction(patches, images.phases.mixed)
        shares.append(share / before if before else 0.0)
        before = share
    return tuple(shares)
