"""Checkouts of the workflow to run: with a pretend step, which writes digests instead of rocks."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import tifffile
import yaml

ROOT = Path(__file__).parents[2]
PRETEND = Path(__file__).with_name("pretend_step.py")
PARTS = ("Snakefile", "rules", "workflow", "src", "envs", "profiles", "local", "slurm")


class Checkout:
    """A copy of the workflow with two small samples, ``a`` and ``b``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.copy_sources()
        rng = np.random.default_rng(1)
        for sample in "ab":
            (folder / "data" / sample).mkdir(parents=True)
            volume = rng.integers(0, 4, (24, 24, 24), np.uint8)
            self.image(f"data/{sample}/lr.tif", volume, 4.0)
            for panel in range(2):
                self.image(
                    f"data/{sample}/hr{panel}.tif", rng.integers(0, 4, (64, 64), np.uint8), 1.0
                )
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
                target.unlink(missing_ok=True)
                target.symlink_to(source.readlink())
            elif source.is_dir():
                shutil.rmtree(target, ignore_errors=True)
                shutil.copytree(source, target, ignore=ignore, copy_function=shutil.copyfile)
            else:
                shutil.copyfile(source, target)
        shutil.copyfile(PRETEND, self.folder / "workflow/scripts/step.py")

    def image(self, path: str, pixels: np.ndarray, voxel_um: float) -> None:
        """Write a TIFF with its voxel size."""
        tifffile.imwrite(
            self.folder / path, pixels, imagej=True, resolution=(1 / voxel_um,) * 2,
            metadata={"axes": "ZYX"[-pixels.ndim :], "unit": "um", "spacing": voxel_um},
        )  # fmt: skip

    def samples(self, *names: str) -> None:
        """Write the sample sheet."""
        rows = ["sample\tlr\tlr_segmentation\thr\thr_segmentation"]
        rows += [f"{n}\tdata/{n}/lr.tif\tlabels\tdata/{n}/hr*.tif\tlabels" for n in names]
        self.write("samples.tsv", "\n".join(rows) + "\n")

    def configure(self) -> None:
        """Write ``self.config``."""
        self.write("config.yaml", yaml.safe_dump(self.config, sort_keys=False))

    def write(self, path: str, text: str) -> None:
        (self.folder / path).write_text(text, "utf-8")

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace a text that is there."""
        text = (self.folder / path).read_text("utf-8")
        assert old in text
        self.write(path, text.replace(old, new, 1))

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake and return what it said, whether or not it succeeded."""
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": "",
        }
        return subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments, "--configfile", "config.yaml"],
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

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


def jobs(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(re.findall(r"^Job \d+: (.*)$", done.stdout + done.stderr, re.MULTILINE))
