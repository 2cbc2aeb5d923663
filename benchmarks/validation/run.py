"""Measure one method on one case: make the volumes, judge them, draw them, keep the record."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from textwrap import fill

import numpy as np
import torch

from octolith import figures
from octolith.machine import machine
from octolith.phases import Phases
from validation import measures, sections
from validation.cases import CASES, Case
from validation.measures import Properties, honesty, overlap, vote
from validation.methods import METHODS, TITLES, Made
from validation.records import Record, Records
from validation.sections import Panels
from validation.unpaired import UNPAIRED, Unpaired, plane

CUT = 96  # fine voxels along the edge of a picture
TITLE_WIDTH = 28  # letters
WIDE_CUT = 512  # of one of an unpaired case, whose features are as much larger


def measure(case_name: str, method: str, records: Records, pictures: Path, threads: int) -> Record:
    """Run a method on a case, unless there is a record of it.

    Parameters
    ----------
    case_name, method : of `CASES` or `UNPAIRED`, and of `METHODS`.
    pictures : folder of what is drawn.
    threads : of PyTorch, in training and inference.
    """
    known = records.all()
    if (case_name, method) in known:
        return known[case_name, method]
    case, reference = rock(case_name)
    folder = records.path(case_name, method).with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(threads)
    made = METHODS[method][1](case, folder, threads)
    record = {
        "case": case_name,
        "method": method,
        "training_s": round(made.training_s, 1),
        "inference_s": round(made.inference_s, 2),
        "threads": threads,
        "machine": machine(),
        "notes": made.notes | _notes(made, case),
        "measures": judge(made, case, reference),
    }
    records.write(record)
    draw(case, made, TITLES[method], pictures / f"validation-{case_name}", method)
    return record


@lru_cache(maxsize=1)
def rock(case_name: str) -> tuple[Case | Unpaired, Properties | Panels]:
    """A case, and what its truth or its images are like: measured once for all methods."""
    case = (CASES | UNPAIRED)[case_name][1]()
    if isinstance(case, Unpaired):
        return case, Panels.of(case.images, case.held_out, case.phases)
    return case, Properties.of(case.truth, case.phases)


def judge(
    made: Made, case: Case | Unpaired, reference: Properties | Panels
) -> list[dict[str, object]]:
    """Rows of `validation.measures`, or of `validation.sections` where there is no truth."""
    if isinstance(case, Unpaired):
        return sections.judge([plane(slab) for slab in made.volumes], reference)
    return measures.judge(made.volumes[0], case.truth, reference, case.phases)


def _notes(made: Made, case: Case | Unpaired) -> dict[str, object]:
    """What was compared with what; or what only several realisations can say."""
    if isinstance(case, Unpaired):
        return {"images": case.description}
    if len(made.volumes) < 2:
        return {}
    alike = {"honesty": honesty(made.volumes, case.truth)}
    if len(made.volumes) < 3:  # no majority
        return alike
    best = vote(made.volumes, len(case.phases))
    iou = {row.phase: row.value for row in overlap(best, case.truth, case.phases)}
    return alike | {"iou_of_vote": iou}


def draw(case: Case | Unpaired, made: Made, title: str, stem: Path, method: str) -> None:
    """What was made, and beside it the truth, or an image that training has not seen."""
    if isinstance(case, Unpaired):
        pictures = {method: (plane(made.volumes[0]), title),
                    "image": (case.held_out[0], "image, held out")}  # fmt: skip
    else:
        middle = len(case.truth) // 2
        pictures = {method: (made.volumes[0][middle], title),
                    "truth": (case.truth[middle], "truth")}  # fmt: skip
    edge, width = (WIDE_CUT, 4.0) if isinstance(case, Unpaired) else (CUT, 2.2)
    for name, (labels, words) in pictures.items():
        to = stem.with_name(f"{stem.name}-{name}")
        window(labels[:edge, :edge], words, case.phases, width, to)


def window(labels: np.ndarray, title: str, phases: Phases, width: float, stem: Path) -> None:
    """Draw (y, x) labels, ``width`` inches wide."""
    figure, axes = figures.new(1, 1, width=width, height=width + 0.1)
    figures.show_labels(axes[0][0], labels, phases, 1.0, fill(title, TITLE_WIDTH))
    axes[0][0].set_xlabel("fine voxels")
    figures.save(figure, stem, ("png",))
