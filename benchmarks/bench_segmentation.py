"""Segmentation against a person's labels: `python benchmarks/bench_segmentation.py`.

Nine micro-CT slices of a sandstone core with hand-made masks (the tenth's has other colours).
The bands are midway between the mean grey levels of the phases on the first four slices; they
are judged on the other five, inside the core. Beside them: the bands that multi-Otsu suggests on
the same four slices, and what the person's own masks score when they are moved aside.

The data's folder is OCTOLITH_ROCK_DATA. Writes benchmarks/results/segmentation.json and the
table in docs/segmentation.md.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from octolith.phases import Phases
from octolith.segmentation import (
    Bands,
    Histogram,
    agreement,
    denoise,
    grey_range,
    noise_level,
    suggest_bands,
)
from octolith.settings.steps import DenoiseSettings, PhaseBands

HERE = Path(__file__).parent
PHASES = Phases.of(["pore", "clay", "quartz", "dense"])
COLOURS = np.array([(0, 0, 255), (0, 255, 0), (255, 0, 0), (255, 255, 0)], np.uint8)
CORE_RADIUS = 380
LEARNED = 4
DENOISING = {
    "as given": DenoiseSettings(),
    "median 5": DenoiseSettings(method="median", size=5),
    "non-local means": DenoiseSettings(method="non-local-means"),
    "bilateral": DenoiseSettings(method="bilateral", size=9, strength=3),
}
BEGIN, END = "<!-- table: benchmarks/bench_segmentation.py -->", "<!-- end of table -->"


def read(rock_data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Grey slices and the person's label codes (n, y, x), and the mask of the core (y, x)."""
    folder = rock_data / "sandstone-grey-slices"
    masks = sorted(folder.glob("mask_*.tif"))
    grey = np.stack([tifffile.imread(folder / mask.name.replace("mask", "grey")) for mask in masks])
    colours = np.stack([tifffile.imread(mask) for mask in masks])
    matches = (colours[..., None, :] == COLOURS).all(-1)
    assert matches.any(-1).all(), "a colour that is no phase"
    y, x = np.indices(grey.shape[1:])
    middle_y, middle_x = (np.array(grey.shape[1:]) - 1) / 2
    return grey, matches.argmax(-1), np.hypot(y - middle_y, x - middle_x) < CORE_RADIUS


def midway(grey: np.ndarray, reference: np.ndarray) -> PhaseBands:
    """Bands that meet midway between the phases' mean grey levels."""
    means = [grey[reference == code].mean() for code in range(len(PHASES))]
    edges = [0, *np.rint((np.array(means[:-1]) + means[1:]) / 2), 255]
    return {name: [(edges[i], edges[i + 1])] for i, name in enumerate(PHASES.names)}


def measure(rock_data: Path) -> pd.DataFrame:
    """The agreement of every recipe: a row a recipe and phase, with seconds a slice."""
    grey, reference, core = read(rock_data)
    known, known_labels = grey[:LEARNED, core], reference[:LEARNED, core]
    otsu = suggest_bands(Histogram.of([known], grey_range([known], "")), PHASES.names, "")
    recipes = {
        f"midway, {name}": (midway(known, known_labels), how) for name, how in DENOISING.items()
    } | {"multi-Otsu, as given": (otsu, DENOISING["as given"])}
    judged, truth = grey[LEARNED:], reference[LEARNED:]
    tables = []
    for name, (bands, how) in recipes.items():
        start = time.process_time()
        cut = Bands.of(bands, PHASES)
        labels = np.stack([cut.label(denoise(one, how, noise_level(one))) for one in judged])
        seconds = (time.process_time() - start) / len(judged)
        table = agreement(labels[:, core], truth[:, core], PHASES)
        edges = " ".join(f"{edge:g}" for edge in cut.edges[1:-1])
        tables.append(table.assign(recipe=name, cuts=edges, seconds=seconds))
    for pixels in (1, 2, 3):
        moved = np.concatenate([np.roll(truth, pixels, axis)[:, core] for axis in (1, 2)])
        table = agreement(moved, np.concatenate([truth[:, core]] * 2), PHASES)
        tables.append(table.assign(recipe=f"the person's, {pixels} px aside"))
    return pd.concat(tables, ignore_index=True)


def as_markdown(table: pd.DataFrame) -> str:
    """One row a recipe, one column a phase."""
    lines = [
        f"| IoU | cuts | {' | '.join(PHASES.names)} | ms a slice |",
        "|---|---|" + "---|" * (len(PHASES) + 1),
    ]
    for name, rows in table.groupby("recipe", sort=False):
        first = rows.iloc[0]
        cuts, ms = (
            ("", "") if pd.isna(first.seconds) else (first.cuts, f"{1e3 * first.seconds:.0f}")
        )
        lines.append(f"| {name} | {cuts} | {' | '.join(f'{v:.3f}' for v in rows.iou)} | {ms} |")
    return "\n".join(lines)


if __name__ == "__main__":
    found = measure(Path(os.environ["OCTOLITH_ROCK_DATA"]))
    print(as_markdown(found))
    results = HERE / "results" / "segmentation.json"
    results.write_text(found.to_json(orient="records", indent=1, force_ascii=False), "utf-8")
    page = HERE.parent / "docs" / "segmentation.md"
    text = page.read_text("utf-8")
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    page.write_text(f"{before}{BEGIN}\n{as_markdown(found)}\n{after}", "utf-8")
