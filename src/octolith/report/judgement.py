"""Whether SR came closer to HR than LR was, in words, and where to be careful."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from octolith.blocks import spans
from octolith.report.charts import chosen_epoch
from octolith.report.run import Run
from octolith.report.views import AXES, Box
from octolith.report.words import descriptor_name, enumerated, number, pair, percent
from octolith.volumes import OUTSIDE, ImageSet

# A mean over HR images is called uncertain above this standard error, relative to the mean.
UNCERTAIN = 0.1
# A row is decided where so large a share of the bootstrap's draws agree.
SURE = 0.95
# Faces between LR cells (or blocks) are conspicuous above this ratio of unlike neighbours.
CONSPICUOUS = 1.25
# Realisations that agree in a larger share of the voxels are as good as one.
ALIKE = 0.999


@dataclass(frozen=True)
class Verdict:
    """One line of the comparison.

    ``family`` is the descriptor's table, which may hold several quantities; ``sure`` is the share
    of bootstrap draws in which SR is the nearer one, and ``spread`` the standard deviation of its
    distance over realisations.
    """

    family: str
    descriptor: str
    of: str
    reference: str
    lr: float
    sr: float
    unit: str
    change: float
    spread: float
    sure: float
    word: str


def verdicts(comparison: pd.DataFrame, families: Mapping[str, str]) -> list[Verdict]:
    """What each row of the comparison says.

    Parameters
    ----------
    families : the table that each quantity is in; one that is missing is its own.
    """
    return [
        Verdict(
            descriptor_name(families.get(row["descriptor"], row["descriptor"])),
            descriptor_name(row["descriptor"]),
            pair(row["phase"], row["other"]),
            row["reference"],
            float(row["lr_distance"]),
            float(row["sr_distance"]),
            row["unit"],
            row["sr_distance"] / row["lr_distance"] - 1 if row["lr_distance"] else math.nan,
            float(row["spread"]),
            float(row["sure"]),
            _word(row["lr_distance"], row["sr_distance"], row["spread"], row["sure"]),
        )
        for row in comparison.to_dict("records")
    ]


def _word(lr: float, sr: float, spread: float, sure: float) -> str:
    """A gain that another draw of patches, or another realisation, may undo is no gain."""
    if not (math.isfinite(lr) and math.isfinite(sr)):
        return "not measured"
    within = math.isfinite(spread) and abs(sr - lr) <= spread
    undecided = 1 - SURE < sure < SURE
    unknown = math.isnan(spread) and math.isnan(sure)
    if within or undecided or unknown or sr == lr:
        return "within chance"
    return "closer" if sr < lr else "farther"


@dataclass(frozen=True)
class Score:
    """How many rows came closer to one reference.

    ``change`` is the median change of the distances, relative to those of LR, and ``spread`` the
    median spread of that change over realisations.
    """

    reference: str
    closer: int
    farther: int
    undecided: int
    change: float
    spread: float

    @property
    def rows(self) -> int:
        """Rows that could be measured."""
        return self.closer + self.farther + self.undecided

    @property
    def net(self) -> float:
        """Share of rows that came closer, less the share that went farther."""
        return (self.closer - self.farther) / self.rows if self.rows else math.nan

    @property
    def word(self) -> str:
        """The score as a word: what more than half of the rows say."""
        if self.closer * 2 > self.rows:
            return "closer"
        return "farther" if self.farther * 2 > self.rows else "undecided"

    @property
    def words(self) -> str:
        """The score as a sentence."""
        text = f"SR is closer to {self.reference} than LR in {self.closer} of {self.rows} rows, "
        text += f"farther in {self.farther}"
        if self.undecided:
            text += f", and within chance in {self.undecided}"
        if abs(self.change) < 0.005:
            text += "; the median distance is the same"
        elif math.isfinite(self.change):
            sign = "shrank" if self.change < 0 else "grew"
            text += f"; the median distance {sign} by {percent(abs(self.change), 0)}"
        return text + "."


def scores(rows: list[Verdict]) -> list[Score]:
    """One score a reference: HR first, then truth."""
    return [_score(name, rows) for name in _in_order(row.reference for row in rows)]


def scores_by_family(rows: list[Verdict]) -> dict[str, list[Score]]:
    """The same for each descriptor."""
    references = _in_order(row.reference for row in rows)
    return {
        family: [_score(name, [row for row in rows if row.family == family]) for name in references]
        for family in _in_order(row.family for row in rows)
    }


def _score(reference: str, rows: list[Verdict]) -> Score:
    own = [row for row in rows if row.reference == reference]
    count = Counter(row.word for row in own)
    return Score(
        reference, count["closer"], count["farther"], count["within chance"],
        change=_median(row.change for row in own),
        spread=_median(row.spread / row.lr for row in own if row.lr),
    )  # fmt: skip


def _median(values: Iterable[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return float(np.median(known)) if known else math.nan


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Overlap:
    """How well LR and SR agree with the truth, voxel for voxel, in the field of view.

    ``phase`` is a phase, with intersection over union, or empty for the share of all voxels that
    agree.
    """

    phase: str
    lr: float
    sr: float


def overlaps(run: Run, box: Box) -> list[Overlap]:
    """Agreement with the truth of LR (every voxel repeated) and of SR; empty without a truth."""
    if run.truth is None or run.truth.shape != run.sr[0].shape:
        return []
    truth, sr = (box.read(volume, run.scale) for volume in (run.truth, run.sr[0]))
    lr = box.read(run.lr, 1)
    for axis in range(3):
        lr = lr.repeat(run.scale, axis)
    rock = truth != OUTSIDE

    def iou(labels: np.ndarray, code: int) -> float:
        union = int(((labels == code) | (truth == code)).sum())
        return float(((labels == code) & (truth == code)).sum() / union) if union else math.nan

    every = [Overlap("", *(float((image == truth)[rock].mean()) for image in (lr, sr)))]
    return every + [
        Overlap(name, iou(lr, code), iou(sr, code)) for code, name in enumerate(run.phases.names)
    ]


def agreement(run: Run, box: Box) -> float:
    """Share of the field of view in which the first two realisations agree; NaN for one."""
    if len(run.sr) < 2:
        return math.nan
    first, second = (box.read(volume, run.scale) for volume in run.sr[:2])
    return float((first == second)[first != OUTSIDE].mean())


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
