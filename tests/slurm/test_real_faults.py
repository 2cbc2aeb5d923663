"""Real steps, struck while they work, end as if nothing had been.

One run goes through most of it: a training job is cancelled, the next one killed, the node of the
third drained and Snakemake killed meanwhile; then a job is killed while it writes its blocks.
"""

from __future__ import annotations

import re
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from checkout import Checkout, until
from cluster import Slurm, kill

pytestmark = [pytest.mark.slurm, pytest.mark.slow, pytest.mark.timeout(1800)]

SAMPLE = Path("results/b")
RESULT = "results/b/smooth/realisation0.h5"
BLOCKS = "results/b/superresolve/realisation0"
GROUP = f"{BLOCKS}/group1.h5"
FINISHED_BEFORE = ("segment/lr.h5", "segment/hr.h5", "pyramid/stage1.h5", "pyramid/stage3.h5")
STRUCK = ("train", "superresolve", "stitch", "smooth")


@pytest.fixture(scope="module")
def quiet(tmp_path_factory) -> Checkout:
    """A quiet run on this machine, whose training takes long enough to be struck."""
    checkout = Checkout(tmp_path_factory.mktemp("quiet"), pretend=False)
    checkout.config["train"]["all"] |= {
        "epochs": 6, "iterations": 6, "checkpoint_minutes": 0.01,
    }  # fmt: skip
    checkout.configure()
    done = checkout.snakemake("--profile", "local", "--cores", "2", RESULT)
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


@pytest.fixture(scope="module")
def struck(slurm: Slurm, quiet: Checkout, tmp_path_factory) -> Checkout:
    """A run through all the trouble; what was finished before it is of the quiet one."""
    checkout = quiet.copy(tmp_path_factory.mktemp("struck") / "checkout")
    for step in STRUCK:
        shutil.rmtree(checkout.folder / SAMPLE / step)
    (checkout.folder / "before").write_text(stamps(checkout, FINISHED_BEFORE))
    first = slurm.start(checkout.folder, RESULT)

    until(lambda: checkout.epochs("b", 1) > 1, 300)
    slurm.ask("scancel", job(slurm, checkout)[0])
    until(lambda: checkout.epochs("b", 2) > 1, 300)
    checkout.processes("train/stage2/weights")[0].kill()
    until(lambda: checkout.epochs("b", 3) > 1, 300)
    number, node = job(slurm, checkout)
    slurm.ask("scontrol", "update", f"nodename={node}", "state=drain", "reason=test")
    kill(first)
    until(lambda: [number, "COMPLETED"] in slurm.jobs("jobid state"), 300)
    (checkout.folder / "trained").write_text(stamps(checkout, trained()))

    assert checkout.snakemake("--unlock").returncode == 0
    second = slurm.start(checkout.folder, RESULT)
    until(lambda: [*(checkout.folder / BLOCKS).glob(".group0.*.part.h5")], 300)
    checkout.processes("group0")[0].kill()
    said, _ = second.communicate()
    slurm.ask("scontrol", "update", f"nodename={node}", "state=resume")
    assert second.returncode == 0, said
    (checkout.folder / "drained").write_text(node)
    return checkout


def trained() -> list[str]:
    return [f"train/stage{stage}/weights.safetensors" for stage in (1, 2, 3)]


def job(slurm: Slurm, checkout: Checkout) -> tuple[str, str]:
    """The number and the node of the job that runs."""
    rows = slurm.jobs("jobid nodelist workdir", "--states=running")
    [(number, node)] = [row[:2] for row in rows if row[2] == str(checkout.folder)]
    return number, node


def stamps(checkout: Checkout, files) -> str:
    """Which files they are, and of when: another file of equal content differs."""
    found = [(checkout.folder / SAMPLE / file).stat() for file in files]
    return str([(status.st_ino, status.st_mtime_ns) for status in found])


def contents(checkout: Checkout) -> dict[str, bytes]:
    """The volumes and weights of a run."""
    return {
        str(file.relative_to(checkout.folder)): file.read_bytes()
        for file in sorted((checkout.folder / "results").rglob("*"))
        if file.suffix in (".h5", ".safetensors")
    }


def test_every_volume_and_all_weights_are_those_of_the_quiet_run(quiet, struck):
    assert contents(struck).keys() == contents(quiet).keys()
    assert [name for name, is_ in contents(struck).items() if is_ != contents(quiet)[name]] == []


