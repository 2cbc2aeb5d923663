"""The layered rock is the random field it says, and what is measured along an axis is known."""

from __future__ import annotations

import numpy as np
import pytest

from octolith.phases import Phases

layers = pytest.importorskip("trials.layers")
along = pytest.importorskip("trials.along")
few = pytest.importorskip("trials.few")
memory = pytest.importorskip("trials.memory")
cases = pytest.importorskip("validation.cases")
BINARY = Phases.of(["pore", "grain"])


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_two_points_of_a_rock_cut_at_the_median_follow_the_arcsine_law(axis):
    lengths = (2.0, 4.0, 6.0)
    rock = layers.layered_rock((128, 128, 128), lengths, 0.5, seed=0)
    for lag in (1, 2, 4, 8):
        both = (rock == 0) & (np.roll(rock, lag, axis) == 0)
        covariance = np.exp(-0.5 * (lag / lengths[axis]) ** 2)
        assert both.mean() == pytest.approx(0.25 + np.arcsin(covariance) / (2 * np.pi), abs=0.015)


def test_as_much_pore_as_was_asked_for():
    rock = layers.layered_rock((64, 64, 64), (1.0, 2.0, 2.0), 0.3, seed=1)
    assert np.mean(rock == 0) == pytest.approx(0.3, abs=0.02)


def test_chords_and_correlations_of_plates():
    # Plates across z, 2 voxels of pore and 4 of grain in turn.
    plates = np.where(np.arange(48) % 6 < 2, 0, 1).astype(np.uint8)
    found = along.along_axes(np.tile(plates[:, None, None], (1, 60, 60)), BINARY)
    assert found["fraction"] == pytest.approx(1 / 3)
    assert found["chord"] == {"z": pytest.approx(2.0), "y": None, "x": None}
    # A whole period away everything is as it was; three voxels away pore meets grain alone.
    assert found["f2"]["z"][6] == pytest.approx(1, abs=0.05)
    assert found["f2"]["z"][3] == pytest.approx((0 - 1 / 9) / (1 / 3 - 1 / 9), abs=1e-3)
    assert found["f2"]["x"] == pytest.approx([1.0] * (along.LAG + 1), abs=1e-3)


def test_sections_of_layers_are_less_mixed_than_cells():
    # Each cell of four has one plane of pore across z: sections across z are of one phase.
    rock = np.where(np.arange(16) % 4 == 1, 0, 1).astype(np.uint8)[:, None, None]
    rock = np.tile(rock, (1, 16, 16))
    empty = np.zeros((1, 1, 1), np.uint8)
    case = cases.Case(BINARY, 4, [rock[0], rock[:, 0]], empty, empty, rock, rock)
    assert layers.mixed_shares(case, ["z", "x"], 0.0) == {"z": 0.0, "yx": 1.0, "cells": 1.0}


def test_few_images_are_windows_and_other_ones_for_every_seed(rng):
    images = [rng.integers(0, 2, (120, 120)).astype(np.uint8) for _ in range(8)]
    empty = np.zeros((1, 1, 1), np.uint8)
    whole = cases.Case(BINARY, 2, images, empty, empty, empty, empty)
    one, again, other = (few.few_images(whole, seed)[0].images for seed in (1, 1, 2))
    assert [image.shape for image in one] == [(few.EDGE, few.EDGE)] * few.COUNT
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert len(few.few_images(whole, 1)[1]) == len(images) - few.COUNT


def test_what_is_held_out_is_not_trained_on(rng):
    images = [rng.integers(0, 2, (n, n)).astype(np.uint8) for n in (96, 90)]
    assert len(memory.left_to_train(images, 32, 2, held_out=False)) == 2
    (left,) = memory.left_to_train(images, 32, 2, held_out=True)
    assert np.array_equal(left, images[0])
