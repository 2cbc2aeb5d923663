"""Checkouts of the workflow to run, with two small samples."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import psutil
import tifffile
import yaml
from scipy.ndimage import gaussian_filter

ROOT = Path(__file__).parents[2]
PRETEND = Path(__file__).with_name("pretend_step.py")
PARTS = ("Snakefile", "rules", "workflow", "src", "envs", "profiles", "local", "slurm")
SCALE = 4
T = TypeVar("T")


class Checkout:
    """A copy of the workflow with the samples ``a``, whose truth is known, and ``b``.

    Parameters
    ----------
    folder : where it is made.
    pretend : put ``pretend_step.py``, which writes digests instead of rocks, in place of the
        script that runs the steps.
    """

    def __init__(self, folder: Path, pretend: bool = True) -> None:
        self.folder, self._pretend = folder, pretend
        self.copy_sources()
        rng = np.random.default_rng(1)
        for sample in "ab":
            (folder / "data" / sample).mkdir(parents=True)
            truth = blobs(rng, (24 * SCALE,) * 3)
            self.image(f"data/{sample}/truth.tif", truth, 1.0)
            self.image(f"data/{sample}/lr.tif", truth[::SCALE, ::SCALE, ::SCALE], float(SCALE))
            for panel in range(2):
                self.image(f"data/{sample}/hr{panel}.tif", blobs(rng, (64, 64)), 1.0)
        self.samples("a", "b")
        self.config = yaml.safe_load((ROOT / "config/test/config.yaml").read_text("utf-8"))
        self.config |= {"samples": "samples.tsv", "results": "results"}
        self.config["train"]["stages"] = {2: {"learning_rate": 3e-3, "critic_learning_rate": 2e-3}}
        self.configure()

    def copy(self, folder: Path) -> Checkout:
        """A copy, with the times of its files and what Snakemake remembers."""
        shutil.copytree(self.folder, folder, symlinks=True)
        twin = copy.copy(self)
        twin.folder, twin.config = folder, copy.deepcopy(self.config)
        return twin

    def copy_sources(self) -> None:
        """Lay the project's files into the folder, as a fresh clone would."""
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        for part in PARTS:
            source, target = ROOT / part, self.folder / part
            if source.is_symlink():
                target.symlink_to(source.readlink())
            elif source.is_dir():
                shutil.copytree(source, target, ignore=ignore)
            else:
                shutil.copy(source, target)
        if self._pretend:
            shutil.copy(PRETEND, self.folder / "workflow/scripts/step.py")

    def image(self, path: str, pixels: np.ndarray, voxel_um: float) -> None:
        """Write a TIFF with its voxel size."""
        tifffile.imwrite(
            self.folder / path, pixels, imagej=True, resolution=(1 / voxel_um,) * 2,
            metadata={"axes": "ZYX"[-pixels.ndim :], "unit": "um", "spacing": voxel_um},
        )  # fmt: skip

    def samples(self, *names: str) -> None:
        """Write the sample sheet; the truth of ``a`` is known."""
        rows = ["sample\tlr\tlr_segmentation\thr\thr_segmentation\ttruth\ttruth_segmentation"]
        for name in names:
            row = f"{name}\tdata/{name}/lr.tif\tlabels\tdata/{name}/hr*.tif\tlabels"
            rows.append(row + ("\tdata/a/truth.tif\tlabels" if name == "a" else ""))
        self.write("samples.tsv", "\n".join(rows) + "\n")

    def configure(self) -> None:
        """Write ``self.config``."""
        self.write("config.yaml", yaml.safe_dump(self.config, sort_keys=False))

    def write(self, path: str, text: str) -> None:
        """Write a file of the checkout."""
        (self.folder / path).write_text(text, "utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that is there."""
        text = (self.folder / path).read_text("utf-8")
        assert old in text
        self.write(path, text.replace(old, new, 1))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start Snakemake."""
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": "",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments, "--configfile", "config.yaml"],
            cwd=self.folder, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake and return what it said, whether or not it succeeded."""
        process = self.start(*arguments)
        said, complained = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, said, complained)

    def run(self) -> set[str]:
        """Bring everything up to date; the jobs that ran, by their messages."""
        done = self.snakemake("--profile", "local", "--cores", "2")
        assert done.returncode == 0, done.stdout + done.stderr
        return jobs(done)

    def planned(self, *targets: str) -> set[str]:
        """The jobs that a run would do, by their messages."""
        plan = self.snakemake("--profile", "local", "--dry-run", *targets)
        assert plan.returncode == 0, plan.stdout + plan.stderr
        return jobs(plan)

    def processes(self, output: str) -> list[psutil.Process]:
        """The processes of the step that makes an output, as long as it works."""
        script = str(self.folder / "workflow/scripts/step.py")
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if script in (process.info["cmdline"] or [])[1:3]
            and output in process.info["cmdline"][-1]
        ]

    def epochs(self, sample: str, stage: int) -> int:
        """The epochs of a stage that are in its log by now."""
        log = self.folder / f"results/{sample}/train/stage{stage}/log.csv"
        try:
            return len(log.read_text("utf-8").splitlines()) - 1
        except FileNotFoundError:
            return 0


def until(question: Callable[[], T | None], seconds: float = 120) -> T:
    """Ask until there is an answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = question()
        if answer:
            return answer
        time.sleep(0.1)
    raise TimeoutError(question)


def blobs(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Labels of four phases in bodies some pixels wide."""
    field = gaussian_filter(rng.standard_normal(shape), 5, mode="wrap")
    return np.digitize(field, np.quantile(field, [0.25, 0.6, 0.85])).astype(np.uint8)


def jobs(done: subprocess.CompletedProcess[str]) -> set[str]:
    """The messages of the jobs in what Snakemake said."""
    return set(re.findall(r"^Job \d+: (.*)$", done.stdout + done.stderr, re.MULTILINE))
