"""What a run takes is said before it is begun, and is what it then takes."""

from __future__ import annotations

import csv
import json
import math
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
import yaml
from typer.testing import CliRunner

from octolith.blocks import cut
from octolith.cli import app
from octolith.errors import InputError
from octolith.inference import grow
from octolith.layout import Layout
from octolith.networks import Critic, Generator, parameter_count
from octolith.phases import OUTSIDE, Phases
from octolith.planning import Workload, make_plan, mixed_shares, unevenness
from octolith.planning.layers import critic_weights, layers
from octolith.pyramid import classes
from octolith.settings import load, read_samples
from octolith.settings.steps import SuperResolveSettings
from octolith.settings.training import TrainSettings
from octolith.volumes import open_volume, write_images, write_volume

PHASES = Phases.of(["pore", "quartz", "clay"])
PAPER_SHARES = mixed_shares(Layout("nowhere", "nothing"), 5, 32).shares


@pytest.mark.parametrize("preset", ["paper", "laptop"])
@pytest.mark.parametrize("stages", [1, 3, 5])
def test_parameters_are_those_of_the_networks(preset: str, stages: int) -> None:
    train = TrainSettings(preset=preset)
    settings, of_critic = train.generator_settings(), train.critic_settings()
    with torch.device("meta"):
        generator = Generator(settings, phases=4, stages=stages)
        critic = Critic(of_critic, 5, stages, train.cube)
    counted = [parameter_count(stage) for stage in generator.stages]
    assert [stage.weights for stage in layers(settings, 4, stages)] == counted
    assert critic_weights(of_critic, 4, stages, train.cube) == parameter_count(critic)


@pytest.mark.parametrize(("edge", "stages"), [(5, 3), (4, 4), (40, 3)])
def test_nodes_are_counted_to_the_last_one(tmp_path: Path, edge: int, stages: int) -> None:
    """Where every node is mixed nothing is left to chance."""
    shape = (9, 8, 5)
    write_volume(tmp_path / "lr.h5", np.zeros(shape, np.uint8), (1, 1, 1), phases=PHASES)
    settings = TrainSettings(generator={"widths": ((2, 2),)}).generator_settings()
    generator = Generator(settings, 3, stages).eval()
    for stage in generator.stages:
        torch.nn.init.constant_(stage.classify.bias[3:], 1e6)
    everything = (1.0,) * (stages - 1)
    work = Workload(shape, SuperResolveSettings(block=edge), settings, 3, stages, everything)
    with open_volume(tmp_path / "lr.h5") as volume:
        grown = [grow(generator, volume, block, 1) for block in cut(shape, edge)]
    computed = np.sum([growth.computed for growth in grown], axis=0)
    assert work.nodes == computed.tolist()
    assert work.own == [8**depth * math.prod(shape) for depth in range(stages)]
    assert work.halo_cost == computed.sum() / sum(work.own)
    # The largest is as large in every direction as any; here one block is.
    assert max(growth.computed[-1] for growth in grown) == work.largest[-1]


@pytest.mark.parametrize("preset", ["paper", "laptop"])
@pytest.mark.parametrize("edge", [64, 100, 256])
def test_the_default_block_spends_little_on_halos(preset: str, edge: int) -> None:
    settings = TrainSettings(preset=preset).generator_settings()
    work = Workload((edge,) * 3, SuperResolveSettings(), settings, 4, 5, PAPER_SHARES)
    assert 1 < work.halo_cost <= 1.3


def test_memory_of_a_job_does_not_grow_with_the_volume() -> None:
    settings = TrainSettings(preset="laptop").generator_settings()
    jobs = [
        Workload((edge,) * 3, SuperResolveSettings(), settings, 4, 5, PAPER_SHARES)
        for edge in (96, 256, 1024)
    ]
    assert len({job.memory for job in jobs}) == 1
    assert len({job.stitch_memory for job in jobs}) == 1


