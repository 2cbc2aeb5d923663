"""Training as Slurm jobs: in several processes, on several nodes, in one job after another."""

from __future__ import annotations

from math import ceil
from pathlib import Path

import pandas as pd
import pytest
from checkout import Checkout
from cluster import Slurm

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(900)]

STAGE = "results/b/train/stage1/weights.safetensors"
SEVERAL_NODES = """executor: slurm
set-threads:
  train: 1
set-resources:
  train:
    nodes: 2
    gpu: 0
    gres: "gpu:1"
    mem_mb: 4000
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
    """Train a stage on Slurm; jobs' (GPUs, nodes, state, time limit, memory)."""
    slurm.run(checkout, STAGE, *arguments)
    assert (checkout.folder / STAGE).stat().st_size > 0
    rows = slurm.jobs("workdir tres-per-job numnodes state timelimit minmemory")
    return [row[1:] for row in rows if row[0] == str(checkout.folder)]


def test_two_processes_on_one_node_share_a_stage(slurm: Slurm, prepared, tmp_path):
    checkout = prepared.copy(tmp_path / "checkout")
    checkout.config["train"]["ranks"] = 2
    checkout.configure()
    [(gpus, nodes, state, *_)] = trained(slurm, checkout)
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
        [(_, used, state, *_)] = trained(slurm, checkout)
        assert (used, state) == (str(nodes), "COMPLETED")
        weights[nodes] = (checkout.folder / STAGE).read_bytes()
    assert weights[1] == weights[2]


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_stage_longer_than_its_wall_time_ends_as_if_it_had_not_been(
    slurm, prepared, tmp_path, ranks
):
    quiet = prepared.copy(tmp_path / "quiet")
    quiet.config["train"] |= {"jobs": 40, "ranks": ranks}
    quiet.config["train"]["all"] |= {"epochs": enough_epochs(prepared, tmp_path), "iterations": 10}
    quiet.configure()
    limited = quiet.copy(tmp_path / "limited")
    # Beside each other, with a processor for each process.
    threads = ("--set-threads", f"train={ranks}")
    undisturbed = slurm.start(quiet.folder, STAGE, *threads)
    *stopped, last = trained(slurm, limited, *threads, "--set-resources", "train:runtime=1")
    said, _ = undisturbed.communicate()
    assert undisturbed.returncode == 0, said
    states = [state for *_, state, _, _ in stopped]
    assert "FAILED" in states  # its state saved in time
    # A job's clock starts with Python: of a minute, starting slowly may leave too little to end.
    assert set(states) <= {"FAILED", "TIMEOUT"}
    assert {limit for *_, limit, _ in stopped} == {"1:00"}
    assert last[2:4] == ["COMPLETED", "1:00"]
    # A job that goes on asks for twice the memory, but not for ever more.
    memory = [int(asked.removesuffix("M")) for *_, asked in [*stopped, last]]
    assert memory[1:] == pytest.approx([2 * memory[0]] * len(stopped), abs=1)
    assert (limited.folder / STAGE).read_bytes() == (quiet.folder / STAGE).read_bytes()


def enough_epochs(prepared: Checkout, tmp_path: Path) -> int:
    """Epochs of ten steps for a stage of 75 seconds, of which a job of a minute trains for 40."""
    trial = prepared.copy(tmp_path / "trial")
    trial.config["train"]["all"] |= {"epochs": 2, "iterations": 10}
    trial.configure()
    done = trial.snakemake("--profile", "local", "--cores", "1", STAGE)
    assert done.returncode == 0, done.stdout + done.stderr
    of_both = pd.read_csv((trial.folder / STAGE).with_name("log.csv"))["seconds"].max()
    return ceil(75 / (of_both / 2))
