"""Names that a shell would take for commands are names on a cluster, too."""

from __future__ import annotations

import pytest
from checkout import Checkout
from cluster import Slurm

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

# The workflow refuses the rest: tests/workflow/test_bad_start.py.
FOLDER = "ü; touch pwned & touch pwned | touch pwned # (x) * ! ~ <pwned >pwned"
IMAGES = "ü; touch pwned & touch pwned | touch pwned # (x) ! ~ <pwned >pwned"


def test_no_name_is_taken_for_a_command(slurm: Slurm, tmp_path):
    folder = tmp_path / FOLDER
    folder.mkdir()
    checkout = Checkout(folder)
    checkout.config["results"] = FOLDER
    checkout.configure()
    (folder / "data/b").rename(folder / "data" / IMAGES)
    checkout.edit("samples.tsv", "data/b/lr.tif", f"data/{IMAGES}/lr.tif")
    # In the column of the HR images ';' separates: `?` stands for any character.
    checkout.edit("samples.tsv", "data/b/hr*", f"data/{IMAGES.replace(';', '?')}/hr*")
    made = [f"{FOLDER}/b/segment/{image}.h5" for image in ("lr", "hr")]
    slurm.run(checkout, *made)
    assert all((folder / file).is_file() for file in made)
    assert checkout.planned(*made) == set()
    assert [*tmp_path.rglob("pwned")] == []
