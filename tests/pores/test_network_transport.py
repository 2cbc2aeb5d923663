"""Diffusion by taufactor on shapes whose answer is known, in one phase and in two."""

from __future__ import annotations

import numpy as np
import pytest

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.pores.properties import transport_properties
from octolith.pores.transport import diffusion

STRIPS = np.zeros((16, 16, 16), np.uint8)
STRIPS[:, :4] = 1  # a quarter
STRIPS[:, 4:8] = 2  # another


@pytest.mark.parametrize("axis", [0, 2])
def test_a_straight_strip_has_tortuosity_factor_one(axis):
    found = diffusion(STRIPS, {1: 1.0}, axis)
    assert found.tortuosity_factor == pytest.approx(1, rel=1e-3)
    assert found.relative_diffusivity == pytest.approx(0.25, rel=1e-3)


def test_phase_zero_may_conduct():
    assert diffusion(STRIPS, {0: 1.0}, 0).relative_diffusivity == pytest.approx(0.5, rel=1e-3)


def test_a_dead_end_conducts_nothing():
    found = diffusion(STRIPS, {1: 1.0}, 1)
    assert (found.relative_diffusivity, found.tortuosity_factor) == (0, np.inf)


def test_two_conducting_phases_in_parallel_add_up():
    found = diffusion(STRIPS, {1: 1.0, 2: 0.1}, 0)
    assert found.relative_diffusivity == pytest.approx(0.25 * 1 + 0.25 * 0.1, rel=0.01)
    assert found.tortuosity_factor == pytest.approx(1, rel=0.01)


def test_two_conducting_phases_in_series_resist_in_turn():
    layers = np.ones((16, 8, 8), np.uint8)
    layers[8:] = 2
    found = diffusion(layers, {1: 1.0, 2: 0.1}, 0)
    assert found.relative_diffusivity == pytest.approx(1 / (0.5 / 1 + 0.5 / 0.1), rel=0.01)


def test_what_does_not_span_counts_in_the_mean_alone():
    image = STRIPS.copy()
    image[7:9, 12:14, 12:14] = 1
    found = diffusion(image, {1: 1.0}, 0)
    assert found.relative_diffusivity == pytest.approx(0.25, rel=1e-3)
    assert found.tortuosity_factor == pytest.approx((image == 1).mean() / 0.25, rel=1e-3)


def test_diffusion_stays_below_the_bound_of_hashin_and_shtrikman(rng):
    image = (rng.random((20, 20, 20)) < 0.7).astype(np.uint8)
    bound = 2 * image.mean() / (3 - image.mean())
    assert 0 < diffusion(image, {1: 1.0}, 0).relative_diffusivity < bound


def test_media_are_rows_with_names_and_versions():
    phases = Phases.of(["pore", "quartz", "clay"])
    media = {"quartz": {"quartz": 1.0}, "quartz and clay": {"quartz": 1.0, "clay": 0.5}}
    table = transport_properties(STRIPS, phases, media, 2)
    assert len(table) == 4
    assert set(table["axis"]) == {"x"}
    assert "relative_diffusivity (quartz and clay)" in set(table["property"])
    assert table["method"].str.startswith("taufactor ").all()
    with pytest.raises(InputError, match="feldspar"):
        transport_properties(STRIPS, phases, {"wrong": {"feldspar": 1.0}}, 0)