class TestMixedShares:
    """Of what will be mixed, the best is taken that is known."""

    def test_before_anything_has_run_they_are_those_of_the_paper(self, tmp_path: Path) -> None:
        found = mixed_shares(Layout(str(tmp_path), "a"), 5, 32)
        assert found.source == "another rock (Ugolkov et al., table 2)"
        assert found.shares[0] == 9530 / 32768
        assert found.shares[1] == 40137 / (8 * 9530)
        assert len(mixed_shares(Layout(str(tmp_path), "a"), 7, 32).shares) == 6

    def test_then_those_of_the_hr_images(self, tmp_path: Path) -> None:
        run = Layout(str(tmp_path), "a")
        image = np.zeros((8, 8), np.uint8)
        image[0, 0], image[:, 6:] = 1, OUTSIDE
        for stage, patch in ((1, 4), (2, 2), (3, 1)):
            patches = classes(image, PHASES.mixed, patch)
            write_images(run.pyramid(stage), [patches], float(patch), phases=PHASES, names=["a"])
        found = mixed_shares(run, 3, 32)
        assert found.source == "the HR images"
        # One of the two patches in the rock is mixed, then one of twelve, half of which lie in it.
        assert found.shares == pytest.approx((1 / 2, (1 / 12) / (1 / 2)))

    def test_then_those_of_the_training(self, tmp_path: Path) -> None:
        run = Layout(str(tmp_path), "a")
        for stage in (1, 2):
            log = Path(run.training_log(stage))
            log.parent.mkdir(parents=True)
            with log.open("w", newline="") as lines:
                rows = csv.writer(lines)
                rows.writerows([["epoch", "mixed_fraction"], [1, 0.9], [2, stage / 10]])
        found = mixed_shares(run, 3, 32)
        assert (found.shares, found.source) == ((0.1, 0.2), "the training's log")
        more = TrainSettings(all={"mixed_factor": 6.0})
        assert mixed_shares(run, 3, 32, more).shares == pytest.approx((0.6, 1.0))

    def test_what_the_paper_knows_of_was_refined_once(self, tmp_path: Path) -> None:
        """Twice as much of stage 1, so also twice the parents of stage 2: its share stays."""
        run, factor = Layout(str(tmp_path), "a"), {"mixed_factor": 2.0}
        of = partial(mixed_shares, run, 3, 32)
        twice, exact = of(TrainSettings(all=factor)).shares, of().shares
        assert twice == pytest.approx((2 * exact[0], exact[1]))
        idle = TrainSettings(all=factor | {"calibrate": False})  # nothing moves the biases then
        assert of(idle).shares == exact


def test_the_block_with_most_interfaces_is_planned_for(tmp_path: Path) -> None:
    labels = np.zeros((4, 4, 8), np.uint8)
    labels[:, :, 5::2] = 1  # every voxel of the right half has another phase beside it
    path = Path(Layout(str(tmp_path), "a").lr_labels)
    path.parent.mkdir(parents=True)
    write_volume(path, labels, (8, 8, 8), phases=PHASES)
    assert unevenness(path, 4) == 2
    assert unevenness(path, 8) == 1
    assert mixed_shares(Layout(str(tmp_path), "a"), 5, 4).uneven == 2
    path.write_text("no volume")
    assert mixed_shares(Layout(str(tmp_path), "a"), 5, 4).uneven == 1


def test_blocks_are_those_that_are_grown(tmp_path: Path) -> None:
    """An axis of 10 is cut into 4, 3 and 3; those of 4, 4 and 2 would part the rock elsewhere."""
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[1, 1, [5, 8]] = 1  # each has 7 voxels in its cross, in the second and the third block
    path = tmp_path / "lr.h5"
    write_volume(path, labels, (8, 8, 8), phases=PHASES)
    assert unevenness(path, 4) == pytest.approx(7 / (14 / 10**3 * 4**3))


def test_an_uneven_rock_has_a_larger_block_and_no_more_nodes() -> None:
    settings = SuperResolveSettings(block=32)
    of = partial(
        Workload, (64, 64, 64), settings, TrainSettings().generator_settings(), 4, 3, (0.25, 0.5)
    )
    even, uneven = of(), of(uneven=2.0)
    assert uneven.nodes == even.nodes
    assert uneven.largest == [n * f for n, f in zip(even.largest, (1, 2, 2), strict=True)]
    assert uneven.memory > even.memory


