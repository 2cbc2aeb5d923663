"""`octolith doctor`: does this installation work, and what would mend it?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated

import typer

from octolith.errors import OctolithError
from octolith.volumes.disk import size_in_words

SLURM_ANSWERS_WITHIN = 10.0  # seconds
LITTLE_DISK = 20 << 30


@dataclass(frozen=True)
class Finding:
    """What one check found; ``good`` is None where it is only worth knowing."""

    what: str
    found: str
    good: bool | None
    mend: str = ""


def doctor(
    results: Annotated[Path, typer.Option(help="Where results will be written.")] = Path("results"),
) -> None:
    """Check the installation: libraries, GPU, octree engines, Snakemake, Slurm, disk.

    Ends with status 1 if something has to be mended. Run it where jobs run, too:

    `srun --gpus=1 octolith doctor`
    """
    failed = 0
    for check in (_python, _torch, _snakemake, _slurm, lambda: _disk(results)):
        for finding in check():
            mark = {True: "ok  ", False: "FAIL", None: "    "}[finding.good]
            typer.echo(f"{mark} {finding.what:<16} {finding.found}")
            if finding.good is not True and finding.mend:
                typer.echo(f"{'':22}{finding.mend}")
            failed += finding.good is False
    typer.echo(f"{failed} to mend: see FAIL." if failed else "Nothing has to be mended.")
    raise typer.Exit(int(failed > 0))


def _python() -> Iterator[Finding]:
    yield Finding(
        "Python", f"{sys.version.split()[0]} at {sys.executable}",
        sys.version_info >= (3, 11), "Install Python 3.11 or newer.",
    )  # fmt: skip
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    yield Finding("processor cores", str(cores), None)


def _torch() -> Iterator[Finding]:
    """PyTorch and what cannot be looked at without it."""
    try:
        import torch  # noqa: PLC0415 (it may be what is broken)

        found = torch.__version__
    except Exception as error:  # a broken library fails in any way
        yield Finding("PyTorch", str(error), False, "pip install -c constraints.txt torch")
        return
    yield Finding("PyTorch", found, True)
    yield from _gpu()
    yield from _engines()


def _gpu() -> Iterator[Finding]:
    import torch  # noqa: PLC0415

    driver = shutil.which("nvidia-smi") is not None
    if not torch.cuda.is_available():
        mend = (
            "There is a driver, but this PyTorch does not use it: "
            f"its CUDA is {torch.version.cuda or 'missing'}. Install the build for your driver."
            if driver
            else "Say gpu: false."
            if torch.version.cuda
            else "This PyTorch is the build for CPUs. If this is the login node of a cluster with "
            "GPUs: rm -r .venv; make install TORCH_INDEX= (docs/cluster.md). Else say gpu: false."
        )
        yield Finding("GPU", "none", False if driver else None, mend)
        return
    for number in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(number)
        yield Finding(f"GPU {number}", f"{gpu.name}, {size_in_words(gpu.total_memory)}", True)


def _engines() -> Iterator[Finding]:
    from octolith.octree import minkowski  # noqa: PLC0415

    yield Finding("engine", "native", True)
    try:
        minkowski.load()
    except OctolithError:
        yield Finding("engine", "no minkowski", None, "It is optional: docs/performance.md.")
    else:
        yield Finding("engine", "minkowski", True)


def _snakemake() -> Iterator[Finding]:
    for what, package in (
        ("snakemake", "snakemake"),
        ("its Slurm plugin", "snakemake-executor-plugin-slurm"),
    ):
        try:
            yield Finding(what, version(package), True)
        except PackageNotFoundError:
            mend = "In the checkout: make install, or pip install -c constraints.txt '.[workflow]'"
            yield Finding(what, "not installed", False, mend)
    if shutil.which("snakemake") is None:
        yield Finding("PATH", "no snakemake", False, "Activate the environment: jobs inherit PATH.")


def _slurm() -> Iterator[Finding]:
    if shutil.which("sinfo") is None:
        yield Finding("Slurm", "none", None, "Not needed for --profile local.")
        return
    try:
        answer = subprocess.run(
            ["sinfo", "-h", "-o", "%P %G"], capture_output=True, text=True, check=True,
            timeout=SLURM_ANSWERS_WITHIN,
        ).stdout  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        mend = "Is this a login node? Is slurmctld up? Try sinfo."
        yield Finding("Slurm", "sinfo gets no answer", None, mend)
        return
    for line in answer.splitlines():
        partition, gres = line.split(maxsplit=1)
        yield Finding("Slurm partition", f"{partition.rstrip('*')}: {gres}", True)


def _disk(results: Path) -> Iterator[Finding]:
    place = next(folder for folder in (results, *results.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    yield Finding(
        "disk", f"{size_in_words(free)} free at {place.absolute()}", free > LITTLE_DISK or None,
        "A 4096³ volume takes tens of GB: name a larger disk under `results` in the configuration.",
    )  # fmt: skip
    writable = os.access(place, os.W_OK)
    if not writable:
        yield Finding("disk", f"{place.absolute()} is not writable", False, "Choose another.")
