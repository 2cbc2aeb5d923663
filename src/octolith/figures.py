"""One style for every figure of the project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from octolith.files import atomic
from octolith.palette import MIXED_COLOUR, OUTSIDE_COLOUR
from octolith.phases import Phases

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "image.interpolation": "nearest",
    "svg.fonttype": "none",
}
MOST_PIXELS = 2000  # along an edge of an image that is drawn
# LR, SR, HR and truth look the same in every plot.
IMAGE_COLOURS = {"LR": "#7f7f7f", "SR": "#d55e00", "HR": "#0072b2", "truth": "#009e73"}


def new(rows: int = 1, columns: int = 1, width: float = 7.0, height: float = 3.0) -> Any:
    """A figure and its axes, outside pyplot's global state (safe in threads and servers)."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, axes


def save(
    figure: Figure, stem: str | Path, formats: Sequence[str] = ("svg", "png"), tight: bool = True
) -> list[Path]:
    """Write ``stem.svg`` and ``stem.png``; returns the paths.

    Parameters
    ----------
    tight : cut off (or add) margins, so that legends outside fit; False keeps the figure's size.
    """
    paths = [Path(f"{stem}.{suffix}") for suffix in formats]
    with mpl.rc_context(STYLE):
        for path in paths:
            with atomic(path) as temporary:
                figure.savefig(temporary, dpi=160, bbox_inches="tight" if tight else None)
    return paths


def thinned(image: np.ndarray) -> np.ndarray:
    """Every so many-th pixel of a 2D image: a mosaic drawn whole takes 65 bytes a pixel."""
    step = -(-max(image.shape) // MOST_PIXELS)
    return image[::step, ::step]


def show_labels(
    axis: Any, labels: np.ndarray, phases: Phases, pixel_um: float, title: str = ""
) -> None:
    """Draw a 2D label image (mixed in white, what is outside in light grey) with axes in µm."""
    colours = [*phases.colours, MIXED_COLOUR]
    height, width = labels.shape
    axis.imshow(
        thinned(labels),
        cmap=ListedColormap(colours).with_extremes(over=OUTSIDE_COLOUR),
        norm=BoundaryNorm(np.arange(len(colours) + 1) - 0.5, len(colours)),
        extent=(0, width * pixel_um, height * pixel_um, 0),
        interpolation="nearest",
    )
    axis.set_title(title)
    axis.set_xlabel("µm")


def phase_legend(phases: Phases, mixed: bool = False) -> list[Patch]:
    """Handles for a legend of the phases."""
    handles = [
        Patch(facecolor=colour, edgecolor="#888888", label=name)
        for name, colour in zip(phases.names, phases.colours, strict=True)
    ]
    if mixed:
        handles.append(Patch(facecolor=MIXED_COLOUR, edgecolor="#888888", label="mixed"))
    return handles
