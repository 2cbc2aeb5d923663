"""What the workflow asks of a cluster is what `octolith plan` has stated, with a margin."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import Checkout

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
def stated(checkout: Checkout) -> dict[str, float]:
    """MiB a job of sample ``a``, as the command says before anything has run."""
    done = subprocess.run(
        [Path(sys.executable).with_name("octolith"), "plan", "config.yaml", "--json"],
        cwd=checkout.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    first = json.loads(done.stdout)[0]
    assert first["sample"] == "a"
    return {job["step"]: job["memory"] / 2**20 for job in first["jobs"]}


def test_the_workflow_asks_for_what_the_plan_states(
    checkout: Checkout, stated: dict[str, float]
) -> None:
    checkout.write("Asking", ASKING)
    asked = checkout.planned("--snakefile", "Asking", *TARGETS.values())
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
