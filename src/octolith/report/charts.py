"""The page's plots: one panel a figure, so that a phone shows them one below the other."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from octolith import figures
from octolith.report.words import descriptor_name, pair, property_name, unit_name

# Inches: four stand side by side on a wide screen, one a phase.
WIDTH, HEIGHT = 2.6, 2.1
# Told apart without colour as well.
DASHES = {"LR": (0, (5, 2)), "SR": "-", "HR": (0, (1, 1.2)), "truth": (0, (4, 1, 1, 1))}
MARKERS = {"LR": "s", "SR": "o", "HR": "D", "truth": "^"}
ORDER = ("LR", "SR", "HR", "truth")
MOST_PANELS = 8
# Numbers of pores above this are drawn on a logarithmic axis.
MANY = 50

Key = tuple[str, str, str, str]
"""Descriptor, phase, other phase, unit."""


@dataclass(frozen=True)
class Chart:
    """A figure with a name for its files and words for those who do not see it."""

    name: str
    title: str
    words: str
    figure: Figure


def inline(chart: Chart, svg: str) -> Markup:
    """A saved figure as part of the page: its black is the page's ink, its white the page's paper,
    and the colours of LR, SR, HR and truth are the page's, which are brighter in the dark.

    Parameters
    ----------
    svg : the file that matplotlib wrote.
    """
    text = svg[svg.index("<svg") :]
    # Many figures share one document, where an id may occur once.
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{chart.name}-", text)
    # A hundredth of a point is finer than any screen; more digits would double the page.
    text = re.sub(
        r'\s(?:d|x|y|transform)="[^"]*"',
        lambda place: re.sub(r"(\d\.\d\d)\d+", r"\1", place[0]),
        text,
    )
    text = text.replace("#000000", "currentColor").replace("fill: #ffffff", "fill: none")
    for image, colour in figures.IMAGE_COLOURS.items():
        text = text.replace(colour, page_colour(image))
    label = f'<svg role="img" aria-label="{escape(chart.title + ". " + chart.words)}"'
    return Markup(text.replace("<svg", label, 1))


def page_colour(image: str) -> str:
    """The colour of an image in the page's style sheet."""
    return f"var(--{image.lower()})"


def _panel(title: str) -> tuple[Figure, Any]:
    figure, axes = figures.new(width=WIDTH, height=HEIGHT)
    axes[0, 0].set_title(fill(title, 25), loc="left")
    return figure, axes[0, 0]


def _legend(figure: Figure, axis: Any) -> None:
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", fontsize=7,
        ncols=len(labels) if len(labels) <= len(ORDER) else 3,
        handlelength=2.3, columnspacing=1.0, frameon=False,
    )  # fmt: skip


def _epochs(axis: Any, log: pd.DataFrame) -> None:
    axis.set_xlabel("epoch")
    axis.set_xlim(log["epoch"].min() - 0.5, log["epoch"].max() + 0.5)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6, min_n_ticks=1))


def _slug(*parts: object) -> str:
    """A name for a file and in the page; letters that it has no place for become a number.

    >>> _slug("lineal_path", "Clay"), _slug("lineal_path", "石英"), _slug("lineal_path", "孔隙")
    ('lineal-path-clay', 'lineal-path-18bff1fc', 'lineal-path-d4ddcd4b')
    """
    words = " ".join(map(str, parts)).lower()
    slug = re.sub(r"[^a-z0-9]+", "-", words).strip("-")
    lost = re.search(r"[^\W_a-z0-9]", words)
    return f"{slug}-{zlib.crc32(words.encode()):08x}".strip("-") if lost else slug


# ---- descriptors -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """The charts of one quantity, and how many more phases or pairs only the table has."""

    title: str
    charts: list[Chart]
    more: int


def descriptor_groups(table: pd.DataFrame, pore: str) -> list[Group]:
    """Every quantity of a tidy table as LR, SR, HR and truth, what concerns the pore first."""
    groups = []
    for descriptor, rows in table.groupby("descriptor", sort=False):
        every = list(rows.groupby(["phase", "other", "unit"], sort=False))
        every.sort(key=lambda item: pore not in item[0][:2])
        drawn = [
            _draw((str(descriptor), str(phase), str(other), str(unit)), own)
            for (phase, other, unit), own in every[:MOST_PANELS]
        ]
        groups.append(Group(descriptor_name(str(descriptor)), drawn, len(every) - len(drawn)))
    return groups


def _draw(key: Key, rows: pd.DataFrame) -> Chart:
    if rows["distance_um"].notna().any():
        return _curve(key, rows)
    return _distribution(key, rows) if rows["quantile"].notna().any() else _values(key, rows)


