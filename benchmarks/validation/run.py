"""Measure one method on one case: make the volumes, judge them, draw them, keep the record."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from octolith import figures
from octolith.machine import machine
from validation.cases import CASES, Case
from validation.measures import Properties, honesty, judge, overlap, vote
from validation.methods import METHODS, Made
from validation.records import Record, Records

CUT = 96  # fine voxels along the edge of a picture


def measure(case_name: str, method: str, records: Records, pictures: Path, threads: int) -> Record:
    """Run a method on a case, unless there is a record of it.

    Parameters
    ----------
    case_name, method : of `CASES` and `METHODS`.
    pictures : folder of what is drawn.
    threads : that training may use.
    """
    known = records.all()
    if (case_name, method) in known:
        return known[case_name, method]
    case, truth = rock(case_name)
    folder = records.path(case_name, method).with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    made = METHODS[method][1](case, folder, threads)
    record = {
        "case": case_name,
        "method": method,
        "training_s": round(made.training_s, 1),
        "inference_s": round(made.inference_s, 2),
        "threads": threads,
        "machine": machine(),
        "notes": made.notes | _of_chance(made, case),
        "measures": judge(made.volumes[0], case.truth, truth, case.phases),
    }
    records.write(record)
    draw(case, made.volumes[0], METHODS[method][0], pictures / f"validation-{case_name}-{method}")
    draw(case, case.truth, "truth", pictures / f"validation-{case_name}-truth")
    return record


@lru_cache(maxsize=1)
def rock(case_name: str) -> tuple[Case, Properties]:
    """A case, and what its truth is like: measured once for all methods."""
    case = CASES[case_name][1]()
    return case, Properties.of(case.truth, case.phases)


def _of_chance(made: Made, case: Case) -> dict[str, object]:
    """What only several realisations can say."""
    if len(made.volumes) < 2:
        return {}
    best = vote(made.volumes, len(case.phases))
    iou = {row.phase: row.value for row in overlap(best, case.truth, case.phases)}
    return {"honesty": honesty(made.volumes, case.truth), "iou_of_vote": iou}


def draw(case: Case, volume: np.ndarray, title: str, stem: Path) -> None:
    """A window of the middle plane."""
    figure, axes = figures.new(1, 1, width=2.2, height=2.3)
    plane = volume[volume.shape[0] // 2, :CUT, :CUT]
    figures.show_labels(axes[0][0], plane, case.phases, 1.0, title)
    axes[0][0].set_xlabel("fine voxels")
    figures.save(figure, stem, ("png",))
