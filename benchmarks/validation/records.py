"""What was measured, case by case and method by method: one JSON file each, so that nothing is
measured twice, and a page can be written of whatever there is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from octolith.files import atomic

Record = dict[str, Any]
"""``case``, ``method``, ``measures`` (rows of `validation.measures`), seconds, machine, notes."""


class Records:
    """Those of a folder, over those of the page's own file.

    Parameters
    ----------
    folder : the cache; one file a record.
    published : the JSON beside the page; what it holds and the cache does not, stays.
    """

    def __init__(self, folder: Path, published: Path) -> None:
        self.folder, self.published = folder, published

    def path(self, case: str, method: str) -> Path:
        """Where a record is kept."""
        return self.folder / case / f"{method}.json"

    def write(self, record: Record) -> None:
        """Keep a record."""
        with atomic(self.path(record["case"], record["method"])) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n")

    def all(self) -> dict[tuple[str, str], Record]:
        """Every record, by case and method."""
        return {(record["case"], record["method"]): record for record in self._each()}

    def _each(self) -> Iterator[Record]:
        if self.published.is_file():
            yield from json.loads(self.published.read_text())
        for path in sorted(self.folder.glob("*/*.json")):
            yield json.loads(path.read_text())

    def publish(self) -> None:
        """Write all of them beside the page, a line each: differences stay readable."""
        lines = ",\n".join(json.dumps(record) for record in self.all().values())
        with atomic(self.published) as temporary:
            temporary.write_text(f"[\n{lines}\n]\n")


def dagger(record: Record) -> str:
    """What marks a record that an older state of the code has made."""
    return "†" if "before" in record["notes"] else ""


def honesty(notes: Record) -> str:
    """How much realisations differ over how much one errs, of a record's notes; one cannot say."""
    return f"{notes['honesty']['ratio']:.2f}" if "honesty" in notes else "–"


def errors(ours: Record, other: Record) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Both records' errors of each measure, phase and other phase; not where the other has none."""
    mine, theirs = (
        {(row["measure"], row["phase"], row["other"]): row["error"] for row in record["measures"]}
        for record in (ours, other)
    )
    return {key: (own, theirs[key]) for key, own in mine.items() if theirs.get(key)}


def error(record: Record, name: str, phase: str) -> float | None:
    """Of a measure of one phase (of the phase with itself, where there are pairs)."""
    for row in record["measures"]:
        if row["measure"] == name and row["phase"] == phase and row["other"] in ("", phase):
            return float(row["error"])
    return None