def _curve(key: Key, rows: pd.DataFrame) -> Chart:
    """Mean over patches, and one standard deviation of the patches around it."""
    descriptor, phase, other, unit = key
    figure, axis = _panel(pair(phase, other))
    radial = rows["direction"] == "radial"
    for image, own in _images(rows[radial] if radial.any() else rows):
        patches = own.groupby(["distance_um", "realisation", "patch"])["value"].mean()
        over = patches.groupby("distance_um")
        mean, spread = over.mean(), over.std(ddof=0)
        colour = figures.IMAGE_COLOURS[image]
        axis.plot(mean.index, mean, color=colour, linestyle=DASHES[image], label=image, lw=1.6)
        axis.fill_between(mean.index, mean - spread, mean + spread, color=colour, alpha=0.15, lw=0)
    axis.set_xlabel("distance, µm")
    axis.set_ylabel(_axis(descriptor, unit))
    _legend(figure, axis)
    words = f"{descriptor_name(descriptor)} against distance for {', '.join(_present(rows))}."
    return Chart(_slug(*key[:3]), pair(phase, other), words, figure)


def _distribution(key: Key, rows: pd.DataFrame) -> Chart:
    """Quantiles, averaged over patches, as a cumulative distribution."""
    descriptor, phase, other, unit = key
    figure, axis = _panel(pair(phase, other))
    for image, own in _images(rows):
        mean = own.groupby("quantile")["value"].mean()
        axis.plot(
            mean, mean.index, color=figures.IMAGE_COLOURS[image], linestyle=DASHES[image],
            label=image, lw=1.6,
        )  # fmt: skip
    axis.set_xlabel(_axis(descriptor, unit))
    axis.set_ylabel("share below")
    _legend(figure, axis)
    words = f"Distribution of {descriptor_name(descriptor)} for {', '.join(_present(rows))}."
    return Chart(_slug(*key[:3]), pair(phase, other), words, figure)


def _values(key: Key, rows: pd.DataFrame) -> Chart:
    """Every patch as a dot, and a box of their quartiles."""
    descriptor, phase, other, unit = key
    figure, axis = _panel(pair(phase, other))
    random = np.random.default_rng(0)
    shown = list(_images(rows))
    for place, (image, own) in enumerate(shown):
        colour = figures.IMAGE_COLOURS[image]
        values = own.groupby(["realisation", "patch"])["value"].mean().to_numpy()
        axis.boxplot(
            values, positions=[place], widths=0.55, showfliers=False,
            medianprops={"color": colour, "lw": 2.0}, boxprops={"color": colour},
            whiskerprops={"color": colour}, capprops={"color": colour},
        )  # fmt: skip
        jitter = place + random.uniform(-0.2, 0.2, len(values))
        axis.plot(jitter, values, MARKERS[image], color=colour, ms=3.0, alpha=0.7, mew=0)
    axis.set_xticks(range(len(shown)), [image for image, _ in shown])
    axis.set_ylabel(_axis(descriptor, unit))
    means = "; ".join(f"{image} {own['value'].mean():.3g}" for image, own in shown)
    words = f"{descriptor_name(descriptor)} of patches, means: {means} {unit}".strip() + "."
    return Chart(_slug(*key[:3]), pair(phase, other), words, figure)


