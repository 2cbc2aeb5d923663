"""The octree is exact: what goes in comes out, and convolutions equal the dense ones."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from random_octrees import blobs
from torch.nn import functional

from octolith.octree import Level, build, morton, render

seeds = st.integers(0, 2**31)
edges = st.tuples(*[st.integers(1, 5)] * 3)


@given(seeds)
def test_keys_and_coordinates_are_inverse_and_order_by_batch(seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    coordinates = torch.randint(0, morton.LARGEST + 1, (50, 3), generator=g)
    batch = torch.randint(0, 100, (50,), generator=g)
    keys = morton.encode(coordinates, batch)
    assert torch.equal(morton.decode(keys), coordinates)
    assert torch.equal(keys >> morton.BATCH_SHIFT, batch)


def test_children_of_a_cell_by_hand() -> None:
    level = Level(morton.encode(torch.tensor([[1, 2, 3]])), 0, 1)
    children = level.children()
    assert children.coordinates.tolist() == [
        [2, 4, 6], [2, 4, 7], [2, 5, 6], [2, 5, 7], [3, 4, 6], [3, 4, 7], [3, 5, 6], [3, 5, 7]
    ]  # fmt: skip


@given(seeds, edges, st.integers(0, 3))
def test_reconstruction_is_exact(seed: int, shape: tuple[int, ...], depth: int) -> None:
    labels = blobs(seed, shape, depth)
    octree = build(labels, depth, phases=3)
    assert torch.equal(octree.reconstruct(), labels)


@given(seeds, edges, st.integers(0, 3), st.integers(0, 2))
def test_planes_equal_slices_of_the_volume(seed, shape, depth, axis) -> None:
    labels = blobs(seed, shape, depth)
    octree = build(labels, depth, phases=3)
    probabilities = functional.one_hot(octree.classes[-1].long(), 4).float().requires_grad_()
    edge = labels.shape[axis + 1]
    planes = torch.tensor([[b, k] for b in (0, 1) for k in (0, edge - 1, edge // 2)])
    drawn = render(octree, probabilities, axis, planes)
    expected = torch.stack([labels[b].select(axis, k) for b, k in planes.tolist()])
    assert torch.equal(drawn.argmax(1).to(torch.uint8), expected)
    drawn.sum().backward()
    assert probabilities.grad is not None


@given(seeds, edges, st.integers(0, 2))
def test_neighbours_are_where_they_should_be(seed, shape, depth) -> None:
    octree = build(blobs(seed, shape, depth), depth, phases=3)
    level = octree.levels[-1].select(octree.classes[-1] != 1)
    rows = {
        (b, *at): row
        for row, (b, at) in enumerate(
            zip(level.batch_index.tolist(), level.coordinates.tolist(), strict=True)
        )
    }
    expected = [
        [rows.get((b, z + dz, y + dy, x + dx), len(level)) for b, z, y, x in rows]
        for dz in (-1, 0, 1)
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    ]
    assert level.neighbours().tolist() == expected


def test_no_cell_has_no_children_and_no_neighbours() -> None:
    empty = Level.grid((2, 2, 2)).select(torch.zeros(8, dtype=torch.bool))
    assert len(empty.children()) == 0
    assert empty.neighbours().shape == (27, 0)
