"""The page: a short answer, what was to be reached, every case, what moves it, where it fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from validation import targets, unpaired_page
from validation.answer import answer
from validation.cases import CASES
from validation.methods import ABLATIONS, METHODS, SAME_TRAINING, TITLES, fits
from validation.records import Record, dagger, error, honesty
from validation.rock import AFFORDABLE, SHORTER

All = Mapping[tuple[str, str], Record]

PREFACE = """# Is the super-resolved rock closer to the truth?

Written by `make validate` (`python benchmarks/validate.py`) from what has been measured, which is
in [validation.json](validation.json), every row of it; nothing here is typed by hand. A rock whose
truth is known is degraded as an instrument would, super-resolved, and compared with the truth.
(For rocks with images of another place, but no truth, see [below](#where-there-is-no-3d-truth).)
High-resolution images come from one half of the rock, the judged volume from the other, with a gap
of at least four correlation lengths between them. (The phantom's images come from a thousand grains
away, and the LR volume that is judged is also the one that is learnt from, as in use.) The settings
of the preset were chosen while looking at Berea, the sandstone, the minerals and the phantom at 4x,
their judged halves included: no rock has been kept for a last test. Lengths are fine voxels.

**How to read it.** *IoU* is the overlap with the truth, voxel by voxel; 1 is perfect. Everything
else is an *error*; 0 is perfect. Scalars have it as a share of the truth's value, curves as the
root mean square difference over that of the truth, the pore size as a Wasserstein-1 distance over
the truth's mean, chord lengths as one in voxels. *Another part of the rock* is what a perfect
generator would give that never looked at the LR image: its errors are the rock's own variation.
Octolith gives two kinds of rock from the same training: *realisations*, which differ where LR
leaves a choice, and the *likeliest* rock, of which no class is drawn (the noise that the network is
given remains). Both are as the step `superresolve` leaves them: what the workflow's step `smooth`
then does to a realisation is under *smoothed*, where that was measured. A realistic rock need not
have the IoU of a best guess: where LR leaves a choice, the guess takes the middle, and a rock takes
a side. Where the likeliest rock's IoU is hardly higher than a realisation's, it is the network that
is the limit, not chance. All errors are of one training each and of its first realisation. The
permeability is that of a cube of 160 voxels in the corner of the judged volume, the diffusivity of
96, or of as much as there is: truth and methods alike, but a corner may differ from its rock by
much. Seconds are those of the wall, often beside another measurement on the other core: they tell
minutes from hours and no more. Octolith's of training leave out looks and pictures."""

# Measure, and what the page calls it: those that the tables show. All others are in the JSON.
SHOWN = {
    "iou": "IoU",
    "volume_fraction": "volume fraction",
    "specific_surface": "specific surface (Crofton)",
    "two_point_correlation": "two-point correlation",
    "specific_surface_faces": "specific surface (voxel faces)",
    "lineal_path": "lineal path",
    "chord_length": "chord lengths (voxels)",
    "cluster_function": "cluster function",
    "minkowski_curvature": "mean curvature",
    "euler_number": "Euler number",
    "pore_size": "pore size",
    "permeability": "permeability (network)",
    "diffusivity": "diffusivity",
}
OF_ALL_PHASES = ("iou", "volume_fraction", "specific_surface", "two_point_correlation")


def page(records: All, figures: Path) -> str:
    """Markdown of every case that has a record, of the ablations, and of what is missing."""
    parts = [
        f"{PREFACE} {_less()}",
        _outdated(records),
        "\n".join(answer(records)),
        "\n".join(targets.summary(records)),
    ]
    for case in CASES:
        methods = [m for m in TITLES if (case, m) in records and m not in ABLATIONS]
        if methods:
            parts.append("\n".join(_case(case, methods, records, figures)))
    parts += unpaired_page.parts(records, figures)
    parts += ["\n".join(_ablations(records)), "\n".join(targets.failures(records))]
    parts += ["\n".join(_before(records)), "\n".join(_missing(records))]
    parts += ["\n".join(_machines(records))]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def _case(case: str, methods: list[str], records: All, figures: Path) -> Iterator[str]:
    yield f"## {CASES[case][0]}\n"
    pictures = [m for m in (*methods, "truth") if (figures / f"validation-{case}-{m}.png").exists()]
    if pictures:
        yield " ".join(f"![{m}](figures/validation-{case}-{m}.png)" for m in pictures) + "\n"
    own = {m: records[case, m] for m in methods}
    yield "In brackets, the share of the error that nearest upsampling makes.\n"
    yield "| | " + " | ".join(TITLES[m] + dagger(r) for m, r in own.items()) + " |"
    yield "|---" * (len(methods) + 1) + "|"
    for (name, phase), title in _rows(own[methods[0]]):
        cells = [_cell(record, own.get("nearest"), name, phase) for record in own.values()]
        yield f"| {title} | " + " | ".join(cells) + " |"
    for title, of in HONESTY.items():
        if any("honesty" in record["notes"] for record in own.values()):
            yield f"| {title} | " + " | ".join(of(r["notes"]) for r in own.values()) + " |"
    for title, key in (("training, s", "training_s"), ("inference, s", "inference_s")):
        yield f"| {title} | " + " | ".join(f"{r[key]:.0f}" for r in own.values()) + " |"
    for method, record in own.items():
        if turns := record["notes"].get("iterations"):
            yield f"\n{TITLES[method]}: {turns} turns, one in six of them the generator's."


def _vote(notes: Record) -> str:
    return f"{notes['iou_of_vote']['pore']:.3f}" if "iou_of_vote" in notes else "–"


HONESTY = {
    "spread of realisations over error (below 1: too alike)": honesty,
    "IoU of the vote of four realisations, pore": _vote,
}


def _rows(record: Record) -> Iterator[tuple[tuple[str, str], str]]:
    phases = list(dict.fromkeys(r["phase"] for r in record["measures"] if r["measure"] == "iou"))
    for name, words in SHOWN.items():
        # The grain of a binary rock is what its pore is not.
        for phase in phases if name in OF_ALL_PHASES and len(phases) > 2 else phases[:1]:
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


def _ablations(records: All) -> Iterator[str]:
    if not any(method in ABLATIONS for _, method in records):
        return
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
             "pore_size": "pore size", "euler_number": "Euler", "permeability": "permeability",
             "diffusivity": "diffusivity"}  # fmt: skip
    for case in CASES:
        known = [m for m in TITLES if (case, m) in records]
        if not set(known) & set(ABLATIONS):
            continue
        yield f"\n### {CASES[case][0]}, what moves it\n"
        yield "| | " + " | ".join(shown.values()) + " | IoU of the vote | honesty | training, s |"
        yield "|---" * (len(shown) + 4) + "|"
        for method in known:
            record = records[case, method]
            cells = [_cell(record, None, name, "pore") for name in shown]
            cells += [_vote(record["notes"]), honesty(record["notes"])]
            cells += [f"{record['training_s']:.0f}"]
            yield f"| {TITLES[method]}{dagger(record)} | " + " | ".join(cells) + " |"
        for method in known:
            if remark := records[case, method]["notes"].get("remark"):
                yield f"\n{TITLES[method]}: {remark}"
    yield (
        "\n*Honesty*: how much two realisations differ, over how much one differs from the truth; "
        "below 1 they are too alike; near 1 they may be right, or mere noise. *IoU of the vote*: "
        "of what most of four realisations say."
    )


def _less() -> str:
    """What is trained with less than the preset has."""
    return (
        f"Above 4x, so that minutes suffice, the preset is changed: {_listed(AFFORDABLE)}; for the "
        f"phantom at 16x, besides: {_listed(SHORTER)}."
    )


def _listed(stages: Mapping[int, Mapping[str, Any]]) -> str:
    return "; ".join(
        f"stage {stage} with " + ", ".join(f"{name} {value}" for name, value in changes.items())
        for stage, changes in stages.items()
    )


def _outdated(records: All) -> str:
    """How much of the page an older state of the code has made."""
    ours = [r for r in records.values() if "settings" in r["notes"]]
    old = [r for r in ours if "before" in r["notes"]]
    if not old:
        return ""
    return (
        f"**{len(old)} of {len(ours)} measurements of Octolith** were made before its training "
        "was mended, and not again since: they have a † ([which, and what was mended]"
        "(#measured-before-a-mend))."
    )


def _before(records: All) -> Iterator[str]:
    """Records that an older state of the code made, and what has been mended in it since."""
    mends = {r["notes"]["before"] for r in records.values() if "before" in r["notes"]}
    if mends:
        yield "## Measured before a mend\n"
    for mend in sorted(mends):
        old = [key for key, record in records.items() if record["notes"].get("before") == mend]
        cases = dict.fromkeys(case for case, _ in old)
        said = (f"{case} ({', '.join(m for c, m in old if c == case)})" for case in cases)
        yield f"- {mend} {', '.join(said)}."


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
        yield f"- Settings that were measured on no rock: {', '.join(changes)}"


def _machines(records: All) -> Iterator[str]:
    yield "## Machine\n"
    found = {
        f"{m['processor']}, {m['cores']} cores, {m['memory']}"
        for m in (record["machine"] for record in records.values())
    }
    yield from (f"- {machine}" for machine in sorted(found))
    total = sum(r["training_s"] for (_, m), r in records.items() if m not in SAME_TRAINING)
    threads = sorted({record["threads"] for record in records.values()})
    yield f"- Trainings: {total / 60:.0f} minutes in all, on {threads} thread(s) each."
