"""Octolith's own volume files: what is written is read, and only what is asked for."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from octolith.errors import OctolithError
from octolith.phases import Phases
from octolith.volumes import (
    create_volume,
    open_volume,
    read_images,
    write_images,
    write_volume,
)

VOXEL = (3.5, 3.5, 3.5)


def test_a_volume_comes_back_with_everything_it_was_given(tmp_path, rng, berea):
    labels = rng.integers(0, 4, (5, 6, 7), dtype=np.uint8)
    write_volume(tmp_path / "a.h5", labels, VOXEL, phases=berea, provenance={"source": "Bäche.tif"})
    with open_volume(tmp_path / "a.h5") as volume:
        np.testing.assert_array_equal(volume.read(), labels)
        assert (volume.shape, volume.dtype, volume.voxel_size_um) == ((5, 6, 7), np.uint8, VOXEL)
        assert volume.phases == berea
        assert volume.provenance == {"source": "Bäche.tif"}


@pytest.mark.parametrize(
    "index",
    [np.s_[2], np.s_[1:3], np.s_[..., 4], np.s_[1:4, 2:5, 3:6], np.s_[-2, :, ::3], np.s_[3:1]],
)
def test_it_is_indexed_like_an_array(tmp_path, rng, index):
    grey = rng.integers(0, 65536, (5, 6, 7), dtype=np.uint16)
    write_volume(tmp_path / "a.h5", grey, VOXEL)
    with open_volume(tmp_path / "a.h5") as volume:
        np.testing.assert_array_equal(volume[index], grey[index])
        assert volume.phases is None


def test_indices_outside_are_refused(tmp_path):
    write_volume(tmp_path / "a.h5", np.zeros((2, 3, 4), np.uint8), VOXEL)
    with open_volume(tmp_path / "a.h5") as volume:
        for index in (2, np.s_[0, 0, 0, 0], np.s_[::-1]):
            with pytest.raises(IndexError):
                volume[index]


def test_written_part_by_part(tmp_path, rng):
    grey = rng.random((10, 9, 8), dtype=np.float32)
    with create_volume(tmp_path / "a.h5", grey.shape, grey.dtype, VOXEL, chunk=4) as writer:
        assert not (tmp_path / "a.h5").exists()
        for z in range(0, 10, 3):
            writer[z : z + 3, :, :] = grey[z : z + 3]
    with open_volume(tmp_path / "a.h5") as volume:
        np.testing.assert_array_equal(volume.read(), grey)


def test_nothing_is_left_when_writing_fails(tmp_path):
    with (
        pytest.raises(ZeroDivisionError),
        create_volume(tmp_path / "a.h5", (4, 4, 4), "u1", VOXEL) as writer,
    ):
        writer[:] = np.zeros((4, 4, 4))
        _ = 1 / 0
    assert not list(tmp_path.iterdir())


def test_any_hdf5_program_can_read_it(tmp_path, rng, berea):
    labels = rng.integers(0, 4, (5, 6, 7), dtype=np.uint8)
    write_volume(tmp_path / "a.h5", labels, VOXEL, phases=berea)
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["volume"][:], labels)
        assert file["volume"].compression == "gzip"
        assert list(file["volume"].attrs["element_size_um"]) == list(VOXEL)


def test_too_little_space_is_found_before_writing(tmp_path):
    with (
        pytest.raises(OctolithError, match=r"free in .*expected up to .* TiB") as error,
        create_volume(tmp_path / "a.h5", (65536,) * 3, "u2", VOXEL),
    ):
        pytest.fail("began to write")
    assert "Free some space" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_a_set_of_images_comes_back(tmp_path, rng):
    images = [rng.integers(0, 3, shape, dtype=np.uint8) for shape in ((5, 6), (7, 4))]
    phases = Phases.of(["pore", "grain", "binder"])
    write_images(tmp_path / "hr.h5", images, 0.4375, phases=phases, names=["a.tif", "b.tif"])
    found = read_images(tmp_path / "hr.h5")
    for left, right in zip(found.images, images, strict=True):
        np.testing.assert_array_equal(left, right)
    assert (found.pixel_um, found.phases, found.names) == (0.4375, phases, ["a.tif", "b.tif"])
