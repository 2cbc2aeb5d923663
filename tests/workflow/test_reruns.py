"""Exactly what an edit concerns runs again: the table of docs/workflow.md, row by row.

The steps are pretended (see pretend_step.py); the rules, the configuration, the sources that are
digested and Snakemake are the real ones.
"""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
from checkout import PARTS

NETWORK = {
    image: {
        f"network of subvolume 0 of the {image} volume",
        *(f"diffusion along {axis} in subvolume 0 of the {image} volume" for axis in "xyz"),
        f"pore network of the {image} volume",
    }
    for image in ("lr", "sr")
}
AFTER_TRAINING = {
    "realisation 0, block group 0",
    "realisation 0, block group 1",
    "stitching realisation 0",
    "smoothing realisation 0",
    "measuring volume_fraction",
    "measuring interfacial_area",
    "measuring two_point_correlation",
    "comparing LR and SR with HR",
    *NETWORK["sr"],
    "what changed in the pore network",
    "realisation 0 as .tif",
    "the report",
}
INDEX = {"the page over all samples"}


def of(samples: str, *names: str) -> set[str]:
    """The messages of the jobs of each sample, and of the index, which follows every report."""
    return {f"{sample}: {name}" for sample in samples for name in names} | INDEX


def stages(*numbers: int) -> set[str]:
    return {f"training stage {number} of 3" for number in numbers}


def named(value) -> str:
    return value.__name__.replace("_", " ") if callable(value) else ""


def nothing(checkout):
    pass


def learning_rate_of_stage_2(checkout):
    checkout.config["train"]["stages"][2]["learning_rate"] = 1e-4
    checkout.configure()


def two_values_of_stage_2_swapped(checkout):
    stage = checkout.config["train"]["stages"][2]
    stage["learning_rate"], stage["critic_learning_rate"] = (
        stage["critic_learning_rate"],
        stage["learning_rate"],
    )
    checkout.configure()


def unrelated_key(checkout):
    checkout.config["gpu"] = True
    checkout.configure()


def how_training_is_kept(checkout):
    checkout.config["train"]["all"] |= {"checkpoint_minutes": 1, "tensorboard": True}
    checkout.configure()


def order_of_keys(checkout):
    checkout.config["train"] = dict(reversed(checkout.config["train"].items()))
    checkout.config = dict(reversed(checkout.config.items()))
    checkout.configure()


def a_comment_in_a_rule(checkout):
    checkout.edit("rules/train.smk", "rule train:", "# One job a stage.\nrule train:")


def a_comment_in_the_library(checkout):
    checkout.edit("src/octolith/training/losses.py", "\ndef ", "\n# Losses.\ndef ")


def threads_and_memory(checkout):
    checkout.edit("rules/train.smk", "threads: 4", "threads: 8")
    checkout.edit(
        "rules/common.smk", "MEMORY_MARGIN, TIME_MARGIN = 1.5", "MEMORY_MARGIN, TIME_MARGIN = 2.5"
    )


def touch(checkout, *folders):
    for folder in folders:
        for file in sorted((checkout.folder / folder).rglob("*")):
            os.utime(file)


def fresh_clone(checkout):
    touch(checkout, *PARTS)


def fresh_clone_without_metadata(checkout):
    fresh_clone(checkout)
    shutil.rmtree(checkout.folder / ".snakemake")


def everything_touched(checkout):
    touch(checkout, "data", "results")


def library_of_training(checkout):
    checkout.edit("src/octolith/training/losses.py", "\ndef ", "\nEXTRA = 1\n\n\ndef ")


def library_of_smoothing(checkout):
    checkout.edit("src/octolith/filtering.py", "\ndef ", "\nEXTRA = 1\n\n\ndef ")


def style_of_figures(checkout):
    checkout.edit("src/octolith/figures.py", '"font.size": 9', '"font.size": 10')


def setting_of_smoothing(checkout):
    checkout.config["smooth"] = {"passes": 2}
    checkout.configure()


def setting_of_a_descriptor(checkout):
    checkout.config["describe"]["options"] = {"two_point_correlation": {"max_lag_um": 20}}
    checkout.configure()


def another_realisation(checkout):
    checkout.config["superresolve"]["realisations"] = 2
    checkout.configure()


def one_hr_image_replaced(checkout):
    replaced = np.full((64, 64), 2, np.uint8)
    checkout.image("data/a/hr1.tif", replaced, 1.0)
    os.utime(checkout.folder / "data/a/hr1.tif", (0, 0))  # by one with an older date


def one_hr_image_added(checkout):
    shutil.copy(checkout.folder / "data/b/hr0.tif", checkout.folder / "data/a/hr2.tif")


def one_sample_added(checkout):
    shutil.copytree(checkout.folder / "data/a", checkout.folder / "data/c")
    checkout.samples("a", "b", "c")


def one_sample_removed(checkout):
    checkout.samples("a")


PYRAMIDS = {f"pyramid of the HR images, stage {n} of 3" for n in (1, 2, 3)}
HR = {
    "phases of the hr images",
    "picture of the pyramid",
    *PYRAMIDS,
    *stages(1, 2, 3),
    *AFTER_TRAINING,
}
EVERYTHING = HR | {
    "reading the lr volume",
    "phases of the lr volume",
    *NETWORK["lr"],
}
AFTER_SMOOTHING = {job for job in AFTER_TRAINING if not job.startswith(("realisation 0, b", "st"))}
REALISATION_1 = {
    "realisation 1, block group 0",
    "realisation 1, block group 1",
    "stitching realisation 1",
    "smoothing realisation 1",
    "realisation 1 as .tif",
}
MEASURED = {job for job in AFTER_TRAINING if job.startswith(("measuring", "comparing", "the"))}

TABLE = {
    nothing: set(),
    learning_rate_of_stage_2: of("ab", *stages(2, 3), *AFTER_TRAINING),
    two_values_of_stage_2_swapped: of("ab", *stages(2, 3), *AFTER_TRAINING),
    unrelated_key: set(),
    how_training_is_kept: set(),
    order_of_keys: set(),
    a_comment_in_a_rule: set(),
    a_comment_in_the_library: set(),
    threads_and_memory: set(),
    fresh_clone: set(),
    fresh_clone_without_metadata: set(),
    everything_touched: set(),
    library_of_training: of("ab", *stages(1, 2, 3), *AFTER_TRAINING),
    library_of_smoothing: of("ab", *AFTER_SMOOTHING),
    style_of_figures: of("ab", "the report"),
    setting_of_smoothing: of("ab", *AFTER_SMOOTHING),
    setting_of_a_descriptor: of(
        "ab", "measuring two_point_correlation", "comparing LR and SR with HR", "the report"
    ),
    another_realisation: of("ab", *REALISATION_1, *MEASURED),
    one_hr_image_replaced: of("a", *HR),
    one_hr_image_added: of("a", *HR),
    one_sample_added: of("c", *EVERYTHING),
    one_sample_removed: INDEX,
}


@pytest.mark.parametrize(("edit", "expected"), TABLE.items(), ids=named)
def test_an_edit_is_planned_to_rerun_what_depends_on_it_and_nothing_else(edited, edit, expected):
    edit(edited)
    assert edited.planned() == expected


@pytest.mark.slow
@pytest.mark.parametrize(("edit", "expected"), TABLE.items(), ids=named)
def test_after_an_edit_one_run_makes_all_of_it_up_to_date(edited, edit, expected):
    edit(edited)
    assert edited.run() == expected
    assert edited.planned() == set()
