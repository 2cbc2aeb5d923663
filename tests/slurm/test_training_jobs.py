"""Training as Slurm jobs: in several processes, on several nodes, in one job after another."""

from __future__ import annotations

import pytest
from checkout import Checkout
from cluster import Slurm

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(900)]

STAGE = "results/b/train/stage1/weights.safetensors"
LIMIT = "OCTOLITH_MINUTES={resources.runtime}"
SEVERAL_NODES = """executor: slurm
set-resources:
  train:
    nodes: 2
    tasks: 2
    tasks_per_gpu: 0
    mpi: srun
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Checkout:
    """What training needs is there."""
    checkout = Checkout(tmp_path_factory.mktemp("prepared"), pretend=False)
    checkout.config["gpu"] = True
    checkout.configure()
    needed = ("results/b/segment/lr.h5", "results/b/pyramid/stage1.h5")
    done = checkout.snakemake("--profile", "local", "--cores", "2", *needed)
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


def trained(slurm: Slurm, checkout: Checkout, *arguments: str) -> list[list[str]]:
    """Train a stage on Slurm; jobs' (comment, GPUs for the job, number of nodes, state)."""
    before = {job for (job,) in slurm.jobs("jobid")}
    slurm.run(checkout, STAGE, *arguments)
    assert (checkout.folder / STAGE).stat().st_size > 0
    rows = slurm.jobs("jobid comment tres-per-job numnodes state")
    return [row[1:] for row in rows if row[0] not in before]


def test_two_processes_on_one_node_share_a_stage(slurm: Slurm, prepared, tmp_path):
    checkout = prepared.copy(tmp_path / "checkout")
    checkout.config["train"]["ranks"] = 2
    checkout.configure()
    [(_, gpus, nodes, state)] = trained(slurm, checkout)
    assert (gpus, nodes, state) == ("gres:gpu:2", "1", "COMPLETED")
    log = checkout.folder / "results/b/logs/train-stage1.log"
    assert "in 2 process(es)" in log.read_text("utf-8")


def test_and_so_do_two_on_two_nodes_with_the_same_end(slurm: Slurm, prepared, tmp_path):
    weights = {}
    for nodes in (1, 2):
        checkout = prepared.copy(tmp_path / f"nodes{nodes}")
        checkout.config["train"]["ranks"] = 2
        checkout.configure()
        if nodes == 2:
            checkout.edit("profiles/slurm/config.yaml", "executor: slurm", SEVERAL_NODES)
        [(_, _, used, state)] = trained(slurm, checkout)
        assert (used, state) == (str(nodes), "COMPLETED")
        weights[nodes] = (checkout.folder / STAGE).read_bytes()
    assert weights[1] == weights[2]


def test_a_stage_longer_than_its_wall_time_ends_as_if_it_had_not_been(slurm, prepared, tmp_path):
    quiet = prepared.copy(tmp_path / "quiet")
    quiet.config["train"] |= {"jobs": 40}
    quiet.config["train"]["all"] |= {"epochs": 30, "iterations": 40}
    quiet.configure()
    limited = quiet.copy(tmp_path / "limited")
    limited.edit("rules/train.smk", LIMIT, "OCTOLITH_MINUTES=1")  # a signal after 45 seconds
    *stopped, last = trained(slurm, limited)
    assert stopped
    assert {state for *_, state in stopped} == {"FAILED"}
    assert last[-1] == "COMPLETED"
    done = quiet.snakemake("--profile", "local", "--cores", "2", STAGE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (limited.folder / STAGE).read_bytes() == (quiet.folder / STAGE).read_bytes()
