"""Several processes train as one: gradients, checkpoints and interruptions are shared."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rocks import PHASES, TINY, make_rock

from octolith.errors import InputError
from octolith.settings.training import TrainSettings
from octolith.steps.train import train as train_step
from octolith.training import distributed

WORKER = """
import os, sys
import torch
from octolith.training import distributed

torch.set_num_threads(1)
rank = int(os.environ["RANK"])
with distributed.processes(torch.device("cpu")):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    unused = torch.nn.Linear(2, 2)
    x = torch.randn(6, 4)
    model(x[rank::2]).square().mean().backward()
    both = torch.nn.ModuleList([model, unused])
    distributed.average_gradients(both)
    stop = distributed.any_process(rank == 1, torch.device("cpu"))
    ranks = distributed.gather(torch.tensor([rank]))
    if rank == 0:
        gradients = torch.cat([p.grad.flatten() for p in both.parameters()])
        torch.save({"gradients": gradients, "stop": stop, "ranks": torch.cat(ranks)}, sys.argv[1])
"""


def torchrun(script: Path, *arguments: object) -> None:
    """Two processes on this machine."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        str(script), *map(str, arguments),
    ]  # fmt: skip
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=300,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]


def test_two_ranks_have_the_gradient_of_one_process_with_the_joint_batch(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    torchrun(script, tmp_path / "out.pt")
    found = torch.load(tmp_path / "out.pt", weights_only=True)

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    torch.nn.Linear(2, 2)  # keep the random numbers in step with the worker
    x = torch.randn(6, 4)
    model(x).square().mean().backward()
    joint = torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
    assert torch.allclose(found["gradients"][:-6], joint, atol=1e-7)
    assert float(found["gradients"][-6:].abs().sum()) == 0  # no gradient counts as zero
    assert found["stop"]
    assert found["ranks"].tolist() == [0, 1]


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(InputError, match=r"train\.ranks: found process 2 .* 1 GPU"):
        distributed.device()


RANKS = Path(__file__).parents[2] / "workflow" / "scripts" / "ranks.sh"


def test_ranks_that_nodes_cannot_share_evenly_are_refused() -> None:
    asked = [RANKS, "3", "2", "8", "train", "{}", "--out", "w"]
    done = subprocess.run(asked, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "train.ranks is 3, which 2 nodes cannot share evenly" in done.stderr


@pytest.mark.parametrize(("ranks", "each"), [(1, 8), (2, 4), (3, 2)])
def test_ranks_of_a_machine_share_its_threads(tmp_path: Path, ranks: int, each: int) -> None:
    (tmp_path / "python").write_text('#!/bin/sh\necho "$@"\n')
    (tmp_path / "python").chmod(0o755)
    done = subprocess.run(
        [RANKS, str(ranks), "1", "8", "train", "{}", "--out", "w"],
        check=True, capture_output=True, text=True,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.stdout.split("step.py ")[1] == f"train {{}} --threads {each} --out w\n"
    assert (f"--nproc-per-node {ranks}" in done.stdout) == (ranks > 1)


def test_fewer_cores_than_ranks_leave_each_a_thread(tmp_path: Path) -> None:
    make_rock(tmp_path)
    train_step(
        tmp_path / "lr.h5", tmp_path / "stage1.h5", None, tmp_path / "weights.safetensors",
        stage=1, stages=2, settings=TrainSettings.model_validate(TINY), phases=PHASES, seed=3,
        threads=1 // 2,
    )  # fmt: skip
    assert torch.get_num_threads() == 1


TRAINING = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import torch
torch.set_num_threads(1)
from octolith.training import Loop, Stage
from rocks import train_stage
stop, wait = int(sys.argv[3]), float(sys.argv[4])
step, run, taken = Stage.step, Loop.run, [0]
def counted(self):
    taken[0] += 1
    if taken[0] == stop and os.environ["RANK"] == "1":
        signal.raise_signal(signal.SIGUSR1)
    return step(self)
def late(self):
    time.sleep(wait * (os.environ["RANK"] == "1"))
    return run(self)
Stage.step, Loop.run = counted, late
train_stage(Path(sys.argv[1]), 1)
"""


def train(rock: Path, stop: int = -1, wait: float = 0.0) -> None:
    """Six steps on two ranks; the second is stopped by a signal at one, or comes late."""
    script = rock / "train.py"
    script.write_text(TRAINING)
    torchrun(script, rock, Path(__file__).parent, stop, wait)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [2, 6])
def test_a_stage_stopped_in_one_of_two_ranks_resumes_and_ends_as_if_it_had_not_been(
    tmp_path: Path, stop: int
) -> None:
    stage = tmp_path / "stage1"
    make_rock(tmp_path)
    train(tmp_path)
    quiet = (stage / "weights.safetensors").read_bytes()
    (stage / "weights.safetensors").unlink()
    with pytest.raises(AssertionError, match="exitcode: 75"):
        train(tmp_path, stop)
    assert list(stage.glob("checkpoint*"))
    train(tmp_path, wait=3.0)  # the first must not be done before the second has begun
    assert (stage / "weights.safetensors").read_bytes() == quiet
    assert not list(stage.glob("checkpoint*"))
