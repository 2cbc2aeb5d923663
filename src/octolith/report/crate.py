"""A run as an RO-Crate (1.1): what is in the results folder, from what, by what, and whose.

One JSON file beside the index, written by hand: no part of it needs a library.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from octolith.files import atomic
from octolith.report.records import PAPERS

NAME = "ro-crate-metadata.json"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"
Entity = dict[str, Any]


def write_crate(folder: str | Path, summaries: Sequence[dict[str, Any]]) -> None:
    """Describe the results in ``folder`` by what the reports of its rocks say of themselves.

    Parameters
    ----------
    summaries : the contents of each rock's ``report.json``.
    """
    folder = Path(folder)
    rocks = [_rock(folder, summary) for summary in summaries]
    top = [entities[0] for entities in rocks]
    page = [{"@id": "index.html"}] if (folder / "index.html").is_file() else []
    newest = max((s["written"] for s in summaries), default="")
    graph: list[Entity] = [
        {
            "@id": NAME,
            "@type": "CreativeWork",
            "conformsTo": {"@id": SPECIFICATION},
            "about": {"@id": "./"},
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": "Super-resolved rocks: " + ", ".join(s["sample"] for s in summaries),
            "description": "Micro-CT volumes super-resolved from unpaired microscope images by "
            "Octolith, with reports, tables and trained weights.",
            "datePublished": newest,
            "license": {"@id": "#licence"},
            "hasPart": [*page, *({"@id": rock["@id"]} for rock in top)],
            "citation": [{"@id": f"#paper{number}"} for number in range(len(PAPERS))],
        },
        {
            "@id": "#licence",
            "@type": "CreativeWork",
            "name": "Not stated",
            "description": "The images belong to those who gave them: ask before passing on.",
        },
        *([_file(folder, folder / "index.html", "The page over all rocks")] if page else []),
        *_papers(),
    ]
    seen = {entity["@id"] for entity in graph}
    for entities in rocks:
        for entity in entities:
            if entity["@id"] not in seen:
                seen.add(entity["@id"])
                graph.append(entity)
    crate = {"@context": f"{SPECIFICATION}/context", "@graph": graph}
    with atomic(folder / NAME) as temporary:
        temporary.write_text(json.dumps(crate, indent=2, ensure_ascii=False), "utf-8")


def _rock(folder: Path, summary: dict[str, Any]) -> list[Entity]:
    """A rock's folder first, then its files, inputs, software and how they belong together."""
    name = summary["sample"]
    paths = [folder / name / path for path in sorted(set(summary["files"]))]
    files = [_file(folder, path) for path in paths if path.exists()]
    inputs = [
        {
            "@id": f"#{row['sha256']}",
            "@type": "File",
            "name": f"{row['what']}: {Path(row['path']).name}",
            "contentSize": str(row["bytes"]),
            "identifier": f"sha256:{row['sha256']}",
        }
        for row in summary["checksums"]
        if not row["what"].startswith("weights")
    ]
    version = summary["versions"]["octolith"]
    software = {
        "@id": f"#octolith-{version}",
        "@type": "SoftwareApplication",
        "name": "Octolith",
        "version": version + (f" ({summary['commit']})" if summary["commit"] else ""),
    }
    action = {
        "@id": f"#run-{name}",
        "@type": "CreateAction",
        "name": f"Super-resolve {name} {summary['scale']}x",
        "endTime": summary["written"],
        "instrument": {"@id": software["@id"]},
        "object": [{"@id": entity["@id"]} for entity in inputs],
        "result": [{"@id": entity["@id"]} for entity in files],
    }
    dataset = {
        "@id": f"{name}/",
        "@type": "Dataset",
        "name": name,
        "description": f"{summary['lr']['voxel_um']:g} to {summary['sr']['voxel_um']:g} µm.",
        "hasPart": [{"@id": entity["@id"]} for entity in files],
    }
    return [dataset, *files, *inputs, software, action]


def _file(folder: Path, path: Path, name: str = "") -> Entity:
    relative = path.relative_to(folder).as_posix()
    if path.is_dir():
        return {"@id": f"{relative}/", "@type": "Dataset", "name": name or relative}
    kind = {".h5": "application/x-hdf5"}.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    return {
        "@id": relative,
        "@type": "File",
        "name": name or relative,
        "contentSize": str(path.stat().st_size),
        "encodingFormat": kind or "application/octet-stream",
    }


def _papers() -> list[Entity]:
    return [
        {
            "@id": f"#paper{number}",
            "@type": "ScholarlyArticle",
            "name": paper.title,
            "author": paper.authors,
            **({"identifier": f"https://doi.org/{paper.doi}"} if paper.doi else {}),
        }
        for number, paper in enumerate(PAPERS)
    ]
