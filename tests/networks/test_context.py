"""What a node is told beside its own features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import zoom

from octolith.networks.context import interpolate, remember
from octolith.octree import Level, build
from octolith.phases import OUTSIDE

PHASES = 3
VOLUMES = arrays(np.uint8, (2, 8, 4, 8), elements=st.sampled_from([0, 1, 2, OUTSIDE]))


@given(VOLUMES)
def test_what_is_remembered_is_the_octree_so_far(volume: np.ndarray) -> None:
    tree = build(torch.from_numpy(volume), 2, PHASES)
    known = torch.zeros(2, 2, 1, 2, dtype=torch.uint8)
    for level, classes in zip(tree.levels, tree.classes, strict=True):
        known = remember(known, level, classes)
        torch.testing.assert_close(known, tree.reconstruct(level.depth))
    torch.testing.assert_close(known, torch.from_numpy(volume))


@pytest.mark.parametrize("finer", [0, 1, 2])
def test_phases_are_interpolated_by_the_quadratic_spline(finer: int) -> None:
    """Against scipy's, whose coefficients are the phases themselves."""
    labels = torch.from_numpy(np.random.default_rng(0).integers(0, PHASES, (1, 5, 4, 6)))
    level = Level.grid((5, 4, 6), 1, labels.device)
    for _ in range(finer):
        level = level.children()
    found = interpolate(labels.to(torch.uint8), level, PHASES, finer)
    for code in range(PHASES):
        share = np.pad((labels[0] == code).double().numpy(), 3, mode="edge")
        fine = zoom(share, 1 << finer, order=2, mode="nearest", grid_mode=True, prefilter=False)
        inner = slice(3 << finer, -3 << finer)
        z, y, x = level.coordinates.unbind(-1)
        expected = torch.from_numpy(fine[inner, inner, inner])[z, y, x].float()
        torch.testing.assert_close(found[:, code], expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(found.sum(1), torch.ones(len(level)))


def test_what_is_mixed_or_outside_counts_as_nothing() -> None:
    """A child a quarter of a cell off its parent's centre sees the next one with 0.28 of itself."""
    known = torch.tensor([[[[0, PHASES, OUTSIDE]]]], dtype=torch.uint8)
    level = Level.grid((1, 1, 3), 1, known.device).children()
    at = (level.coordinates == torch.tensor([0, 0, 2])).all(1)
    torch.testing.assert_close(
        interpolate(known, level, PHASES, 1)[at], torch.tensor([[9 / 32, 0.0, 0.0]])
    )
