"""An image, part by part, to label codes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.segmentation.bands import UNKNOWN, Bands, map_labels
from octolith.segmentation.histogram import Histogram, grey_range
from octolith.segmentation.suggestion import suggestion
from octolith.settings.steps import SegmentationSettings
from octolith.slabs import count_codes, count_values, in_words

Parts = Callable[[], Iterator[np.ndarray]]
"""Gives an image part by part, from the first one each time it is called."""


@dataclass
class Cut:
    """How a grey image was cut: the bands, and its histograms as given and denoised.

    The histograms are one object if nothing was denoised.
    """

    bands: Bands
    raw: Histogram
    denoised: Histogram


class Segmenter:
    """Segments one image, which comes in parts, and keeps account of it for a figure.

    Parameters
    ----------
    recipe : bands or a label map.
    phases : in the order of their codes.
    where : the image, for errors.

    Attributes
    ----------
    cut : of a grey image; None for a label image.
    codes : (256,) voxels of each label code.
    """

    def __init__(self, recipe: SegmentationSettings, phases: Phases, where: object) -> None:
        self.recipe, self.phases, self.where = recipe, phases, where
        self.cut: Cut | None = None
        self.codes = np.zeros(256, np.int64)

    def labels(self, raw: Parts, denoised: Parts) -> Iterator[np.ndarray]:
        """Label codes part by part; only after the last is it sure that all of them are phases.

        Parameters
        ----------
        raw : gives the parts of the image, each time it is called.
        denoised : gives them denoised.

        Raises
        ------
        InputError : NaN; grey levels that no band covers; labels that the map does not have,
            with counts; neither bands nor a map, with a suggestion.
        """
        parts = self._banded(raw, denoised) if self.recipe.labels is None else self._mapped(raw())
        for part in parts:
            self.codes += count_codes(part)
            yield part

    def _mapped(self, parts: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        mapping = self.recipe.labels or {}
        unknown: Counter[int] = Counter()
        for part in parts:
            codes = map_labels(part, mapping, self.phases)
            unknown += count_values(part[codes == UNKNOWN])
            if not unknown:
                yield codes
        if unknown:
            raise InputError(
                self.where, f"labels {in_words(unknown)}",
                f"those of the label map: {sorted(mapping)}",
                "Add them to the map; 'outside' stands for what is not rock.",
            )  # fmt: skip

    def _banded(self, raw: Parts, denoised: Parts) -> Iterator[np.ndarray]:
        grey = grey_range(raw(), self.where)
        if self.recipe.bands is None:
            guess = suggestion(Histogram.of(denoised(), grey), self.phases.names, self.where)
            raise InputError(
                self.where, "neither 'bands' nor 'labels' in its segmentation", "one of them",
                f"A first guess (multi-Otsu, if phases go from dark to bright): {guess}",
            )  # fmt: skip
        bands = Bands.of(self.recipe.bands, self.phases)
        bands.require(grey.low, grey.high, self.where)
        histogram = Histogram.of([], grey)
        as_given = self.recipe.denoise.method == "none"
        self.cut = Cut(bands, histogram if as_given else Histogram.of(raw(), grey), histogram)
        for part in denoised():
            histogram.add(part)
            yield bands.label(part)
