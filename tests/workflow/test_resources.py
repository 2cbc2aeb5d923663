"""What the workflow asks of a cluster is what `octolith plan` has stated, with a margin."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from checkout import Checkout, blobs

# The same rules, with outputs nobody else makes, and a message that says what they ask for.
ASKING = """
include: "Snakefile"

use rule superresolve as ask_superresolve with:
    output: octrees="{sample}-{realisation}-{group}.h5", counts="{sample}-{realisation}-{group}.csv"
    message: "superresolve asks {resources.mem_mb} MiB"

use rule stitch as ask_stitch with:
    output: volume="{sample}-{realisation}-stitched.h5"
    message: "stitch asks {resources.mem_mb} MiB"

use rule smooth as ask_smooth with:
    output: volume="{sample}-{realisation}-smoothed.h5"
    message: "smooth asks {resources.mem_mb} MiB"

use rule train as ask_train with:
    output: weights="{sample}-{stage}.safetensors", log="{sample}-{stage}.csv"
    message: "train asks {resources.mem_mb} MiB"
"""
# MiB for the Snakemake that runs within each job.
OF_SNAKEMAKE = 400
TARGETS = {
    "superresolve": "a-0-0.h5",
    "stitch": "a-0-stitched.h5",
    "smooth": "a-0-smoothed.h5",
}


@pytest.fixture
def large(checkout: Checkout) -> Checkout:
    """The LR image of ``a`` is so large that its nodes weigh more than the libraries."""
    labels = blobs(np.random.default_rng(2), (96, 96, 96))
    checkout.image("data/a/lr.tif", labels, 4.0)
    checkout.edit("samples.tsv", "\tdata/a/truth.tif\tlabels", "\t\t")
    checkout.config["superresolve"] = {"block": 96}
    checkout.configure()
    return checkout


@pytest.fixture
def stated(large: Checkout) -> dict[str, float]:
    """MiB a job of sample ``a``, as the command says before anything has run."""
    done = subprocess.run(
        [Path(sys.executable).with_name("octolith"), "plan", "config.yaml", "--json"],
        cwd=large.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    first = json.loads(done.stdout)[0]
    assert first["sample"] == "a"
    return {job["step"]: job["memory"] / 2**20 for job in first["jobs"]}


def test_the_workflow_asks_for_what_the_plan_states(
    large: Checkout, stated: dict[str, float]
) -> None:
    large.write("Asking", ASKING)
    asked = large.planned("--snakefile", "Asking", *TARGETS.values())
    for step in TARGETS:
        (message,) = [job for job in asked if job.startswith(f"{step} asks")]
        own = int(message.split()[2]) - OF_SNAKEMAKE
        assert own / stated[step] == pytest.approx(1.5, rel=0.02)


def test_training_asks_for_the_memory_of_all_its_processes(checkout: Checkout) -> None:
    checkout.write("Asking", ASKING)
    asked = []
    for ranks in (1, 2):
        checkout.config["train"]["ranks"] = ranks
        checkout.configure()
        jobs = checkout.planned("--snakefile", "Asking", "b-1.safetensors")
        (message,) = [job for job in jobs if job.startswith("train asks")]
        asked.append(int(message.split()[2]))
    assert asked[1] == pytest.approx(2 * asked[0], abs=1)


@pytest.mark.parametrize(("gpu", "seen"), [(True, "'all'"), (False, "''")])
def test_without_gpus_no_step_sees_one(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, gpu: bool, seen: str
) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    visible = "os.environ.get('CUDA_VISIBLE_DEVICES', 'all')"
    checkout.write("workflow/scripts/step.py", f"import os, sys; sys.exit('GPUs: %r' % {visible})")
    checkout.config["gpu"] = gpu
    checkout.configure()
    done = checkout.snakemake("--profile", "local", "results/b/ingest/lr.h5")
    assert f"GPUs: {seen}" in done.stdout + done.stderr


def test_reading_asks_for_more_the_larger_the_planes_are(checkout: Checkout) -> None:
    asking = """
include: "Snakefile"

use rule ingest as ask_ingest with:
    output: volume="{sample}-{image}.h5"
    message: "ingest asks {resources.mem_mb} MiB"
"""
    checkout.write("Asking", asking)
    wide = np.zeros((24, 400, 500), np.uint16)
    checkout.image("data/b/lr.tif", wide, 4.0)
    (small,) = checkout.planned("--snakefile", "Asking", "a-lr.h5")
    (large,) = checkout.planned("--snakefile", "Asking", "b-lr.h5")
    # It holds four slabs of 64 planes, and half as much is added.
    more = 1.5 * 4.2 * 64 * (400 * 500 * 2 - 24 * 24) / 2**20
    assert int(large.split()[2]) - int(small.split()[2]) == pytest.approx(more, abs=2)
