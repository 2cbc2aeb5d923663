"""The sample sheet says which axes the 2D images of an anisotropic rock are perpendicular to."""

from __future__ import annotations

import pytest
from checkout import Checkout

from octolith.networks import weights
from octolith.volumes import read_images

STAGE = "results/b/train/stage1/weights.safetensors"


def say(checkout: Checkout, axes: str) -> None:
    """Give sample b an image across z and one that serves y and x."""
    header = "sample\tlr\tlr_segmentation\thr\thr_segmentation\thr_axes"
    row = f"b\tdata/b/lr.tif\tlabels\tdata/b/hr0.tif;data/b/hr1.tif\tlabels\t{axes}"
    checkout.write("samples.tsv", f"{header}\n{row}\n")


def test_the_axes_reach_the_step_with_the_images(checkout):
    say(checkout, "z;xy")
    plan = checkout.snakemake("--profile", "local", "--dry-run", "--printshellcmds", STAGE)
    assert plan.returncode == 0, plan.stdout + plan.stderr
    assert '"axes": ["z", "yx"]' in plan.stdout + plan.stderr


def test_axes_that_are_not_shared_out_once_stop_before_anything_runs(checkout):
    say(checkout, "z;zy")
    plan = checkout.snakemake("--profile", "local", "--dry-run", STAGE)
    assert plan.returncode != 0
    assert "samples.tsv, line 2: hr_axes: found 'z;zy'" in plan.stdout + plan.stderr


@pytest.mark.slow
def test_each_set_of_images_has_a_critic_of_its_own(tmp_path):
    checkout = Checkout(tmp_path, pretend=False)
    say(checkout, "z;yx")
    done = checkout.snakemake("--profile", "local", "--cores", "1", STAGE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert read_images(tmp_path / "results/b/pyramid/stage1.h5").axes == ["z", "yx"]
    header, tensors = weights.read(tmp_path / STAGE)
    assert header.axes == ("z", "yx")
    assert any(name.startswith("critic.1.") for name in tensors)
