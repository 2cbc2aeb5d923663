"""The step `segment`: from file to file, streamed, and what it says of input it cannot use."""

from __future__ import annotations

import logging
import tracemalloc

import numpy as np
import pytest
import tifffile
import yaml

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.segmentation import Segmenter, resample
from octolith.settings.steps import DenoiseSettings, PyramidSettings, SegmentationSettings
from octolith.steps.pyramid import pyramid
from octolith.steps.segment import segment, segment_images
from octolith.volumes import OUTSIDE, open_volume, read_images, write_volume

VOXEL = (2.0, 2.0, 2.0)
TWO = Phases.of(["pore", "quartz"])
HALVES = SegmentationSettings(bands={"pore": [(0, 100)], "quartz": [(100, 255)]})
BINARY = SegmentationSettings(labels={0: "pore", 1: "quartz"})


@pytest.fixture
def given(tmp_path):
    """Write an array as the volume that is given, and return its path."""

    def write(array):
        write_volume(tmp_path / "given.h5", array, VOXEL, provenance={"ingest": "test"})
        return tmp_path / "given.h5"

    return write


@pytest.fixture
def images(tmp_path):
    """Write 2D images as TIFF files and return their paths."""

    def write(*arrays):
        paths = [tmp_path / f"hr{number}.tif" for number in range(len(arrays))]
        for path, array in zip(paths, arrays, strict=True):
            tifffile.imwrite(path, array)
        return [str(path) for path in paths]

    return write


@pytest.fixture
def run(tmp_path):
    """Run the step and return its labels."""

    def step(source, recipe, phases=TWO):
        segment(source, tmp_path / "out.h5", recipe, phases, tmp_path / "figure")
        with open_volume(tmp_path / "out.h5") as volume:
            assert volume.phases == phases
            assert volume.voxel_size_um == VOXEL
            assert volume.provenance["ingest"] == "test"
            return volume.read()

    return step


class TestVolumes:
    @pytest.mark.parametrize("method", ["none", "median", "non-local-means", "bilateral"])
    def test_slabs_give_what_the_whole_gives(self, given, run, rng, method, monkeypatch):
        monkeypatch.setattr("octolith.steps.segment.PLANES", 7)
        grey = np.where(np.arange(20)[:, None, None] < 9, 60, 140) + rng.normal(0, 30, (20, 12, 11))
        grey = grey.clip(0, 255).astype(np.uint8)
        settings = DenoiseSettings(method=method, search=1)
        sliced = run(given(grey), HALVES.model_copy(update={"denoise": settings}))
        monkeypatch.setattr("octolith.steps.segment.PLANES", 99)
        whole = run(given(grey), HALVES.model_copy(update={"denoise": settings}))
        np.testing.assert_array_equal(sliced, whole)
        truth = (np.arange(20) >= 9)[:, None, None]
        assert np.mean(whole == truth) > (0.85 if method == "none" else 0.95)

    def test_counting_takes_little_beside_the_slab(self, rng):
        """Planes may be so large that eight bytes a voxel of a slab are more than the job has."""
        part = rng.integers(0, 2, (64, 128, 128), np.uint8)
        segmenter = Segmenter(HALVES, TWO, "rock")
        tracemalloc.start()
        for _ in segmenter.labels(lambda: iter([part]), lambda: iter([part])):
            pass
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 6 * part.nbytes
        assert segmenter.codes[:2].tolist() == [part.size, 0]

    def test_labels_and_what_is_outside(self, given, run):
        labels = np.array([[[0, 1, 7, 9]]], np.int8)
        recipe = SegmentationSettings(labels={0: "pore", 1: "quartz", 7: "quartz", 9: "outside"})
        np.testing.assert_array_equal(run(given(labels), recipe), [[[0, 1, 1, OUTSIDE]]])

    def test_the_figure_is_there_twice(self, given, run, tmp_path):
        run(given(np.array([[[50, 150]]], np.uint8)), HALVES)
        assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")
        drawing = (tmp_path / "figure.svg").read_text("utf-8")
        for text in ("grey level", "µm", "pore", "quartz 50.0%", "before", "after"):
            assert text in drawing


class TestBadVolumes:
    def refused(self, run, tmp_path, source, recipe, phases=TWO):
        before = sorted(tmp_path.iterdir())
        with pytest.raises(InputError) as error:
            run(source, recipe, phases)
        assert sorted(tmp_path.iterdir()) == before, "nothing half-written is left"
        return str(error.value)

    def test_unknown_labels_are_named_with_counts(self, given, run, tmp_path):
        labels = np.zeros((70, 2, 2), np.uint8)
        labels[0, 0, 0] = labels[69, 1, 1] = 3
        labels[69, 0, 0] = 255
        source = given(labels)
        assert self.refused(run, tmp_path, source, BINARY) == (
            f"{source}: found labels 3 (2 voxels), 255 (1 voxel), expected those of the label "
            "map: [0, 1]. Add them to the map; 'outside' stands for what is not rock."
        )

    def test_grey_levels_taken_for_labels_do_not_fill_the_screen(self, given, run, tmp_path, rng):
        text = self.refused(run, tmp_path, given(rng.integers(0, 999, (9, 9, 9))), BINARY)
        assert " and " in text and " more, expected" in text
        assert len(text) < 400

    def test_a_gap_over_the_grey_levels_of_the_image(self, given, run, tmp_path):
        recipe = SegmentationSettings(bands={"pore": [(0, 50)], "quartz": [(70, 255)]})
        grey = np.array([[[20, 200]]], np.uint8)
        text = self.refused(run, tmp_path, given(grey), recipe)
        assert "found grey levels from 20 to 200 and no phase for 50 to 70 between pore" in text

    def test_nan(self, given, run, tmp_path):
        text = self.refused(run, tmp_path, given(np.full((2, 2, 2), np.nan, np.float32)), HALVES)
        assert "found NaN or infinity in 8 voxels" in text

    def test_the_undecided_get_a_suggestion_that_works(self, given, run, tmp_path, rng):
        grey = np.where(rng.random((9, 9, 9)) < 0.3, 40, 180) + rng.integers(-9, 9, (9, 9, 9))
        source = given(grey.astype(np.uint8))
        text = self.refused(run, tmp_path, source, SegmentationSettings())
        line = text.partition("from dark to bright): ")[2]
        assert line.startswith("bands: {pore: [[0, ")
        assert "\n" not in text

        recipe = SegmentationSettings.read(yaml.safe_load(line), "pasted")
        np.testing.assert_array_equal(run(source, recipe), grey > 100)


