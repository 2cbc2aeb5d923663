"""The phantom is a relative of Berea: the comparison of docs/phantom.md, at a smaller size."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "phantom_likeness.py"


@pytest.mark.rock
@pytest.mark.parametrize("name", ["berea-like", pytest.param("berea-16x", marks=pytest.mark.slow)])
def test_statistics_lie_among_those_of_the_microscope_panels(rock_data, name):
    spec = importlib.util.spec_from_file_location("phantom_likeness", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    table, _, _ = script.likeness(script.panels(rock_data), name, planes=10)
    off = table.off.abs()
    assert (off.filter(like="volume fraction") < 1).all()
    assert (off.filter(like="correlation") < 1).all()
    assert (off.filter(like="specific surface") < 1.5).all()
    assert (off < 3).all()
    assert off.mean() < 1
