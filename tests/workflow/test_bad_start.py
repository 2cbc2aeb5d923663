"""What is wrong with the input is said in one line, in the first seconds, and nothing runs."""

from __future__ import annotations

import numpy as np
import pytest
from checkout import Checkout


def misspelt_key(checkout):
    checkout.config["train"]["presett"] = "laptop"
    checkout.configure()


def unknown_segmentation(checkout):
    checkout.edit("samples.tsv", "lr.tif\tlabels", "lr.tif\tlables")


def missing_volume(checkout):
    (checkout.folder / "data/b/lr.tif").unlink()


def truncated_volume(checkout):
    file = checkout.folder / "data/b/lr.tif"
    file.write_bytes(file.read_bytes()[:100])


def two_dimensional_volume(checkout):
    checkout.image("data/b/lr.tif", np.zeros((24, 24), np.uint8), 4.0)


def no_hr_image(checkout):
    for file in (checkout.folder / "data/a").glob("hr*"):
        file.unlink()


def images_coarser_than_the_scale(checkout):
    checkout.config["scale"] = 16
    checkout.configure()


def image_smaller_than_the_critic_sees(checkout):
    checkout.image("data/b/hr1.tif", np.zeros((64, 31), np.uint8), 1.0)


def volume_thinner_than_a_training_cube(checkout):
    checkout.image("data/b/lr.tif", np.zeros((7, 24, 24), np.uint8), 4.0)


def option_that_a_descriptor_does_not_have(checkout):
    checkout.config["describe"]["options"] = {"two_point_correlation": {"max_lag": 3}}
    checkout.configure()


def similarity_to_no_truth(checkout):
    checkout.config["describe"]["descriptors"].append("similarity")
    checkout.configure()


def truth_of_another_volume(checkout):
    text = (checkout.folder / "samples.tsv").read_text().splitlines()
    columns = ["\ttruth\ttruth_segmentation", "\tdata/b/lr.tif\tlabels", ""]
    checkout.write("samples.tsv", "\n".join(map(str.__add__, text, columns)) + "\n")


def hostile_name(checkout):
    checkout.edit("samples.tsv", "\na\t", "\na;touch pwned\t")


def results_that_a_shell_would_read(checkout):
    checkout.config["results"] = "out $(touch pwned)"
    checkout.configure()


def image_that_a_shell_would_read(checkout):
    (checkout.folder / "data/b").rename(checkout.folder / "data/b $(touch pwned)")
    checkout.edit("samples.tsv", "data/b/lr.tif", "data/b $(touch pwned)/lr.tif")
    checkout.edit("samples.tsv", "data/b/hr*", "data/b $(touch pwned)/hr*")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (misspelt_key, ["train.presett", "Did you mean 'preset'?"]),
        (unknown_segmentation, ["samples.tsv, line 2: lr_segmentation", "'lables'", "['labels']"]),
        (missing_volume, ["sample 'b': data/b/lr.tif", "No such file", "Paths start from"]),
        (truncated_volume, ["data/b/lr.tif"]),
        (two_dimensional_volume, ["data/b/lr.tif", "3"]),
        (no_hr_image, ["'a': hr", "data/a/hr*.tif"]),
        (images_coarser_than_the_scale, ["'a': hr", "1 µm", "0.25 µm", "Set scale to 4"]),
        (image_smaller_than_the_critic_sees, ["hr1.tif", "64 × 31", "at least 32 × 32"]),
        (volume_thinner_than_a_training_cube, ["'b': lr", "7 × 24 × 24", "at least 8"]),
        (option_that_a_descriptor_does_not_have, ["two_point_correlation", "max_lag_um"]),
        (similarity_to_no_truth, ["'b': describe.descriptors", "similarity", "no truth"]),
        (truth_of_another_volume, ["data/b/lr.tif", "(24, 24, 24)", "(96, 96, 96)"]),
        (hostile_name, ["samples.tsv, line 2", "Rename it."]),
        (image_that_a_shell_would_read, ["sample 'b': an image", "$(touch pwned)", "Rename it."]),
        (results_that_a_shell_would_read, ["results", "'out $(touch pwned)'", "Rename it."]),
    ],
    ids=lambda value: value.__name__.replace("_", " ") if callable(value) else "",
)
def test_bad_input_is_one_line_before_anything_runs(checkout, spoil, said):
    spoil(checkout)
    done = checkout.snakemake("--profile", "local")
    assert done.returncode != 0
    complaint = [line for line in done.stderr.splitlines() if line.startswith("octolith: ")]
    assert len(complaint) == 1
    assert all(part in complaint[0] for part in said), complaint
    assert done.stderr.splitlines()[-1] == complaint[0]
    assert "Traceback" not in done.stdout + done.stderr
    assert not (checkout.folder / "results").exists()
    assert not (checkout.folder / "pwned").exists()


def test_paths_with_spaces_and_semicolons_are_no_commands(checkout):
    folder = checkout.folder / "data" / "b; touch pwned & touch pwned | touch pwned # (x)"
    (checkout.folder / "data/b").rename(folder)
    checkout.edit("samples.tsv", "data/b/lr.tif", f"data/{folder.name}/lr.tif")
    # In the column of the HR images ';' separates: `?` stands for any character.
    checkout.edit("samples.tsv", "data/b/hr*", f"data/{folder.name.replace(';', '?')}/hr*")
    checkout.run()
    assert checkout.planned() == set()
    assert not (checkout.folder / "pwned").exists()


def test_a_name_with_brackets_is_a_name_and_its_content_counts(checkout):
    target = "results/b/ingest/lr.h5"
    (checkout.folder / "data/b/lr.tif").rename(checkout.folder / "data/b/lr[1].tif")
    checkout.edit("samples.tsv", "data/b/lr.tif", "data/b/lr[1].tif")
    (checkout.folder / "data/b/hr0.tif").rename(checkout.folder / "data/b/hr[1].tif")
    checkout.edit("samples.tsv", "data/b/hr*.tif", "data/b/hr[1].tif")
    assert checkout.snakemake("--profile", "local", target).returncode == 0
    assert checkout.planned(target) == set()
    checkout.image("data/b/lr[1].tif", np.ones((24, 24, 24), np.uint8), 4.0)
    assert checkout.planned(target) == {"b: reading the lr volume"}


@pytest.mark.parametrize("character", ["'", '"', "$", "`", "{", "}"])
def test_a_folder_that_a_cluster_could_not_quote_is_refused(tmp_path, character):
    folder = tmp_path / f"rocks {character}x"
    folder.mkdir()
    done = Checkout(folder).snakemake("--profile", "local", "--dry-run")
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1].startswith("octolith: the folder that snakemake is run in")


def test_a_job_that_fails_shows_its_own_line_at_the_end(checkout):
    checkout.write("workflow/scripts/step.py", "import sys; sys.exit('octolith: the disk is full')")
    done = checkout.snakemake("--profile", "local", "--cores", "1")
    assert done.returncode != 0
    assert "octolith: the disk is full" in done.stderr + done.stdout
    # Which sample comes first is the scheduler's choice.
    assert list(checkout.folder.glob("results/*/logs"))
