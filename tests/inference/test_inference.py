"""A volume super-resolved in blocks is the volume super-resolved whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from octolith.errors import InputError
from octolith.inference import Blocks, cut
from octolith.networks import weights
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
    settings = TrainSettings(generator={"widths": ((6, 6), (6, 5))})
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


def test_the_number_of_threads_leaves_no_trace(trained: Path) -> None:
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
    last = table[table["stage"] == 3]
    assert (last["mixed"] == 0).all()
    mixed = table[table["stage"] == 2].set_index("block")["mixed"]
    assert (last.set_index("block")["nodes"] == 8 * mixed).all()


def test_a_lost_group_is_named(trained: Path) -> None:
    run(trained, 7, per_job=2)
    parts = sorted(trained.glob("b7s1g*.h5"))
    with pytest.raises(InputError, match=r"blocks \[2, 3\] missing.*Run superresolve"):
        stitch([p for p in parts if p.stem != "b7s1g1"], trained / "sr.h5")


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
