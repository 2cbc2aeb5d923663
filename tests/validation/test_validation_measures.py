"""A measure is zero for the truth itself, and known for simple departures from it."""

from __future__ import annotations

import numpy as np
import pytest

from octolith.phases import Phases

measures = pytest.importorskip("validation.measures")
BINARY = Phases.of(["pore", "grain"])


@pytest.fixture
def rock(rng) -> np.ndarray:
    """Blobs of pore, 24³, that percolate."""
    from scipy.ndimage import gaussian_filter  # noqa: PLC0415

    field = gaussian_filter(rng.standard_normal((24, 24, 24)), 2.0, mode="wrap")
    return (field > np.quantile(field, 0.4)).astype(np.uint8)


def test_the_truth_has_no_error(rock):
    rows = measures.judge(rock, rock, measures.Properties.of(rock, BINARY), BINARY)
    assert {row["measure"] for row in rows} >= {
        "iou", "volume_fraction", "specific_surface", "two_point_correlation", "lineal_path",
        "pore_size", "permeability", "diffusivity",
    }  # fmt: skip
    for row in rows:
        assert row["error"] == pytest.approx(0, abs=1e-12), row


def test_overlap_of_half():
    truth = np.uint8([0, 0, 1, 1]).reshape(1, 1, 4)
    made = np.uint8([0, 1, 1, 1]).reshape(1, 1, 4)
    iou = {row.phase: row.value for row in measures.overlap(made, truth, BINARY)}
    assert iou == pytest.approx({"pore": 1 / 2, "grain": 2 / 3})


def test_a_scalar_is_wrong_by_a_share_of_the_truth(rock):
    made = rock.copy()
    made[:12] = 1
    ours, true = (measures.Properties.of(volume, BINARY) for volume in (made, rock))
    errors = {(row.measure, row.phase): row.error for row in measures.distances(ours, true, BINARY)}
    pore, known = np.mean(made == 0), np.mean(rock == 0)
    assert errors["volume_fraction", "pore"] == pytest.approx(1 - pore / known)


def test_the_wall_is_at_the_nearest_grain():
    slits = np.ones((8, 8, 40), np.uint8)
    wide, narrow = slits.copy(), slits.copy()
    wide[:, :, 10:18], narrow[:, :, 10:14] = 0, 0
    ours, true = (measures.Properties.of(volume, BINARY) for volume in (narrow, wide))
    sizes = [r for r in measures.distances(ours, true, BINARY) if r.measure == "pore_size"]
    # From a voxel's centre to the nearest grain's: 1 2 2 1 against 1 2 3 4 4 3 2 1.
    assert [(r.value, r.truth, r.error) for r in sizes] == [(1.5, 2.5, pytest.approx(1 / 2.5))]


def test_a_rock_without_a_way_through_conducts_nothing():
    pore = np.zeros((10, 10, 10), bool)
    pore[2:8, 2:8, 2:8] = True
    assert measures.permeabilities(pore) == [0, 0, 0]
    assert measures.diffusivities(pore) == [0, 0, 0]


def test_realisations_drawn_like_the_truth_are_honest(rng):
    truth, *drawn = (rng.random((5, 32, 32, 32)) < 0.3).astype(np.uint8)
    assert measures.honesty(drawn, truth)["ratio"] == pytest.approx(1, abs=0.02)


def test_realisations_that_are_all_alike_claim_too_much(rng):
    truth, guess = (rng.random((2, 8, 8, 8)) < 0.3).astype(np.uint8)
    assert measures.honesty([guess, guess], truth)["ratio"] == 0


def test_the_vote_is_what_most_say():
    said = [np.uint8([k]).reshape(1, 1, 1) for k in (1, 2, 2)]
    assert measures.vote(said, 3).item() == 2


def test_the_first_decides_where_a_vote_is_tied():
    said = [np.uint8([k]).reshape(1, 1, 1) for k in (1, 0, 0, 1)]
    assert measures.vote(said, 2).item() == 1
