"""The prior: among rocks that fit, the likeliest; and learning rates that fall at the end."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import torch
from rocks import TINY, growth_of, make_rock, train_stage

from octolith.networks import Growth
from octolith.octree import build
from octolith.training import losses


def plane(edge: int, at: int) -> torch.Tensor:
    """(1, edge³) labels: phase 0 before ``at`` along x, phase 1 from there."""
    return (torch.arange(edge) >= at).byte().expand(1, edge, edge, edge).contiguous()


def grown(labels: torch.Tensor, depth: int) -> Growth:
    tree = build(labels, depth, phases=2)
    chosen = torch.nn.functional.one_hot(tree.classes[-1].long(), 3).float()
    return growth_of(tree, 100 * chosen)


def interpolated(labels: torch.Tensor, phases: int, scale: int) -> torch.Tensor:
    """(batch, phases, z, y, x) shares at every fine voxel."""
    shape = (len(labels), *(scale * n for n in labels.shape[1:]))
    batch, *places = torch.ones(shape).nonzero().unbind(1)
    shares = losses.cubic(labels, phases, scale, batch, torch.stack(places, 1))
    return shares.reshape(*shape, phases).movedim(-1, 1)


def test_interpolation_by_one_changes_nothing() -> None:
    labels = torch.randint(3, (2, 5, 6, 7), generator=torch.Generator().manual_seed(0))
    assert torch.equal(interpolated(labels, 3, 1).argmax(1), labels)


def test_in_a_plane_it_is_bicubic_interpolation() -> None:
    plane = torch.randint(3, (1, 1, 6, 7), generator=torch.Generator().manual_seed(0))
    fine = interpolated(plane.expand(1, 4, 6, 7), 3, 4)
    shares = torch.nn.functional.one_hot(plane[0], 3).movedim(-1, 1).float()
    known = torch.nn.functional.interpolate(shares, scale_factor=4, mode="bicubic").clamp(0, 1)
    assert torch.allclose(fine, known[:, :, None].expand_as(fine), atol=1e-5)
    assert torch.allclose(interpolated(plane.permute(0, 2, 3, 1).expand(1, 6, 7, 4), 3, 4),
                          known[..., None].expand(1, 3, 24, 28, 16), atol=1e-5)  # fmt: skip


def test_the_interface_lies_between_two_voxels() -> None:
    fine = interpolated(plane(4, 2), 2, 4)
    assert (fine[0, 0, 8, 8] > 0.5).tolist() == [True] * 8 + [False] * 8


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