class TestCommand:
    """`octolith plan`."""

    @pytest.fixture
    def config(self, tmp_path: Path) -> Path:
        write_volume(tmp_path / "lr.h5", np.zeros((40, 33, 20), np.uint8), (8, 8, 8), phases=PHASES)
        tifffile.imwrite(tmp_path / "hr.tif", np.zeros((128, 150), np.uint8))
        rows = [
            "sample\tlr\tlr_segmentation\thr\thr_voxel_um\thr_segmentation",
            f"berea\t{tmp_path}/lr.h5\tlabels\t{tmp_path}/hr*.tif\t1\tlabels",
        ]
        (tmp_path / "samples.tsv").write_text("\n".join(rows))
        config = {
            "samples": str(tmp_path / "samples.tsv"), "results": str(tmp_path / "results"),
            "scale": 8, "phases": list(PHASES.names), "gpu": True,
            "segmentations": {"labels": {"labels": {0: "pore", 1: "quartz", 2: "clay"}}},
            "superresolve": {"block": 16, "blocks_per_job": 4, "realisations": 3},
            "export": {"formats": ["tiff", "raw"]},
        }  # fmt: skip
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
        return tmp_path / "config.yaml"

    def test_json_has_every_number(self, config: Path) -> None:
        done = CliRunner().invoke(app, ["plan", str(config), "--json"])
        assert done.exit_code == 0, done.output
        (plan,) = json.loads(done.stdout)
        assert plan["sample"] == "berea"
        assert plan["shape"] == [320, 264, 160]
        assert plan["voxel_um"] == 1.0
        assert [stage["stage"] for stage in plan["stages"]] == [1, 2, 3, 4]
        assert plan["blocks"] == 3 * 3 * 2
        jobs = {job["step"]: job for job in plan["jobs"]}
        assert list(jobs) == ["train", "superresolve", "stitch", "smooth", "export"]
        assert jobs["superresolve"]["jobs"] == 3 * math.ceil(18 / 4)
        assert jobs["superresolve"]["gpu_memory"] > 2**29
        assert (jobs["stitch"]["jobs"], jobs["export"]["jobs"]) == (3, 6)
        # Raw labels are a byte a voxel.
        assert jobs["export"]["disk"] > 3 * 320 * 264 * 160
        assert plan["disk"] == sum(job["disk"] for job in plan["jobs"])

    def test_the_table_can_be_read(self, config: Path) -> None:
        done = CliRunner().invoke(app, ["plan", str(config)], env={"COLUMNS": "120"})
        assert done.exit_code == 0, done.output
        assert "berea: 40 × 33 × 20 voxels become 320 × 264 × 160 of 1 µm." in done.stdout
        assert "superresolve │ 15" in done.stdout
        assert "Ugolkov et al., table 2" in done.stdout

    def test_a_disk_that_is_too_small_is_found_beforehand(
        self, config: Path, tiny_disk: Path
    ) -> None:
        text = config.read_text().replace(str(config.parent / "results"), str(tiny_disk / "r"))
        config.write_text(text)
        done = CliRunner().invoke(app, ["plan", str(config)])
        assert isinstance(done.exception, InputError)
        assert "MiB free, expected about" in str(done.exception)
        (tiny_disk / "r").mkdir()
        (tiny_disk / "r" / "done").touch()
        os.truncate(tiny_disk / "r" / "done", 10**9)  # what is there already
        assert CliRunner().invoke(app, ["plan", str(config)]).exit_code == 0

    def test_an_image_that_is_missing_is_named(self, config: Path) -> None:
        (config.parent / "lr.h5").unlink()
        done = CliRunner().invoke(app, ["plan", str(config)])
        assert isinstance(done.exception, InputError)
        assert "lr.h5" in str(done.exception)

    def test_images_too_coarse_for_the_scale_are_named(self, config: Path) -> None:
        """Pixels of 2 µm teach nothing about voxels of 1 µm."""
        sheet = config.parent / "samples.tsv"
        sheet.write_text(sheet.read_text().replace("\t1\t", "\t2\t"))
        done = CliRunner().invoke(app, ["plan", str(config)])
        assert isinstance(done.exception, InputError)
        assert "pixels of 2 µm" in str(done.exception)
        assert "Set scale to 4" in str(done.exception)


@pytest.mark.rock
def test_the_berea_in_the_shape_it_has(rock_data: Path, tmp_path: Path) -> None:
    rows = [
        "sample\tlr\tlr_voxel_um\tlr_segmentation\thr\thr_segmentation",
        f"berea\t{rock_data}/berea-ct/berea_ct_4phase_3p5um_257.tif\t3.5\tlabels\tnone\tlabels",
    ]
    (tmp_path / "samples.tsv").write_text("\n".join(rows))
    config = load(
        {
            "samples": str(tmp_path / "samples.tsv"), "results": str(tmp_path / "results"),
            "segmentations": {"labels": {}},
        }
    )  # fmt: skip
    plan = make_plan(config, "berea", read_samples(config.samples, config)["berea"])
    assert plan.work.fine == (257 * 16,) * 3
    assert plan.fine_um == 3.5 / 16
    assert plan.work.block_count == 9**3
    # 257 voxels are cut into nine, whose blocks are smaller and whose halos cost more.
    assert plan.work.halo_cost <= 1.3
    assert plan.free == pytest.approx(os.statvfs(tmp_path).f_bavail * 4096, rel=0.5)
