"""The median filter: a majority, exact however the volume is cut, and never an invented phase."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage

from octolith.errors import InputError
from octolith.filtering import (
    Changes,
    centre_votes,
    filter_slabs,
    majority,
    smooth,
    smooth_slabs,
)
from octolith.settings.steps import SmoothSettings
from octolith.volumes import OUTSIDE

PORE, QUARTZ, FELDSPAR, CLAY = range(4)
K = 4

codes = st.sampled_from([PORE, QUARTZ, FELDSPAR, CLAY, OUTSIDE])
volumes = arrays(np.uint8, array_shapes(min_dims=3, max_dims=3, max_side=9), elements=codes)
methods = st.sampled_from(["categorical", "median"])
sizes = st.sampled_from([3, 5])
weights = st.sampled_from([1, 2, 12, 300])


def settings_of(**values: object) -> SmoothSettings:
    """The median proper, unless the centre is to have more votes."""
    return SmoothSettings.read({"centre": 1} | values, "smooth")


def by_definition(labels: np.ndarray, method: str, size: int, weight: int) -> np.ndarray:
    """The definition, voxel by voxel."""
    radius = size // 2
    result = labels.copy()
    for centre in itertools.product(*map(range, labels.shape)):
        own = labels[centre]
        window = labels[tuple(slice(max(c - radius, 0), c + radius + 1) for c in centre)]
        voters = [int(label) for label in window.ravel() if label != OUTSIDE]
        voters = sorted(voters + [int(own)] * (weight - 1))
        if own == OUTSIDE:
            continue
        if method == "median":
            result[centre] = voters[(len(voters) - 1) // 2]
            continue
        votes = Counter(voters)
        tied = [label for label in votes if votes[label] == max(votes.values())]
        result[centre] = own if own in tied else min(tied)
    return result


def window_of(**counts: int) -> np.ndarray:
    """A 3x3x3 window with so many voxels a phase; the first named is at the centre."""
    names = {"pore": PORE, "quartz": QUARTZ, "feldspar": FELDSPAR}
    labels = np.repeat([names[name] for name in counts], list(counts.values())).astype(np.uint8)
    assert labels.size == 27
    return np.concatenate([labels[1:14], labels[:1], labels[14:]]).reshape(3, 3, 3)


def centre_of(window: np.ndarray, method: str) -> int:
    filtered, _ = smooth(window, K, settings_of(method=method))
    return int(filtered[1, 1, 1])


class TestCategoricalMedian:
    def test_the_median_of_codes_turns_feldspar_to_quartz_and_the_majority_does_not(self):
        """12 pore, 3 quartz, 12 feldspar: the 14th of the sorted codes is a quartz."""
        window = window_of(feldspar=12, quartz=3, pore=12)
        assert window[1, 1, 1] == FELDSPAR
        assert centre_of(window, "median") == QUARTZ
        assert centre_of(window, "categorical") == FELDSPAR

    def test_a_tie_is_won_by_the_voxels_own_phase(self):
        assert centre_of(window_of(feldspar=12, pore=12, quartz=3), "categorical") == FELDSPAR
        assert centre_of(window_of(pore=12, feldspar=12, quartz=3), "categorical") == PORE

    def test_a_tie_of_others_is_won_by_the_lowest_code(self):
        window = window_of(quartz=1, feldspar=13, pore=13)
        assert centre_of(window, "categorical") == PORE

    def test_a_speck_goes_and_a_flat_interface_stays(self):
        labels = np.zeros((8, 8, 8), np.uint8)
        labels[4:] = FELDSPAR
        speckled = labels.copy()
        speckled[2, 3, 3] = CLAY
        filtered, _ = smooth(speckled, K, settings_of())
        np.testing.assert_array_equal(filtered, labels)

    @given(volumes, sizes)
    def test_only_labels_of_the_window_are_given(self, labels, size):
        filtered, _ = smooth(labels, K, settings_of(size=size))
        for phase in range(K):
            near = ndimage.maximum_filter(labels == phase, size, mode="constant")
            assert np.all(near[filtered == phase])

    def test_counts_do_not_overflow_in_large_windows(self):
        """7³ = 343 votes: more than a byte holds."""
        filtered = majority(np.ones((9, 9, 9), np.uint8), K, 7)
        np.testing.assert_array_equal(filtered, np.ones((3, 3, 3)))

    def test_works_on_images_too(self):
        image = np.zeros((5, 5), np.uint8)
        image[2, 2] = QUARTZ
        np.testing.assert_array_equal(majority(image, K, 3), np.zeros((3, 3)))


class TestCentreWeighted:
    def test_it_stands_against_as_many_more_as_it_has_votes(self):
        """8 of its own phase and 10 votes more against 19 others: 18 lose, 19 tie and stay."""
        window = window_of(quartz=8, pore=19)
        for centre, kept in ((11, PORE), (12, QUARTZ)):
            filtered, _ = smooth(window, K, settings_of(centre=centre))
            assert filtered[1, 1, 1] == kept

    @pytest.mark.parametrize(("size", "votes"), [(3, 12), (5, 72)])
    def test_it_has_as_many_as_keep_a_cubes_corner(self, size, votes):
        """27 voxels of 3³ hold 8 of the corner's; 125 of 5³ hold 27."""
        assert centre_votes(SmoothSettings(size=size)) == votes
        labels = np.zeros((16, 16, 16), np.uint8)
        labels[4:12, 4:12, 4:12] = FELDSPAR
        for centre, kept in ((None, FELDSPAR), (votes - 1, PORE)):
            filtered, _ = smooth(labels, K, settings_of(size=size, centre=centre))
            assert filtered[4, 4, 4] == kept

    def test_sheets_stay_and_needles_and_specks_go(self):
        sheet = np.zeros((12, 12, 12), np.uint8)
        sheet[8] = QUARTZ
        labels = sheet.copy()
        labels[2, 2, :] = FELDSPAR
        labels[4, 8, 8] = CLAY
        weighted, _ = smooth(labels, K, SmoothSettings())
        np.testing.assert_array_equal(weighted[:, 1:-1, 1:-1], sheet[:, 1:-1, 1:-1])
        plain, _ = smooth(labels, K, settings_of())
        assert not plain[8, 1:-1, 1:-1].any()

    @given(volumes, methods)
    def test_with_as_many_votes_as_the_window_has_voxels_nothing_changes(self, labels, method):
        filtered, (of_pass,) = smooth(labels, K, settings_of(method=method, centre=27))
        np.testing.assert_array_equal(filtered, labels)
        assert of_pass.share == 0


