"""The part of the page about rocks without a 3D truth: sections beside images."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from validation.methods import METHODS, TITLES, fits
from validation.records import Record, dagger, errors
from validation.unpaired import UNPAIRED

All = Mapping[tuple[str, str], Record]

PREFACE = """## Where there is no 3D truth

The volume is learnt together with images of another place, some of which (or the right part of a
single one) training does not see. Sections of what is made, in all three directions and as large
as an image where the volume allows, are compared with the images: volume fractions, interfaces and
surfaces, two-point correlation, lineal path and chord lengths in 2D. This says whether a rock
*looks* right, not whether it is the right one. (Of the five microscope panels of Berea the one
whose fractions are nearest to the mean is held out.)

Of a fraction the tables have mean ± standard deviation over sections or images. Where there are
several images, and not one that was cut up, a method whose mean is more than one standard
deviation of the images away from theirs is in bold. In the second table of a case are errors
against all images, and after the stroke against those held out alone; the last column is how far
a single image is from the others, which is the rock's own variation at that size, and more than a
mean over sections should be off. *Nearest* is the coarse volume as it is."""

# Whose images are several, so that their spread says how far a rock may be from them.
PANELS = ("lsm-16x", "lsm-8x")

# Measure, and what the page calls it.
SHOWN = {
    "interfacial_area": "interface",
    "specific_surface": "specific surface (Crofton)",
    "two_point_correlation": "two-point correlation",
    "lineal_path": "lineal path",
    "chord_length": "chord lengths (pixels)",
}
WORST = 5  # of what fails, so many are named
ITSELF = ("two_point_correlation",)  # of pairs, only those of a phase with itself


def parts(records: All, figures: Path) -> Iterator[str]:
    """Markdown, a part a case; nothing if there is no record."""
    known = [case for case in UNPAIRED if measured(case, records)]
    if known:
        yield PREFACE
    for case in known:
        yield "\n".join(_case(case, records, figures))


def measured(case: str, records: All) -> dict[str, Record]:
    """The records of a case by method, in the order of the report."""
    return {m: records[case, m] for m in TITLES if (case, m) in records}


def _case(case: str, records: All, figures: Path) -> Iterator[str]:
    own = measured(case, records)
    yield f"### {UNPAIRED[case][0]}\n"
    stems = [f"validation-{case}-{name}.png" for name in (*own, "image")]
    there = [stem for stem in stems if (figures / stem).exists()]
    yield " ".join(f"![{stem[:-4]}](figures/{stem})" for stem in there) + "\n"
    notes = next(iter(own.values()))["notes"]
    yield notes["images"] + "\n"
    yield from _fractions(own, judged=case in PANELS)
    yield ""
    yield from _errors(own)
    for method, record in own.items():
        if remark := record["notes"].get("remark"):
            yield f"\n{TITLES[method]}: {remark}"


def _fractions(own: Mapping[str, Record], judged: bool) -> Iterator[str]:
    yield from _head("volume fraction", own, "all images")
    for phase, rows in fractions(own).items():
        cells = [
            _plus_minus(row["value"], row["spread"], bold=judged and not within(row))
            for row in rows.values()
        ]
        row = next(iter(rows.values()))
        images = _plus_minus(row["images"], row["images_spread"])
        yield f"| {phase} | " + " | ".join(cells) + f" | {images} |"


def fractions(own: Mapping[str, Record]) -> dict[str, dict[str, Record]]:
    """Phase -> method -> the row of its volume fraction."""
    found: dict[str, dict[str, Record]] = {}
    for method, record in own.items():
        for row in record["measures"]:
            if row["measure"] == "volume_fraction":
                found.setdefault(row["phase"], {})[method] = row
    return found


def within(row: Record) -> bool:
    """Whether the mean over sections is within one standard deviation of the images."""
    return bool(abs(row["value"] - row["images"]) <= row["images_spread"])


def _plus_minus(value: float, spread: float, bold: bool = False) -> str:
    text = f"{value:.3f} ± {spread:.3f}"
    return f"**{text}**" if bold else text


def _errors(own: Mapping[str, Record]) -> Iterator[str]:
    yield from _head("error", own, "an image and the others")
    found = {
        method: {(row["measure"], row["phase"], row["other"]): row for row in record["measures"]}
        for method, record in own.items()
    }
    for name, words in SHOWN.items():
        keys = dict.fromkeys(key for rows in found.values() for key in rows if key[0] == name)
        for _, phase, other in keys:
            if name in ITSELF and other not in ("", phase):
                continue
            rows = [own_rows.get((name, phase, other)) for own_rows in found.values()]
            cells = ["–" if row is None else _two(row) for row in rows]
            between = _between(phase, other)
            varies = next(row["own"] for row in rows if row)
            yield f"| {words}, {between} | " + " | ".join(cells) + f" | {varies:.3f} |"
    for title, key in (("training, s", "training_s"), ("inference, s", "inference_s")):
        yield f"| {title} | " + " | ".join(f"{r[key]:.0f}" for r in own.values()) + " | |"


def _two(row: Record) -> str:
    return f"{row['error']:.3f} / {row['held_out']:.3f}"


def _head(corner: str, own: Mapping[str, Record], last: str) -> Iterator[str]:
    yield (
        f"| {corner} | "
        + " | ".join(TITLES[m] + dagger(r) for m, r in own.items())
        + f" | {last} |"
    )
    yield "|---" * (len(own) + 2) + "|"


def reached(records: All, methods: Collection[str]) -> Iterator[str]:
    """Which fractions of which case are within one standard deviation of the images."""
    for case in PANELS:
        own = {m: r for m, r in measured(case, records).items() if m in methods}
        by_phase = fractions(own)
        for method, record in own.items():
            outside = [p for p, rows in by_phase.items() if not within(rows[method])]
            verdict = f"**outside: {', '.join(outside)}**" if outside else "all within"
            each = [
                f"{phase} {rows[method]['value']:.3f}, "
                f"{_plus_minus(rows[method]['images'], rows[method]['images_spread'])}"
                for phase, rows in by_phase.items()
            ]
            title = TITLES[method] + dagger(record)
            yield f"| {case} | {title} | {verdict} | {'; '.join(each)} |"


def failures(records: All, methods: Collection[str]) -> Iterator[str]:
    """Of each case, the errors against all images that are no less than nearest's: how many, and
    the `WORST`."""
    for case in UNPAIRED:
        own = measured(case, records)
        for method in (m for m in methods if m in own and "nearest" in own):
            both = errors(own[method], own["nearest"])
            worse = sorted((a / b, a, *key) for key, (a, b) in both.items() if a >= b)
            named = [
                f"{SHOWN.get(name, name.replace('_', ' '))}, {_between(phase, other)} "
                f"{times:.1f}× ({found:.3f})"
                for times, found, name, phase, other in worse[: -WORST - 1 : -1]
            ]
            words = f", most of all {'; '.join(named)}" if named else ""
            yield f"- {case}, {TITLES[method]}: {len(worse)} of {len(both)} in all{words}"


def _between(phase: str, other: str) -> str:
    return f"{phase} and {other}" if other not in ("", phase) else phase


def missing(records: All, ablations: Mapping[str, object]) -> Iterator[str]:
    """A line for each case that a method has not been measured on."""
    for case, (title, _) in UNPAIRED.items():
        absent = [TITLES[m] for m in METHODS
                  if m not in ablations and fits(case, m) and (case, m) not in records]  # fmt: skip
        if absent:
            yield f"- {title}: {', '.join(absent)}"
