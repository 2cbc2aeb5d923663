"""Which pores reach where: clusters of face-connected voxels, and what they join.

Everything here is 6-connected: fluid passes through voxel faces, not through edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

AXES = "zyx"
"""Names of the array axes 0, 1, 2."""


@dataclass(frozen=True)
class Clusters:
    """The connected clusters of a phase.

    Attributes
    ----------
    labels : (z, y, x) int32; 0 is not the phase, clusters count from 1.
    volumes : voxels of each cluster; entry 0 is the rest of the image.
    touches : (clusters + 1, 3, 2) bool: does the cluster reach the low, the high face of an axis?
    """

    labels: np.ndarray
    volumes: np.ndarray
    touches: np.ndarray

    @classmethod
    def of(cls, phase: np.ndarray) -> Clusters:
        """Label the clusters of ``phase``, (z, y, x) bool."""
        labels, count = ndimage.label(phase)
        touches = np.zeros((count + 1, 3, 2), bool)
        for axis in range(3):
            for end in (0, -1):
                touches[np.unique(labels.take(end, axis)), axis, end] = True
        touches[0] = False
        return cls(labels, np.bincount(labels.ravel(), minlength=count + 1), touches)

    def __len__(self) -> int:
        return len(self.volumes) - 1

    def spanning(self, axis: int) -> np.ndarray:
        """Which clusters join the two faces of ``axis``, (clusters + 1,) bool."""
        return np.logical_and(*self.touches[:, axis].T)

    def percolates(self, axis: int) -> bool:
        """Is there a way through?"""
        return bool(self.spanning(axis).any())

    def connected_fraction(self, axis: int) -> float:
        """Volume of the clusters that span ``axis``, as a fraction of the image."""
        return float(self.volumes[self.spanning(axis)].sum() / self.labels.size)

    def isolated_fraction(self) -> float:
        """Volume of the clusters that reach no face at all, as a fraction of the image."""
        isolated = np.logical_not(self.touches.reshape(-1, 6).any(axis=1))
        return float(self.volumes[1:][isolated[1:]].sum() / self.labels.size)


def spanning_mask(phase: np.ndarray, axis: int) -> np.ndarray:
    """The voxels of ``phase`` through which something can flow from one face to the other."""
    clusters = Clusters.of(phase)
    return clusters.spanning(axis)[clusters.labels]
