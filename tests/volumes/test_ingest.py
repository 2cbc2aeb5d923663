"""The step `ingest`: any image to one checked HDF5 volume that says where it comes from."""

from __future__ import annotations

import hashlib

import h5py
import numpy as np
import pytest
import tifffile

from octolith.errors import InputError
from octolith.settings import Sample
from octolith.steps.ingest import ingest
from octolith.volumes import open_images, open_volume


def row(lr, **cells) -> Sample:
    """A row of the sample sheet."""
    cells = {"lr_voxel_um": 3.5} | cells
    return Sample(
        sample="rock", lr=str(lr), lr_segmentation="a", hr="b", hr_segmentation="c", **cells
    )


@pytest.fixture
def smooth_grey(rng) -> np.ndarray:
    """An image whose neighbouring voxels resemble each other, as scans do."""
    z, y, x = np.meshgrid(*(np.linspace(0, 9, n) for n in (70, 40, 50)), indexing="ij")
    waves = np.sin(x) + np.sin(1.3 * y) + np.sin(0.7 * z)
    return (waves * 9000 + 32768 + rng.normal(0, 500, waves.shape)).astype(np.uint16)


def ingested(tmp_path, sample):
    ingest(sample, tmp_path / "out" / "lr.h5")
    with open_volume(tmp_path / "out" / "lr.h5") as volume:
        return volume.read(), volume


def refusal(tmp_path, sample) -> str:
    with pytest.raises(InputError) as error:
        ingest(sample, tmp_path / "out" / "lr.h5")
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True
    text = str(error.value)
    assert "\n" not in text
    return text


def test_raw_to_hdf5_with_its_origin(tmp_path, smooth_grey):
    (tmp_path / "a.raw").write_bytes(smooth_grey.tobytes())
    sample = row(
        tmp_path / "a.raw", lr_reader="shape=70x40x50 dtype=uint16", lr_crop="1:69,:,10:50"
    )
    array, volume = ingested(tmp_path, sample)
    np.testing.assert_array_equal(array, smooth_grey[1:69, :, 10:50])
    assert volume.voxel_size_um == (3.5, 3.5, 3.5)
    origin = volume.provenance
    assert origin["source"] == str(tmp_path / "a.raw")
    assert origin["bytes"] == smooth_grey.nbytes
    assert origin["sha256"] == hashlib.sha256(smooth_grey.tobytes()).hexdigest()
    assert origin["reader_options"] == "shape=70x40x50 dtype=uint16"
    assert origin["crop"] == "1:69,:,10:50"
    with h5py.File(tmp_path / "out" / "lr.h5") as file:
        assert file["volume"].chunks == (64, 40, 40)
        np.testing.assert_array_equal(file["volume"][:], array)


def test_bool_becomes_uint8(tmp_path, rng):
    mask = rng.random((5, 6, 7)) < 0.5
    np.save(tmp_path / "a.npy", mask)
    array, _ = ingested(tmp_path, row(tmp_path / "a.npy"))
    assert array.dtype == np.uint8
    np.testing.assert_array_equal(array, mask)


def test_the_file_speaks_where_the_sheet_is_silent(tmp_path, smooth_grey, caplog):
    tifffile.imwrite(
        tmp_path / "a.tif", smooth_grey, imagej=True, resolution=(0.5, 0.5),
        metadata={"spacing": 2.0, "unit": "um"},
    )  # fmt: skip
    _, volume = ingested(tmp_path, row(tmp_path / "a.tif", lr_voxel_um=None))
    assert volume.voxel_size_um == (2, 2, 2)
    _, volume = ingested(tmp_path, row(tmp_path / "a.tif", lr_voxel_um=2.01))
    assert not caplog.text
    _, volume = ingested(tmp_path, row(tmp_path / "a.tif", lr_voxel_um=3.5))
    assert volume.voxel_size_um == (3.5, 3.5, 3.5)
    assert "the file says a voxel is 2 × 2 × 2 µm (z, y, x), the sample sheet 3.5 µm" in caplog.text


def test_a_voxel_size_is_needed(tmp_path, smooth_grey):
    np.save(tmp_path / "a.npy", smooth_grey)
    text = refusal(tmp_path, row(tmp_path / "a.npy", lr_voxel_um=None))
    assert "voxel size: found none in the file" in text
    assert "column lr_voxel_um" in text


def test_voxels_are_cubes(tmp_path, smooth_grey):
    tifffile.imwrite(
        tmp_path / "a.tif", smooth_grey, imagej=True, resolution=(0.5, 0.5),
        metadata={"spacing": 5.0, "unit": "um"},
    )  # fmt: skip
    text = refusal(tmp_path, row(tmp_path / "a.tif", lr_voxel_um=None))
    assert "found 5 × 2 × 2 µm (z, y, x), expected cubes" in text


