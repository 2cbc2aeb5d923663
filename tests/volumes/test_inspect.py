"""What `octolith inspect` and `octolith export` say to a person, and to a program."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from octolith.cli import app
from octolith.errors import InputError
from octolith.volumes import open_volume, write_volume
from octolith.volumes.survey import survey


def said(*words) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "100"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def grey(tmp_path, rng):
    ramp = np.linspace(1000, 60000, 50).astype(np.uint16)
    array = np.broadcast_to(ramp, (20, 40, 50)) + rng.integers(0, 500, (20, 40, 50), np.uint16)
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, array, imagej=True, resolution=(0.5, 0.5),
                     metadata={"spacing": 2.0, "unit": "um"})  # fmt: skip
    return path, array


def test_a_grey_image(grey):
    path, array = grey
    text = said("inspect", path)
    assert "ImageJ TIFF, 20 page(s), compression: none" in text
    assert "20 × 40 × 50 (z × y × x)" in text
    assert "uint16, 78.1 KiB in all" in text
    assert "2 × 2 × 2 µm" in text
    assert "40 × 80 × 100 µm" in text
    assert "grey levels (from all of it)" in text
    assert str(array.min()) in text
    assert f"{np.median(array):.6g}" in text


def test_bands_to_paste_into_the_configuration(grey):
    path, _ = grey
    assert "bands: {pore: [[" in said("inspect", path, "--phases", "pore, quartz")


def test_labels_with_their_names(tmp_path, berea):
    labels = np.zeros((4, 5, 10), np.uint8)
    labels[:, :, 9] = 3
    write_volume(tmp_path / "rock.h5", labels, (3.5, 3.5, 3.5), phases=berea)
    text = said("inspect", tmp_path / "rock.h5")
    assert "HDF5, dataset /volume, gzip" in text
    rows = [line.replace("│", " ").split() for line in text.splitlines()]
    assert ["0", "pore", "0.9000"] in rows
    assert ["3", "clay", "0.1000"] in rows


def test_bits_have_labels_and_grey_levels(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.arange(60).reshape(3, 4, 5) < 15, photometric=1)
    facts = json.loads(said("inspect", tmp_path / "a.tif", "--json"))
    assert facts["labels"] == {"0": 0.75, "1": 0.25}
    with open_volume(tmp_path / "a.tif") as volume:
        assert survey(volume).grey["mean"] == 0.25
    assert "0.7500" in said("inspect", tmp_path / "a.tif")


def test_for_programs(grey):
    path, array = grey
    facts = json.loads(said("inspect", path, "--json"))
    assert facts["shape"] == [20, 40, 50]
    assert facts["voxel_um"] == [2, 2, 2]
    assert facts["grey"]["maximum"] == array.max()
    assert facts["labels"] is None
    assert facts["remarks"] == []


def test_remarks_that_spare_a_failed_run(tmp_path, grey):
    _, array = grey
    (tmp_path / "scan.raw").write_bytes(array.tobytes())
    reader = "shape=20x40x50 dtype=uint16 order=big"
    text = said("inspect", tmp_path / "scan.raw", "--reader", reader)
    assert "No voxel size in the file: give lr_voxel_um" in text
    assert "with the other byte order it would look like an image" in text
    broken = array.astype(np.float32)
    broken[3, 4, 5] = np.nan
    np.save(tmp_path / "scan.npy", broken)
    assert "NaN or infinity in 1 of the voxels" in said("inspect", tmp_path / "scan.npy")
    np.save(tmp_path / "none.npy", np.full_like(broken, np.nan))
    text = said("inspect", tmp_path / "none.npy", "--phases", "pore,quartz")
    assert "crop them away" in text


def test_crops_as_the_sample_sheet_does(grey):
    path, _ = grey
    assert "5 × 40 × 10 (z × y × x)" in said("inspect", path, "--crop", "0:5,:,40:")


def test_an_option_that_makes_no_sense_is_named(grey):
    path, _ = grey
    with pytest.raises(InputError, match="--reader: found the key 'dtyp'"):
        said("inspect", path, "--reader", "dtyp=uint8")


def test_a_large_volume_is_sampled_evenly_and_says_so(tmp_path, rng):
    array = np.repeat(np.arange(80, dtype=np.uint8), 100).reshape(80, 10, 10)
    np.save(tmp_path / "a.npy", array)
    with open_volume(tmp_path / "a.npy") as volume:
        seen = survey(volume, most=1600)
    assert seen.share == 0.2
    assert set(seen.values.tolist()) == {
        p + k for p in (0, 11, 22, 33, 44, 55, 66, 78) for k in (0, 1)
    }


def test_export_names_what_it_wrote(tmp_path, berea):
    write_volume(tmp_path / "rock.h5", np.zeros((4, 5, 6), np.uint8), (1, 1, 1), phases=berea)
    out = said("export", tmp_path / "rock.h5", tmp_path / "out", "--format", "raw").strip()
    assert out == str(tmp_path / "out" / "rock.raw")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"rock.raw", "rock.nhdr", "rock.mhd"}


def test_slices_are_exported_under_the_name_of_their_folder(tmp_path, rng):
    (tmp_path / "scan").mkdir()
    for z, plane in enumerate(rng.integers(0, 99, (3, 5, 6), dtype=np.uint8)):
        tifffile.imwrite(
            tmp_path / "scan" / f"s{z}.tif", plane, imagej=True, metadata={"unit": "um"},
            resolution=(0.5, 0.5),
        )  # fmt: skip
    for given in ("scan", "scan/s*.tif"):
        out = said("export", tmp_path / given, tmp_path / "out").strip()
        assert out == str(tmp_path / "out" / "scan.tif")


def test_an_export_of_an_export_has_its_name(tmp_path, berea):
    write_volume(tmp_path / "rock.h5", np.zeros((4, 5, 6), np.uint8), (1, 1, 1), phases=berea)
    first = said("export", tmp_path / "rock.h5", tmp_path, "--format", "ome-zarr").strip()
    assert said("export", first, tmp_path).strip() == str(tmp_path / "rock.tif")