def _images(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for image in ORDER:
        own = rows[rows["image"] == image]
        if len(own):
            yield image, own


def _present(rows: pd.DataFrame) -> list[str]:
    return [image for image, _ in _images(rows)]


def _axis(descriptor: str, unit: str) -> str:
    return _labelled(descriptor_name(descriptor), unit_name(descriptor, unit))


def _labelled(name: str, unit: str) -> str:
    """What an axis shows, with its unit, in lines that are no longer than the axis."""
    return fill(f"{name}, {unit}" if unit else name, 24)


# ---- training --------------------------------------------------------------------------------


def training_charts(stage: int, log: pd.DataFrame) -> list[Chart]:
    """How far the generated slices were from the HR images, and the critic's distance."""
    charts = []
    best = chosen_epoch(log)
    if best is not None:
        figure, axis = _panel("Error against HR slices")
        looks = log[log["error"].notna()]
        columns = [name for name in map(str, looks) if name.startswith("error")]
        for column, dashes in zip(columns, cycle(("--", "-.", ":", (0, (6, 1, 1, 1, 1, 1))))):
            name = "mean" if column == "error" else column.removeprefix("error_").replace("_", " ")
            thick = column == "error"
            axis.plot(
                looks["epoch"], looks[column], linestyle="-" if thick else dashes, label=name,
                color="#d55e00" if thick else "#8a8f98", lw=2.0 if thick else 1.0,
                marker="o", ms=3.5 if thick else 2,
            )  # fmt: skip
        _mark(axis, best)
        lowest = float(looks["error"].min())
        _epochs(axis, log)
        axis.set_ylabel("error, share of HR")
        axis.set_ylim(bottom=0)
        _legend(figure, axis)
        words = f"Epoch {best} of {int(log['epoch'].max())} was chosen, with {lowest:.3g}."
        charts.append(Chart(f"training-stage{stage}-error", "Error by epoch", words, figure))
    figure, axis = _panel("Wasserstein estimate")
    axis.plot(log["epoch"], log["wasserstein"], color="#0072b2", lw=1.6, marker="o", ms=2.5)
    if best is not None:
        _mark(axis, best)
    axis.axhline(0, color="#8a8f98", lw=0.8)
    _epochs(axis, log)
    axis.set_ylabel("critic: real − generated")
    words = f"From {log['wasserstein'].iloc[0]:.3g} to {log['wasserstein'].iloc[-1]:.3g}."
    charts.append(Chart(f"training-stage{stage}-critic", "Wasserstein estimate", words, figure))
    return charts


def chosen_epoch(log: pd.DataFrame) -> int | None:
    """The epoch whose weights were kept: the first of the lowest error."""
    if "error" not in log or log["error"].isna().all():
        return None
    return int(log["epoch"].iloc[int(log["error"].argmin())])


def _mark(axis: Any, epoch: int) -> None:
    axis.axvline(epoch, color="#009e73", lw=1.2, linestyle=(0, (4, 2)))
    axis.annotate(
        f"chosen: {epoch}", (epoch, 1), xycoords=("data", "axes fraction"), xytext=(3, -2),
        textcoords="offset points", color="#009e73", fontsize=7, va="top",
    )  # fmt: skip


# ---- pores -----------------------------------------------------------------------------------

BY_AXIS = ("permeability", "relative_diffusivity", "connected_porosity")


def axis_charts(networks: dict[str, pd.DataFrame]) -> list[Chart]:
    """What conducts along each axis, with its spread over cubes, in LR, SR and truth."""
    tables = [table.assign(image=image) for image, table in networks.items()]
    if not tables:
        return []
    rows = pd.concat(tables)
    rows = rows[rows["property"].str.partition(" (")[0].isin(BY_AXIS) & (rows["axis"] != "")]
    return [
        _by_axis(str(name), str(unit), own)
        for (name, unit), own in rows.groupby(["property", "unit"], sort=False)
        if (own["value"] > 0).any()  # else nothing conducts, which the table says better
    ]


def _by_axis(name: str, unit: str, rows: pd.DataFrame) -> Chart:
    title = property_name(name)
    figure, axis = _panel(title)
    shown = list(_images(rows))
    axes = sorted(rows["axis"].unique())
    for number, (image, own) in enumerate(shown):
        along = own.set_index("axis").reindex(axes)
        axis.errorbar(
            np.arange(len(axes)) + 0.18 * (number - (len(shown) - 1) / 2), along["value"],
            yerr=along["spread"].fillna(0), fmt=MARKERS[image], color=figures.IMAGE_COLOURS[image],
            ms=5, capsize=3, lw=1.4, label=image,
        )  # fmt: skip
    axis.set_xticks(range(len(axes)), axes)
    axis.set_xlim(-0.5, len(axes) - 0.5)
    axis.set_xlabel("along")
    axis.set_ylim(bottom=0)
    axis.set_ylabel(unit_name(name, unit))
    _legend(figure, axis)
    means = "; ".join(f"{image} {own['value'].mean():.3g}" for image, own in shown)
    words = f"Means over the axes: {means}{'' if unit == '1' else ' ' + unit}."
    return Chart(_slug("network", name), title, words, figure)


def size_charts(tables: dict[str, pd.DataFrame], what: str) -> list[Chart]:
    """Distribution of pore or throat diameters in LR, SR and truth (paper 1, figure 14).

    Parameters
    ----------
    tables : image -> table with ``diameter_um``.
    what : ``Pore`` or ``Throat``.
    """
    found = {
        image: table.loc[table["diameter_um"] > 0, "diameter_um"].to_numpy()
        for image, table in tables.items()
        if (table["diameter_um"] > 0).any()
    }
    if not found:
        return []
    low = min(values.min() for values in found.values())
    high = max(values.max() for values in found.values())
    bins = np.geomspace(low, high * 1.001, 30)
    figure, axis = _panel(f"{what} diameter")
    for image, values in found.items():
        axis.hist(
            values, bins, histtype="step", color=figures.IMAGE_COLOURS[image], lw=1.6,
            linestyle=DASHES[image], label=f"{image} ({len(values):,})",
        )  # fmt: skip
    axis.set_xscale("log")
    if axis.get_ylim()[1] > MANY:  # LR has tens of pores where SR has thousands
        axis.set_yscale("log")
        axis.set_ylim(bottom=0.7)
        axis.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    else:
        axis.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5, min_n_ticks=1))
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel(f"{what.lower()} diameter, µm")
    axis.set_ylabel("number")
    _legend(figure, axis)
    words = "; ".join(f"{image}: {len(v):,}, median {np.median(v):.3g} µm" for image, v in
                      found.items())  # fmt: skip
    return [Chart(_slug("network", what, "diameter"), f"{what} diameter", words + ".", figure)]
