"""The page: tables of what was measured, what was to be reached, and where it fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from validation import unpaired_page
from validation.cases import CASES
from validation.methods import ABLATIONS, METHODS, RETIRED, TITLES, fits
from validation.records import Record

All = Mapping[tuple[str, str], Record]

PREFACE = """# Is the super-resolved rock closer to the truth?

Written by `make validate` (`python benchmarks/validate.py`) from what has been measured, which is
in [validation.json](validation.json), every row of it; nothing here is typed by hand. A rock whose
truth is known is degraded as an instrument would, super-resolved, and compared with the truth.
(For rocks with images of another place, but no truth, see [below](#where-there-is-no-3d-truth).)
High-resolution images come from one half of the rock, the judged volume from the other, with a gap
of at least four correlation lengths between them. Lengths are fine voxels.

**How to read it.** *IoU* is the overlap with the truth, voxel by voxel; 1 is perfect. Everything
else is an *error*; 0 is perfect. Scalars have it as a share of the truth's value, curves as the
root mean square difference over that of the truth, the pore size as a Wasserstein-1 distance over
the truth's mean. A number in brackets is the share of the error that nearest upsampling makes.
*Another part of the rock* is what a perfect generator would give that never looked at the LR
image: its errors are the rock's own variation. A realistic rock cannot have the IoU of a smooth
best guess: where LR leaves a choice, the guess takes the middle, and a rock takes a side.
"""

# Measure, and what the page calls it: those that the tables show. All others are in the JSON.
SHOWN = {
    "volume_fraction": "volume fraction",
    "specific_surface": "specific surface (Crofton)",
    "specific_surface_faces": "specific surface (voxel faces)",
    "two_point_correlation": "two-point correlation",
    "lineal_path": "lineal path",
    "chord_length": "chord lengths (voxels)",
    "cluster_function": "cluster function",
    "minkowski_curvature": "mean curvature",
    "euler_number": "Euler number",
    "pore_size": "pore size",
    "permeability": "permeability (network)",
    "diffusivity": "diffusivity",
}
# What is to be reached: the largest error, as a share of nearest's or for itself.
FIFTH = ("specific_surface", "two_point_correlation", "lineal_path", "pore_size")
LIMITED = (*FIFTH, "permeability")
PERMEABILITY = 0.2
INTERPOLATIONS = ("nearest", "trilinear", "cubic")
OURS = ("octolith", "likeliest", "smoothed", "median", *ABLATIONS, *RETIRED)


def page(records: All, figures: Path) -> str:
    """Markdown of every case that has a record, of the ablations, and of what is missing."""
    parts = [PREFACE]
    for case in CASES:
        methods = [m for m in TITLES if (case, m) in records]
        if methods:
            parts.append("\n".join(_case(case, methods, records, figures)))
    parts += unpaired_page.parts(records, figures)
    parts += ["\n".join(_ablations(records)), "\n".join(_failures(records))]
    parts += ["\n".join(_missing(records)), "\n".join(_machines(records))]
    return "\n\n".join(part.rstrip() for part in parts) + "\n"


def _case(case: str, methods: list[str], records: All, figures: Path) -> Iterator[str]:
    yield f"## {CASES[case][0]}\n"
    pictures = [m for m in (*methods, "truth") if (figures / f"validation-{case}-{m}.png").exists()]
    yield " ".join(f"![{m}](figures/validation-{case}-{m}.png)" for m in pictures) + "\n"
    own = {m: records[case, m] for m in methods}
    yield "| | " + " | ".join(TITLES[m] for m in methods) + " |"
    yield "|---" * (len(methods) + 1) + "|"
    for (name, phase), title in _rows(own[methods[0]]):
        cells = [_cell(record, own.get("nearest"), name, phase) for record in own.values()]
        yield f"| {title} | " + " | ".join(cells) + " |"
    for title, key in (("training, s", "training_s"), ("inference, s", "inference_s")):
        yield f"| {title} | " + " | ".join(f"{r[key]:.0f}" for r in own.values()) + " |"
    for method in methods:
        if honest := own[method]["notes"].get("honesty"):
            iou = own[method]["notes"]["iou_of_vote"]
            votes = ", ".join(f"{phase} {value:.3f}" for phase, value in iou.items())
            yield (
                f"\n{TITLES[method]}: two realisations differ in {honest['spread']:.3f} of the "
                f"voxels, a realisation and the truth in {honest['error']:.3f}: the spread is "
                f"{honest['ratio']:.2f} of the error, where 1 would be honest. IoU of the vote of "
                f"four realisations: {votes}."
            )


def _rows(record: Record) -> Iterator[tuple[tuple[str, str], str]]:
    phases = list(dict.fromkeys(r["phase"] for r in record["measures"] if r["measure"] == "iou"))
    for name, words in {"iou": "IoU", **SHOWN}.items():
        for phase in phases:
            if error(record, name, phase) is not None:
                yield (name, phase), f"{words}, {phase}"


def _cell(record: Record, nearest: Record | None, name: str, phase: str) -> str:
    found = error(record, name, phase)
    if found is None:
        return "–"
    if name == "iou":
        return f"{1 - found:.3f}"
    base = error(nearest, name, phase) if nearest else None
    return f"{found:.3f} ({found / base:.2f})" if base else f"{found:.3f}"


def error(record: Record, name: str, phase: str) -> float | None:
    """Of a measure of one phase (of the phase with itself, where there are pairs)."""
    for row in record["measures"]:
        if row["measure"] == name and row["phase"] == phase and row["other"] in ("", phase):
            return float(row["error"])
    return None


def _ablations(records: All) -> Iterator[str]:
    yield "## What moves it\n"
    yield (
        "Octolith with settings of the preset `laptop` changed as said, each trained anew, beside "
        "the other methods. Errors are those of the pore, of one training each; *trained with "
        "another seed*, where it is there, shows how much they vary from training to training: a "
        "smaller difference says nothing."
    )
    shown = {"iou": "IoU", "volume_fraction": "fraction", "specific_surface": "surface",
             "specific_surface_faces": "faces",
             "two_point_correlation": "S2", "lineal_path": "lineal path",
             "pore_size": "pore size", "permeability": "permeability",
             "diffusivity": "diffusivity"}  # fmt: skip
    for case in CASES:
        known = [m for m in TITLES if (case, m) in records]
        if not set(known) & set(ABLATIONS):
            continue
        yield f"\n### {CASES[case][0]}\n"
        yield "| | " + " | ".join(shown.values()) + " | IoU of the vote | honesty | training, s |"
        yield "|---" * (len(shown) + 4) + "|"
        for method in known:
            record = records[case, method]
            cells = [_cell(record, None, name, "pore") for name in shown]
            notes = record["notes"]
            honest = "honesty" in notes
            cells += [f"{notes['iou_of_vote']['pore']:.3f}" if honest else "–"]
            cells += [f"{notes['honesty']['ratio']:.2f}" if honest else "–"]
            cells += [f"{record['training_s']:.0f}"]
            yield f"| {TITLES[method]} | " + " | ".join(cells) + " |"
        for method in known:
            if remark := records[case, method]["notes"].get("remark"):
                yield f"\n{TITLES[method]}: {remark}"
    yield (
        "\n*Honesty*: how much two realisations differ, over how much one differs from the truth; "
        "1 where the truth could be one of them. *IoU of the vote*: of what most of four "
        "realisations say."
    )


def _failures(records: All) -> Iterator[str]:
    yield "## What was to be reached, and where it fails\n"
    yield (
        "Surface, two-point correlation, lineal path and pore size of the pore at a fifth of "
        "nearest's error or less; permeability within 20 %; IoU of the pore not below the best "
        "interpolation's. Each cell has what was found and what was to be reached; those in bold "
        "have not reached it.\n"
    )
    yield "| case | settings | " + " | ".join([*(SHOWN[n] for n in LIMITED), "IoU"]) + " |"
    yield "|---" * (len(LIMITED) + 3) + "|"
    for case in CASES:
        for method in OURS:
            if (case, method) in records and (case, "nearest") in records:
                cells = _verdicts(case, records[case, method], records)
                yield f"| {case} | {TITLES[method]} | " + " | ".join(cells) + " |"
    if rows := list(unpaired_page.reached(records, OURS)):
        yield (
            "\nWhere there are images but no truth: volume fractions of all phases within one "
            "standard deviation of the images.\n"
        )
        yield "| case | settings | fractions |"
        yield "|---|---|---|"
        yield from rows


def _verdicts(case: str, ours: Record, records: All) -> Iterator[str]:
    nearest = records[case, "nearest"]
    for name in LIMITED:
        found = error(ours, name, "pore")
        limit = PERMEABILITY if name == "permeability" else (error(nearest, name, "pore") or 0) / 5
        yield "–" if found is None else _verdict(found, limit, found <= limit)
    best = max(iou(records[case, m]) for m in INTERPOLATIONS if (case, m) in records)
    yield _verdict(iou(ours), best, iou(ours) >= best)


def iou(record: Record) -> float:
    """Of the pore."""
    return 1 - (error(record, "iou", "pore") or 0.0)


def _verdict(found: float, limit: float, reached: bool) -> str:
    text = f"{found:.3f} / {limit:.3f}"
    return text if reached else f"**{text}**"


def _missing(records: All) -> Iterator[str]:
    yield "## Not measured\n"
    for case in CASES:
        asked = [m for m in METHODS if m not in ABLATIONS and fits(case, m)]
        missing = [TITLES[m] for m in asked if (case, m) not in records]
        if missing:
            yield f"- {CASES[case][0]}: {', '.join(missing)}"
    yield from unpaired_page.missing(records, ABLATIONS)
    changes = [TITLES[m] for m in ABLATIONS if not any(m == other for _, other in records)]
    if changes:
        yield f"- On no case: {', '.join(changes)}"


def _machines(records: All) -> Iterator[str]:
    yield "## Machine\n"
    found = {
        f"{m['processor']}, {m['cores']} cores, {m['memory']}"
        for m in (record["machine"] for record in records.values())
    }
    yield from (f"- {machine}" for machine in sorted(found))
    total = sum(record["training_s"] for record in records.values())
    threads = sorted({record["threads"] for record in records.values()})
    yield f"- Trainings: {total / 60:.0f} minutes in all, on {threads} thread(s) each."
