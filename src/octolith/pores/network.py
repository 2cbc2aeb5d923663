"""A pore network: pores joined by throats, and the throats through which they open outwards."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from octolith.pores.connectivity import AXES

FACES = tuple(f"{axis}{end}" for axis in AXES for end in "01")
"""The six faces of the image: ``z0`` is the low, ``z1`` the high end of axis z."""


@dataclass(frozen=True)
class PoreNetwork:
    """Pores and throats of one image.

    Attributes
    ----------
    pores : a row a pore. ``z_um``, ``y_um``, ``x_um`` of its centre of mass, ``volume_um3``,
        ``diameter_um`` of the sphere of that volume, ``inscribed_diameter_um`` of the largest
        sphere that fits the pore space around a point of the pore, ``coordination``, the number of
        throats to other pores.
    throats : a row a throat. ``pore1``, ``pore2`` (rows of ``pores``; -1 is the outside), ``face``
        (one of `FACES`, empty inside), ``z_um``, ``y_um``, ``x_um`` of its centre, ``area_um2``,
        ``diameter_um`` of the circle of that area, ``inscribed_diameter_um``, ``aspect``, short
        over long axis of the ellipse with its second moments, ``length1_um``, ``length2_um``, from
        either pore's centre to its own (to a pore outside: zero).
    extent_um : (z, y, x) of the image.
    """

    pores: pd.DataFrame
    throats: pd.DataFrame
    extent_um: tuple[float, float, float]

    @classmethod
    def of(
        cls, pores: pd.DataFrame, throats: pd.DataFrame, extent_um: tuple[float, float, float]
    ) -> PoreNetwork:
        """Complete measured pores and throats by what follows from them."""
        centres, middles = _points(pores), _points(throats)
        first, second = (throats[name].to_numpy() for name in ("pore1", "pore2"))
        inner = second >= 0
        lengths1 = np.linalg.norm(centres[first] - middles, axis=1)
        lengths2 = np.zeros(len(throats))
        lengths2[inner] = np.linalg.norm(centres[second[inner]] - middles[inner], axis=1)
        ends = np.concatenate([first[inner], second[inner]])
        return cls(
            pores.assign(coordination=np.bincount(ends, minlength=len(pores))),
            throats.assign(length1_um=lengths1, length2_um=lengths2),
            extent_um,
        )

    def spanning(self, axis: int) -> np.ndarray:
        """Which throats fluid can use on its way along ``axis`` with closed sides, (T,) bool."""
        pore1, pore2, face = (self.throats[name].to_numpy() for name in ("pore1", "pore2", "face"))
        inner = pore2 >= 0
        joined = coo_array(
            (np.ones(inner.sum()), (pore1[inner], pore2[inner])), (len(self.pores),) * 2
        )
        component = connected_components(joined, directed=False)[1][pore1]
        ends = [face == f"{AXES[axis]}{end}" for end in "01"]
        through = np.intersect1d(*(component[end] for end in ends))
        return np.isin(component, through) & (inner | ends[0] | ends[1])

    @property
    def inner(self) -> pd.DataFrame:
        """The throats between two pores."""
        return self.throats[self.throats["pore2"] >= 0]


def _points(table: pd.DataFrame) -> np.ndarray:
    return table[[f"{axis}_um" for axis in AXES]].to_numpy()
