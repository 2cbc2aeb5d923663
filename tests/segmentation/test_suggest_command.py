"""`octolith suggest`, as a user runs it."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import yaml
from typer.testing import CliRunner

from octolith.cli import app
from octolith.settings import load


@pytest.fixture
def ct(tmp_path, rng):
    """A grey volume with peaks at 50 and 150."""
    grey = np.where(rng.random((8, 20, 20)) < 0.4, 50, 150) + rng.normal(0, 8, (8, 20, 20))
    tifffile.imwrite(tmp_path / "ct.tif", grey.astype(np.uint8))
    return tmp_path / "ct.tif"


def run(*words: object) -> str:
    result = CliRunner().invoke(app, ["suggest", *map(str, words)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_it_prints_what_to_paste_and_draws_it(ct, tmp_path):
    printed = yaml.safe_load(run(ct, "--phases", "pore, quartz", "--figure", tmp_path / "bands"))
    bands = printed["scan"]["bands"]
    ((low, cut),), ((same, high),) = bands["pore"], bands["quartz"]
    assert (low, cut, high) == (0, same, 255) and 70 < cut < 130
    config = load({"phases": ["pore", "quartz"], "segmentations": printed})
    assert config.segmentations["scan"].bands == {"pore": [(low, cut)], "quartz": [(cut, high)]}
    assert (tmp_path / "bands.png").exists()
    assert "quartz" in (tmp_path / "bands.svg").read_text("utf-8")


def test_raw_files_and_2d_images(ct, tmp_path):
    volume = tifffile.imread(ct)
    volume.tofile(tmp_path / "ct.raw")
    reader = "shape=8x20x20 dtype=uint8"
    expected = run(ct, "--phases", "pore,quartz")
    of_images = expected.replace("scan", "images", 1)
    assert run(tmp_path / "ct.raw", "--phases", "pore,quartz", "--reader", reader) == expected
    assert run(ct, "--images", "--phases", "pore,quartz") == of_images


def test_help_teaches_with_an_example():
    assert "octolith suggest rock.tif --phases pore,clay" in " ".join(run("--help").split())
