"""Real slices of a sandstone core, segmented by bands, against a person's masks."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "bench_segmentation.py"


@pytest.mark.rock
def test_bands_agree_with_a_person_to_within_pixels(rock_data):
    """Each phase is to agree as well as the person's masks do with themselves some pixels aside.

    Two pixels for pore, quartz and the dense minerals: the width of the blur at their borders.
    Three for clay, which has no grey level of its own: in the blur between pore and quartz
    everything has the clay's.
    """
    table = runpy.run_path(str(BENCHMARK))["measure"](rock_data)
    iou = table.pivot(index="recipe", columns="phase", values="iou")
    found = iou.loc["midway, bilateral"]
    for phase in ("pore", "quartz", "dense"):
        assert found[phase] > iou.loc["the person's, 2 px aside", phase]
    assert found["clay"] > iou.loc["the person's, 3 px aside", "clay"]
    # Denoising helps every phase.
    assert (found > iou.loc["midway, as given"]).all()