@pytest.mark.parametrize(
    ("options", "cure"),
    [("dtype=uint16 order=big", "the other byte order"), ("dtype=int16", "dtype=uint16")],
)
def test_wrong_byte_order_and_sign_are_suspected(tmp_path, smooth_grey, options, cure):
    (tmp_path / "a.raw").write_bytes(smooth_grey.tobytes())
    text = refusal(tmp_path, row(tmp_path / "a.raw", lr_reader=f"shape=70x40x50 {options}"))
    assert f"than with {cure}, expected an image. Correct lr_reader" in text


def test_labels_and_noise_raise_no_suspicion(tmp_path, rng):
    noise = rng.integers(0, 65536, (8, 30, 30))
    for number, (array, dtype) in enumerate(
        [(noise % 3, "uint16"), (noise, "uint16"), (noise * 0, "int16"), (noise / 7, "float32")]
    ):
        path = tmp_path / f"{number}.raw"
        path.write_bytes(array.astype(dtype).tobytes())
        sample = row(path, lr_reader=f"shape=8x30x30 dtype={dtype}")
        np.testing.assert_array_equal(ingested(tmp_path, sample)[0], array.astype(dtype))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_number_is_found_with_its_position(tmp_path, smooth_grey, value):
    array = smooth_grey.astype(np.float32)
    array[66, 7, 8] = value
    np.save(tmp_path / "a.npy", array)
    text = refusal(tmp_path, row(tmp_path / "a.npy"))
    assert f"found {value} at voxel (z, y, x) = (66, 7, 8), expected finite grey levels" in text


def test_wrong_dimensions_and_sizes_leave_nothing(tmp_path, smooth_grey):
    tifffile.imwrite(tmp_path / "a.tif", smooth_grey[0])
    assert "2 dimensions" in refusal(tmp_path, row(tmp_path / "a.tif"))
    (tmp_path / "a.raw").write_bytes(smooth_grey.tobytes()[:-1])
    text = refusal(tmp_path, row(tmp_path / "a.raw", lr_reader="shape=70x40x50 dtype=uint16"))
    assert "found 279,999 bytes, expected 70 × 40 × 50 × 2 = 280,000" in text
    assert "No such file" in refusal(tmp_path, row(tmp_path / "b.tif"))
    text = refusal(tmp_path, row(tmp_path / "a.tif", lr_crop="0:9,:,:"))
    assert "2 dimensions" in text


def test_a_full_disk(tmp_path, tiny_disk, rng):
    np.save(tmp_path / "a.npy", rng.integers(0, 255, (128, 128, 128), dtype=np.uint8))
    with pytest.raises(InputError, match=r"1.0 MiB free in .*expected up to 2.0 MiB"):
        ingest(row(tmp_path / "a.npy"), tiny_disk / "lr.h5")
    assert not list(tiny_disk.iterdir())


VOLUMES = {
    "berea-ct/berea_ct_4phase_3p5um_257.tif": ((257, 257, 257), "u1", {0, 1, 2, 3}),
    "berea-binary/berea_binary_400.tif": ((400, 400, 400), "u1", {0, 255}),
    "sandstone-binary/sandstone_binary_256.tif": ((256, 256, 256), "u1", {0, 255}),
    "sandstone-grey-volume/sandstone_grey_u16_200x100x100.raw": ((200, 100, 100), "u2", None),
    "battery-fuelcell/SEM_lr_input.tif": ((128, 128, 128), "u1", {0, 128}),
    "battery-fuelcell/NMC_lr_input.tif": ((128, 128, 128), "i1", {0, 1}),
    "battery-fuelcell/SOFC_lr_input.tif": ((62, 62, 62), "i1", {0, 1, 2}),
}


@pytest.mark.rock
@pytest.mark.parametrize("name", VOLUMES)
def test_every_real_volume(tmp_path, rock_data, name):
    shape, dtype, labels = VOLUMES[name]
    reader = "shape=200x100x100 dtype=uint16" if name.endswith("raw") else ""
    array, _ = ingested(tmp_path, row(rock_data / name, lr_reader=reader))
    assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
    if labels is None:
        assert (array.min(), array.max(), np.median(array)) == (1048, 65535, 34079)
    else:
        assert set(np.unique(array).tolist()) == labels
        np.testing.assert_array_equal(array, tifffile.imread(rock_data / name))


@pytest.mark.rock
def test_real_2d_images(rock_data):
    slices = open_images(f"{rock_data}/sandstone-grey-slices/grey_*.tif")
    assert len(slices.images) == 10
    assert {image.shape for image in slices.images} == {(1024, 996)}
    assert slices.pixel_um == pytest.approx(1 / 0.448139)
    folder = rock_data / "battery-fuelcell"
    panels = open_images(
        f"{rock_data}/berea-lsm/*.tif;{folder}/SEM_hr_input.tif;{folder}/SOFC_hr_input.tif;"
        f"{folder}/large_slice_nmc.tif",
        pixel_um=0.5,
    )
    assert [image.shape for image in panels.images[5:]] == [(427, 427), (1024, 1024), (1024, 1024)]
    assert panels.names[0] == "berea_lsm_panel0.tif"
