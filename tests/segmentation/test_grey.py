"""What is done with grey levels: their range, their histogram, thresholds, denoising."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.filters import threshold_otsu

from octolith.errors import InputError
from octolith.segmentation import (
    Histogram,
    agreement,
    denoise,
    grey_range,
    halo,
    noise_level,
    suggest_bands,
    suggestion,
)
from octolith.settings.steps import DenoiseSettings


def histogram_of(grey: np.ndarray) -> Histogram:
    return Histogram.of([grey], grey_range([grey], "ct.tif"))


@pytest.fixture
def two_halves(rng):
    """A flat boundary between 1000 and 3000, with noise of 200: (z, y, x) float32."""
    grey = np.full((24, 24, 24), 1000, np.float32)
    grey[:, :, 12:] = 3000
    return grey + rng.normal(0, 200, grey.shape).astype(np.float32)


class TestRange:
    def test_over_parts(self):
        parts = [np.array([5, 9], np.uint8), np.array([3], np.uint8)]
        grey = grey_range(parts, "ct.tif")
        assert (grey.low, grey.high) == (3.0, 9.0)

    @pytest.mark.parametrize(
        ("dtype", "limits"),
        [(np.uint8, (0, 255)), (np.int16, (-32768, 32767)), (np.int32, (3, 9)), (float, (3, 9))],
    )
    def test_bands_should_cover_what_the_type_can_hold(self, dtype, limits):
        assert grey_range([np.array([3, 9], dtype)], "ct.tif").limits == limits

    def test_nan_is_counted_to_the_end(self):
        parts = [np.array([1.0, np.nan]), np.array([np.nan, np.inf, 2.0])]
        with pytest.raises(InputError, match=r"ct.tif: found NaN or infinity in 3 voxels"):
            grey_range(parts, "ct.tif")


class TestHistogram:
    @given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=50))
    def test_every_voxel_is_counted_once(self, values):
        grey = np.array(values, np.int16)
        assert histogram_of(grey).counts.sum() == len(values)

    def test_a_bin_holds_a_whole_number_of_grey_levels(self):
        """Each level once: every bin but the last has as many."""
        histogram = histogram_of(np.arange(65536).astype(np.uint16))
        assert histogram.width == 128
        assert set(histogram.counts) == {128}

    def test_a_constant_image(self):
        assert histogram_of(np.full(7, 3.5)).counts.sum() == 7


class TestSuggestion:
    def test_two_classes_are_otsus(self, rng):
        grey = np.concatenate([rng.normal(60, 9, 4000), rng.normal(150, 9, 6000)])
        grey = grey.astype(np.uint8)
        bands = suggest_bands(histogram_of(grey), ["pore", "quartz"], "ct.tif")
        (low, cut), (again, high) = bands["pore"][0], bands["quartz"][0]
        assert (low, high) == (0, 255)
        # scikit-image's threshold is the last level of the darker class.
        assert cut == again == threshold_otsu(grey) + 1

    @pytest.mark.parametrize("scale", [1, 200, 1e-4])
    def test_three_peaks_are_told_apart(self, rng, scale):
        grey = (rng.normal(0, 6, (3, 5000)) + np.array([[40], [120], [200]])) * scale
        grey = grey.astype(np.uint16) if scale >= 1 else grey
        names = ["pore", "clay", "quartz"]
        bands = suggest_bands(histogram_of(grey), names, "ct.tif")
        for own, name in zip(grey, names, strict=True):
            ((low, high),) = bands[name]
            assert np.mean((low <= own) & (own < high)) > 0.99

    def test_many_phases_do_not_take_for_ever(self, rng):
        grey = rng.integers(0, 65536, 20000).astype(np.uint16)
        names = [f"p{n}" for n in range(12)]
        bands = suggest_bands(histogram_of(grey), names, "ct.tif")
        edges = [own[0][0] for own in bands.values()]
        assert edges == sorted(set(edges))

    def test_it_is_a_line_to_paste(self, rng):
        grey = np.repeat(np.array([10, 20, 90, 200], np.uint8), 9)
        assert suggestion(histogram_of(grey), ["pore", "quartz"], "ct.tif") == (
            "bands: {pore: [[0, 91]], quartz: [[91, 255]]}"
        )

    def test_few_values_are_labels(self):
        grey = np.repeat(np.array([0, 128, 255], np.uint8), 9)
        assert suggestion(histogram_of(grey), ["pore", "quartz", "clay"], "ct.tif") == (
            "labels: {0: pore, 128: quartz, 255: clay}"
        )

    def test_fewer_grey_levels_than_phases(self):
        grey = np.array([0, 5000], np.uint16)
        with pytest.raises(InputError, match="found 2 grey levels, expected 3 or more"):
            suggest_bands(histogram_of(grey), ["a", "b", "c"], "ct.tif")


class TestDenoising:
    def test_the_noise_level_is_that_of_the_noise_and_not_of_the_edges(self, two_halves):
        assert noise_level(two_halves) == pytest.approx(200, rel=0.05)

    @pytest.mark.parametrize("method", ["median", "non-local-means", "bilateral"])
    def test_noise_goes_and_the_boundary_stays(self, two_halves, method):
        strength = 3 if method == "bilateral" else 1
        settings = DenoiseSettings(method=method, size=5, strength=strength)
        smooth = denoise(two_halves, settings, noise_level(two_halves))
        assert smooth.shape == two_halves.shape
        assert smooth[:, :, :10].std() < 0.5 * 200
        assert smooth[:, :, 11].mean() == pytest.approx(1000, abs=250)
        assert smooth[:, :, 12].mean() == pytest.approx(3000, abs=250)

    @pytest.mark.parametrize("method", ["none", "median", "non-local-means", "bilateral"])
    @pytest.mark.parametrize("dtype", [np.uint16, np.float32])
    def test_parts_with_their_halo_give_the_whole(self, two_halves, method, dtype):
        grey = two_halves.astype(dtype)
        settings = DenoiseSettings(method=method, search=2)
        whole = denoise(grey, settings, 200)
        reach = halo(settings)
        part = denoise(grey[9 - reach : 15 + reach], settings, 200)
        np.testing.assert_array_equal(part[reach : len(part) - reach], whole[9:15])

    def test_an_image_without_noise_is_left_alone(self):
        grey = np.zeros((4, 5), np.uint8)
        settings = DenoiseSettings(method="non-local-means")
        assert denoise(grey, settings, noise_level(grey)) is grey

    def test_images_are_denoised_in_two_dimensions(self, two_halves):
        for method in ("median", "non-local-means", "bilateral"):
            smooth = denoise(two_halves[0], DenoiseSettings(method=method), 200)
            assert smooth.shape == (24, 24)

    def test_an_even_window_is_refused(self):
        with pytest.raises(InputError, match="found 4, expected an odd number"):
            DenoiseSettings.read({"size": 4}, "denoise")


class TestAgreement:
    def test_by_hand(self, berea):
        labels = np.array([[0, 0, 1], [1, 1, 9]])
        reference = np.array([[0, 1, 1], [1, 2, 9]])
        mask = np.array([[1, 1, 1], [1, 1, 0]], bool)
        table = agreement(labels, reference, berea, mask).set_index("phase")
        # Pore: 1 in both, 2 in either. Quartz: 2 in both, 4 in either. Feldspar: missed.
        assert table.iou[["pore", "quartz", "feldspar"]].tolist() == [1 / 2, 2 / 4, 0]
        assert table.precision["pore"] == 1 / 2
        assert table.recall["pore"] == 1
        assert table.fraction["quartz"] == 3 / 5
        assert np.isnan(table.iou["clay"])
