"""Whether SR came closer to HR, or to the truth, than LR was."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from octolith.report.run import Run
from octolith.report.views import Box
from octolith.report.words import descriptor_name, pair, percent
from octolith.volumes import OUTSIDE

# A row is decided where so large a share of the bootstrap's draws agree.
SURE = 0.95


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
