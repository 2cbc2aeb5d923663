"""Realisations differ where LR leaves a choice: twins, and a loss while they are alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rocks import PHASES, TINY, blobs, make_rock, train_stage

from octolith.networks import Block, Generator, weights
from octolith.networks.context import linear
from octolith.networks.generator import Growth
from octolith.octree import Level, build
from octolith.settings.training import TrainSettings
from octolith.training import losses
from octolith.training.data import Cubes


def plane(at: int) -> torch.Tensor:
    """(1, 8, 8, 8) labels: phase 0 before ``at`` along x, phase 1 from there."""
    return (torch.arange(8) >= at).byte().expand(1, 8, 8, 8).contiguous()


def grown(*volumes: torch.Tensor) -> Growth:
    """A batch of volumes as decided growths of depth 1."""
    tree = build(torch.cat(volumes), 1, phases=2)
    chosen = torch.nn.functional.one_hot(tree.classes[-1].long(), 3).float()
    return Growth(tree, (100 * chosen).requires_grad_())


LR = torch.cat([plane(0)[:, :4, :4, :4]] * 2)
LR[..., :2] = 0


def test_linear_interpolation_by_hand() -> None:
    """A quarter of an LR voxel from its centre: three quarters of it, a quarter of the next."""
    level = Level.grid((1, 1, 2), 1, torch.device("cpu")).children()
    labels = torch.tensor([[[[0, 1]]]], dtype=torch.uint8)
    shares = linear(labels, level, 2)
    for x, pore in enumerate((1.0, 0.75, 0.25, 0.0)):
        here = level.coordinates[:, 2] == x
        torch.testing.assert_close(shares[here, 0], torch.full((4,), pore))


def test_twins_that_are_alike_cost_what_lr_leaves_open() -> None:
    """Beside the interface two draws of 3/4 and 1/4 differ with 3/8; elsewhere LR is sure."""
    alike = grown(plane(3), plane(3))
    cost = float(losses.likeness_loss(alike, LR).detach())
    # The interface is in the cells of x = 2 and 3, and LR's is between 3 and 4.
    assert cost == pytest.approx(losses.OPEN * (0 + 3 / 8) / 2, abs=1e-4)


def test_twins_that_differ_enough_cost_nothing() -> None:
    one = plane(3)
    other = one.clone()
    other[..., 2:4] = 1 - other[..., 2:4]
    assert float(losses.likeness_loss(grown(one, other), LR).detach()) == 0.0


def test_only_nodes_that_both_have_are_compared() -> None:
    """The interfaces are two cells apart: no node is in both."""
    assert float(losses.likeness_loss(grown(plane(1), plane(7)), LR).detach()) == 0.0


def test_each_is_pushed_away_from_what_the_other_says() -> None:
    growth = grown(plane(3), plane(3))
    soft = Growth(growth.octree, (growth.logits.detach() / 100).requires_grad_())
    losses.likeness_loss(soft, LR).backward()
    said = growth.octree.classes[-1].long()
    rows = torch.arange(len(said))
    assert (soft.logits.grad[rows, said] > 0).all()
    assert (soft.logits.grad[rows, 1 - said] < 0).all()


def test_a_cubes_twin_is_the_same_rock_with_other_noise() -> None:
    cubes = Cubes(blobs((16, 16, 16)), 8, 2)
    block = cubes.draw(4, 3, torch.Generator().manual_seed(0), twins=True)
    torch.testing.assert_close(block.labels[:2], block.labels[2:])
    assert not torch.equal(block.labels[0], block.labels[1])
    settings = TrainSettings(generator={"noise": 1, "finer_noise": 1}).generator_settings()
    generator = Generator(settings, 2, 2)
    noise = generator._input(block)[:, -1]
    assert abs(float(np.corrcoef(noise[:2].flatten(), noise[2:].flatten())[0, 1])) < 0.1
    level = Level.grid(block.shape, 4, torch.device("cpu")).children()
    finer = generator._finer_noise(block, level)
    half = len(finer) // 2
    assert abs(float(np.corrcoef(finer[:half, 0], finer[half:, 0])[0, 1])) < 0.05


def test_finer_noise_makes_other_realisations_where_the_first_stage_has_none() -> None:
    torch.manual_seed(0)
    changes = {"noise": 0, "finer_noise": 1, "widths": ((6, 6),)}
    generator = Generator(TrainSettings(generator=changes).generator_settings(), 2, 2).eval()
    torch.nn.init.constant_(generator.stages[0].classify.bias, -10.0)
    generator.stages[0].classify.bias.data[2] = 10.0
    torch.nn.init.normal_(generator.stages[1].classify.weight)
    labels = torch.from_numpy(blobs((6, 6, 6)))[None]
    made = []
    for seed in (1, 2, 1):
        block = Block(labels, torch.zeros(1, 3, dtype=torch.int64), ((0,) * 3, (6,) * 3), seed)
        with torch.no_grad():
            made.append(generator(block, 2).logits)
    assert not torch.equal(made[0], made[1])
    assert torch.equal(made[0], made[2])


@pytest.mark.parametrize(("batch", "alike"), [(1, []), (3, [(0, 2)]), (4, [(0, 2), (1, 3)])])
def test_who_is_left_over_has_no_twin(batch: int, alike: list[tuple[int, int]]) -> None:
    cubes = Cubes(blobs((16, 16, 16)), 8, 0)
    block = cubes.draw(batch, 0, torch.Generator().manual_seed(0), twins=True)
    pairs = [(i, j) for j in range(batch) for i in range(j) if torch.equal(*block.labels[[i, j]])]
    assert block.labels.shape[0] == batch
    assert pairs == alike
    volumes = block.labels.repeat_interleave(2, 1).repeat_interleave(2, 2).repeat_interleave(2, 3)
    volumes[:, ::2, ::2, ::2] ^= 1  # now every node is mixed
    growth = grown(*volumes[:, None])
    _, compared = losses._twins(growth.octree.levels[-1])
    assert len(compared) == len(alike) * 16**3


def test_stages_train_with_it_and_weights_read_back(tmp_path: Path) -> None:
    make_rock(tmp_path)
    changes = {
        "generator": TINY["generator"] | {"finer_noise": 1},
        "all": TINY["all"] | {"batch": 2, "diversity_weight": 10.0},
    }
    for stage in (1, 2):
        out = train_stage(tmp_path, stage, **changes)
    log = pd.read_csv(out.parent / "log.csv")
    assert (log["likeness_loss"] >= 0).all()
    generator, _ = weights.load_generator(out, PHASES, 2)
    assert generator.settings.finer_noise == 1
