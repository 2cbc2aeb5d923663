"""What an instrument makes of a fine rock: blur, pixels, noise, and a threshold between greys.

The measurement is that of a segmented CT scan: a voxel's grey is the mean over its surroundings,
so that a voxel across the wall between a dark and a bright phase looks like a third one, and two
phases of one grey cannot be told apart (paper 1, section 2.1; paper 4 degrades the same way).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

# Grey that decides between two phases where a block holds as much of one as of the other, by
# chance: any rule would favour a phase, at 2x in two blocks of a hundred.
TIE = 1e-4


@dataclass(frozen=True)
class Instrument:
    """How a fine label volume becomes a coarse one.

    Attributes
    ----------
    scale : fine voxels along the edge of a coarse one.
    greys : grey of each phase, in the order of their codes. Phases of one grey merge: the first
        of them stands for all.
    blur : standard deviation of the Gaussian before the detector, coarse voxels.
    noise : standard deviation of the noise on the coarse grey.
    """

    scale: int
    greys: tuple[float, ...]
    blur: float = 0.0
    noise: float = 0.0

    def scan(self, fine: np.ndarray, seed: int = 0) -> np.ndarray:
        """Measure and segment.

        Parameters
        ----------
        fine : (z, y, x) uint8 labels; each edge is a multiple of the scale.

        Returns
        -------
        (z, y, x) / scale uint8 labels, cut halfway between neighbouring greys.
        """
        grey = np.asarray(self.greys, np.float32)[fine]
        if self.blur:
            grey = gaussian_filter(grey, self.blur * self.scale, mode="nearest")
        grey = binned(grey, self.scale)
        grey += max(self.noise, TIE) * np.random.default_rng(seed).standard_normal(grey.shape)
        return self.segment(grey)

    def segment(self, grey: np.ndarray) -> np.ndarray:
        """Cut greys halfway between those of the phases."""
        levels, codes = np.unique(self.greys, return_index=True)
        bands = np.digitize(grey, (levels[1:] + levels[:-1]) / 2)
        return codes.astype(np.uint8)[bands]


def binned(values: np.ndarray, scale: int) -> np.ndarray:
    """The mean of each block of ``scale`` cubed."""
    z, y, x = (n // scale for n in values.shape)
    return np.asarray(values.reshape(z, scale, y, scale, x, scale).mean((1, 3, 5)))
