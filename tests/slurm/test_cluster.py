"""Bare `snakemake --profile slurm` on a real Slurm: every step for real, on two rocks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest
import tifffile
from checkout import Checkout
from cluster import SECRET, Slurm

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(1800)]

# What is measured of the run itself differs between runs.
OF_THE_RUN = {"seconds"}
TABLE_OF_THE_RUN = "steps.csv"


@pytest.fixture(scope="module")
def submitted(slurm: Slurm, tmp_path_factory) -> Checkout:
    """The whole chain, run by Slurm, with GPUs asked for."""
    checkout = Checkout(tmp_path_factory.mktemp("submitted"), pretend=False)
    checkout.config["gpu"] = True
    checkout.configure()
    slurm.run(checkout)
    return checkout


def test_gpu_steps_ask_for_their_gpu_and_no_other_step_for_one(slurm: Slurm, submitted):
    rows = slurm.jobs("comment tres-per-job", f"--name={run_of(submitted, slurm)}")
    gpus = {comment.split("_wildcards")[0].removeprefix("rule_"): gpu for comment, gpu in rows}
    assert {rule for rule, gpu in gpus.items() if gpu != "N/A"} == {"train", "superresolve"}
    assert gpus["train"] == gpus["superresolve"] == "gres:gpu:1"
    assert len(gpus) > 10


def test_memory_and_time_are_asked_for_by_every_job(slurm: Slurm, submitted):
    for comment, memory, time in slurm.jobs("comment minmemory timelimit"):
        assert memory.endswith("M"), comment
        assert time not in ("UNLIMITED", "1-00:00:00"), comment


def test_no_job_runs_out_of_the_memory_that_it_asks_for(slurm: Slurm, submitted):
    rows = slurm.jobs("comment state", f"--name={run_of(submitted, slurm)}")
    assert {comment: state for comment, state in rows if state != "COMPLETED"} == {}


def test_the_results_are_those_of_a_run_on_one_machine(submitted, tmp_path_factory):
    local = Checkout(tmp_path_factory.mktemp("local"), pretend=False)
    # Provenance tells when an image was changed.
    shutil.copytree(submitted.folder / "data", local.folder / "data", dirs_exist_ok=True)
    local.run()
    here, there = contents(local.folder), contents(submitted.folder)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


def test_no_log_and_no_page_tells_what_is_in_the_environment(submitted):
    _, _, secret = SECRET.partition("=")
    written = [
        file
        for folder in ("results", ".snakemake")
        for file in (submitted.folder / folder).rglob("*")
        if file.is_file()
    ]
    assert {".html", ".log", ".csv"} <= {file.suffix for file in written}
    assert [file for file in written if secret.encode() in file.read_bytes()] == []


def test_a_second_run_submits_nothing(slurm: Slurm, submitted):
    before = len(slurm.jobs("jobid"))
    assert "Nothing to be done" in slurm.run(submitted)
    assert len(slurm.jobs("jobid")) == before


def contents(folder: Path) -> dict[str, object]:
    """Volumes, weights and tables of a run."""
    found: dict[str, object] = {}
    for file in sorted((folder / "results").rglob("*")):
        name = str(file.relative_to(folder))
        if file.suffix in (".h5", ".safetensors"):
            found[name] = file.read_bytes()
        elif file.suffix == ".tif":  # every OME-TIFF has a number of its own
            found[name] = tifffile.imread(file).tobytes()
        elif file.suffix == ".csv" and file.name != TABLE_OF_THE_RUN:
            table = pd.read_csv(file)
            found[name] = table.drop(columns=OF_THE_RUN & set(table)).to_csv()
    return found


def run_of(checkout: Checkout, slurm: Slurm) -> str:
    """The name that Snakemake gave the jobs of a checkout's run."""
    rows = slurm.jobs("name workdir")
    return next(name for name, folder in rows if folder == str(checkout.folder))
