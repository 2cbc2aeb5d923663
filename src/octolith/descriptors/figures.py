"""LR, SR, HR and truth in one descriptor: boxes of the patches, or curves with their spread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from octolith import figures

COLUMNS = 4
PANEL = (2.6, 2.2)
# The band about a curve holds eight of ten patches; unlike a standard deviation it
# never leaves what is possible (a probability below zero).
BAND = (0.1, 0.9)


def draw(table: pd.DataFrame, descriptor: str) -> Figure:
    """One panel a phase, or pair of phases.

    Parameters
    ----------
    table : what the step `describe` writes, as `octolith.descriptors.comparison.read_table`
        gives it.
    descriptor : one of those in its column ``descriptor``.
    """
    rows = table[table["descriptor"] == descriptor]
    groups = list(rows.groupby(["phase", "other"], sort=False))
    columns = min(COLUMNS, len(groups))
    lines = -(-len(groups) // columns)
    figure, axes = figures.new(lines, columns, PANEL[0] * columns, PANEL[1] * lines + 0.3)
    name, unit = descriptor.replace("_", " "), rows["unit"].iloc[0]
    words = name if unit == "1" else f"{name}, {unit}"
    curves = rows[["quantile", "distance_um"]].notna().any()
    for axis, ((phase, other), own) in zip(axes.flat, groups, strict=False):
        axis.set_title(" – ".join(filter(None, (str(phase), str(other)))))
        if curves["quantile"]:
            _quantiles(axis, own)
        elif curves["distance_um"]:
            _curves(axis, own)
        else:
            _boxes(axis, own)
    for axis in axes.flat[len(groups) :]:
        axis.set_visible(False)
    figure.supylabel("share of windows" if curves["quantile"] else words, fontsize="medium")
    if curves.any():
        figure.supxlabel(words if curves["quantile"] else "distance, µm", fontsize="medium")
        handles = [Line2D([], [], color=colour, label=image) for image, _, colour in _images(rows)]
        figure.legend(handles=handles, loc="outside upper right", ncols=4, frameon=False)
    return figure


def _images(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, str]]:
    """Each image that has rows, in one order, with its colour."""
    for image, colour in figures.IMAGE_COLOURS.items():
        own = rows[rows["image"] == image]
        if len(own):
            yield image, own, colour


def _boxes(axis: Any, rows: pd.DataFrame) -> None:
    """The values of the patches, the mean over directions."""
    shown = list(_images(rows))
    for place, (_, own, colour) in enumerate(shown):
        values = own.groupby(["realisation", "patch"])["value"].mean()
        line = {"color": colour}
        axis.boxplot(values, positions=[place], widths=0.6, boxprops=line, whiskerprops=line,
                     capprops=line, medianprops=line | {"linewidth": 2},
                     flierprops={"marker": ".", "markeredgecolor": colour})  # fmt: skip
    axis.set_xticks(range(len(shown)), [image for image, *_ in shown])


def _curves(axis: Any, rows: pd.DataFrame) -> None:
    """The mean over patches and directions, or the radial mean where there is one."""
    radial = rows["direction"] == "radial"
    for _, own, colour in _images(rows[radial] if radial.any() else rows):
        patches = own.groupby(["distance_um", "realisation", "patch"])["value"].mean()
        over = patches.groupby("distance_um")
        mean, low, high = over.mean(), *(over.quantile(share) for share in BAND)
        axis.plot(mean.index, mean, color=colour)
        axis.fill_between(mean.index, low, high, color=colour, alpha=0.2, lw=0)


def _quantiles(axis: Any, rows: pd.DataFrame) -> None:
    """The cumulative distribution: the mean over patches of each quantile."""
    for _, own, colour in _images(rows):
        over = own.groupby("quantile")["value"]
        mean, low, high = over.mean(), *(over.quantile(share) for share in BAND)
        axis.plot(mean, mean.index, color=colour)
        axis.fill_betweenx(mean.index, low, high, color=colour, alpha=0.2, lw=0)
