"""The short answer counts the rocks in which Octolith errs less than the best of its peers."""

from __future__ import annotations

import pytest

answer = pytest.importorskip("validation.answer")


def record(**errors: float) -> dict:
    rows = [
        {"measure": name, "phase": "pore", "other": "", "error": value}
        for name, value in errors.items()
    ]
    return {"measures": rows}


@pytest.fixture
def records() -> dict:
    """Two rocks. In surface Octolith has a half of the best, and then three times it."""
    surfaces = {
        "berea-4x": {"nearest": 0.2, "trilinear": 0.4, "cubic": 0.3, "octolith": 0.1},
        "berea-2x": {"nearest": 0.4, "trilinear": 0.1, "cubic": 0.2, "octolith": 0.3},
    }
    return {
        (case, method): record(specific_surface=value, iou=0.2)
        for case, methods in surfaces.items()
        for method, value in methods.items()
    }


def test_the_best_interpolation_is_the_peer_measure_by_measure(records: dict) -> None:
    peer = "the best interpolation"
    found = answer.ratios(records, "octolith", peer, "specific_surface")
    assert found == pytest.approx([0.5, 3.0])
    text = "\n".join(answer.answer(records))
    assert "| | Octolith, against the best interpolation |" in text
    assert "| surface | 1 of 2 (1.75) |" in text
    assert "| IoU | 0 of 2 (1.00) |" in text  # as good is not better
    assert "| permeability | – |" in text


def test_only_rocks_in_which_both_were_measured_count(records: dict) -> None:
    del records["berea-2x", "cubic"]
    records["berea-4x", "dense"] = record(specific_surface=0.4, iou=0.0)
    interpolation, dense = answer.PEERS
    assert answer.compared(records, "octolith", interpolation) == ["berea-4x"]
    assert answer.ratios(records, "octolith", dense, "specific_surface") == [0.25]
    assert answer.ratios(records, "octolith", dense, "iou") == []  # it has no error


def test_nothing_measured_is_no_answer() -> None:
    assert list(answer.answer({})) == []
