"""It says at once what it will do, and that there is nothing to do."""

from __future__ import annotations

import os
import shutil

import pytest


def seconds_of_children() -> float:
    """Processor time, which other programs on this machine do not change."""
    times = os.times()
    return times.children_user + times.children_system


@pytest.fixture
def stopwatch():
    start = seconds_of_children()
    return lambda: seconds_of_children() - start


def test_ten_samples_are_planned_in_seconds(checkout, stopwatch):
    names = [f"rock{number}" for number in range(10)]
    for name in names:
        shutil.copytree(checkout.folder / "data/a", checkout.folder / "data" / name)
    checkout.samples(*names)
    assert len(checkout.planned()) > 200
    assert stopwatch() < 10


def test_a_run_with_nothing_to_do_says_so_in_seconds(edited, stopwatch):
    done = edited.snakemake("--profile", "local")
    assert "Nothing to be done" in done.stdout + done.stderr
    assert stopwatch() < 6


def test_every_job_has_its_log_where_its_sample_is(edited):
    logs = {file.name for file in (edited.folder / "results/a/logs").iterdir()}
    assert {"ingest-lr.log", "train-stage1.log", "superresolve-realisation0-group1.log"} <= logs
