"""Where a careful reader of the report should be careful: one rule a function, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from octolith.blocks import spans
from octolith.report.charts import chosen_epoch
from octolith.report.judgement import Score, Verdict, agreement, scores
from octolith.report.run import Run
from octolith.report.views import AXES, Box
from octolith.report.words import enumerated, number, percent
from octolith.volumes import OUTSIDE, ImageSet

# A mean over HR images is called uncertain above this standard error, relative to the mean.
UNCERTAIN = 0.1
# Faces between LR cells (or blocks) are conspicuous above this ratio of unlike neighbours.
CONSPICUOUS = 1.25
# Realisations that agree in a larger share of the voxels are as good as one.
ALIKE = 0.999


def cautions(
    run: Run, rows: list[Verdict], fractions: dict[str, dict[str, float]], box: Box
) -> list[str]:
    """What a careful reader should know before believing the page."""
    return [
        *_circular(run),
        *_against(scores(rows)),
        *_few_images(run.learnt, run, "2D images to learn from"),
        *(_few_images(run.hr, run, "HR images") if run.keeps_back else []),
        *_missing_phases(run, fractions),
        *_imprint(run, box),
        *_closed(run),
        *_training(run),
        *_realisations(run, box),
    ]


def _circular(run: Run) -> list[str]:
    if run.keeps_back or run.truth is not None:
        return []
    return [
        "HR are the images that training learned from: that SR comes closer to them is what "
        "training is for, and no test of it. Name images that it never sees in the sample sheet's "
        "column hr_test."
    ]


def _against(found: list[Score]) -> list[str]:
    words = []
    for score in found:
        if score.closer <= score.farther:
            words.append(
                f"SR is not closer to {score.reference} than LR ({score.closer} rows closer, "
                f"{score.farther} farther): do not use it in place of LR without asking why."
            )
        elif score.closer * 2 <= score.rows:
            words.append(
                f"Against {score.reference} most rows do not show that SR is closer "
                f"({score.closer} of {score.rows} do, {score.undecided} are within chance): more "
                "patches or more HR images would decide some of them."
            )
    return words


def _few_images(images: ImageSet, run: Run, what: str) -> list[str]:
    pore = run.phases.pore_code
    shares = [float((image == pore).sum() / max(1, (image != OUTSIDE).sum()))
              for image in images.images]  # fmt: skip
    if len(shares) < 3:
        return [f"There are only {len(shares)} {what}: nothing says how representative they are."]
    mean = float(np.mean(shares))
    error = float(np.std(shares, ddof=1) / math.sqrt(len(shares)))
    if error <= UNCERTAIN * mean:
        return []
    return [
        f"The {len(shares)} {what} differ much in porosity ({percent(min(shares))} to "
        f"{percent(max(shares))}; mean {percent(mean)} ± {percent(error)}): the reference itself "
        "is uncertain, and more images would help more than more training."
    ]


def _missing_phases(run: Run, fractions: dict[str, dict[str, float]]) -> list[str]:
    found = []
    for name in run.phases.names:
        without = [image for image, shares in fractions.items() if shares[name] == 0]
        if without:
            found.append(f"The phase {name!r} does not occur in {', '.join(without)}.")
    return found


def _imprint(run: Run, box: Box) -> list[str]:
    """Whether the grid of LR cells, or of blocks, shows in SR as too many unlike neighbours."""
    part = box.read(run.sr[0], run.scale)
    block = run.config.superresolve.block
    ratios: dict[str, dict[str, float]] = {"LR voxels": {}, "blocks": {}}
    for axis, name in enumerate(AXES):
        first = box.low[axis] * run.scale
        seams = [low * run.scale for low, _ in spans(run.lr.shape[axis], block)]
        cells, blocks = grid_excess(np.moveaxis(part, axis, 0), first, run.scale, seams)
        ratios["LR voxels"][name], ratios["blocks"][name] = cells, blocks
    return [
        f"Phases change up to {number(max(along.values()))} times as often across the faces of "
        f"{grid} as elsewhere (along {enumerated(sorted(along))}, in the field of view shown): the "
        f"grid of {grid} shows through."
        for grid, found in ratios.items()
        if (along := {axis: ratio for axis, ratio in found.items() if ratio > CONSPICUOUS})
    ]


def grid_excess(
    part: np.ndarray, first: int, cell: int, seams: Sequence[int]
) -> tuple[float, float]:
    """How many times more often phases change from plane to plane across the faces of a grid.

    Parameters
    ----------
    part : SR labels, the planes along its first axis.
    first : place of the first plane in the whole volume.
    cell : edge of an LR voxel, in SR voxels.
    seams : the planes that blocks begin with, in the whole volume.

    Returns
    -------
    faces of LR voxels against faces inside them, and faces of blocks against those of LR voxels;
    1 where chance may explain the difference.
    """
    shares = np.array([_unlike(a, b) for a, b in pairwise(np.ascontiguousarray(part))])
    # The face after plane p is one of LR voxels where p + 1 is a multiple of their edge.
    plane = np.arange(1, len(part)) + first
    of_block = np.isin(plane, seams)
    of_cell = (plane % cell == 0) & ~of_block
    inside = shares[~of_cell & ~of_block]
    return _excess(shares[of_cell], inside), _excess(shares[of_block], shares[of_cell])


def _unlike(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.mean((a != b) & (a != OUTSIDE) & (b != OUTSIDE)))


def _excess(faces: np.ndarray, others: np.ndarray) -> float:
    """How many times more of the one than of the others; 1 where chance may explain it."""
    if not len(faces) or len(others) < 2 or others.mean() == 0:
        return 1.0
    error = others.std(ddof=1) * math.sqrt(1 / len(faces) + 1 / len(others))
    if faces.mean() - others.mean() < 3 * error:
        return 1.0
    return float(faces.mean() / others.mean())


def _closed(run: Run) -> list[str]:
    """Axes along which the pore space of an image has no way through."""
    by_axes: dict[tuple[str, ...], list[str]] = {}
    for image, table in run.networks.items():
        rows = table[table["property"] == "percolates"]
        shut = tuple(sorted(rows.loc[rows["value"] == 0, "axis"]))
        if shut:
            by_axes.setdefault(shut, []).append(image)
    return [
        f"No pore of {enumerated(images)} leads through a cube that was measured along "
        f"{enumerated(axes)}: the permeability there is zero, which says as much of the size of "
        "the cubes as of the rock."
        for axes, images in by_axes.items()
    ]


def _training(run: Run) -> list[str]:
    late = [
        str(stage)
        for stage, log in enumerate(run.training, 1)
        if chosen_epoch(log) == log["epoch"].max() > 1
    ]
    if not late:
        return []
    return [
        f"The best epoch was the last one (stage {enumerated(late)}), so that more epochs may "
        "still improve it: raise train.all.epochs."
    ]


def _realisations(run: Run, box: Box) -> list[str]:
    if len(run.sr) < 2:
        return ["There is one realisation: nothing says how much of SR's detail is chance. Set "
                "superresolve.realisations to 2 or more."]  # fmt: skip
    alike = agreement(run, box)
    if alike <= ALIKE:
        return []
    return [
        f"The realisations hardly differ ({percent(alike, 2)} of the voxels shown agree): the "
        "generator makes little use of its noise, so that the spread over realisations says "
        "nothing of the uncertainty of SR."
    ]