class TestImages:
    def segmented(self, tmp_path, paths, **options):
        options = {"pixel_um_target": 1.0, "pixel_um_given": 1.0} | options
        segment_images(paths, tmp_path / "hr.h5", BINARY, TWO, **options)
        return read_images(tmp_path / "hr.h5")

    def test_images_of_different_sizes_and_pages(self, tmp_path, images):
        paths = images(np.zeros((2, 8, 8), np.uint8), np.ones((5, 9), np.uint8))
        found = self.segmented(tmp_path, paths)
        assert [image.shape for image in found.images] == [(8, 8), (8, 8), (5, 9)]
        assert found.names == ["hr0.tif:0", "hr0.tif:1", "hr1.tif"]
        assert found.phases == TWO
        assert found.pixel_um == 1.0

    def test_another_pixel_size_is_resampled_and_said(self, tmp_path, images, caplog):
        caplog.set_level(logging.INFO)
        image = np.zeros((40, 60), np.uint8)
        image[:20] = 1
        found = self.segmented(tmp_path, images(image), pixel_um_target=0.8)
        assert found.images[0].shape == (50, 75)
        np.testing.assert_array_equal(found.images[0][:, 0], np.arange(50) < 25)
        assert found.pixel_um == 0.8
        assert "resampled from pixels of 1 µm to 0.8 µm by nearest neighbour" in caplog.text

    def test_a_pixel_size_within_a_hundredth_is_taken_for_it(self, tmp_path, images, caplog):
        caplog.set_level(logging.INFO)
        found = self.segmented(tmp_path, images(np.eye(300, dtype=np.uint8)), pixel_um_target=1.008)
        assert found.images[0].shape == (300, 300)
        assert found.pixel_um == 1.008
        assert "resampled" not in caplog.text

    def test_an_image_smaller_than_what_the_critic_sees(self, tmp_path, images):
        paths = images(np.eye(64, dtype=np.uint8), np.eye(64, 40, dtype=np.uint8))
        with pytest.raises(InputError) as error:
            self.segmented(tmp_path, paths, crop=64)
        assert str(error.value) == (
            "hr1.tif: found 64 × 40 pixels of 1 µm, expected at least 64 × 64, which the critic "
            "sees at once. Leave the image out, or train on smaller cubes (train.lr_cube)."
        )
        assert not (tmp_path / "hr.h5").exists()
        assert len(self.segmented(tmp_path, paths, crop=64, learnt=False).images) == 2

    def test_a_phase_that_no_image_shows(self, tmp_path, images):
        with pytest.raises(InputError, match="found no pixel of quartz, expected each phase in"):
            self.segmented(tmp_path, images(np.zeros((9, 9), np.uint8)))
        # Images that training never sees need not show every phase.
        found = self.segmented(tmp_path, images(np.zeros((9, 9), np.uint8)), learnt=False)
        assert not found.images[0].any()

    def test_no_pixel_size(self, tmp_path, images):
        with pytest.raises(InputError, match="column hr_voxel_um"):
            self.segmented(tmp_path, images(np.eye(9, dtype=np.uint8)), pixel_um_given=None)

    @pytest.mark.parametrize("dtype", [np.uint8, bool])
    def test_the_figure_shows_the_first_image(self, tmp_path, images, dtype):
        paths = images(np.eye(9, dtype=dtype))
        self.segmented(tmp_path, paths, figure_stem=tmp_path / "figures" / "hr")
        assert (tmp_path / "figures" / "hr.png").exists()


def test_resampling_makes_no_new_labels_and_keeps_the_field_of_view(rng):
    labels = rng.integers(0, 4, (30, 50), np.uint8)
    fine = resample(labels, 0.5, 0.5 / 3)
    np.testing.assert_array_equal(fine, labels.repeat(3, 0).repeat(3, 1))
    np.testing.assert_array_equal(resample(fine, 0.5 / 3, 0.5), labels)


def test_pages_of_an_image_keep_the_axes_they_are_perpendicular_to(images, tmp_path, rng):
    across, along = (rng.integers(0, 2, shape, np.uint8) for shape in ((2, 16, 16), (8, 8)))
    labels, classes = tmp_path / "hr.h5", tmp_path / "stage1.h5"
    segment_images(
        images(across, along), labels, BINARY, TWO, pixel_um_target=1.0, pixel_um_given=1.0,
        axes=["z", "yx"],
    )  # fmt: skip
    pyramid(labels, classes, stage=1, stages=2, settings=PyramidSettings())
    assert read_images(labels).axes == read_images(classes).axes == ["z", "z", "yx"]
