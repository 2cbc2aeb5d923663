"""The figure of a segmentation: what was decided where, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from octolith import figures
from octolith.palette import OUTSIDE_COLOUR
from octolith.phases import Phases
from octolith.segmentation.bands import Bands, code_of
from octolith.segmentation.histogram import Histogram
from octolith.segmentation.segmenter import Cut, Segmenter
from octolith.volumes import OUTSIDE

# So few voxels on either side may lie beyond the drawn grey levels.
RARE = 0.001


def draw(
    stem: str | Path, segmenter: Segmenter, before: np.ndarray, after: np.ndarray, pixel_um: float
) -> None:
    """Write ``stem.svg`` and ``stem.png``: histogram, a slice before, the slice after.

    Parameters
    ----------
    stem : path without suffix.
    segmenter : when it is done.
    before, after : (y, x) grey levels (or foreign labels), and label codes.
    pixel_um : edge of a pixel in µm.
    """
    figure, ((left, middle, right),) = figures.new(1, 3, width=11, height=3.6)
    phases = segmenter.phases
    if segmenter.cut is None:
        _draw_map(left, segmenter)
    else:
        _draw_histograms(left, segmenter.cut)
        draw_bands(left, segmenter.cut.bands, phases)
    height, width = before.shape
    shown = figures.thinned(before)
    low, high = np.quantile(shown, [0.002, 0.998])
    middle.imshow(
        shown, cmap="gray", vmin=low, vmax=max(high, low + 1e-9),
        extent=(0, width * pixel_um, height * pixel_um, 0), interpolation="nearest",
    )  # fmt: skip
    middle.set_title("before")
    middle.set_xlabel("µm")
    figures.show_labels(right, after, phases, pixel_um, "after")
    right.legend(
        handles=_shares(segmenter.codes, phases),
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        frameon=False,
    )
    figures.save(figure, stem)


def draw_histogram(axis: Any, histogram: Histogram) -> None:
    """Draw how often each grey level occurs, over the levels that all but a few voxels have."""
    axis.stairs(histogram.counts, histogram.edges, color="black", linewidth=1)
    share = np.cumsum(histogram.counts) / histogram.counts.sum()
    first, last = (int(np.searchsorted(share, part)) for part in (RARE, 1 - RARE))
    low, high = histogram.edges[first], histogram.edges[min(last + 1, len(share))]
    axis.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))
    axis.set_yscale("log")
    # Room for the names of the bands, above the highest peak.
    axis.set_ylim(0.5, float(histogram.counts.max()) ** 1.3)
    axis.set_title("grey levels and bands")
    axis.set_xlabel("grey level")
    axis.set_ylabel("voxels")


def draw_bands(axis: Any, bands: Bands, phases: Phases) -> None:
    """Colour and name the bands behind a histogram."""
    low, high = axis.get_xlim()
    for name, start, stop in zip(bands.names, bands.edges[:-1], bands.edges[1:], strict=True):
        seen = max(start, low), min(stop, high)
        if not name or seen[0] >= seen[1]:
            continue
        axis.axvspan(*seen, color=_colour(name, phases), alpha=0.45, linewidth=0, zorder=0)
        axis.text(
            sum(seen) / 2, 0.98, name, rotation=90, ha="center", va="top",
            transform=axis.get_xaxis_transform(),
        )  # fmt: skip


def _draw_histograms(axis: Any, cut: Cut) -> None:
    """The histogram that was cut, and that of the image as given if it was denoised."""
    draw_histogram(axis, cut.denoised)
    if cut.raw is not cut.denoised:
        axis.stairs(cut.raw.counts, cut.raw.edges, color="#7f7f7f", linewidth=0.8)
        axis.legend(["denoised", "as given"], loc="lower center", frameon=False)


def _draw_map(axis: Any, segmenter: Segmenter) -> None:
    """What share of the voxels each phase has, and which labels it was made of."""
    made_of: dict[str, list[int]] = {}
    for value, name in (segmenter.recipe.labels or {}).items():
        made_of.setdefault(name, []).append(value)
    share = segmenter.codes / segmenter.codes.sum()
    axis.bar(
        range(len(made_of)),
        [100 * share[code_of(name, segmenter.phases)] for name in made_of],
        color=[_colour(name, segmenter.phases) for name in made_of],
        edgecolor="#888888",
    )
    names = [f"{', '.join(map(str, values))} →\n{name}" for name, values in made_of.items()]
    axis.set_xticks(range(len(made_of)), names)
    axis.set_title("labels and phases")
    axis.set_ylabel("voxels, %")


def _shares(codes: np.ndarray, phases: Phases) -> list[Any]:
    """The legend, with each phase's share of the rock."""
    rock = max(int(codes[: len(phases)].sum()), 1)
    handles = figures.phase_legend(phases)
    for handle, count in zip(handles, codes, strict=False):
        handle.set_label(f"{handle.get_label()} {count / rock:.1%}")
    return handles


def _colour(name: str, phases: Phases) -> str:
    code = code_of(name, phases)
    return OUTSIDE_COLOUR if code == OUTSIDE else phases.colours[code]
