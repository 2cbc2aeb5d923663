"""Trouble of every kind strikes one job; in the end the results are those of a quiet run.

The steps are pretended, everything else is real: Slurm, its kills, Snakemake and the profile.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from checkout import Checkout, until
from cluster import Slurm, kill

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

STAGE = "results/a/train/stage2/weights.safetensors"
BLOCKS = "results/a/superresolve/realisation0/group1.h5"


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Checkout:
    """A quiet run on this machine."""
    checkout = Checkout(tmp_path_factory.mktemp("quiet"))
    checkout.run()
    return checkout


@pytest.fixture
def lost(finished, tmp_path):
    """A copy of the quiet run; ``lost(output)`` has lost one output and forgets what ran."""

    def prepare(output: str, fault: str = "") -> Checkout:
        checkout = finished.copy(tmp_path / "checkout")
        (checkout.folder / output).unlink()
        (checkout.folder / "ran.txt").unlink()
        (checkout.folder / "faults").mkdir()
        if fault:
            (checkout.folder / "faults" / output.replace("/", "_")).write_text(fault)
        return checkout

    return prepare


def results(folder: Path) -> dict[str, str]:
    """What a run leaves, without what tells of how it ran."""
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in sorted((folder / "results").rglob("*"))
        if file.is_file()
        and not {"logs", "benchmarks"} & set(file.parts)
        and not file.name.startswith(".")
    }


def assert_undisturbed(checkout: Checkout, quiet: Checkout, output: str) -> None:
    """Only ``output`` was made again, once, and everything is as it was."""
    assert (checkout.folder / "ran.txt").read_text().split() == [output]
    assert results(checkout.folder) == results(quiet.folder)
    assert checkout.planned(output) == set()


def test_a_cancelled_job_is_submitted_again(slurm: Slurm, finished, lost):
    checkout = lost(STAGE, "hang")
    snakemake = slurm.start(checkout.folder, STAGE)
    slurm.ask("scancel", slurm.struck(checkout.folder, "train"))
    said, _ = snakemake.communicate()
    assert snakemake.returncode == 0, said
    assert_undisturbed(checkout, finished, STAGE)


def test_a_job_over_its_time_is_submitted_again(slurm: Slurm, finished, lost):
    checkout = lost(STAGE, "hang")
    slurm.run(checkout, STAGE, "--set-resources", "train:runtime=1")
    states = [state for (state,) in slurm.jobs("state")]
    assert "TIMEOUT" in states
    assert_undisturbed(checkout, finished, STAGE)


@pytest.mark.parametrize(("output", "fault"), [(STAGE, "die"), (BLOCKS, "half")])
def test_a_killed_job_leaves_nothing_half_written(slurm: Slurm, finished, lost, output, fault):
    checkout = lost(output, fault)
    slurm.run(checkout, output)
    assert_undisturbed(checkout, finished, output)


def test_snakemake_killed_is_unlocked_and_started_again(slurm: Slurm, finished, lost):
    checkout = lost(STAGE, "hang")
    snakemake = slurm.start(checkout.folder, STAGE)
    orphan = slurm.struck(checkout.folder, "train")
    kill(snakemake)
    slurm.ask("scancel", orphan)  # docs/cluster.md: look for orphans, then unlock
    assert checkout.snakemake("--unlock").returncode == 0
    slurm.run(checkout, STAGE)
    assert_undisturbed(checkout, finished, STAGE)


def test_ctrl_c_cancels_the_jobs_and_the_same_command_goes_on(slurm: Slurm, finished, lost):
    checkout = lost(STAGE, "hang")
    # (While it asks Slurm how its jobs are, Snakemake knows of none to cancel: docs/cluster.md.
    # The fault strikes before the first question.)
    snakemake = slurm.start(checkout.folder, STAGE, "--slurm-init-seconds-before-status-checks=40")
    job = slurm.struck(checkout.folder, "train")
    said = kill(snakemake, signal.SIGINT)
    assert snakemake.returncode != 0
    state = dict(slurm.jobs("jobid state"))[job]
    assert state in ("COMPLETING", "CANCELLED"), said
    slurm.run(checkout, STAGE)
    assert_undisturbed(checkout, finished, STAGE)


def test_a_lost_node_delays_and_nothing_more(slurm: Slurm, finished, lost):
    checkout = lost(STAGE, "hang")
    snakemake = slurm.start(checkout.folder, STAGE)
    job = slurm.struck(checkout.folder, "train")
    node = dict(slurm.jobs("jobid nodelist"))[job]
    slurm.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=test")
    said, _ = snakemake.communicate()
    assert snakemake.returncode == 0, said
    assert dict(slurm.jobs("jobid restartcnt"))[job] == "1"  # by Slurm itself
    # (A node that answers is back in service by itself: ReturnToService.)
    assert_undisturbed(checkout, finished, STAGE)


def test_drained_nodes_delay_and_nothing_more(slurm: Slurm, finished, lost):
    checkout = lost(STAGE)
    slurm.ask("scontrol", "update", "nodename=one,two", "state=drain", "reason=test")
    snakemake = slurm.start(checkout.folder, STAGE)
    until(lambda: [job for (job,) in slurm.jobs("jobid", "--states=pending")])
    slurm.ask("scontrol", "update", "nodename=one,two", "state=resume")
    said, _ = snakemake.communicate()
    assert snakemake.returncode == 0, said
    assert_undisturbed(checkout, finished, STAGE)
