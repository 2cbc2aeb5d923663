"""How often each grey level occurs, counted part by part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from octolith.errors import InputError


def grey_range(parts: Iterable[np.ndarray], where: object) -> tuple[float, float]:
    """The lowest and the highest grey level of an image that comes in parts.

    Raises
    ------
    InputError : values that are not numbers, with their count to the end.
    """
    lows, highs, bad = [], [], 0
    for part in parts:
        numbers = part[np.isfinite(part)] if part.dtype.kind == "f" else part
        bad += part.size - numbers.size
        if numbers.size:
            lows.append(float(numbers.min()))
            highs.append(float(numbers.max()))
    if bad:
        raise InputError(
            where, f"NaN or infinity in {bad:,} voxels", "numbers",
            "Crop them away, or replace them by a grey level of their own.",
        )  # fmt: skip
    return min(lows), max(highs)


class Histogram:
    """Counts of grey levels in up to 512 bins of equal width.

    Bins of integer images hold a whole number of grey levels each, so that no comb of empty
    bins comes of the rounding.

    Attributes
    ----------
    edges : (bins + 1,) grey levels.
    counts : (bins,) voxels.
    """

    MOST_BINS = 512

    def __init__(self, low: float, high: float, integer: bool) -> None:
        if integer:
            width = -(-(high - low + 1) // self.MOST_BINS)
            self.edges = np.arange(low, high + 1 + width, width) - 0.5
            if self.edges[-2] > high:
                self.edges = self.edges[:-1]
        else:
            self.edges = np.linspace(low, high if high > low else low + 1, self.MOST_BINS + 1)
        self.counts = np.zeros(len(self.edges) - 1, np.int64)

    @property
    def centres(self) -> np.ndarray:
        """The middle of every bin."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def width(self) -> float:
        """Grey levels a bin."""
        return float(self.edges[1] - self.edges[0])

    def add(self, grey: np.ndarray) -> None:
        """Count the voxels of one part."""
        self.counts += np.histogram(grey, self.edges)[0]
