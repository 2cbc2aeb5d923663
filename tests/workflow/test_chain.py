"""Every step for real, at its smallest: two rocks from files to the report."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import tifffile
from checkout import Checkout

from octolith.volumes import open_volume

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def chain(tmp_path_factory) -> Checkout:
    """Everything, run once."""
    checkout = Checkout(tmp_path_factory.mktemp("chain"), pretend=False)
    checkout.run()
    return checkout


def test_the_result_is_four_times_finer_and_has_its_voxel_size(chain):
    for sample in "ab":
        with open_volume(chain.folder / f"results/{sample}/smooth/realisation0.h5") as volume:
            assert volume.shape == (96, 96, 96)
            assert volume.voxel_size_um == pytest.approx((1.0, 1.0, 1.0))
            assert volume.read().max() <= 3
    exported = tifffile.imread(chain.folder / "results/a/export/realisation0.tif")
    assert exported.shape == (96, 96, 96)


def test_the_comparison_with_hr_is_there_and_with_the_truth_where_it_is_known(chain):
    references = {
        sample: set(pd.read_csv(chain.folder / f"results/{sample}/describe/comparison.csv")
                    ["reference"])
        for sample in "ab"
    }  # fmt: skip
    assert references == {"a": {"HR", "truth"}, "b": {"HR"}}


def test_the_pages_are_there_and_the_index_names_every_sample(chain):
    for sample in "ab":
        assert (chain.folder / f"results/{sample}/report.html").stat().st_size > 10_000
        json.loads((chain.folder / f"results/{sample}/report.json").read_text("utf-8"))
    index = (chain.folder / "results/index.html").read_text("utf-8")
    assert "a/report.html" in index
    assert "b/report.html" in index


def test_every_job_has_a_log_that_begins_with_its_command_and_a_benchmark(chain):
    logs = sorted((chain.folder / "results/a/logs").glob("*.log"))
    assert len(logs) > 15
    for log in logs:
        assert "workflow/scripts/step.py" in log.read_text("utf-8").splitlines()[0]
        assert (chain.folder / f"results/a/benchmarks/{log.stem}.tsv").is_file()


def test_then_there_is_nothing_left_to_do(chain):
    assert chain.planned() == set()


def test_a_damaged_result_is_named_and_made_anew_once_deleted(chain, tmp_path):
    checkout = chain.copy(tmp_path / "copy")
    damaged = checkout.folder / "results/a/segment/lr.h5"
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    done = checkout.snakemake("--profile", "local", "--cores", "2")
    assert done.returncode != 0
    assert "octolith: results/a/segment/lr.h5" in done.stdout + done.stderr
    damaged.unlink()
    # Whatever job met it first, and lost its output: what is asked for is to be made anew.
    for page in ("results/a/report.html", "results/index.html"):
        (checkout.folder / page).unlink()
    assert "a: phases of the lr volume" in checkout.run()
    assert damaged.read_bytes() == whole
    sr = "results/a/smooth/realisation0.h5"
    assert (checkout.folder / sr).read_bytes() == (chain.folder / sr).read_bytes()
