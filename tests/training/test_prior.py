"""The prior: among rocks that fit, the likeliest; and learning rates that fall at the end."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from rocks import TINY, growth_of, make_rock, train_stage

from octolith.networks.generator import Growth
from octolith.octree import build
from octolith.training import losses


def plane(edge: int, at: int) -> torch.Tensor:
    """(1, edge³) labels: phase 0 before ``at`` along x, phase 1 from there."""
    return (torch.arange(edge) >= at).byte().expand(1, edge, edge, edge).contiguous()


def grown(labels: torch.Tensor, depth: int) -> Growth:
    tree = build(labels, depth, phases=2)
    chosen = torch.nn.functional.one_hot(tree.classes[-1].long(), 3).float()
    return growth_of(tree, 100 * chosen)


def test_interpolation_keeps_sums_of_phases_and_what_is_linear() -> None:
    labels = torch.randint(3, (2, 5, 6, 7), generator=torch.Generator().manual_seed(0))
    shares = losses.cubic(torch.nn.functional.one_hot(labels, 3).float(), 1)
    assert torch.equal(shares.argmax(-1), labels)
    ramp = torch.arange(8.0).div(10).expand(1, 8, 8, 8)[..., None]
    fine = losses.cubic(ramp, 4)[0, 16, 16, :, 0]
    places = (torch.arange(32) + 0.5) / 4 - 0.5
    # A cubic with a = -0.75 is not exact for ramps, but never a tenth of a voxel off.
    assert (fine - places / 10)[8:-8].abs().max() < 0.01


def test_the_interface_lies_between_two_voxels() -> None:
    fine = losses.cubic(torch.nn.functional.one_hot(plane(4, 2).long(), 2).float(), 4)
    assert (fine[0, 8, 8, :, 0] > 0.5).tolist() == [True] * 8 + [False] * 8


@pytest.mark.parametrize("decided", [True, False])
def test_the_interpolated_rock_is_the_likeliest(decided: bool) -> None:
    lr = plane(4, 2)
    # Odd places, so that there are nodes at the finest level.
    far, near, beyond, further = (
        float(losses.prior_loss(grown(plane(16, at), 2), lr, decided)) for at in (5, 7, 9, 11)
    )
    assert near < far and beyond < further
    assert near == pytest.approx(beyond)


def test_a_rock_without_finest_nodes_costs_nothing() -> None:
    assert float(losses.prior_loss(grown(plane(16, 8), 2), plane(4, 2), decided=True)) == 0.0


def test_it_pulls_a_node_towards_the_phase_that_lr_shows_there() -> None:
    growth = grown(plane(16, 11), 2)
    soft = growth_of(growth.octree, (growth.logits.detach() / 100).requires_grad_())
    losses.prior_loss(soft, plane(4, 2), decided=True).backward()
    x = soft.octree.levels[-1].coordinates[:, 2]
    wrong = x == 10  # pore here, grain in the interpolated image
    assert wrong.any()
    assert (soft.logits.grad[wrong, 0] > 0).all() and (soft.logits.grad[wrong, 1] < 0).all()


def test_mixed_nodes_are_undecided_and_cost_nothing() -> None:
    growth = grown(plane(16, 11), 1)
    mixed = torch.zeros_like(growth.logits)
    mixed[:, 2] = 100
    undecided = growth_of(growth.octree, mixed)
    assert float(losses.prior_loss(undecided, plane(8, 4), decided=False)) < 1e-9


def test_rates_fall_to_nothing_over_the_last_epochs(tmp_path: Path) -> None:
    make_rock(tmp_path)
    out = train_stage(tmp_path, 1, all=TINY["all"] | {"epochs": 4, "settle_epochs": 2})
    rates = pd.read_csv(out.parent / "log.csv")["learning_rate"] / 1e-3
    # The last of three updates an epoch: so many sixths of the way are left.
    assert rates.tolist() == pytest.approx([1, 1, 4 / 6, 1 / 6])


@pytest.mark.parametrize("stage", [1, 2])
def test_stages_train_with_a_prior(tmp_path: Path, stage: int) -> None:
    make_rock(tmp_path)
    for number in range(1, stage + 1):
        out = train_stage(tmp_path, number, all=TINY["all"] | {"prior_weight": 10.0})
    assert pd.read_csv(out.parent / "log.csv")["generator_loss"].notna().all()
