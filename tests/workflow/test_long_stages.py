"""A stage that takes longer than its job may, in one process or two: real training, run here."""

from __future__ import annotations

import re
import signal

import pytest
from checkout import Checkout, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

STAGE = "results/b/train/stage1/weights.safetensors"
LOG = "results/b/train/stage1/log.csv"
LOCAL = ("--profile", "local", "--cores", "2")
EPOCHS = 8


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """All that training needs is there."""
    checkout = Checkout(tmp_path_factory.mktemp("prepared"), pretend=False)
    checkout.config["train"]["all"] |= {"epochs": EPOCHS, "iterations": 5}
    checkout.configure()
    done = checkout.snakemake(*LOCAL, "results/b/segment/lr.h5", "results/b/pyramid/stage1.h5")
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


@pytest.mark.parametrize("ranks", [1, 2])
def test_signals_of_a_time_limit_split_a_stage_over_jobs_and_change_nothing(
    prepared, tmp_path, ranks
):
    quiet = prepared.copy(tmp_path / "quiet")
    quiet.config["train"]["ranks"] = ranks
    quiet.configure()
    stopped = quiet.copy(tmp_path / "stopped")
    done = quiet.snakemake(*LOCAL, STAGE)
    assert done.returncode == 0, done.stdout + done.stderr
    said = stopped_after_epochs(stopped, 2, 5)
    assert len(re.findall("Trying to restart job", said)) == 2
    assert (quiet.folder / STAGE).read_bytes() == (stopped.folder / STAGE).read_bytes()
    assert len((stopped.folder / LOG).read_text("utf-8").splitlines()) == 1 + EPOCHS
    assert not list((stopped.folder / STAGE).parent.glob("checkpoint*"))


def stopped_after_epochs(checkout: Checkout, *epochs: int) -> str:
    """Train the stage, with a signal to one of its processes after each of these epochs.

    So does a job's own clock. (That it does is seen with jobs of a minute, in tests/slurm.)
    """
    snakemake = checkout.start(*LOCAL, STAGE)
    for epoch in epochs:
        until(lambda epoch=epoch: checkout.epochs("b", 1) >= epoch, 600)
        struck = checkout.processes(STAGE)[-1]
        struck.send_signal(signal.SIGUSR1)
        struck.wait(60)
    said, complained = snakemake.communicate()
    assert snakemake.returncode == 0, said + complained
    return said + complained
