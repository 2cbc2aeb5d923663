"""Patches of equal physical size, at the same places in all volumes."""

from __future__ import annotations

import numpy as np
import pytest
from structures import TWO

from octolith.descriptors.sampling import Sampler, Source, patch_edge, whole
from octolith.errors import InputError
from octolith.volumes import OUTSIDE, ImageSet, Volume
from octolith.volumes.volume import Source as File


def volume(labels: np.ndarray, voxel_um: float, image: str = "SR") -> Source:
    file = File(labels, "memory", (voxel_um,) * 3, TWO)
    return Source(image, 0, Volume(image, file))


def images(*planes: np.ndarray, pixel_um: float = 1.0) -> Source:
    names = [str(number) for number in range(len(planes))]
    return Source("HR", 0, ImageSet(list(planes), pixel_um, TWO, names))


@pytest.fixture
def coarse(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 2, (12, 14, 16)).astype(np.uint8)


@pytest.fixture
def fine(coarse: np.ndarray) -> np.ndarray:
    return coarse.repeat(4, 0).repeat(4, 1).repeat(4, 2)


class TestSize:
    def test_half_the_shortest_edge_within_what_one_can_afford(self) -> None:
        lr, sr = volume(np.zeros((20, 30, 30)), 4.0, "LR"), volume(np.zeros((80, 120, 120)), 1.0)
        assert patch_edge([lr, sr], None, 1000) == 32.0  # 40 µm, in fours of the LR voxel
        assert patch_edge([lr, sr], None, 24) == 24.0
        hr = images(np.zeros((30, 200)))
        assert patch_edge([lr, sr, hr], None, 1000) == 12.0  # 15 µm are not eight LR voxels

    def test_a_patch_that_does_not_fit(self) -> None:
        lr = volume(np.zeros((20, 30, 30)), 4.0, "LR")
        with pytest.raises(InputError, match="at most 80 µm, the shortest edge of LR"):
            patch_edge([lr], 100.0, 1000)
        with pytest.raises(InputError, match="at least 8 µm"):
            patch_edge([lr], 5.0, 1000)


class TestPlaces:
    def test_are_the_same_in_all_volumes(self, coarse: np.ndarray, fine: np.ndarray) -> None:
        lr, sr = volume(coarse, 4.0, "LR"), volume(fine, 1.0)
        sampler = Sampler([lr, sr], 16.0, 20, seed=5)
        pairs = list(zip(sampler.of(lr), sampler.of(sr), strict=True))
        assert len(pairs) == 20
        for low, high in pairs:
            assert low.shape == (4, 4, 4)
            assert np.array_equal(low.repeat(4, 0).repeat(4, 1).repeat(4, 2), high)

    def test_follow_the_seed(self, coarse: np.ndarray) -> None:
        lr = volume(coarse, 4.0, "LR")

        def drawn(seed: int) -> np.ndarray:
            return np.array(list(Sampler([lr], 16.0, 5, seed).of(lr)))

        assert np.array_equal(drawn(1), drawn(1))
        assert not np.array_equal(drawn(1), drawn(2))

    def test_never_come_twice(self) -> None:
        lr = volume(np.arange(4 * 4 * 6).reshape(4, 4, 6), 1.0, "LR")
        drawn = [patch[0, 0, 0] for patch in Sampler([lr], 4.0, 50, 0).of(lr)]
        assert sorted(drawn) == [0, 1, 2]

    def test_are_half_rock(self) -> None:
        labels = np.zeros((8, 8, 40), dtype=np.uint8)
        labels[:, :, :20] = OUTSIDE
        source = volume(labels, 1.0)
        for patch in Sampler([source], 8.0, 10, 0).of(source):
            assert (patch != OUTSIDE).mean() >= 0.5
        labels[:] = OUTSIDE
        with pytest.raises(InputError, match="half rock"):
            Sampler([source], 8.0, 10, 0)

    def test_of_images_all_images_have_their_share(self) -> None:
        hr = images(np.full((20, 20), 1), np.full((20, 68), 2))
        drawn = [patch[0, 0] for patch in Sampler([hr], 12.0, 100, 0).of(hr)]
        # 9 · 9 places in the one, 9 · 57 in the other.
        assert np.mean(np.array(drawn) == 2) == pytest.approx(57 / 66, abs=0.1)


def test_whole_images_and_the_middle_of_a_volume() -> None:
    middle = next(iter(whole(volume(np.arange(6**3).reshape(6, 6, 6), 1.0), 2)))
    assert middle.shape == (2, 2, 2)
    assert middle[0, 0, 0] == 2 * 36 + 2 * 6 + 2
    assert [plane.shape for plane in whole(images(np.ones((4, 9)), np.ones((5, 5))), 2)] == [
        (4, 9), (5, 5),
    ]  # fmt: skip


def test_labels_need_a_meaning_and_a_size() -> None:
    file = File(np.zeros((4, 4, 4)), "memory", (1.0,) * 3, None)
    with pytest.raises(InputError, match="unknown meaning"):
        Source("LR", 0, Volume("lr.h5", file))
    with pytest.raises(InputError, match="voxel size"):
        Source("LR", 0, Volume("lr.h5", File(np.zeros((4, 4, 4)), "memory", None, TWO)))
