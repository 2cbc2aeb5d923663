"""A first guess for those who have not decided: multi-Otsu thresholds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np
from skimage.filters import threshold_multiotsu

from octolith.errors import InputError
from octolith.segmentation.histogram import Histogram
from octolith.settings.steps import PhaseBands

# scikit-image tries every set of thresholds; this many take it about a second.
MOST_SETS = 5e7


def suggest_bands(histogram: Histogram, names: Sequence[str], where: object) -> PhaseBands:
    """Bands between which the grey levels differ most (Otsu 1979, with several thresholds).

    Parameters
    ----------
    histogram : of the image, denoised as it will be.
    names : the phases **from dark to bright**.
    where : the image, for the error.

    Returns
    -------
    phase -> one band.

    Raises
    ------
    InputError : fewer grey levels than phases.
    """
    counts, centres = _coarse(histogram, len(names))
    if np.count_nonzero(counts) < len(names):
        raise InputError(
            where, f"{np.count_nonzero(counts)} grey levels", f"{len(names)} or more, one a phase"
        )
    cuts = threshold_multiotsu(classes=len(names), hist=(counts, centres))
    step = 1.0 if histogram.width >= 1 else 10.0 ** math.floor(math.log10(histogram.width))
    # A threshold is the last bin of the darker class.
    half = (centres[1] - centres[0]) / 2
    inner = [round(math.ceil((cut + half) / step - 1e-6) * step, 12) for cut in cuts]
    low, high = map(_outward, histogram.range.limits, (ROUND_FLOOR, ROUND_CEILING))
    edges = [low, *inner, high]
    return {
        name: [(low, high)] for name, low, high in zip(names, edges[:-1], edges[1:], strict=True)
    }


def _outward(level: float, rounding: str) -> float:
    """An outermost end in the six digits that are written, no grey level beyond it.

    >>> _outward(0.0710057822, ROUND_FLOOR), _outward(-0.0710057822, ROUND_FLOOR)
    (0.0710057, -0.0710058)
    """
    exact = Decimal(level)
    unit = Decimal(1).scaleb(exact.adjusted() - 5) if exact else Decimal(1)
    return float(exact.quantize(unit, rounding=rounding))


def suggestion(histogram: Histogram, names: Sequence[str], where: object) -> str:
    """A line of YAML to paste under a name in ``segmentations``.

    An image of no more values than there are phases is taken for labels.
    """
    values = histogram.centres[histogram.counts > 0]
    if histogram.width == 1 and len(values) <= len(names):
        pairs = zip(values, names, strict=False)
        return "labels: {" + ", ".join(f"{value:g}: {name}" for value, name in pairs) + "}"
    bands = suggest_bands(histogram, names, where)
    text = ", ".join(
        f"{name}: [[{low:g}, {high:g}]]" for name, own in bands.items() for low, high in own
    )
    return "bands: {" + text + "}"


def _coarse(histogram: Histogram, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """The histogram in as many bins as an exhaustive search can afford."""
    sizes = range(Histogram.MOST_BINS, 0, -1)
    bins = next(n for n in sizes if math.comb(n, classes - 1) < MOST_SETS)
    together = -(-len(histogram.counts) // bins)
    padded = np.pad(histogram.counts, (0, -len(histogram.counts) % together))
    counts = padded.reshape(-1, together).sum(axis=1)
    first = histogram.edges[0] + histogram.width * together / 2
    return counts, first + np.arange(len(counts)) * histogram.width * together
