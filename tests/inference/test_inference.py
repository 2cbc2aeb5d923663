"""A volume super-resolved in blocks is the volume super-resolved whole."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from octolith.errors import InputError, OctolithError
from octolith.inference import Blocks, Cut, cut
from octolith.inference.storage import BlockWriter
from octolith.networks import weights
from octolith.octree import Octree, winograd
from octolith.phases import Phases
from octolith.settings.steps import SuperResolveSettings
from octolith.settings.training import TrainSettings
from octolith.steps.stitch import stitch
from octolith.steps.superresolve import superresolve
from octolith.volumes import open_volume, write_volume

PHASES = Phases.of(["pore", "quartz", "clay"])
SHAPE = (13, 10, 11)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """Weights of a random generator whose classes are well mixed."""
    torch.manual_seed(0)
    settings = TrainSettings(generator={"widths": ((6, 6), (6, 5)), "decision_noise": 0.5})
    header = weights.Header(
        octolith="0", phases=PHASES.names, pore="pore", stage=3, stages=3, face=8,
        generator=settings.generator_settings(),
        critic=settings.critic_settings().model_copy(update={"trunk": ()}), seed=0, data="",
    )  # fmt: skip
    generator, critic = header.build()
    for stage in generator.stages:
        torch.nn.init.normal_(stage.classify.weight, std=2.0)
    weights.save(tmp_path / "w.safetensors", header, {"generator": generator, "critic": critic})
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, SHAPE).astype(np.uint8)
    labels[:, :, 9:] = 255
    write_volume(tmp_path / "lr.h5", labels, (4.0, 4.0, 4.0), phases=PHASES)
    return tmp_path


def run(folder: Path, block: int, per_job: int = 2, seed: int = 1) -> np.ndarray:
    """Super-resolve in blocks of edge ``block``, group by group, and stitch."""
    settings = SuperResolveSettings(block=block, blocks_per_job=per_job)
    count = -(-len(cut(SHAPE, block)) // per_job)
    parts = [folder / f"b{block}s{seed}g{g}.h5" for g in range(count)]
    for g, part in enumerate(parts):
        superresolve(
            folder / "lr.h5", folder / "w.safetensors", part, group=g, settings=settings,
            phases=PHASES, stages=3, seed=seed,
        )  # fmt: skip
    stitch(parts, folder / "sr.h5")
    with open_volume(folder / "sr.h5") as volume:
        assert volume.voxel_size_um == (1.0, 1.0, 1.0)
        return volume.read()


@given(st.tuples(*[st.integers(1, 40)] * 3), st.integers(1, 17))
def test_blocks_tile_any_shape(shape: tuple[int, int, int], edge: int) -> None:
    painted = np.zeros(shape, int)
    for block in cut(shape, edge):
        assert max(block.shape) <= edge
        painted[block.region()] += 1
    assert (painted == 1).all()


def test_no_cut_leaves_a_trace(trained: Path) -> None:
    whole = run(trained, 16)
    assert whole.shape == tuple(4 * n for n in SHAPE)
    assert len(np.unique(whole)) == 4
    assert (whole[:, :, 36:] == 255).all()
    assert (whole[:, :, :36] < 3).all()
    for block in (7, 5):
        assert np.array_equal(run(trained, block), whole)


def test_the_number_of_threads_leaves_no_trace(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "MIN_FAMILIES", 8)  # as much to share as in a large block
    made = []
    for threads in (1, 2):
        part = trained / f"threads{threads}.h5"
        superresolve(
            trained / "lr.h5", trained / "w.safetensors", part, group=0,
            settings=SuperResolveSettings(block=16), phases=PHASES, stages=3, seed=1,
            threads=threads,
        )  # fmt: skip
        blocks = Blocks(part)
        made.append(blocks.dense(blocks.cuts[0]))
    torch.set_num_threads(1)
    assert np.array_equal(*made)


def test_another_seed_is_another_realisation_and_the_same_is_the_same(trained: Path) -> None:
    first = run(trained, 16)
    assert np.array_equal(run(trained, 16), first)
    assert (run(trained, 16, seed=2) != first).mean() > 0.01


def test_any_block_reads_back_at_any_level(trained: Path) -> None:
    whole = run(trained, 7, per_job=100)
    blocks = Blocks(trained / "b7s1g0.h5")
    for block in blocks.cuts:
        fine = blocks.dense(block)
        assert np.array_equal(fine, whole[block.region(4)])
        coarse = np.kron(blocks.dense(block, depth=1), np.ones((2, 2, 2), np.uint8))
        decided = coarse != PHASES.mixed
        assert np.array_equal(coarse[decided], fine[decided])
    table = pd.read_csv(trained / "b7s1g0.csv")
    assert (table["computed"] >= table["nodes"]).all()
    last = table[table["stage"] == 3]
    assert (last["mixed"] == 0).all()
    mixed = table[table["stage"] == 2].set_index("block")["mixed"]
    assert (last.set_index("block")["nodes"] == 8 * mixed).all()


def test_a_lost_group_is_named(trained: Path) -> None:
    run(trained, 7, per_job=2)
    parts = sorted(trained.glob("b7s1g*.h5"))
    with pytest.raises(InputError, match=r"blocks \[2, 3\] missing.*Run superresolve"):
        stitch([p for p in parts if p.stem != "b7s1g1"], trained / "sr.h5")


def test_a_lost_last_layer_is_named_and_not_cut_off(trained: Path) -> None:
    run(trained, 7, per_job=4)
    with pytest.raises(InputError, match=r"blocks \[4, 5, 6, 7\] missing.*Run superresolve"):
        stitch([trained / "b7s1g0.h5"], trained / "cut.h5")
    assert not (trained / "cut.h5").exists()


def test_unknown_labels_are_counted(trained: Path) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, 0, :7] = 9
    write_volume(trained / "lr.h5", labels, (4.0, 4.0, 4.0), phases=PHASES)
    with pytest.raises(InputError, match=r"label 9 \(7 voxels\), expected 0 to 2"):
        run(trained, 16)
    assert not list(trained.glob("b16*"))


def test_a_damaged_group_is_named(trained: Path) -> None:
    run(trained, 16)
    part = trained / "b16s1g0.h5"
    part.write_bytes(part.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"b16s1g0\.h5.*Delete it and run again"):
        stitch([part], trained / "sr.h5")


def fill(disk: Path, leaving: int) -> None:
    """Take all but ``leaving`` bytes of a disk."""
    (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free - leaving))


def test_a_disk_that_is_too_small_is_found_before_stitching(trained: Path, tiny_disk: Path) -> None:
    run(trained, 16)
    fill(tiny_disk, leaving=8192)
    with pytest.raises(InputError, match=r"sr\.h5: found 8\.0 KiB free.*up to .* KiB"):
        stitch([trained / "b16s1g0.h5"], tiny_disk / "sr.h5")
    assert [path.name for path in tiny_disk.iterdir()] == ["filler"]


def test_a_disk_that_fills_up_under_a_block_job_is_left_clean(
    trained: Path, tiny_disk: Path
) -> None:
    fill(tiny_disk, leaving=8192)
    with pytest.raises(OctolithError, match=r"group0\.h5: the disk .* is full"):
        superresolve(
            trained / "lr.h5", trained / "w.safetensors", tiny_disk / "group0.h5", group=0,
            settings=SuperResolveSettings(block=16), phases=PHASES, stages=3, seed=1,
        )  # fmt: skip
    assert [path.name for path in tiny_disk.iterdir()] == ["filler"]


@pytest.mark.parametrize(
    ("names", "stages", "complaint"),
    [
        (("pore", "quartz", "mica"), 3, r"weights for the phases .*clay.*expected .*mica"),
        (("pore", "quartz"), 3, r"weights for the phases .*clay.*expected .*quartz"),
        (("pore", "quartz", "clay"), 5, r"weights for 3 stages \(4x\), expected 5 stages \(16x\)"),
    ],
    ids=["another phase", "fewer phases", "another scale"],
)
def test_weights_for_something_else_are_named(
    trained: Path, names: tuple[str, ...], stages: int, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        superresolve(
            trained / "lr.h5", trained / "w.safetensors", trained / "group0.h5", group=0,
            settings=SuperResolveSettings(), phases=Phases.of(names), stages=stages, seed=1,
        )  # fmt: skip
    assert not (trained / "group0.h5").exists()


def test_weights_of_other_widths_than_they_say_are_named(trained: Path) -> None:
    header, tensors = weights.read(trained / "w.safetensors")
    wider = header.generator.model_copy(update={"widths": ((8, 6), (6, 5))})
    header = header.model_copy(update={"generator": wider})
    text = {"octolith": header.model_dump_json()}
    save_file(tensors, trained / "w.safetensors", text)
    with pytest.raises(InputError, match=r"conv1\.bias: found \(6,\), expected \(8,\)"):
        run(trained, 16)


def test_weights_of_an_earlier_stage_are_named(trained: Path) -> None:
    header, tensors = weights.read(trained / "w.safetensors")
    text = {"octolith": header.model_copy(update={"stage": 2}).model_dump_json()}
    save_file(tensors, trained / "w.safetensors", text)
    with pytest.raises(InputError, match=r"weights of stage 2, expected of the last, 3"):
        run(trained, 16)


def test_a_block_killed_halfway_leaves_nothing_and_runs_again(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(trained, 16)
    written = BlockWriter.add

    def killed(self: BlockWriter, block: Cut, tree: Octree) -> None:
        if block.index == 1:
            raise KeyboardInterrupt
        written(self, block, tree)

    monkeypatch.setattr(BlockWriter, "add", killed)
    with pytest.raises(KeyboardInterrupt):
        run(trained, 7)
    assert not list(trained.glob("*b7*"))
    monkeypatch.undo()
    assert np.array_equal(run(trained, 7), whole)