class TestDefinition:
    @given(volumes, methods, sizes, weights)
    def test_every_voxel_is_as_the_definition_says(self, labels, method, size, weight):
        filtered, _ = smooth(labels, K, settings_of(method=method, size=size, centre=weight))
        np.testing.assert_array_equal(filtered, by_definition(labels, method, size, weight))

    def test_the_plain_median_is_scipys_inside_the_volume(self, rng):
        labels = rng.integers(0, K, (12, 13, 14), np.uint8)
        filtered, _ = smooth(labels, K, settings_of(method="median"))
        inside = (slice(1, -1),) * 3
        np.testing.assert_array_equal(filtered[inside], ndimage.median_filter(labels, 3)[inside])

    def test_two_phases_have_one_median(self, rng):
        """Of two phases the middle one is the more frequent one, inside the volume."""
        labels = rng.integers(0, 2, (10, 10, 10), np.uint8)
        plain, _ = smooth(labels, 2, settings_of(method="median"))
        categorical, _ = smooth(labels, 2, settings_of())
        inside = (slice(1, -1),) * 3
        np.testing.assert_array_equal(plain[inside], categorical[inside])

    def test_phase_names_do_not_matter_to_the_majority(self, rng):
        """Swapping codes swaps the result (where no tie falls back on the order of codes)."""
        labels = np.repeat(rng.integers(0, 2, (4, 4, 4), np.uint8), 3, axis=0) * np.uint8(3)
        swapped, _ = smooth(np.uint8(3) - labels, K, settings_of())
        filtered, _ = smooth(labels, K, settings_of())
        np.testing.assert_array_equal(swapped, 3 - filtered)


