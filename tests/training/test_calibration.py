"""At a stage's end: as much of every class as in the HR images, by biases alone."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rocks import blobs, make_rock, tiny_stage

from octolith.phases import OUTSIDE
from octolith.training import calibration
from octolith.training.calibration import (
    Sample,
    Wanted,
    biases,
    calibrated,
    refined_below,
    sample,
    shares,
    with_lr,
)
from octolith.training.data import Cubes

CLASSES = 3


def of(decided: np.ndarray, logits: np.ndarray, sure: np.ndarray | None = None) -> Sample:
    """Nodes that all weigh alike, of which LR is sure unless said otherwise."""
    weights, none = np.full(len(logits), 1 / len(logits)), np.zeros(len(decided))
    sure = np.ones(len(logits)) if sure is None else sure
    return Sample(decided, logits, sure, weights, none[None], none[None])


def shares_with(found: Sample, bias: np.ndarray) -> np.ndarray:
    """Of the whole volume, once the finest nodes are decided."""
    chosen = (found.logits + bias).argmax(1)
    rest = 1 - found.decided.sum()
    return found.decided + rest * np.bincount(chosen, found.weights, len(bias))


class TestBiases:
    def test_by_hand(self):
        """Ten nodes with logits apart by 0.1 … 1: half of each is wanted, so 0.5 to 0.6 is lost."""
        lead = np.linspace(0.1, 1.0, 10)
        found = of(np.zeros(2), np.stack([lead, np.zeros(10)], 1))
        change = biases(found, np.array([0.5, 0.5]))
        assert change.sum() == pytest.approx(0)
        assert 0.5 <= change[1] - change[0] <= 0.6
        np.testing.assert_allclose(shares_with(found, change), [0.5, 0.5])

    @given(arrays(float, CLASSES, elements=st.floats(0.1, 1)), st.integers(0, 1000))
    def test_shares_become_those_wanted(self, parts, seed):
        wanted = parts / parts.sum()
        logits = np.random.default_rng(seed).normal(size=(4000, CLASSES))
        found = of(wanted * 0.4, logits)
        np.testing.assert_allclose(shares_with(found, biases(found, wanted)), wanted, atol=0.01)

    def test_right_shares_are_left_alone(self):
        logits = np.random.default_rng(0).normal(size=(5000, CLASSES))
        found = of(np.zeros(CLASSES), logits)
        np.testing.assert_allclose(
            biases(found, shares_with(found, np.zeros(CLASSES))), 0, atol=1e-3
        )

    def test_what_is_decided_already_stays(self):
        """Coarser levels have more of the first class than is wanted: it gets none of the rest."""
        logits = np.random.default_rng(0).normal(size=(1000, 2))
        found = of(np.array([0.6, 0.0]), logits)
        change = biases(found, np.array([0.5, 0.5]))
        assert np.isfinite(change).all()
        assert shares_with(found, change)[0] < 0.605


class TestRefinedBelow:
    def test_by_hand(self):
        """One of five nodes is mixed; of the others LR is least sure of the last and the third."""
        lead = np.array([-0.1, 0.1, 0.2, 0.4, 0.8])
        sure = np.array([0.1, 0.9, 0.6, 0.8, 0.5])
        found = of(np.zeros(3), np.stack([lead, lead - 1, np.zeros(5)], 1), sure)
        assert 0.6 < refined_below(found, np.zeros(3), 3.0) < 0.8

    @given(st.integers(0, 1000), st.floats(1, 4))
    def test_as_much_more_is_refined(self, seed, factor):
        random = np.random.default_rng(seed)
        logits = random.normal((0, 0, -1), size=(4000, CLASSES))
        found = of(np.zeros(CLASSES), logits, random.uniform(0.3, 1, 4000))
        mixed = logits.argmax(1) == CLASSES - 1
        refined = mixed | (found.sure < refined_below(found, np.zeros(CLASSES), factor))
        assert refined.mean() == pytest.approx(min(1.0, factor * mixed.mean()), abs=1e-3)

    def test_amid_one_phase_nothing_more_is_refined(self):
        """However much may be."""
        found = of(np.zeros(2), np.array([[0.0, 1.0], [1.0, 0.0]]), np.ones(2))
        assert 0.99 < refined_below(found, np.zeros(2), 2.0) < 1

    def test_where_nothing_is_mixed_nothing_will_be(self):
        found = of(np.zeros(2), np.array([[1.0, 0.0], [2.0, 0.0]]), np.array([0.2, 0.3]))
        assert refined_below(found, np.zeros(2), 2.0) == 0


def test_nothing_left_to_decide_changes_nothing():
    half, none = np.array([0.5, 0.5]), np.zeros(2)
    decided = Sample(half, np.zeros((0, 2)), np.zeros(0), np.zeros(0), half[None], none[None])
    np.testing.assert_array_equal(biases(decided, np.array([0.2, 0.8])), 0)


def test_nodes_count_as_much_as_they_stand_for():
    """Of two nodes one stands for three quarters of the rest: it alone has the share wanted."""
    none, logits = np.zeros(2), np.array([[0.2, 0.0], [0.1, 0.0]])
    found = Sample(none, logits, np.ones(2), np.array([0.75, 0.25]), none[None], none[None])
    np.testing.assert_allclose(
        shares_with(found, biases(found, np.array([0.75, 0.25]))), [0.75, 0.25]
    )


def test_shares_are_of_the_rock():
    image = np.array([[0, 0, 1, OUTSIDE]], np.uint8)
    np.testing.assert_allclose(shares(np.stack([image, image]), 3), [2 / 3, 1 / 3, 0])


def test_counting_a_volume_takes_less_than_the_volume():
    labels = np.ones((64, 64, 64), np.uint8)
    tracemalloc.start()
    try:
        shares(labels, 3)
        assert tracemalloc.get_traced_memory()[1] < labels.nbytes / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("shape", [(24, 24, 24), (16, 30, 17)])
def test_a_lattice_is_spread_over_the_volume(shape):
    cubes = Cubes(blobs(shape), 8, 2)
    blocks = list(cubes.lattice(3))
    for block in blocks:
        assert block.shape == (8 + 2 * 2,) * 3
    corners = np.array([block.origin[0].tolist() for block in blocks]) + 2
    ends = np.array(shape) - 8
    np.testing.assert_array_equal(corners.min(0), 0)
    np.testing.assert_array_equal(corners.max(0), ends)


@pytest.mark.parametrize(("shape", "cubes"), [((16, 24, 60), 2 * 3 * 4), ((8, 15, 9), 1)])
def test_no_cube_of_a_lattice_lies_over_another(shape, cubes):
    corners = [block.origin[0] for block in Cubes(blobs(shape), 8, 0).lattice(4)]
    assert len(corners) == cubes
    for number, corner in enumerate(corners):
        for other in corners[:number]:
            assert int((corner - other).abs().max()) >= 8


def test_a_lattice_finds_the_rock_of_a_narrow_core():
    """A cylinder as wide as two cubes, in the middle of much air."""
    labels = blobs((32, 96, 96))
    y, x = np.ogrid[:96, :96]
    labels[:, (y - 48) ** 2 + (x - 48) ** 2 > 13**2] = OUTSIDE
    cubes = Cubes(labels, 8, 0)
    found = [block.labels for block in cubes.lattice(4)]
    assert len(found) >= 4
    assert not any((labels == OUTSIDE).any() for labels in found)


def test_no_cube_of_a_lattice_leaves_the_rock():
    labels = blobs((24, 24, 24))
    labels[:12] = OUTSIDE
    for block in Cubes(labels, 8, 0).lattice(3):
        assert not (block.labels == OUTSIDE).any()


class TestWanted:
    def test_by_hand(self):
        """Quarters of 0, 1/4, 1/2 and 1/4 pore: 1/4 on the mean, and 0.204 / √4 of a doubt."""
        image = np.ones((4, 4), np.uint8)
        image[0, 3] = image[2, 0] = image[3, 1] = image[2, 3] = 0
        wanted = Wanted.of([image], 3)
        np.testing.assert_allclose(wanted.shares, [0.25, 0.75, 0])
        np.testing.assert_allclose(wanted.error, [0.1021, 0.1021, 0], atol=1e-4)

    def test_a_larger_image_weighs_more(self):
        small, large = np.zeros((4, 4), np.uint8), np.ones((8, 8), np.uint8)
        np.testing.assert_allclose(Wanted.of([small, large], 2).shares, [0.2, 0.8])

    def test_images_that_differ_less_say_more(self):
        alike = np.indices((16, 16)).sum(0) % 2
        halves = np.repeat([0, 1], 8)[:, None] * np.ones((1, 16), int)
        assert Wanted.of([alike], 2).error.max() < Wanted.of([halves], 2).error.max()

    def test_of_a_single_pixel_nothing_is_known(self):
        made = np.array([0.3, 0.7])
        wanted = Wanted.of([np.zeros((1, 1), np.uint8)], 2)
        np.testing.assert_allclose(wanted.nearest_to(made, np.zeros(2)), made)

    @given(arrays(float, CLASSES, elements=st.floats(0.1, 1)))
    def test_within_the_doubt_nothing_changes(self, parts):
        made = parts / parts.sum()
        wanted = Wanted(np.full(CLASSES, 1 / CLASSES), np.ones(CLASSES))
        np.testing.assert_allclose(wanted.nearest_to(made, np.zeros(CLASSES)), made)

    def test_beyond_it_shares_go_as_far_as_it(self):
        """Two standard errors of 0.03 and 0.04 make one of 0.05."""
        wanted = Wanted(np.array([0.5, 0.5]), np.array([0.03, 0.03]))
        made = wanted.nearest_to(np.array([0.7, 0.3]), np.array([0.04, 0.04]))
        np.testing.assert_allclose(made, [0.55, 0.45])


@pytest.mark.parametrize("stage", [1, 2])
def test_a_generator_makes_as_much_of_every_class_as_its_images_allow(tmp_path, stage):
    """Off by less than a node in a hundred afterwards, whatever it was before."""
    make_rock(tmp_path)
    run = tiny_stage(stage)
    last = stage == run.generator.final
    run.generator.eval()

    def stock() -> Sample:
        with torch.no_grad():
            return sample(run.grow, run.cubes.lattice(4), 3)

    before = stock()
    hr = Wanted(shares(np.stack(run.panels.images()["zyx"]), 3), np.full(3, 0.01))
    with torch.no_grad():
        found = calibrated(run.grow, run.cubes, hr, last)
    change, below = found
    assert below == 0  # nothing more than the images have is asked for
    run.block.state_dict()["classify.bias"] += torch.from_numpy(change)
    run.generator.eval()
    after = stock()
    assert len(before.made) == 3**3  # cubes are the whole volume
    error = before.made.std(0, ddof=1) / len(before.made) ** 0.5
    goal = hr.nearest_to(before.made.mean(0), error)
    rest = np.clip(goal - before.decided, 0, None)
    reachable = before.decided + rest / rest.sum() * (1 - before.decided.sum())
    np.testing.assert_allclose(after.made.mean(0), reachable, atol=0.01)


class TestWithLr:
    """What cubes have more of than the volume in LR says what they have more of in classes."""

    def of(self, lr: np.ndarray, made: np.ndarray) -> Sample:
        none = np.zeros(CLASSES)
        return Sample(none, none[None], np.ones(1), np.ones(1), made, lr)

    def test_as_much_as_the_blocks_do(self, rng):
        """Of LR pore three tenths become pore and the others mixed, whatever else there is."""
        pore = rng.uniform(0, 1, 40)
        lr = np.stack([pore, 1 - pore, 0 * pore], 1)
        made = np.stack([0.1 + 0.3 * pore, 0.5 - 0.1 * pore, 0.4 - 0.2 * pore], 1)
        excess = with_lr(self.of(lr, made), np.array([0.1, -0.1, 0.0]))
        np.testing.assert_allclose(excess, [0.03, -0.01, -0.02], atol=1e-12)

    def test_it_is_nothing_in_all(self, rng):
        lr, made = rng.dirichlet([2, 3, 1], (2, 30))
        assert with_lr(self.of(lr, made), np.array([0.1, -0.3, 0.2])).sum() == pytest.approx(0)

    def test_a_few_blocks_say_nothing(self, rng):
        lr, made = rng.dirichlet([2, 3, 1], (2, 4))
        assert not with_lr(self.of(lr, made), np.array([0.1, -0.3, 0.2])).any()


def test_what_is_made_is_told_block_by_block(tmp_path):
    """The shares of each block are those of its voxels."""
    make_rock(tmp_path)
    run = tiny_stage(2)
    run.generator.eval()
    blocks = list(run.cubes.lattice(2))
    with torch.no_grad():
        made = sample(run.grow, blocks, 3).made
        trees = [run.grow(block).octree for block in blocks]
    dense = [shares(tree.reconstruct()[0].numpy(), 3) for tree in trees]
    np.testing.assert_allclose(made, dense)


@pytest.mark.parametrize("most", [1, 2, 8])
def test_each_of_eight_children_is_seen_as_often_as_the_others(tmp_path, monkeypatch, most):
    """Rows are families of eight: a sample that keeps one in so many keeps all kinds of child."""
    make_rock(tmp_path)
    run = tiny_stage(2)
    run.generator.eval()
    block = next(run.cubes.lattice(2))
    with torch.no_grad():
        growth = run.grow(block)
    kind = torch.arange(len(growth.logits)) % 8
    told = replace(growth, logits=kind[:, None].expand(-1, 3).float(), noise=None)
    monkeypatch.setattr(calibration, "NODES", len(kind) // most)
    seen = sample(lambda _: told, [block], 3).logits[:, 0]
    counts = np.bincount(seen.astype(int), minlength=8)
    assert counts.sum() > 8 * 8
    assert counts.max() - counts.min() <= 1
