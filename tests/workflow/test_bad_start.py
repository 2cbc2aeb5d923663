"""What is wrong with the input is said in one line, in the first seconds, and nothing runs."""

from __future__ import annotations

import numpy as np
import pytest


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


def truth_of_another_volume(checkout):
    text = (checkout.folder / "samples.tsv").read_text().splitlines()
    columns = ["\ttruth\ttruth_segmentation", "\tdata/b/lr.tif\tlabels", ""]
    checkout.write("samples.tsv", "\n".join(map(str.__add__, text, columns)) + "\n")


def hostile_name(checkout):
    checkout.edit("samples.tsv", "\na\t", "\na;touch pwned\t")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (misspelt_key, ["train.presett", "Did you mean 'preset'?"]),
        (unknown_segmentation, ["samples.tsv, line 2: lr_segmentation", "'lables'", "['labels']"]),
        (missing_volume, ["data/b/lr.tif", "No such file"]),
        (truncated_volume, ["data/b/lr.tif"]),
        (two_dimensional_volume, ["data/b/lr.tif", "3"]),
        (no_hr_image, ["'a': hr", "data/a/hr*.tif"]),
        (truth_of_another_volume, ["data/b/lr.tif", "(24, 24, 24)", "(96, 96, 96)"]),
        (hostile_name, ["samples.tsv, line 2", "Rename it."]),
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


def test_paths_with_spaces_quotes_and_semicolons_reach_no_shell(checkout):
    folder = checkout.folder / "data" / "b; touch pwned 'x\" $(touch pwned)"
    (checkout.folder / "data/b").rename(folder)
    checkout.edit("samples.tsv", "data/b/lr.tif", f"data/{folder.name}/lr.tif")
    # In the column of the HR images ';' separates: `?` stands for any character.
    checkout.edit("samples.tsv", "data/b/hr*", f"data/{folder.name.replace(';', '?')}/hr*")
    checkout.run()
    assert checkout.planned() == set()
    assert not (checkout.folder / "pwned").exists()


def test_a_job_that_fails_shows_its_own_line_at_the_end(checkout):
    checkout.write("workflow/scripts/step.py", "import sys; sys.exit('octolith: the disk is full')")
    done = checkout.snakemake("--profile", "local", "--cores", "1")
    assert done.returncode != 0
    assert "octolith: the disk is full" in done.stderr + done.stdout
    # Which sample comes first is the scheduler's choice.
    assert list(checkout.folder.glob("results/*/logs"))