class TestOutside:
    @given(volumes, methods)
    def test_outside_stays_and_never_spreads(self, labels, method):
        filtered, _ = smooth(labels, K, settings_of(method=method, passes=2))
        np.testing.assert_array_equal(filtered == OUTSIDE, labels == OUTSIDE)

    def test_outside_has_no_vote(self):
        """One quartz voxel among 26 outside ones is its own majority."""
        labels = np.full((3, 3, 3), OUTSIDE, np.uint8)
        labels[1, 1, 1] = QUARTZ
        filtered, changes = smooth(labels, K, settings_of())
        np.testing.assert_array_equal(filtered, labels)
        assert changes[0].voxels == 1


class TestCuts:
    @given(volumes, methods, sizes, st.integers(1, 3), st.data())
    def test_slabs_give_what_the_whole_gives(self, labels, method, size, passes, data):
        planes = st.integers(0, len(labels))
        cuts = sorted(data.draw(st.lists(planes, max_size=4)))
        slabs = np.split(labels, cuts)
        settings = settings_of(method=method, size=size, passes=passes)
        streamed, changes = smooth_slabs(slabs, K, settings)
        cut = np.concatenate(list(streamed))
        whole, of_whole = smooth(labels, K, settings)
        np.testing.assert_array_equal(cut, whole)
        # Once a pass changes nothing `smooth` stops; the chain goes on, changing nothing.
        assert changes[: len(of_whole)] == of_whole
        assert all(of_pass.changed == 0 for of_pass in changes[len(of_whole) :])

    def test_tiles_give_what_the_whole_gives(self, rng):
        """More than one tile along every axis."""
        labels = rng.integers(0, K, (20, 140, 300), np.uint8)
        filtered, _ = smooth(labels, K, settings_of())
        whole = majority(np.pad(labels, 1, constant_values=OUTSIDE), K, 3)
        np.testing.assert_array_equal(filtered, whole)

    def test_a_volume_is_not_read_ahead(self):
        """The first slab leaves as soon as the next half window has come."""
        read = 0

        def slabs():
            nonlocal read
            for _ in range(100):
                read += 1
                yield np.zeros((4, 3, 3), np.uint8)

        next(filter_slabs(slabs(), K, SmoothSettings(), Changes()))
        assert read == 1

    def test_no_slabs_give_no_slabs(self):
        assert list(filter_slabs([], K, SmoothSettings(), Changes())) == []


class TestPasses:
    def test_changes_are_counted_a_pass(self):
        """A 2x2x2 cube of quartz loses its corners' majority at once: 8 of 512 voxels."""
        labels = np.zeros((8, 8, 8), np.uint8)
        labels[3:5, 3:5, 3:5] = QUARTZ
        _, changes = smooth(labels, K, settings_of(passes=5))
        assert [c.changed for c in changes] == [8, 0]
        assert changes[0].share == 8 / 512

    def test_it_stops_at_the_stated_share(self, rng):
        labels = rng.integers(0, K, (16, 16, 16), np.uint8)
        _, changes = smooth(labels, K, settings_of(passes=50, until=0.01))
        shares = [c.share for c in changes]
        assert 1 < len(shares) < 50
        assert shares[-1] <= 0.01 < min(shares[:-1])

    def test_none_leaves_the_volume_alone(self, rng):
        labels = rng.integers(0, K, (4, 5, 6), np.uint8)
        filtered, changes = smooth(labels, K, settings_of(method="none"))
        np.testing.assert_array_equal(filtered, labels)
        assert changes == []


def test_an_even_window_is_refused_in_a_sentence():
    with pytest.raises(InputError, match=r"size: found 4, expected an odd number. Take 3 or 5."):
        settings_of(size=4)
