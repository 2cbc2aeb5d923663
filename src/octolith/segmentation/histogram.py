"""Which grey levels an image has, and how often, counted part by part."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np

from octolith.errors import InputError


@dataclass(frozen=True)
class GreyRange:
    """The grey levels of an image: ``low`` to ``high``, both included, of type ``dtype``."""

    low: float
    high: float
    dtype: np.dtype

    @property
    def integer(self) -> bool:
        """Whether grey levels are whole numbers."""
        return self.dtype.kind in "ui"

    @property
    def limits(self) -> tuple[float, float]:
        """What bands should cover: of images of up to 16 bits, all that others may have."""
        if self.integer and self.dtype.itemsize <= 2:
            return float(np.iinfo(self.dtype).min), float(np.iinfo(self.dtype).max)
        return self.low, self.high


def grey_range(parts: Iterable[np.ndarray], where: object) -> GreyRange:
    """The grey levels of an image that comes in parts.

    Raises
    ------
    InputError : values that are not numbers, counted to the end.
    """
    ranges, bad = [], 0
    for part in parts:
        numbers = part[np.isfinite(part)] if part.dtype.kind == "f" else part
        bad += part.size - numbers.size
        if numbers.size:
            ranges.append(GreyRange(float(numbers.min()), float(numbers.max()), part.dtype))
    if bad:
        raise InputError(
            where, f"NaN or infinity in {bad:,} voxels", "numbers",
            "Crop them away, or give them a grey level of their own.",
        )  # fmt: skip
    return GreyRange(
        min(one.low for one in ranges),
        max(one.high for one in ranges),
        np.result_type(*(one.dtype for one in ranges)),
    )


class Histogram:
    """Counts of grey levels in up to 512 bins of equal width; see `Histogram.of`.

    Attributes
    ----------
    edges : (bins + 1,) grey levels.
    counts : (bins,) voxels.
    range : the grey levels it was made for.
    """

    MOST_BINS = 512

    def __init__(self, edges: np.ndarray, grey: GreyRange) -> None:
        self.edges, self.range = edges, grey
        self.counts = np.zeros(len(edges) - 1, np.int64)

    @classmethod
    def of(cls, parts: Iterable[np.ndarray], grey: GreyRange) -> Self:
        """Count the parts of an image.

        The bins of an integer image hold a whole number of grey levels each: rounding would
        leave a comb of empty ones.
        """
        if grey.integer:
            width = (grey.high - grey.low) // cls.MOST_BINS + 1
            bins = (grey.high - grey.low) // width + 1
            edges = grey.low - 0.5 + width * np.arange(bins + 1)
        else:
            high = grey.high if grey.high > grey.low else grey.low + 1
            edges = np.linspace(grey.low, high, cls.MOST_BINS + 1)
        histogram = cls(edges, grey)
        for part in parts:
            histogram.add(part)
        return histogram

    def add(self, grey: np.ndarray) -> None:
        """Count the voxels of one part."""
        self.counts += np.histogram(grey, self.edges)[0]

    @property
    def centres(self) -> np.ndarray:
        """The middle of every bin."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def width(self) -> float:
        """Grey levels a bin."""
        return float(self.edges[1] - self.edges[0])
