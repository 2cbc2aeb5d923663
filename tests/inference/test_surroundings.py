"""Where the volume or the rock ends, the network sees it go on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from octolith.blocks import cut
from octolith.networks import Block, Generator, halo
from octolith.phases import OUTSIDE
from octolith.settings.training import GeneratorSettings
from octolith.surroundings import continued, surrounded, window

LABELS = st.sampled_from([0, 1, OUTSIDE])
SMALL = st.tuples(*[st.integers(1, 6)] * 3)
VOLUMES = SMALL.flatmap(lambda shape: arrays(np.uint8, shape, elements=LABELS))


@given(VOLUMES, st.integers(0, 9))
def test_beyond_its_faces_a_volume_is_mirrored(volume: np.ndarray, width: int) -> None:
    """Also where it is thinner than what is around it."""
    seen = window(volume, (0, 0, 0), volume.shape, width)
    np.testing.assert_array_equal(seen, np.pad(volume, width, mode="symmetric"))


@given(VOLUMES, st.integers(0, 3))
def test_the_rock_stays_and_grows_by_so_many_voxels(volume: np.ndarray, steps: int) -> None:
    grown = continued(volume, steps)
    rock = volume != OUTSIDE
    np.testing.assert_array_equal(grown[rock], volume[rock])
    near = np.zeros_like(rock)
    for z, y, x in np.argwhere(rock):
        low = [max(0, c - steps) for c in (z, y, x)]
        near[tuple(slice(a, c + steps + 1) for a, c in zip(low, (z, y, x), strict=True))] = True
    np.testing.assert_array_equal(grown != OUTSIDE, near)


def test_a_face_goes_before_an_edge() -> None:
    """The voxel to be filled touches 1 with a face, 0 with an edge."""
    labels = np.array([[[0, 1], [1, OUTSIDE]]], np.uint8)
    assert continued(labels, 1)[0, 1, 1] == 1


@given(VOLUMES, st.integers(1, 3), st.integers(1, 6))
def test_no_cut_changes_what_is_seen(volume: np.ndarray, width: int, edge: int) -> None:
    """What lies within ``width`` of a voxel of the rock is the same from all blocks."""
    _, whole = surrounded(volume, (0, 0, 0), volume.shape, width)
    for block in cut(volume.shape, edge):
        _, seen = surrounded(volume, block.low, block.high, width)
        for at in np.argwhere(volume[block.region()] != OUTSIDE):
            here = tuple(slice(c, c + 2 * width + 1) for c in at)
            there = tuple(
                slice(a + c, a + c + 2 * width + 1) for a, c in zip(block.low, at, strict=True)
            )
            np.testing.assert_array_equal(seen[here], whole[there])


@pytest.fixture
def generator() -> Generator:
    """A random one, whose normalisations have other means than zero; classes are well mixed."""
    torch.manual_seed(0)
    settings = GeneratorSettings(widths=((6, 6), (6, 5)), noise=0, decision_noise=0.0)
    made = Generator(settings, phases=2, stages=2)
    for stage in made.stages:
        torch.nn.init.normal_(stage.classify.weight, std=2.0)
    for module in made.modules():
        if isinstance(getattr(module, "running_mean", None), torch.Tensor):
            module.running_mean.uniform_(-1, 1)
    return made.eval()


def test_rock_at_a_face_is_grown_as_mirrored_rock(generator: Generator) -> None:
    """A volume in the middle of its own reflections comes out as it does alone."""
    labels = np.random.default_rng(0).integers(0, 2, (5, 6, 7)).astype(np.uint8)
    width = halo(generator.settings, 1)
    amid = np.pad(labels, width, mode="symmetric")
    with torch.inference_mode():
        alone = generator(Block.read(labels, [(0, 0, 0)], labels.shape, width, 0), 2)
        among = generator(Block.read(amid, [[width] * 3], labels.shape, width, 0), 2)
    torch.testing.assert_close(alone.octree.reconstruct(), among.octree.reconstruct())
    assert len(alone.octree.classes[1])


def test_rock_at_its_own_surface_is_classified_as_inside(generator: Generator) -> None:
    """A core of one phase in a box: the surface cannot be told from the inside."""
    labels = np.zeros((9, 9, 9), np.uint8)
    labels[:, :3] = labels[6:] = OUTSIDE
    block = Block.read(labels, [(0, 0, 0)], labels.shape, halo(generator.settings, 0), 0)
    rock = torch.from_numpy((labels != OUTSIDE).ravel())
    with torch.inference_mode():
        logits = generator(block, 1).logits[rock]
        of_zeros = generator(replace(block, continued=None), 1).logits[rock]
    torch.testing.assert_close(logits, logits[:1].expand_as(logits))
    assert not torch.allclose(of_zeros, logits)
