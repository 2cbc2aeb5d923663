"""What was to be reached: which of it is, by which rock, and where Octolith is no better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from validation import unpaired_page
from validation.cases import CASES
from validation.methods import TITLES
from validation.records import Record, dagger, error, errors, honesty

All = Mapping[tuple[str, str], Record]

# The largest error, as a share of nearest's or for itself.
FIFTH = {
    "specific_surface": "surface",
    "two_point_correlation": "two-point correlation",
    "lineal_path": "lineal path",
    "pore_size": "pore size",
}
PERMEABILITY = 0.2
NAMES = {"iou": "IoU", **FIFTH, "permeability": "permeability"}
INTERPOLATIONS = ("nearest", "trilinear", "cubic")
ROCKS = {"octolith": "a realisation", "likeliest": "the likeliest"}
# Further measures by which a rock may be no closer to the truth than nearest upsampling.
ALSO = {
    "volume_fraction": "volume fraction",
    "chord_length": "chord lengths",
    "cluster_function": "cluster function",
    "minkowski_curvature": "mean curvature",
    "euler_number": "Euler number",
    "diffusivity": "diffusivity",
}
MEASURES = NAMES | ALSO  # of the pore
OF_MINERALS = {"iou": "IoU", "volume_fraction": "volume fraction", "specific_surface": "surface"}


class Target(NamedTuple):
    """A figure and what it was to be.

    Attributes
    ----------
    found, limit : of IoU the least, of errors the largest that is allowed.
    reached : whether it is.
    beyond : whether another part of the same rock is further off.
    """

    found: float
    limit: float
    reached: bool
    beyond: bool

    def __str__(self) -> str:
        mark = "✓" if self.reached else "✗"
        return f"{mark} {self.found:.4f} / {self.limit:.4f}{'°' if self.beyond else ''}"


def targets(case: str, method: str, records: All) -> dict[str, Target]:
    """Those of the pore that a case has, by measure."""
    ours, nearest = records[case, method], records[case, "nearest"]
    other = records.get((case, "elsewhere"))
    best = max(iou(records[case, m]) for m in INTERPOLATIONS if (case, m) in records)
    found = {"iou": Target(iou(ours), best, iou(ours) >= best, False)}
    for name in (*FIFTH, "permeability"):
        own, base = error(ours, name, "pore"), error(nearest, name, "pore")
        if own is None or base is None:
            continue
        limit = PERMEABILITY if name == "permeability" else base / 5
        varies = None if other is None else error(other, name, "pore")
        found[name] = Target(own, limit, own <= limit, varies is not None and varies > limit)
    return found


def minerals_of(record: Record) -> list[str]:
    """Of a rock of more than two phases: the grain of a binary one is what its pore is not."""
    _, *others = [row["phase"] for row in record["measures"] if row["measure"] == "iou"]
    return others if len(others) > 1 else []


def iou(record: Record) -> float:
    """Of the pore."""
    return 1 - (error(record, "iou", "pore") or 0.0)


def _measured(records: All) -> list[str]:
    return [c for c in CASES if all((c, m) in records for m in ("nearest", "octolith"))]


def _made(case: str, records: All) -> list[str]:
    """Which of its rocks a case has."""
    return [method for method in ROCKS if (case, method) in records]


def summary(records: All) -> Iterator[str]:
    """The table of targets, and how many are reached by what."""
    yield "## What was to be reached\n"
    yield (
        "Of the pore: IoU not below the best interpolation's; surface, two-point correlation, "
        "lineal path and pore size with at most a fifth of nearest's error; permeability within "
        "20 %. Each cell has what was found and what was to be reached; ° where another part of "
        "the same rock is further off than that. (It is no excuse: LR says more of this part than "
        "of that one.)\n"
    )
    yield (
        "| case | rock | "
        + " | ".join(NAMES.values())
        + " | spread over error (below 1: too alike) |"
    )
    yield "|---" * (len(NAMES) + 3) + "|"
    cases = _measured(records)
    for case in cases:
        for method in _made(case, records):
            record, found = records[case, method], targets(case, method, records)
            cells = [str(found[name]) if name in found else "–" for name in NAMES]
            cells += [honesty(record["notes"]) if method == "octolith" else ""]
            words = ROCKS[method] + dagger(record)
            yield f"| {case if method == 'octolith' else ''} | {words} | {' | '.join(cells)} |"
    yield ""
    yield from _counts(cases, records)
    if rows := list(unpaired_page.reached(records, ROCKS)):
        yield (
            "\nWhere there are images but no truth: volume fractions of all phases within one "
            "standard deviation of the images.\n"
        )
        yield "| case | rock | | made, and of the images |"
        yield "|---|---|---|---|"
        yield from rows


def _counts(cases: list[str], records: All) -> Iterator[str]:
    """How many targets each method reaches, of those that it was measured against."""
    parts = []
    for method in (*ROCKS, *INTERPOLATIONS, "elsewhere"):
        own = [case for case in cases if (case, method) in records]
        all_of_them = [t for case in own for t in targets(case, method, records).values()]
        reached = sum(target.reached for target in all_of_them)
        parts.append(f"{TITLES[method]} {reached} of {len(all_of_them)}")
    yield "Reached: " + ", ".join(parts) + "."


def failures(records: All) -> Iterator[str]:
    """Where Octolith is no closer to the truth than the LR image drawn on finer voxels."""
    yield "## Where it fails\n"
    yield (
        "Targets missed are ✗ above. Worse, these errors (of the pore, where no phase is named) "
        "are not even less than those of nearest upsampling: times nearest's, and in brackets the "
        "error itself; then of how many of all figures in the JSON that is so. (Where nearest is "
        "right by chance, as in an Euler number, it is many times.)\n"
    )
    for case in _measured(records):
        for method in _made(case, records):
            worse = list(_worse(records[case, method], records[case, "nearest"]))
            few, many = _count_worse(records[case, method], records[case, "nearest"])
            named = ", ".join(worse) or "none of these"
            yield f"- {case}, {TITLES[method]}: {named}; {few} of {many} in all"
    yield from unpaired_page.failures(records, ROCKS)


def _count_worse(ours: Record, nearest: Record) -> tuple[int, int]:
    """How many errors of all phases are no less than nearest's, and of how many."""
    both = errors(ours, nearest)
    return sum(own >= base for own, base in both.values()), len(both)


def _worse(ours: Record, nearest: Record) -> Iterator[str]:
    """The errors that are no less than nearest's: all of the pore's, some of the minerals'."""
    asked = [(name, "pore", words) for name, words in MEASURES.items()]
    asked += [
        (name, mineral, f"{mineral}'s {words}")
        for mineral in minerals_of(ours)
        for name, words in OF_MINERALS.items()
    ]
    for name, phase, words in asked:
        own, base = (error(record, name, phase) for record in (ours, nearest))
        if own is not None and base and own >= base:
            yield f"{words} {own / base:.1f}× ({own:.3f})"