def test_nothing_that_was_finished_is_made_again(struck):
    assert (struck.folder / "before").read_text() == stamps(struck, FINISHED_BEFORE)
    assert (struck.folder / "trained").read_text() == stamps(struck, trained())


@pytest.mark.parametrize("stage", [1, 2])
def test_a_stage_goes_on_where_it_was_struck(struck, stage):
    log = (struck.folder / SAMPLE / f"logs/train-stage{stage}.log").read_text("utf-8")
    assert int(re.search(r"resuming in epoch (\d+)", log)[1]) > 1


def test_each_blow_cost_one_job_and_a_drained_node_got_no_more(slurm: Slurm, struck):
    rows = slurm.jobs("comment state nodelist workdir")
    jobs = [row[:3] for row in rows if row[3] == str(struck.folder)]
    states = [(comment.removeprefix("rule_").split("_wildcards")[0], state)
              for comment, state, _ in jobs]  # fmt: skip
    assert states.count(("train", "COMPLETED")) == 3
    assert sorted(set(states) - {(rule, "COMPLETED") for rule, _ in states}) == [
        ("superresolve", "FAILED"),
        ("train", "CANCELLED"),
        ("train", "FAILED"),
    ]
    of_the_drained = [rule for (rule, _), (*_, node) in zip(states, jobs, strict=True)
                      if node == (struck.folder / "drained").read_text()]  # fmt: skip
    assert not {"stitch", "smooth"} & set(of_the_drained)


def test_no_half_written_file_and_no_checkpoint_is_left(struck):
    left = [*(struck.folder / "results").rglob(".*.part*")]
    assert [*left, *(struck.folder / "results").rglob("checkpoint*")] == []


def test_then_there_is_nothing_left_to_do(struck):
    assert struck.planned(RESULT) == set()


@pytest.fixture
def without_blocks(quiet, tmp_path) -> Checkout:
    """A copy of the quiet run that has lost the blocks of a job."""
    checkout = quiet.copy(tmp_path / "checkout")
    for file in (checkout.folder / BLOCKS).glob("group1.*"):
        file.unlink()
    return checkout


def test_a_job_over_its_memory_is_submitted_again_with_more(slurm: Slurm, quiet, without_blocks):
    checkout = without_blocks
    slurm.run(checkout, GROUP, "--set-resources", "superresolve:mem_mb=300*attempt*attempt")
    rows = slurm.jobs("minmemory state workdir")
    asked = [row[:2] for row in rows if row[2] == str(checkout.folder)]
    assert [memory for memory, _ in asked[:2]] == ["300M", "1200M"]
    assert [state == "COMPLETED" for _, state in asked] == [False] * (len(asked) - 1) + [True]
    assert contents(checkout) == contents(quiet)
    assert checkout.planned(RESULT) == set()


def test_a_full_disk_stops_the_run_and_room_lets_it_go_on(slurm: Slurm, quiet, without_blocks):
    checkout = without_blocks
    folder = checkout.folder / BLOCKS
    slurm.ask("mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder))
    try:
        slurm.ask("sh", "-c", f"cat /dev/zero > '{folder}/filler' || true")
        snakemake = slurm.start(checkout.folder, GROUP, "--retries", "0")
        said, _ = snakemake.communicate()
        assert snakemake.returncode != 0
        assert f"octolith: {GROUP}: " in said
        assert slurm.ask("ls", "-A", str(folder)).split() == ["filler"]
        slurm.ask("rm", f"{folder}/filler")
        slurm.run(checkout, GROUP)
        made = slurm.ask("sha256sum", str(checkout.folder / GROUP))
    finally:
        slurm.ask("umount", str(folder))
    assert made.split()[0] == sha256((quiet.folder / GROUP).read_bytes()).hexdigest()


def test_a_damaged_file_is_named_and_made_anew_once_deleted(slurm: Slurm, quiet, tmp_path):
    checkout = quiet.copy(tmp_path / "checkout")
    (checkout.folder / RESULT).unlink()  # what is made from it is yet to be made
    damaged = checkout.folder / GROUP
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    untouched = [*FINISHED_BEFORE, *trained(), "superresolve/realisation0/group0.h5"]
    before = stamps(checkout, untouched)
    snakemake = slurm.start(checkout.folder, RESULT, "--retries", "0")
    said, _ = snakemake.communicate()
    assert snakemake.returncode != 0
    assert f"octolith: {GROUP}: " in said
    damaged.unlink()
    slurm.run(checkout, RESULT)
    assert contents(checkout) == contents(quiet)
    assert stamps(checkout, untouched) == before
