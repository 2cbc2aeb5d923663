"""What is in a volume, from a look at some of its planes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from octolith.volumes.volume import Volume

MOST_VOXELS = 32 << 20
MOST_LABELS = 17
PLACES = 8
PERCENTILES = (1, 25, 50, 75, 99)


@dataclass(frozen=True)
class Survey:
    """Values of a volume, or of a part of it.

    Attributes
    ----------
    values : the voxels that were looked at, without NaN and infinity.
    share : how much of the volume they are.
    bad : how many of those looked at were not finite.
    """

    values: np.ndarray
    share: float
    bad: int

    @property
    def labels(self) -> dict[int, float] | None:
        """Label -> fraction; None where there are so many values that they must be grey levels."""
        if self.values.dtype.kind == "f":
            return None
        values, counts = np.unique_counts(self.values)
        if not 0 < len(values) <= MOST_LABELS:
            return None
        fractions = (counts / self.values.size).tolist()
        return dict(zip(map(int, values), fractions, strict=True))

    @property
    def grey(self) -> dict[str, float]:
        """Least, greatest and mean value and some percentiles, by name."""
        if not self.values.size:
            return {}
        found = {"minimum": self.values.min(), "maximum": self.values.max()}
        found |= {"mean": self.values.mean(dtype=np.float64)}
        percentiles = np.percentile(self.values, PERCENTILES)
        found |= {f"{p} %": value for p, value in zip(PERCENTILES, percentiles, strict=True)}
        return {name: float(value) for name, value in found.items()}


def survey(volume: Volume, most: int = MOST_VOXELS) -> Survey:
    """Look at a volume: all of it if it is small, else runs of planes at eight heights.

    Parameters
    ----------
    volume : the open volume.
    most : voxels to read (and one plane at each height in any case).
    """
    depth, height, width = volume.shape
    total = math.prod(volume.shape)
    if total <= most:
        parts = [volume.read()]
    else:
        run = max(1, most // (PLACES * height * width))
        spread = np.linspace(0, depth - run, min(PLACES, depth)).astype(int)
        parts = [volume[start : start + run] for start in spread.tolist()]
    values = np.concatenate([part.ravel() for part in parts])
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return Survey(finite, values.size / total, values.size - finite.size)
