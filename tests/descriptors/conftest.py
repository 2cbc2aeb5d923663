"""Fixtures of the descriptor tests."""

from __future__ import annotations

import numpy as np
import pytest
from structures import OverlappingSpheres


@pytest.fixture(scope="session")
def spheres() -> OverlappingSpheres:
    edge, radius, eta = 192, 8.0, 0.7
    rng = np.random.default_rng(4)
    number = round(eta * edge**3 / (4 / 3 * np.pi * radius**3))
    offsets = np.arange(-9, 10)
    labels = np.zeros((edge,) * 3, dtype=np.uint8)
    for centre in rng.uniform(0, edge, (number, 3)):
        near = np.floor(centre).astype(int)[:, None] + offsets
        z, y, x = (np.square(line - c) for line, c in zip(near, centre, strict=True))
        ball = z[:, None, None] + y[:, None] + x <= radius**2
        window = np.ix_(*(near % edge))
        labels[window] |= ball
    return OverlappingSpheres(labels, radius, number / edge**3)


@pytest.fixture(scope="session")
def ball() -> np.ndarray:
    """A ball of radius 20 voxels in a box of 64³."""
    grid = np.indices((64,) * 3) - 31.5
    return (np.square(grid).sum(axis=0) < 20**2).astype(np.uint8)
