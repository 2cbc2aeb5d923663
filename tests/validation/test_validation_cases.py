"""A case shows training one half of a rock and judges on the other."""

from __future__ import annotations

import numpy as np
import pytest

from octolith.phases import Phases

instrument = pytest.importorskip("validation.instrument")
cases = pytest.importorskip("validation.cases")
BINARY = Phases.of(["pore", "grain"])


def test_a_plain_instrument_keeps_what_most_of_a_voxel_is(rng):
    fine = (rng.random((8, 8, 8)) < 0.5).astype(np.uint8)
    coarse = instrument.Instrument(4, (0.0, 1.0)).scan(fine)
    shares = fine.reshape(2, 4, 2, 4, 2, 4).mean((1, 3, 5))
    clear = shares != 0.5
    assert np.array_equal(coarse[clear], shares[clear] > 0.5)


def test_as_much_of_one_phase_as_of_the_other_favours_neither():
    halves = np.tile(np.uint8([0, 1]), 20)[:, None, None] * np.ones((1, 40, 40), np.uint8)
    grain = instrument.Instrument(2, (0.0, 1.0)).scan(halves).mean()
    assert grain == pytest.approx(0.5, abs=4 * 0.5 / 8000**0.5)


def test_phases_of_one_grey_merge_into_the_first():
    fine = np.repeat(np.uint8([0, 1, 2, 3]), 2)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    coarse = instrument.Instrument(2, (0.0, 1.0, 1.0, 0.6)).scan(fine)
    assert coarse[:, 0, 0].tolist() == [0, 1, 1, 3]


def test_a_voxel_across_a_wall_looks_like_the_phase_between():
    # Half pore and half quartz: a grey nearer to clay's than to either's.
    fine = np.zeros((2, 2, 2), np.uint8)
    fine[1] = 1
    assert instrument.Instrument(2, (0.0, 1.0, 1.0, 0.6)).scan(fine).item() == 3


def test_noise_is_the_same_for_the_same_seed_only(rng):
    fine = (rng.random((16, 16, 16)) < 0.5).astype(np.uint8)
    noisy = instrument.Instrument(2, (0.0, 1.0), blur=0.5, noise=0.3)
    assert np.array_equal(noisy.scan(fine, 1), noisy.scan(fine, 1))
    assert not np.array_equal(noisy.scan(fine, 1), noisy.scan(fine, 2))


def test_images_end_a_gap_before_the_half_that_is_judged():
    # Each voxel of this rock says its height, so that it is known where an image comes from.
    fine = np.arange(130, dtype=np.uint8)[:, None, None] * np.ones((1, 8, 8), np.uint8)
    case = cases.halves(fine, BINARY, instrument.Instrument(2, (0.0, 1.0) + (1.0,) * 128))
    assert case.truth.min() - max(image.max() for image in case.images) >= cases.GAP
    assert case.truth.shape == tuple(2 * n for n in case.lr_judged.shape)
    assert case.elsewhere.max() < case.truth.min()
    assert case.elsewhere.shape == case.truth.shape


@pytest.mark.parametrize(("scale", "stages"), [(1, 1), (2, 2), (4, 3), (16, 5)])
def test_a_stage_for_the_lr_grid_and_one_a_doubling(scale, stages):
    empty = np.zeros((1, 1, 1), np.uint8)
    assert cases.Case(BINARY, scale, [], empty, empty, empty, empty).stages == stages


@pytest.mark.rock
def test_nearest_upsampling_of_real_berea_overlaps_as_published(rock_data, monkeypatch):
    from validation import measures, methods  # noqa: PLC0415

    monkeypatch.setenv("OCTOLITH_ROCK_DATA", str(rock_data))
    case = cases.berea(4)
    nearest = methods.interpolate(case.lr_judged, 2, 4, order=0)
    iou = {row.phase: row.value for row in measures.overlap(nearest, case.truth, case.phases)}
    # The manifest of the data has 0.679 for the whole rock.
    assert iou["pore"] == pytest.approx(0.679, abs=0.01)
