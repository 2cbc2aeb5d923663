"""Images in the column `hr_test` are what SR is held against, and no part of what is learnt."""

from __future__ import annotations

from pathlib import Path

import tifffile
from checkout import Checkout

OUTPUTS = ("results/b/train/stage1/weights.safetensors", "results/b/describe/volume_fraction.csv")


def say(checkout: Checkout, hr: str, kept: str) -> None:
    header = "sample\tlr\tlr_segmentation\thr\thr_segmentation\thr_test"
    row = f"b\tdata/b/lr.tif\tlabels\tdata/b/{hr}\tlabels\tdata/b/{kept}"
    checkout.write("samples.tsv", f"{header}\n{row}\n")


def made(checkout: Checkout) -> list[str]:
    """What the outputs are made from: stand-ins write digests of all that they are given."""
    done = checkout.snakemake("--profile", "local", "--cores", "2", *OUTPUTS)
    assert done.returncode == 0, done.stdout + done.stderr
    return [(checkout.folder / output).read_text("utf-8") for output in OUTPUTS]


def test_they_change_what_is_measured_and_nothing_that_is_learnt(checkout: Checkout) -> None:
    say(checkout, "hr0.tif", "hr1.tif")
    weights, measured = made(checkout)
    other = Path(checkout.folder, "data/b/hr1.tif")
    checkout.image("data/b/hr2.tif", 3 - tifffile.imread(other), 1.0)
    say(checkout, "hr0.tif", "hr2.tif")
    weights_again, measured_again = made(checkout)
    assert weights_again == weights
    assert measured_again != measured


def test_an_image_that_is_learnt_from_is_refused_before_anything_runs(checkout: Checkout) -> None:
    say(checkout, "hr*.tif", "hr1.tif")
    plan = checkout.snakemake("--profile", "local", "--dry-run")
    assert plan.returncode != 0
    assert "hr_test: found data/b/hr1.tif, which 'hr' has too" in plan.stdout + plan.stderr
