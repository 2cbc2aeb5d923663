"""At a stage's end: as much of every class as in the HR images, by biases alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rocks import blobs, make_rock, tiny_stage

from octolith.phases import OUTSIDE
from octolith.training.calibration import Sample, biases, sample, shares
from octolith.training.data import Cubes

CLASSES = 3


def of(decided: np.ndarray, logits: np.ndarray) -> Sample:
    """Nodes that all weigh alike."""
    return Sample(decided, logits, np.full(len(logits), 1 / len(logits)), np.zeros(len(decided)))


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


def test_nothing_left_to_decide_changes_nothing():
    none = Sample(np.array([0.5, 0.5]), np.zeros((0, 2)), np.zeros(0), np.zeros(2))
    np.testing.assert_array_equal(biases(none, np.array([0.2, 0.8])), 0)


def test_nodes_count_as_much_as_they_stand_for():
    """Of two nodes one stands for three quarters of the rest: it alone has the share wanted."""
    found = Sample(
        np.zeros(2), np.array([[0.2, 0.0], [0.1, 0.0]]), np.array([0.75, 0.25]), np.zeros(2)
    )
    np.testing.assert_allclose(
        shares_with(found, biases(found, np.array([0.75, 0.25]))), [0.75, 0.25]
    )


def test_shares_are_of_the_rock():
    image = np.array([[0, 0, 1, OUTSIDE]], np.uint8)
    np.testing.assert_allclose(shares(np.stack([image, image]), 3), [2 / 3, 1 / 3, 0])


@pytest.mark.parametrize("shape", [(24, 24, 24), (10, 30, 17)])
def test_a_lattice_is_spread_over_the_volume(shape):
    cubes = Cubes(blobs(shape), 8, 2)
    blocks = list(cubes.lattice(3))
    for block in blocks:
        assert block.shape == tuple(8 + 2 * h for h in cubes.halo)
    corners = np.array([block.origin[0].tolist() for block in blocks])
    ends = np.array(shape) - np.array(blocks[0].shape)
    np.testing.assert_array_equal(corners.min(0), 0)
    np.testing.assert_array_equal(corners.max(0), ends)


def test_no_cube_of_a_lattice_leaves_the_rock():
    labels = blobs((24, 24, 24))
    labels[:12] = OUTSIDE
    for block in Cubes(labels, 8, 0).lattice(3):
        assert not (block.labels == OUTSIDE).any()


@pytest.mark.parametrize("stage", [1, 2])
def test_a_generator_makes_as_much_of_every_class_as_its_images_have(tmp_path, stage):
    """Off by less than a node in a hundred afterwards, whatever it was before."""
    make_rock(tmp_path)
    run = tiny_stage(tmp_path, stage)
    wanted = shares(np.stack(run.panels.images()["zyx"]), 3)
    run.calibrate(run.best)
    run.block.load_state_dict(run.best.state_dict())
    run.generator.eval()
    with torch.no_grad():
        found = sample(run.grow, run.cubes.lattice(4), 3)
    excess = found.lr - shares(run.cubes.labels, 3)
    bias = np.zeros(3) if stage == 1 else np.array([0, 0, -np.inf])
    made = shares_with(found, bias)
    goal = np.clip(wanted + excess, 0, None)
    feasible = np.clip(goal - found.decided, 0, None)
    feasible = found.decided + feasible / feasible.sum() * (1 - found.decided.sum())
    np.testing.assert_allclose(made, feasible, atol=0.01)
