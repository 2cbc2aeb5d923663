"""What was to be reached is held against what was found, and failures are named."""

from __future__ import annotations

import pytest

targets = pytest.importorskip("validation.targets")


def record(method: str, **errors: float) -> dict:
    rows = [
        {"measure": name, "phase": "pore", "other": "", "error": value}
        for name, value in errors.items()
    ]
    return {"method": method, "notes": {"honesty": {"ratio": 0.5}}, "measures": rows}


@pytest.fixture
def records() -> dict:
    found = {
        "nearest": {"iou": 0.30, "specific_surface": 0.50, "permeability": 0.6, "pore_size": 0.1},
        "cubic": {"iou": 0.25, "specific_surface": 0.20, "permeability": 0.3, "pore_size": 0.2},
        "elsewhere": {
            "iou": 0.90,
            "specific_surface": 0.11,
            "permeability": 0.1,
            "pore_size": 0.01,
        },
        "octolith": {"iou": 0.26, "specific_surface": 0.09, "permeability": 0.2, "pore_size": 0.3},
        "likeliest": {"iou": 0.20, "specific_surface": 0.60, "permeability": 0.3, "pore_size": 0.0},
    }
    return {("berea-4x", method): record(method, **errors) for method, errors in found.items()}


def test_a_fifth_of_nearest_and_the_best_interpolation_are_the_bounds(records: dict) -> None:
    found = targets.targets("berea-4x", "octolith", records)
    assert list(found) == ["iou", "specific_surface", "pore_size", "permeability"]
    assert found["iou"] == targets.Target(0.74, 0.75, reached=False, beyond=False)
    surface = found["specific_surface"]
    assert surface.reached and surface.limit == pytest.approx(0.1)
    assert surface.beyond  # another part of the rock is off by .11
    assert str(surface) == "✓ 0.0900 / 0.1000°"
    assert found["permeability"].reached and not found["permeability"].beyond
    assert str(found["pore_size"]) == "✗ 0.3000 / 0.0200"


def test_the_summary_counts_and_the_failures_are_named(records: dict) -> None:
    text = "\n".join(targets.summary(records))
    assert "Octolith 2 of 4" in text and "the likeliest rock 2 of 4" in text
    assert "| berea-4x | a realisation | ✗ 0.7400 / 0.7500 |" in text
    failures = "\n".join(targets.failures(records))
    assert "- berea-4x, Octolith: pore size 3.0× (0.300); 1 of 4 in all" in failures
    assert "the likeliest rock: surface 1.2× (0.600)" in failures


def test_minerals_are_failures_too(records: dict) -> None:
    for method, fraction in (("nearest", 0.1), ("octolith", 0.4), ("likeliest", 0.05)):
        for phase in ("quartz", "clay"):
            records["berea-4x", method]["measures"] += [
                {"measure": "iou", "phase": phase, "other": "", "error": 0.1},
                {"measure": "volume_fraction", "phase": phase, "other": "", "error": fraction},
            ]
    octolith, likeliest = list(targets.failures(records))[-2:]
    assert "quartz's volume fraction 4.0× (0.400)" in octolith
    assert "clay's volume fraction" in octolith
    assert "volume fraction" not in likeliest


def test_a_case_of_which_only_a_realisation_was_made_has_one_row(records: dict) -> None:
    del records["berea-4x", "likeliest"]
    del records["berea-4x", "octolith"]["notes"]["honesty"]  # one realisation cannot say
    [row] = [line for line in targets.summary(records) if line.startswith("| berea-4x")]
    assert "a realisation" in row
    assert row.endswith("| – |")
    [failure] = [line for line in targets.failures(records) if "berea-4x" in line]
    assert "likeliest" not in failure


def test_a_case_without_octolith_is_not_in_the_summary(records: dict) -> None:
    del records["berea-4x", "octolith"]
    assert "berea-4x" not in "\n".join(targets.summary(records))
