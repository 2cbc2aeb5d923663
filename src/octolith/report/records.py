"""What it takes to do it again: versions, seeds, hardware, checksums, times, citations."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

import octolith
from octolith.report.run import Run

LIBRARIES = ("numpy", "scipy", "pandas", "torch", "h5py", "scikit-image", "porespy", "openpnm",
             "taufactor", "matplotlib", "snakemake")  # fmt: skip


@dataclass(frozen=True)
class Paper:
    """A paper that the method stands on."""

    authors: str
    title: str
    where: str
    doi: str
    why: str


PAPERS = (
    Paper(
        "E. Ugolkov, X. He, H. Kwak, H. Hoteit",
        "Memory-Efficient Super-Resolution of 3D Micro-CT Images Using Octree-Based GANs: "
        "Enhancing Resolution and Segmentation Accuracy",
        "arXiv, 2025", "10.48550/arXiv.2505.18664",
        "The method: octree generator, progressive training.",
    ),
    Paper(
        "H. Amiri, I. Vasconcelos, Y. Jiao, P.-E. Chen, O. Plümper",
        "Quantifying microstructures of earth materials using higher-order spatial correlations "
        "and deep generative adversarial networks",
        "Scientific Reports, 2023", "10.1038/s41598-023-28970-w",
        "Judging generated rocks by spatial correlations.",
    ),
    Paper(
        "A. Dahari, S. Kench, I. Squires, S. J. Cooper",
        "Fusion of complementary 2D and 3D mesostructural datasets using generative adversarial "
        "networks",
        "Advanced Energy Materials 13", "10.1002/aenm.202202407",
        "Super-resolution in 3D from unpaired 2D images.",
    ),
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of what computed this; libraries that are not installed are left out."""
    found = {"octolith": octolith.__version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit() -> str:
    """The commit of the source tree that runs, with '+' where it was changed since; or ''."""
    root = Path(octolith.__file__).parent

    def git(*words: str) -> str:
        run = subprocess.run(["git", "-C", root, *words], capture_output=True, text=True,
                             check=False)  # fmt: skip
        return run.stdout.strip() if run.returncode == 0 else ""

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", str(root))
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except OSError:  # no git on this machine
        return ""


def results(run: Run, tables: Sequence[str]) -> list[str]:
    """What a colleague opens and machines go on with; not every block and checkpoint.

    Parameters
    ----------
    tables : names of the page's own tables.

    Returns
    -------
    Paths from the rock's folder: what the configuration asks for, whether it is there yet or not,
    and nothing that a configuration before it left there.
    """
    config, layout = run.config, run.layout
    realisations = range(config.superresolve.realisations)
    stages = range(1, config.stages + 1)
    images = ["lr", *dict.fromkeys(["hr", run.sample.reference]),
              *(["truth"] if run.sample.truth else [])]  # fmt: skip
    paths = [
        layout.report,
        layout.path("report.json"),
        *(layout.path("report", f"{table}.csv") for table in tables),
        *map(layout.labels, images),
        *map(layout.sr_labels, realisations),
        *(layout.exported(r, form) for r in realisations for form in config.export.formats),
        *map(layout.descriptor, config.describe.descriptors),
        layout.comparison,
        *(layout.network(image.lower(), f"{table}.csv") for image in run.networks
          for table in ("properties", "pores", "throats")),
        layout.network("change.csv"),
        *map(layout.weights, stages),
        *map(layout.training_log, stages),
    ]  # fmt: skip
    return [Path(path).relative_to(layout.path()).as_posix() for path in paths]


def checksums(run: Run) -> pd.DataFrame:
    """SHA-256 of what was given and of the weights: ``what``, ``path``, ``bytes``, ``sha256``."""
    rows: list[dict[str, Any]] = []
    for name, volume in run.given.items():
        origin = volume.provenance
        if "sha256" in origin:
            what = {"lr": "LR image", "truth": "truth"}[name]
            rows.append({"what": what, "path": origin["source"], "bytes": origin["bytes"],
                         "sha256": origin["sha256"]})  # fmt: skip
    for image in run.sample.hr_files():
        rows.append({"what": "HR image", **_digest(Path(image))})
    for image in run.sample.hr_test_files():
        rows.append({"what": "HR image, kept from training", **_digest(Path(image))})
    for stage in range(1, run.config.stages + 1):
        weights = Path(run.layout.weights(stage))
        if weights.is_file():
            rows.append({"what": f"weights, stage {stage}", **_digest(weights)})
    return pd.DataFrame(rows, columns=["what", "path", "bytes", "sha256"])


def _digest(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"path": str(path), "bytes": path.stat().st_size, "sha256": digest}


def steps(jobs: pd.DataFrame) -> pd.DataFrame:
    """Jobs, wall time, peak memory and machines of each step, in the order of the chain."""
    order = ["ingest", "segment", "pyramid", "train", "superresolve", "stitch", "smooth",
             "describe", "network", "transport", "export"]  # fmt: skip
    if jobs.empty:
        return pd.DataFrame(columns=["step", "jobs", "seconds", "memory_mb", "machine"])
    grouped = jobs.groupby("step").agg(
        jobs=("job", "size"), seconds=("seconds", "sum"), memory_mb=("memory_mb", "max"),
        machine=("machine", lambda names: "; ".join(sorted({name for name in names if name}))),
    )  # fmt: skip
    known = [step for step in order if step in grouped.index]
    return grouped.loc[[*known, *sorted(set(grouped.index) - {*known, "report"})]].reset_index()
