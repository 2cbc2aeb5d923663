"""Grey-level bands and label maps: every value has one meaning, or the user hears of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.segmentation import UNKNOWN, Bands, map_labels
from octolith.settings.steps import SegmentationSettings
from octolith.volumes import OUTSIDE

PORE, QUARTZ, FELDSPAR, CLAY = range(4)

# As the paper prints it: 0-4200 | 4200-4800 | 4800-7000; 8000-65535 | 7000-8000.
TABLE_1 = {
    "pore": [(0, 4200)],
    "clay": [(4200, 4800)],
    "quartz": [(4800, 7000), (8000, 65535)],
    "feldspar": [(7000, 8000)],
}


class TestBands:
    def test_table_1_of_the_paper(self, berea):
        bands = Bands.of(SegmentationSettings.read({"bands": TABLE_1}, "ct").bands, berea)
        bands.require(0, 65535, "ct.tif")
        grey = np.array([0, 4199, 4200, 4800, 6999, 7000, 7999, 8000, 65535], np.uint16)
        expected = [PORE, PORE, CLAY, QUARTZ, QUARTZ, FELDSPAR, FELDSPAR, QUARTZ, QUARTZ]
        np.testing.assert_array_equal(bands.label(grey), expected)

    def test_a_band_holds_its_lower_end_and_the_last_one_both(self, berea):
        bands = Bands.of({"pore": [(0.0, 0.5)], "quartz": [(0.5, 1.0)]}, berea)
        grey = np.array([0.0, 0.25, 0.5, 1.0], np.float32)
        np.testing.assert_array_equal(bands.label(grey), [PORE, PORE, QUARTZ, QUARTZ])

    @pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
    def test_edges_between_integers_cut_between_them(self, berea, dtype):
        """Edges may lie outside what the type can hold."""
        bands = Bands.of({"pore": [(-40000, 99.5)], "clay": [(99.5, 70000)]}, berea)
        np.testing.assert_array_equal(bands.label(np.array([99, 100], dtype)), [PORE, CLAY])

    @given(
        st.lists(st.integers(0, 255), min_size=3, max_size=9, unique=True).map(sorted),
        st.randoms(),
    )
    def test_each_grey_level_has_the_phase_whose_band_it_is_in(self, edges, random):
        phases = Phases.of(["pore", "quartz", "feldspar"])
        recipe: dict[str, list[tuple[float, float]]] = {name: [] for name in phases.names}
        for low, high in pairwise(edges):
            recipe[random.choice(phases.names)].append((low, high))
        bands = Bands.of(recipe, phases)
        for grey in range(edges[0], edges[-1]):
            (code,) = bands.label(np.array([grey], np.uint8))
            assert any(low <= grey < high for low, high in recipe[phases.names[code]])

    def test_outside_is_no_rock(self, berea):
        bands = Bands.of({"outside": [(0, 1)], "pore": [(1, 50)], "quartz": [(50, 255)]}, berea)
        labels = bands.label(np.array([0, 1, 60], np.uint8))
        np.testing.assert_array_equal(labels, [OUTSIDE, PORE, QUARTZ])


class TestBadBands:
    def test_an_overlap_names_the_two_phases(self):
        bands = {"pore": [(0, 100)], "quartz": [(90, 200)]}
        with pytest.raises(InputError) as error:
            SegmentationSettings.read({"bands": bands}, "segmentations.ct")
        assert str(error.value) == (
            "segmentations.ct: bands: found an overlap of pore [0, 100) and quartz [90, 200), "
            "expected every grey level in one band. Move an end."
        )

    def test_a_band_that_runs_backwards(self):
        with pytest.raises(InputError, match="found clay from 9 to 3, expected from < to"):
            SegmentationSettings.read({"bands": {"clay": [(9, 3)]}}, "ct")

    def test_a_gap_names_its_neighbours(self, berea):
        bands = Bands.of({"pore": [(0, 100)], "quartz": [(120, 255)]}, berea)
        with pytest.raises(InputError) as error:
            bands.require(3, 250, "ct.h5")
        assert str(error.value) == (
            "ct.h5: found grey levels from 3 to 250 and no phase for 100 to 120 between pore and "
            "quartz, expected bands without a gap over the image's grey levels. Move the end of a "
            "band; it is [from, to), so neighbours share a number."
        )

    def test_a_gap_beyond_the_image_is_none(self, berea):
        bands = Bands.of({"pore": [(0, 100)], "quartz": [(120, 255)]}, berea)
        bands.require(3, 99, "ct.h5")
        bands.require(120, 255, "ct.h5")

    @pytest.mark.parametrize(
        ("low", "high", "gap"),
        [(-7, 90, "-7 to 0"), (0, 256, "255 to 256")],
        ids=["below", "above"],
    )
    def test_grey_levels_beyond_the_bands(self, berea, low, high, gap):
        bands = Bands.of({"pore": [(0, 100)], "quartz": [(100, 255)]}, berea)
        with pytest.raises(InputError, match=f"no phase for {gap},"):
            bands.require(low, high, "ct.h5")

    def test_an_unknown_phase(self, berea):
        with pytest.raises(InputError, match="found 'calcite', expected one of"):
            Bands.of({"calcite": [(0, 1)]}, berea)


class TestLabelMaps:
    @pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.uint16, np.int64, np.float32])
    def test_any_type_of_number(self, dtype):
        labels = np.array([[0, 1], [1, 0]], dtype)
        codes = map_labels(labels, {0: "grain", 1: "pore"}, Phases.of(["pore", "grain"]))
        assert codes.dtype == np.uint8
        np.testing.assert_array_equal(codes, [[1, 0], [0, 1]])

    def test_several_values_may_be_one_phase(self, berea):
        """Heavy minerals go with the quartz, as in the paper."""
        mapping = {0: "pore", 1: "quartz", 2: "feldspar", 3: "clay", 4: "quartz"}
        np.testing.assert_array_equal(
            map_labels(np.arange(5), mapping, berea), [PORE, QUARTZ, FELDSPAR, CLAY, QUARTZ]
        )

    def test_negative_values(self, berea):
        labels = np.array([-1, -128, 127], np.int8)
        codes = map_labels(labels, {-1: "pore", -128: "quartz", 127: "clay"}, berea)
        np.testing.assert_array_equal(codes, [PORE, QUARTZ, CLAY])

    def test_255_means_what_the_map_says_and_nothing_of_itself(self, berea):
        labels = np.array([255], np.uint8)
        assert map_labels(labels, {255: "quartz"}, berea) == [QUARTZ]
        assert map_labels(labels, {255: "outside"}, berea) == [OUTSIDE]
        assert map_labels(labels, {0: "pore"}, berea) == [UNKNOWN]
