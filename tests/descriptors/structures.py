"""Structures with known answers, and how to look things up in a tidy table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from octolith.phases import Phases

TWO = Phases.of(["pore", "grain"])
FOUR = Phases.of(["pore", "quartz", "feldspar", "clay"])


def curve(table: pd.DataFrame, descriptor: str, **where: str) -> np.ndarray:
    """(points, 2) distance or quantile, and value, of one curve."""
    rows = table[table["descriptor"] == descriptor]
    for column, value in where.items():
        rows = rows[rows[column] == value]
    abscissa = rows["distance_um"].fillna(rows["quantile"])
    return np.column_stack([abscissa, rows["value"]])


def scalar(table: pd.DataFrame, descriptor: str, **where: str) -> float:
    """The one value that the table has."""
    ((_, value),) = curve(table, descriptor, **where)
    return float(value)


@dataclass(frozen=True)
class OverlappingSpheres:
    """Spheres at independent places (periodic), phase 1 in phase 0: a structure solved exactly.

    ``density`` spheres of ``radius`` a voxel; formulas after Torquato, Random Heterogeneous
    Materials (2002), chapter 5, and, for curvature and Euler number, Stoyan, Kendall and Mecke,
    Stochastic Geometry (1995), chapter 3.
    """

    labels: np.ndarray
    radius: float
    density: float

    @property
    def eta(self) -> float:
        return self.density * 4 / 3 * np.pi * self.radius**3

    @property
    def void(self) -> float:
        return float(np.exp(-self.eta))

    @property
    def void_two_point(self) -> Callable[[np.ndarray], np.ndarray]:
        def s2(r: np.ndarray) -> np.ndarray:
            x = np.minimum(r / self.radius, 2)
            return np.exp(-self.eta * (2 - (1 - 3 * x / 4 + x**3 / 16)))

        return s2

    @property
    def void_path(self) -> Callable[[np.ndarray], np.ndarray]:
        return lambda z: np.exp(-self.eta * (1 + 3 * z / (4 * self.radius)))

    @property
    def surface(self) -> float:
        return 3 * self.eta * self.void / self.radius

    @property
    def curvature(self) -> float:
        """Of the spheres' surface, per volume."""
        area, mean = 4 * np.pi * self.radius**2, 4 * np.pi * self.radius
        return self.density * self.void * (mean - np.pi**2 * self.density * area**2 / 32)

    @property
    def euler(self) -> float:
        """Of the union of the spheres, per volume."""
        return self.density * self.void * (1 - 3 * self.eta + 3 * np.pi**2 / 32 * self.eta**2)
