"""The pyramid: what is uniform keeps its phase, what is not is mixed, at every stage."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.pyramid import apply_symmetry, classes, mixed_fraction, patch_size
from octolith.settings.steps import PyramidSettings
from octolith.steps.pyramid import pyramid, pyramid_figure
from octolith.volumes import OUTSIDE, read_images, write_images

K = 3
STAGES = 4
SETTINGS = PyramidSettings()

# Blocky images: of single pixels hardly a patch would be dense.
images = st.builds(
    lambda coarse, edge, cut: coarse.repeat(edge, 0).repeat(edge, 1)[cut:, cut:],
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, min_side=3, max_side=8),
           elements=st.sampled_from([0, 0, 0, 1, 2, OUTSIDE])),
    st.integers(1, 9),
    st.integers(0, 2),
)  # fmt: skip


def overlapping_spheres(rng, edge: int, radius: float, count: int) -> np.ndarray:
    """Void is 1 in a cube that spheres may stick out of."""
    at = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), -1)
    centres = rng.uniform(-radius, edge + radius, (count, 3))
    return np.any([((at - c) ** 2).sum(-1) < radius**2 for c in centres], axis=0).astype(np.uint8)


stages_but_last = st.integers(1, STAGES - 1)


class TestClasses:
    def test_by_hand(self):
        """As the paper's figure 6: a dense patch, two mixed ones; a row and a column are left."""
        labels = np.array(
            [
                [0, 0, 1, 1, 2],
                [0, 0, 1, 0, 2],
                [2, 2, 0, 1, 2],
                [2, 2, 2, 1, 2],
                [1, 1, 1, 1, 1],
            ],
            np.uint8,
        )
        np.testing.assert_array_equal(classes(labels, K, 2), [[0, K], [2, K]])

    @given(images)
    def test_the_last_stage_is_the_image(self, labels):
        np.testing.assert_array_equal(classes(labels, K, patch_size(STAGES, STAGES)), labels)

    @given(images, stages_but_last)
    def test_a_patch_is_dense_if_its_four_children_are_and_are_alike(self, labels, stage):
        """So a stage is what the next one says, as in the octree."""
        coarse = classes(labels, K, patch_size(stage, STAGES))
        fine = classes(labels, K, patch_size(stage + 1, STAGES))
        for (y, x), found in np.ndenumerate(coarse):
            children = set(fine[2 * y : 2 * y + 2, 2 * x : 2 * x + 2].ravel().tolist())
            if OUTSIDE in children:
                assert found == OUTSIDE
            elif len(children) == 1:
                assert found in children
            else:
                assert found == K

    @given(images, stages_but_last)
    def test_the_mixed_fraction_falls_from_stage_to_stage(self, labels, stage):
        """On what both stages see, and where all is rock."""
        labels = np.where(labels == OUTSIDE, 0, labels).astype(np.uint8)
        patch = patch_size(stage, STAGES)
        rows, columns = (n // patch * patch for n in labels.shape)
        if not rows or not columns:
            return
        seen = labels[:rows, :columns]
        coarse, fine = classes(seen, K, patch), classes(seen, K, patch // 2)
        assert mixed_fraction(fine, K) <= mixed_fraction(coarse, K)

    @given(images, st.sampled_from([1, 2, 4, 8]))
    def test_dense_patches_hold_their_phase_and_nothing_else(self, labels, patch):
        for (y, x), found in np.ndenumerate(classes(labels, K, patch)):
            inside = labels[y * patch : (y + 1) * patch, x * patch : (x + 1) * patch]
            assert (found != K) == (OUTSIDE in inside or bool(np.all(inside == found)))

    @given(images, st.integers(0, 7))
    def test_symmetries_of_a_whole_image_commute_with_the_pyramid(self, labels, symmetry):
        rows, columns = (n // 4 * 4 for n in labels.shape)
        labels = labels[:rows, :columns]
        turned = classes(apply_symmetry(labels, symmetry), K, 4)
        np.testing.assert_array_equal(turned, apply_symmetry(classes(labels, K, 4), symmetry))

    def test_by_hand_with_a_reach(self):
        """A third of the edge of a patch of four is a pixel: one away is mixed, two away is not."""
        row = np.array([[0] * 4 + [1] * 5 + [0] * 7], np.uint8)
        labels = row.repeat(4, 0)
        np.testing.assert_array_equal(classes(labels, K, 4), [[0, 1, K, 0]])
        np.testing.assert_array_equal(classes(labels, K, 4, reach=1 / 3), [[K, K, K, 0]])

    def test_what_is_outside_around_a_patch_says_nothing(self):
        labels = np.array([[1, 1, OUTSIDE, OUTSIDE], [1, 1, OUTSIDE, OUTSIDE]], np.uint8)
        np.testing.assert_array_equal(classes(labels, K, 2, reach=1.0), [[1, OUTSIDE]])

    @given(images)
    def test_no_reach_makes_the_last_stage_mixed(self, labels):
        np.testing.assert_array_equal(classes(labels, K, 1, reach=1.0), labels)

    @given(images, st.sampled_from([2, 4, 8]), st.floats(0, 1))
    def test_a_reach_makes_dense_patches_mixed_and_changes_nothing_else(self, labels, patch, reach):
        without, found = classes(labels, K, patch), classes(labels, K, patch, reach)
        np.testing.assert_array_equal(found[found != without], K)
        np.testing.assert_array_equal(found, classes(labels, K, patch, reach))

    @pytest.mark.parametrize("patch", [2, 4, 8])
    def test_a_quarter_makes_squares_mixed_as_often_as_cubes(self, patch, rng):
        """Planes of isotropic rock: overlapping spheres much larger than a patch."""
        volume = overlapping_spheres(rng, edge=128, radius=26, count=16)
        cells = volume.reshape(*np.ravel([(128 // patch, patch)] * 3))
        cubes = np.mean(cells.min((1, 3, 5)) != cells.max((1, 3, 5)))
        squares, reaching = (
            np.mean([mixed_fraction(classes(plane, 2, patch, reach), 2) for plane in volume[::4]])
            for reach in (0.0, 0.25)
        )
        assert squares / cubes == pytest.approx(2 / 3, rel=0.06)
        assert reaching / cubes == pytest.approx(1, rel=0.06)

    def test_outside_does_not_count(self):
        assert mixed_fraction(np.array([0, K, OUTSIDE, OUTSIDE], np.uint8), K) == 1 / 2

    def test_patches_halve_from_stage_to_stage(self):
        """The paper's five: 16, 8, 4, 2 pixels, and the image."""
        assert [patch_size(stage, 5) for stage in range(1, 6)] == [16, 8, 4, 2, 1]
        with pytest.raises(ValueError, match="stage 6 of 5"):
            patch_size(6, 5)


class TestSymmetries:
    def test_all_eight_differ_and_the_first_does_nothing(self):
        image = np.array([[1, 2], [3, 4]])
        found = {apply_symmetry(image, k).tobytes() for k in range(8)}
        assert len(found) == 8
        np.testing.assert_array_equal(apply_symmetry(image, 0), image)

    def test_they_are_views(self):
        image = np.zeros((5, 5), np.uint8)
        assert all(apply_symmetry(image, k).base is image for k in range(8))

    def test_they_form_a_group(self):
        """Any two after each other are one of the eight."""
        image = np.arange(9).reshape(3, 3)
        every = [apply_symmetry(image, k) for k in range(8)]
        for one in every:
            for k in range(8):
                assert any(np.array_equal(apply_symmetry(one, k), other) for other in every)

    def test_stacks_turn_in_their_plane(self):
        stack = np.arange(24).reshape(2, 3, 4)
        np.testing.assert_array_equal(apply_symmetry(stack, 5)[1], apply_symmetry(stack[1], 5))

    def test_there_are_no_more(self):
        with pytest.raises(ValueError, match="symmetry 8 of 8"):
            apply_symmetry(np.zeros((2, 2)), 8)


class TestStep:
    @pytest.fixture
    def hr(self, tmp_path, rng):
        """Two images of different sizes, neither a multiple of the largest patch."""
        images = [
            rng.integers(0, K, (6, 7), np.uint8).repeat(9, 0).repeat(9, 1),
            rng.integers(0, K, (4, 5), np.uint8).repeat(11, 0).repeat(11, 1),
        ]
        path = tmp_path / "hr.h5"
        phases = Phases.of(["pore", "quartz", "clay"])
        write_images(path, images, 0.5, phases=phases, names=["a", "b"])
        return path

    def test_one_file_a_stage(self, hr, tmp_path):
        given = read_images(hr)
        for stage in range(1, STAGES + 1):
            pyramid(hr, tmp_path / f"stage{stage}.h5", stage, STAGES, SETTINGS)
            found = read_images(tmp_path / f"stage{stage}.h5")
            patch = 2 ** (STAGES - stage)
            assert found.pixel_um == 0.5 * patch
            assert (found.names, found.phases) == (given.names, given.phases)
            for image, original in zip(found.images, given.images, strict=True):
                np.testing.assert_array_equal(image, classes(original, K, patch, 0.25))

    def test_an_image_smaller_than_a_patch_is_named(self, hr, tmp_path):
        with pytest.raises(InputError, match=r"hr.h5: a: found 54 × 63 pixels, .* at least 64"):
            pyramid(hr, tmp_path / "stage1.h5", 1, 7, SETTINGS)

    def test_the_figure(self, hr, tmp_path):
        pyramid_figure(hr, tmp_path / "pyramid", STAGES, SETTINGS)
        drawing = (tmp_path / "pyramid.svg").read_text("utf-8")
        assert (tmp_path / "pyramid.png").exists()
        for text in ("stage 1: 4 µm", "stage 4: 0.5 µm", "mixed 0%", "clay", ">mixed<"):
            assert text in drawing


@pytest.mark.rock
def test_mixed_fractions_of_the_berea(rock_data):
    """What anyone finds on the real volume, slice by slice, for patches of 2 and 4 voxels.

    The manifest's .17 and .43 are of cubes; a face of a cube is mixed less often than the cube.
    """
    volume = tifffile.imread(rock_data / "berea-ct" / "berea_ct_4phase_3p5um_257.tif")
    share = {
        patch: np.mean([mixed_fraction(classes(plane, 4, patch), 4) for plane in volume[::16]])
        for patch in (2, 4, 8)
    }
    assert 0 < share[2] < 0.17
    assert share[2] < share[4] < 0.43
    assert share[4] < share[8] < 0.75


def test_a_mosaic_takes_a_few_bytes_a_pixel() -> None:
    labels = np.zeros((600, 600), np.uint8)
    tracemalloc.start()
    classes(labels, 3, 2, 0.25)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 13 * labels.size


def test_patches_of_a_neighbourhood_reach_alike() -> None:
    """Straight walls stay straight: what is mixed along them changes rarely."""
    labels = np.zeros((512, 512), np.uint8)
    labels[:, np.arange(512) % 64 >= 32] = 1
    beside = classes(labels, 2, 2, 0.25)[:, 15:240:16] == 2  # reached by the pixel to their right
    assert beside.mean() == pytest.approx(0.25, abs=0.05)
    assert np.mean(beside[1:] != beside[:-1]) < 0.15  # 0.375 if each patch had its own chance
