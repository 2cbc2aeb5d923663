"""A finely layered rock: laminae thinner than an LR voxel, which only 2D images can show.

The rock is a Gaussian random field cut at a level (Torquato, Random Heterogeneous Materials,
2002, section 8.4.1): nothing about it is known but its correlation lengths, which differ by axis.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.special import ndtri

from octolith.phases import Phases
from octolith.pyramid import classes, mixed_fraction
from validation.cases import Case
from validation.instrument import Instrument

LENGTHS = (1.5, 6.0, 6.0)  # correlation lengths along z, y and x, fine voxels
POROSITY = 0.4
EDGE, SCALE = 128, 4
PLANES = {"z": 8, "y": 4, "x": 4}  # images across each axis
HEIGHTS = EDGE // 8  # between images: far beyond a correlation length


def layered_rock(
    shape: tuple[int, int, int], lengths: tuple[float, float, float], porosity: float, seed: int
) -> np.ndarray:
    """A Gaussian field of covariance exp(-Σ r_i² / 2 l_i²), pore (0) below its quantile, else 1.

    Cut at the median, two points a distance r along axis i are both pore with the probability
    1/4 + arcsin(exp(-r² / 2 l_i²)) / 2π. The field is periodic.

    Parameters
    ----------
    shape : (z, y, x) voxels.
    lengths : l along z, y and x, voxels.

    Returns
    -------
    (z, y, x) uint8.
    """
    white = np.random.default_rng(seed).standard_normal(shape)
    # White noise under a Gaussian of width σ has a covariance √2 as wide.
    field = gaussian_filter(white, np.asarray(lengths) / np.sqrt(2), mode="wrap")
    return (field / field.std() > ndtri(porosity)).astype(np.uint8)


def layers() -> tuple[Case, list[str]]:
    """The case, and the axis that each of its images is perpendicular to.

    What is learned from, the images, what is judged and the part elsewhere are four rocks that
    have their statistics alone in common.
    """
    learned, seen, truth, other = (
        layered_rock((EDGE,) * 3, LENGTHS, POROSITY, seed) for seed in range(4)
    )
    instrument = Instrument(SCALE, (0.0, 1.0))
    axes = [axis for axis, count in PLANES.items() for _ in range(count)]
    images = [
        np.ascontiguousarray(np.take(seen, i * HEIGHTS, "zyx".index(axis)))
        for axis, count in PLANES.items()
        for i in range(count)
    ]
    case = Case(
        Phases.of(["pore", "grain"]), SCALE, images, instrument.scan(learned),
        instrument.scan(truth), truth, other,
    )  # fmt: skip
    return case, axes


def mixed_shares(case: Case, axes: list[str], reach: float) -> dict[str, float]:
    """At stage 1: of the patches of the images across z, across y and x, and of the rock's cells.

    A cell of more than one phase often shows only one of them in a section; so patches have a
    reach (`octolith.pyramid`), which makes up for it where the rock is isotropic.
    """

    def share(across: str) -> float:
        own = [image for image, axis in zip(case.images, axes, strict=True) if axis in across]
        return float(np.mean([mixed_fraction(classes(i, 2, SCALE, reach), 2) for i in own]))

    z, y, x = (n // SCALE for n in case.truth.shape)
    cells = case.truth.reshape(z, SCALE, y, SCALE, x, SCALE)
    mixed = cells.min((1, 3, 5)) != cells.max((1, 3, 5))
    return {"z": share("z"), "yx": share("yx"), "cells": float(mixed.mean())}
