"""The phantom's CT scan: a blurred, noisy image that misses what a CT misses."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from octolith.phantom import PHASES, Recipe, bands, ct_scan, fine_labels, load_recipe
from octolith.segmentation import Bands
from octolith.settings.steps import SegmentationSettings

PORE, QUARTZ, FELDSPAR, CLAY = range(4)
SHAPE = (24, 24, 24)


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("berea-like")


def scanner(recipe: Recipe, **changes: float) -> Recipe:
    values = recipe.model_dump()
    values["scan"] |= changes
    return Recipe.read(values, "test")


def potassic(recipe: Recipe) -> Recipe:
    values = recipe.model_dump()
    values["feldspar"]["sodic"] = 0.0
    return Recipe.read(values, "test")


@pytest.fixture(scope="module")
def pair(recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """The truth, and what the bands make of the scan, on the fine grid."""
    truth = fine_labels(recipe, (0, 0, 0), [4 * n for n in (40, 40, 40)])
    grey = ct_scan(recipe, (0, 0, 0), (40, 40, 40), 4)
    seen = Bands.of(bands(recipe), PHASES).label(grey)
    return truth, np.kron(seen, np.ones((4, 4, 4), np.uint8))


def test_without_blur_and_noise_a_voxel_is_the_mean_of_its_minerals(recipe):
    plain = scanner(potassic(recipe), blur=0.0, noise=0.0)
    grey = ct_scan(plain, (3, -2, 0), SHAPE, 4)
    labels = fine_labels(plain, (12, -8, 0), [4 * n for n in SHAPE])
    level = np.array([plain.scan.pore, plain.scan.quartz, plain.scan.feldspar, plain.scan.clay])
    mean = level[labels].reshape(24, 4, 24, 4, 24, 4).mean((1, 3, 5))
    np.testing.assert_allclose(grey, mean, atol=0.51)


def test_sodic_feldspar_is_as_dark_as_quartz(recipe):
    values = recipe.model_dump()
    values["feldspar"]["sodic"] = 1.0
    plain = scanner(Recipe.read(values, "test"), blur=0.0, noise=0.0)
    assert ct_scan(plain, (0, 0, 0), SHAPE, 4).max() == plain.scan.quartz
    assert (fine_labels(plain, (0, 0, 0), [4 * n for n in SHAPE]) == FELDSPAR).any()


def test_blur_is_gaussian_and_knows_what_lies_beyond_the_faces(recipe):
    sharp = ct_scan(scanner(recipe, blur=0.0, noise=0.0), (0, 0, 0), SHAPE, 4).astype(float)
    blurred = ct_scan(scanner(recipe, blur=0.7, noise=0.0), (4, 4, 4), (16, 16, 16), 4)
    expected = gaussian_filter(sharp, 0.7, truncate=4.0)[4:20, 4:20, 4:20]
    np.testing.assert_allclose(blurred, expected, atol=1.1)


def test_noise_has_the_recipes_strength_and_grows_with_the_grey_level(recipe):
    loud = scanner(recipe, noise=200.0, photon=1.0)
    silent = ct_scan(scanner(recipe, noise=0.0), (0, 0, 0), SHAPE, 4).astype(float)
    noise = ct_scan(loud, (0, 0, 0), SHAPE, 4) - silent
    bright = np.abs(silent - loud.scan.quartz) < 20
    dark = silent < 3000
    assert noise[bright].std() == pytest.approx(200, rel=0.1)
    expected = 200 * np.sqrt(silent[dark].mean() / loud.scan.quartz)
    assert noise[dark].std() == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("scale", [2, 4])
def test_a_block_of_the_scan_alone_equals_its_part_of_the_whole(recipe, scale):
    whole = ct_scan(recipe, (-5, 0, 3), (14, 15, 16), scale)
    part = ct_scan(recipe, (-2, 4, 5), (6, 7, 9), scale)
    np.testing.assert_array_equal(part, whole[3:9, 4:11, 2:11])
    assert whole.dtype == np.uint16


def test_bands_leave_no_gap_and_are_what_the_configuration_takes(recipe):
    found = SegmentationSettings.read({"bands": bands(recipe)}, "test").bands
    assert found is not None
    Bands.of(found, PHASES).require(0, 65535, "bands")
    assert set(found) == set(PHASES.names)


def test_the_scan_misses_pores(pair):
    truth, seen = pair
    assert 0.45 < np.mean(seen == PORE) / np.mean(truth == PORE) < 0.75


def test_the_scan_takes_much_of_the_feldspar_for_quartz(pair):
    truth, seen = pair
    feldspar = seen[truth == FELDSPAR]
    assert 0.35 < np.mean(feldspar == QUARTZ) < 0.8
    assert 0.1 < np.mean(feldspar == FELDSPAR) < 0.5


def test_the_scan_still_shows_the_rock(pair):
    """What it calls pore or quartz mostly is: the low-resolution image is worth tying to."""
    truth, seen = pair
    assert np.mean(truth[seen == PORE] == PORE) > 0.85
    assert np.mean(truth[seen == QUARTZ] == QUARTZ) > 0.8
