"""`octolith phantom`: files that the workflow reads, and the truth beside them."""

from __future__ import annotations

import json
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from typer.testing import CliRunner

from octolith import cli
from octolith.errors import InputError
from octolith.phantom import load_recipe, write_phantom, writing
from octolith.settings import load, read_samples
from octolith.volumes import open_volume


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phantom") / "rock"
    write_phantom(path, load_recipe("berea-like"), size=20, scale=4, images=4, image_size=72)
    return path


def test_the_scan_and_the_truth_are_one_rock_with_its_voxel_size(folder):
    with open_volume(folder / "ct.tif") as scan, open_volume(folder / "truth.tif") as truth:
        assert (scan.shape, scan.dtype) == ((20, 20, 20), np.uint16)
        assert (truth.shape, truth.dtype) == ((80, 80, 80), np.uint8)
        assert scan.voxel_size_um == pytest.approx((4.0, 4.0, 4.0))
        assert truth.voxel_size_um == pytest.approx((1.0, 1.0, 1.0))
        coarse = np.asarray(truth[:]) == 0
        pore = coarse.reshape(20, 4, 20, 4, 20, 4).mean((1, 3, 5))
        assert np.corrcoef(pore.ravel(), np.asarray(scan[:]).ravel())[0, 1] < -0.85


def test_the_microscope_images_are_labels_with_their_pixel_size(folder):
    paths = sorted((folder / "microscope").iterdir())
    assert [path.name for path in paths] == [f"panel{i}.tif" for i in range(4)]
    with tifffile.TiffFile(paths[0]) as file:
        image = file.asarray()
        assert (image.shape, image.dtype) == ((72, 72), np.uint8)
        assert set(np.unique(image)) <= {0, 1, 2, 3}
        pixels, micrometres = file.pages[0].tags["XResolution"].value
        assert pixels / micrometres == pytest.approx(1.0)
        assert file.imagej_metadata["unit"] == "um"


def test_the_sheet_and_the_segmentation_are_what_the_workflow_reads(folder):
    config = load(yaml.safe_load((folder / "segmentation.yaml").read_text()) | {"scale": 4})
    sample = read_samples(folder / "samples.tsv", config)["berea-like"]
    assert Path(sample.lr).is_file()
    assert Path(sample.truth).is_file()


def test_the_fractions_that_it_states_are_those_of_the_files(folder):
    stated = json.loads((folder / "phantom.json").read_text())
    truth = tifffile.imread(folder / "truth.tif")
    assert stated["volume_fractions"]["truth"]["pore"] == pytest.approx(np.mean(truth == 0))
    assert stated["ct_voxel_um"] == 4.0
    assert stated["recipe"] == load_recipe("berea-like").model_dump()


def test_counting_the_truth_takes_less_than_the_truth():
    labels = np.ones((64, 64, 64), np.uint8)
    tracemalloc.start()
    try:
        assert writing._fractions(labels)["quartz"] == 1
        assert tracemalloc.get_traced_memory()[1] < labels.nbytes / 2
    finally:
        tracemalloc.stop()


def test_a_second_rock_in_the_folder_is_not_mixed_with_panels_of_the_first(tmp_path):
    theirs = tmp_path / "microscope" / "notes.txt"
    for name, images in (("berea-like", 3), ("demo", 1)):
        recipe = load_recipe(name)
        write_phantom(tmp_path, recipe, size=8, scale=4, images=images, image_size=32)
        theirs.touch()
    config = load(yaml.safe_load((tmp_path / "segmentation.yaml").read_text()) | {"scale": 4})
    (sample,) = read_samples(tmp_path / "samples.tsv", config).values()
    assert [Path(file).name for file in sample.hr_files()] == ["panel0.tif"]
    assert theirs.exists()


def test_there_is_a_picture(folder):
    assert (folder / "phantom.png").stat().st_size > 10_000
    assert (folder / "phantom.svg").is_file()


def test_the_command_prints_what_is_true_and_what_is_seen(tmp_path):
    call = ["phantom", str(tmp_path / "rock"), "--size", "8", "--images", "1"]
    result = CliRunner().invoke(cli.app, [*call, "--image-size", "32", "--seed", "3"])
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert ["phase", "truth", "ct", "microscope"] in rows
    fractions = [float(row[1]) for row in rows if len(row) == 4 and row[0] != "phase"]
    assert sum(fractions) == pytest.approx(1, abs=0.003)
    assert str(tmp_path / "rock" / "phantom.png") in result.stdout.replace("\n", "")


def test_a_folder_that_cannot_be_made_is_told_before_any_work(tmp_path):
    (tmp_path / "rock").write_text("a file")
    with pytest.raises(InputError, match=r"rock: .*a folder that can be written to"):
        write_phantom(
            tmp_path / "rock", load_recipe("demo"), size=999, scale=4, images=1, image_size=8
        )


def test_a_recipe_that_is_not_utf_8_is_named(tmp_path):
    (tmp_path / "rock.yaml").write_text("name: rock  # 2 µm", "latin-1")
    with pytest.raises(InputError, match=r"rock\.yaml: found the byte 0xb5.*Save it as UTF-8\."):
        load_recipe(tmp_path / "rock.yaml")


def test_an_unknown_recipe_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "rock"
    monkeypatch.setattr(sys, "argv", ["octolith", "phantom", str(folder), "--recipe", "granite"])
    with pytest.raises(SystemExit, match="1"):
        cli.main()
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert "'granite'" in error
    assert "berea-like" in error
    assert not folder.exists()
