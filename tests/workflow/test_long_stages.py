"""A stage that takes longer than its job may, in one process or two: real training, run here."""

from __future__ import annotations

import re

import pytest
from checkout import Checkout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

STAGE = "results/b/train/stage1/weights.safetensors"
LOG = "results/b/train/stage1/log.csv"
LIMIT = "OCTOLITH_MINUTES={resources.runtime}"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """All that training needs is there."""
    checkout = Checkout(tmp_path_factory.mktemp("prepared"), pretend=False)
    checkout.config["train"] |= {"jobs": 40}
    checkout.config["train"]["all"] |= {"epochs": 30, "iterations": 40}
    checkout.configure()
    needed = ("results/b/segment/lr.h5", "results/b/pyramid/stage1.h5")
    done = checkout.snakemake("--profile", "local", "--cores", "2", *needed)
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


def train(checkout: Checkout) -> int:
    """Train the stage; how many jobs it took."""
    done = checkout.snakemake("--profile", "local", "--cores", "2", STAGE)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return 1 + len(re.findall("Trying to restart job", said))


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_wall_time_limit_splits_a_stage_over_jobs_and_changes_nothing(prepared, tmp_path, ranks):
    quiet = prepared.copy(tmp_path / "quiet")
    quiet.config["train"]["ranks"] = ranks
    quiet.configure()
    limited = quiet.copy(tmp_path / "limited")
    limited.edit("rules/train.smk", LIMIT, "OCTOLITH_MINUTES=1")  # a signal after 45 seconds
    assert train(quiet) == 1
    assert train(limited) > 1
    assert (quiet.folder / STAGE).read_bytes() == (limited.folder / STAGE).read_bytes()
    assert len((limited.folder / LOG).read_text("utf-8").splitlines()) == 1 + 30
    assert not list((limited.folder / STAGE).parent.glob("checkpoint*"))
