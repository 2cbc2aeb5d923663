"""How many nodes will be mixed: as training found, as the HR images show, or as in paper 1."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from octolith.layout import Layout
from octolith.pyramid import mixed_fraction
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
    """

    shares: tuple[float, ...]
    source: str


def mixed_shares(run: Layout, stages: int) -> Mixed:
    """The best that is known of a sample: the training's log, its HR images, or paper 1.

    Parameters
    ----------
    run : where the sample's files are, or will be.
    stages : S.
    """
    numbers = range(1, stages)
    logs = [Path(run.training_log(stage)) for stage in numbers]
    if all(log.is_file() for log in logs):
        return Mixed(tuple(_last_epoch(log) for log in logs), "the training's log")
    pyramids = [Path(run.pyramid(stage)) for stage in numbers]
    if all(pyramid.is_file() for pyramid in pyramids):
        return Mixed(_of_images(pyramids), "the HR images")
    nodes = [32**3, *(8 * mixed for mixed in PAPER)]
    shares = [mixed / n for mixed, n in zip(PAPER, nodes, strict=False)]
    shares += [shares[-1]] * (stages - 1 - len(shares))
    return Mixed(tuple(shares[: stages - 1]), "paper 1, table 2")


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
