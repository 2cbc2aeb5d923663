"""SSIM and PSNR against the truth; the Fréchet distance of two sets of textures."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg
from structures import FOUR, TWO, scalar

from octolith.descriptors.likeness import (
    frechet_distance,
    sections,
    similarity,
    texture_features,
    to_grid,
)
from octolith.errors import InputError


class TestSimilarity:
    def test_the_truth_itself(self, rng: np.random.Generator) -> None:
        labels = rng.integers(0, 4, (10, 11, 12)).astype(np.uint8)
        table = similarity(labels, labels, 1.0, FOUR)
        assert (table["descriptor"] == "ssim").all()  # nothing wrong: no PSNR
        assert table["value"].to_numpy() == pytest.approx(1)

    def test_one_wrong_voxel(self) -> None:
        truth = np.zeros((8, 8, 8), dtype=np.uint8)
        labels = truth.copy()
        labels[4, 4, 4] = 1
        table = similarity(labels, truth, 1.0, TWO)
        psnr = scalar(table, "psnr", phase="grain", direction="x")
        assert psnr == pytest.approx(10 * np.log10(8**3))
        assert scalar(table, "ssim", phase="grain", direction="x") < 1

    def test_shapes_must_agree_and_be_3d(self) -> None:
        volume = np.zeros((8, 8, 8), np.uint8)
        with pytest.raises(InputError, match="shapes"):
            similarity(volume, volume[:7], 1.0, TWO)
        with pytest.raises(InputError, match="2D image"):
            similarity(volume[0], volume[0], 1.0, TWO)
        with pytest.raises(InputError, match="7 voxels"):
            similarity(volume[:5], volume[:5], 1.0, TWO)

    def test_nearest_voxel(self) -> None:
        assert to_grid(np.array([1, 2]), (6,)).tolist() == [1, 1, 1, 2, 2, 2]
        assert to_grid(np.array([1, 2, 3, 4]), (2,)).tolist() == [2, 4]


class TestFrechet:
    def test_of_gaussians(self, rng: np.random.Generator) -> None:
        """Against the formula with matrix roots."""
        a, b = rng.normal(size=(50, 3)), rng.normal(size=(70, 3)) @ rng.normal(size=(3, 3)) + 1
        c1, c2 = np.cov(a.T), np.cov(b.T)
        root = linalg.sqrtm(c1 @ c2).real
        expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(c1 + c2 - 2 * root)
        assert frechet_distance(a, b) ** 2 == pytest.approx(expected)

    def test_of_a_set_from_itself_and_from_itself_moved(self, rng: np.random.Generator) -> None:
        a = rng.normal(size=(20, 5))
        assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
        assert frechet_distance(a, a + np.array([3, 0, 0, 4, 0])) == pytest.approx(5)

    def test_needs_two_images(self) -> None:
        with pytest.raises(InputError, match=r"2 of each at least.*take it out"):
            frechet_distance(np.zeros((1, 3)), np.zeros((5, 3)))

    def test_features_are_two_point_probabilities(self) -> None:
        """Columns 0 1 0 1 …: pixels 1 apart differ in rows only, those 2 apart never."""
        plane = np.tile(np.uint8([0, 1]), (8, 4))
        one, two = texture_features(plane, 2).reshape(2, 3)
        assert one == pytest.approx([0.25, 0.5, 0.25])  # pore-pore, pore-grain, grain-grain
        assert two == pytest.approx([0.5, 0, 0.5])

    def test_tells_textures_apart(self, rng: np.random.Generator) -> None:
        def noise(edge: int) -> list[np.ndarray]:
            small = rng.integers(0, 2, (16, 32 // edge, 32 // edge)).astype(np.uint8)
            return [texture_features(p, 2) for p in small.repeat(edge, 1).repeat(edge, 2)]

        assert frechet_distance(noise(4), noise(4)) < 0.5 * frechet_distance(noise(4), noise(2))

    def test_sections_of_a_volume(self) -> None:
        assert [s.shape for s in sections(np.zeros((4, 5, 6)))] == [(5, 6), (4, 6), (4, 5)]
        assert len(sections(np.zeros((4, 5)))) == 1
