"""What a person reads whose image cannot be read: the file, what is in it, how to mend it."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from octolith.errors import InputError
from octolith.volumes import open_volume

PLAIN = {"photometric": "minisblack"}


@pytest.fixture
def stack(rng) -> np.ndarray:
    return rng.integers(0, 65536, (12, 20, 30), dtype=np.uint16)


def complaint(path, **options) -> str:
    """The message that reading every voxel of ``path`` ends in: one line that names the file."""
    with pytest.raises(InputError) as error, open_volume(path, **options) as volume:
        volume.read()
    text = str(error.value)
    assert str(path) in text
    assert "\n" not in text
    assert ": found " in text
    assert ", expected " in text
    return text


def test_missing(tmp_path):
    assert "No such file or directory" in complaint(tmp_path / "rock.tif")
    assert "No such file or directory" in complaint(f"{tmp_path}/slice_*.tif")


def test_unreadable_content(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"\x07" * 100)
    assert "For a raw file say shape=ZxYxX and dtype=" in complaint(tmp_path / "a.bin")
    (tmp_path / "b.tif").write_bytes(b"")
    assert "no readable image" in complaint(tmp_path / "b.tif")
    (tmp_path / "empty").touch()
    assert "an empty file" in complaint(tmp_path / "empty")


def test_an_empty_folder(tmp_path):
    assert "a folder without images" in complaint(tmp_path)


def test_a_glob_of_nothing_but_folders(tmp_path):
    (tmp_path / "scan1").mkdir()
    assert "no file that matches, expected slices" in complaint(tmp_path / "scan*")


def test_folders_of_several_kinds(tmp_path, stack):
    np.save(tmp_path / "1.npy", stack[0])
    tifffile.imwrite(tmp_path / "1.tif", stack[0])
    assert re.search(r"1 \.\w+ and 1 \.\w+, expected slices of one kind", complaint(tmp_path))


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dialect", ["shaped", "imagej", "ome", "bare", "big"])
@pytest.mark.parametrize("share", [0.8, 0.5, 0.01])
def test_truncated_tiff(tmp_path, stack, dialect, compression, share):
    path = tmp_path / "a.tif"
    options = {
        "imagej": {"imagej": True},
        "ome": {"ome": True},
        "bare": {"metadata": None},
        "big": {"bigtiff": True},
    }.get(dialect, {})
    tifffile.imwrite(path, stack, compression=compression, **PLAIN, **options)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert re.search("truncated|damaged", complaint(path))


def test_truncated_tiff_that_has_lost_only_its_description(tmp_path, stack):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, ome=True, metadata={"PhysicalSizeX": 3.5})
    path.write_bytes(path.read_bytes()[:-9])
    assert "damaged TIFF" in complaint(path)


def test_a_tiff_whose_pixels_are_damaged(tmp_path, stack):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stack, compression="zlib", **PLAIN)
    with tifffile.TiffFile(path) as tif:
        start = tif.pages[5].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[start : start + 64] = bytes(64)
    path.write_bytes(content)
    assert "damaged TIFF" in complaint(path)


def test_flat_and_deep_images(tmp_path, stack):
    tifffile.imwrite(tmp_path / "flat.tif", stack[0])
    assert "2 dimensions (20 × 30), expected 3 (z, y, x)" in complaint(tmp_path / "flat.tif")
    tifffile.imwrite(tmp_path / "deep.tif", np.stack([stack, stack]), **PLAIN)
    assert "4 dimensions (2 × 12 × 20 × 30), expected 3" in complaint(tmp_path / "deep.tif")
    np.save(tmp_path / "slice.npy", stack)
    with pytest.raises(InputError) as error:
        open_volume(f"{tmp_path}/*.npy")
    assert "3 dimensions (12 × 20 × 30), expected 2 (y, x). Give a stack by itself" in str(
        error.value
    )


def test_colour(tmp_path):
    colour = np.zeros((12, 20, 30, 3), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colour, photometric="rgb")
    assert "a colour image" in complaint(tmp_path / "a.tif")
    Image.fromarray(colour[0]).save(tmp_path / "1.png")
    with pytest.raises(InputError, match=r"1.png: found a colour image \(RGB\).*Convert it"):
        open_volume(f"{tmp_path}/*.png")


def test_a_tiff_of_several_images(tmp_path, stack):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        tif.write(stack)
        tif.write(stack[0, :9])
    assert "2 images of shapes [(12, 20, 30), (9, 30)], expected one" in complaint(
        tmp_path / "a.tif"
    )


def test_values_that_are_no_grey_levels(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 3, 3), complex))
    assert "values of type complex128, expected integers, bool or float" in complaint(
        tmp_path / "a.npy"
    )


def test_a_slice_of_another_size_or_type_is_named(tmp_path, stack):
    for number in range(3):
        tifffile.imwrite(tmp_path / f"s{number}.tif", stack[number])
    tifffile.imwrite(tmp_path / "s3.tif", stack[3, 1:])
    assert re.search(
        r"s3.tif: found 19 × 30 uint16, expected 20 × 30 uint16 like s0.tif", complaint(tmp_path)
    )
    tifffile.imwrite(tmp_path / "s3.tif", stack[3].astype(np.uint8))
    assert "s3.tif: found 20 × 30 uint8, expected 20 × 30 uint16" in complaint(tmp_path)


def test_a_truncated_slice_is_named(tmp_path, stack):
    for number in range(3):
        tifffile.imwrite(tmp_path / f"s{number}.tif", stack[number])
    path = tmp_path / "s1.tif"
    path.write_bytes(path.read_bytes()[:900])
    assert "s1.tif: found a truncated TIFF" in complaint(tmp_path)


def test_raw_of_the_wrong_size_shows_the_sum(tmp_path, stack):
    (tmp_path / "a.raw").write_bytes(stack.tobytes()[:-2])
    text = complaint(tmp_path / "a.raw", shape=(12, 20, 30), dtype="uint16")
    assert "found 14,398 bytes, expected 12 × 20 × 30 × 2 = 14,400" in text
    assert "truncated" in text
    (tmp_path / "a.raw").write_bytes(b"h" * 512 + stack.tobytes())
    text = complaint(tmp_path / "a.raw", shape=(12, 20, 30), dtype="uint16")
    assert "a header is skipped with offset=512" in text


def test_a_shape_or_dtype_that_the_file_contradicts(tmp_path, stack):
    np.save(tmp_path / "a.npy", stack)
    assert "the shape (12, 20, 30), expected shape=(30, 20, 12)" in complaint(
        tmp_path / "a.npy", shape=(30, 20, 12)
    )
    assert "uint16, expected dtype=uint8" in complaint(tmp_path / "a.npy", dtype="uint8")


def test_broken_hdf5_npy_and_zarr(tmp_path, stack):
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert "a broken HDF5 file" in complaint(tmp_path / "a.h5")
    np.save(tmp_path / "a.npy", stack)
    (tmp_path / "a.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:-9])
    assert "no readable .npy" in complaint(tmp_path / "a.npy")
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_text("{")
    assert "no readable Zarr" in complaint(tmp_path / "a.zarr")


def test_a_zarr_group_without_volumes(tmp_path):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("spectrum", shape=(5,), dtype="f4")
    assert "no 3D dataset among ['spectrum']" in complaint(tmp_path / "a.zarr")


@pytest.mark.parametrize("size", [(0, 1, 1), -2.0])
def test_a_voxel_size_that_is_none(tmp_path, stack, size):
    np.save(tmp_path / "a.npy", stack)
    with pytest.raises(InputError, match="expected positive lengths in µm"):
        open_volume(tmp_path / "a.npy", voxel_size_um=size)
