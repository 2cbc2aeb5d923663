"""The page over all rocks of a run, from what each rock's page left for machines."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octolith.errors import InputError
from octolith.files import atomic
from octolith.report import pictures
from octolith.report.crate import write_crate
from octolith.report.page import render


@dataclass(frozen=True)
class Rock:
    """One line of the overview."""

    href: str
    preview: str
    summary: dict[str, Any]

    @property
    def seconds(self) -> float:
        """Wall time of all steps, one after the other."""
        return float(sum(step["seconds"] or 0 for step in self.summary["steps"]))


def read_rock(page: str | Path, start: Path) -> Rock:
    """What stands beside a rock's page; ``start`` is the folder that links begin in.

    Raises
    ------
    InputError : there is no ``report.json`` beside the page, or it is not ours.
    """
    path = Path(page).with_name("report.json")
    try:
        summary = json.loads(path.read_text("utf-8"))
        known = {"sample", "fractions", "scores", "cautions", "steps", "files"} <= set(summary)
    except (OSError, ValueError) as error:
        raise InputError(path, str(error), "what the report writes", "Run it again.") from None
    if not known:
        raise InputError(path, f"{sorted(summary)}", "what the report writes", "Run it again.")
    preview = path.parent / "report" / "preview.png"
    return Rock(
        Path(os.path.relpath(page, start)).as_posix(),
        pictures.file_uri(preview) if preview.is_file() else "",
        summary,
    )


def write_index(pages: Sequence[str | Path], out: str | Path) -> None:
    """Write the page over all rocks, and beside it the run's RO-Crate."""
    out = Path(out)
    rocks = [read_rock(page, out.parent) for page in pages]
    known = {score["reference"] for rock in rocks for score in rock.summary["scores"]}
    references = [name for name in ("HR", "truth") if name in known]
    text = render("index.html.j2", rocks=rocks, references=references)
    with atomic(out) as temporary:
        temporary.write_text(text, "utf-8")
    write_crate(out.parent, [rock.summary for rock in rocks])
