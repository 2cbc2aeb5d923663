"""The octree is exact: what goes in comes out, and convolutions equal the dense ones."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from octolith.octree import Level, build, families, morton, render

seeds = st.integers(0, 2**31)
edges = st.tuples(*[st.integers(1, 5)] * 3)


def rock(seed: int, shape: tuple[int, ...], depth: int, phases: int = 3, batch: int = 2):
    """Random blobs: coarse labels with a few finer voxels changed."""
    g = torch.Generator().manual_seed(seed)
    coarse = torch.randint(0, phases, (batch, *shape), generator=g, dtype=torch.uint8)
    for _ in range(depth):
        for axis in (1, 2, 3):
            coarse = coarse.repeat_interleave(2, axis)
        flip = torch.rand(coarse.shape, generator=g) < 0.05
        coarse = torch.where(flip, (coarse + 1) % phases, coarse).to(torch.uint8)
    return coarse


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
    labels = rock(seed, shape, depth)
    octree = build(labels, depth, phases=3)
    assert torch.equal(octree.reconstruct(), labels)


@given(seeds, edges, st.integers(0, 3), st.integers(0, 2))
def test_planes_equal_slices_of_the_volume(seed, shape, depth, axis) -> None:
    labels = rock(seed, shape, depth)
    octree = build(labels, depth, phases=3)
    probabilities = functional.one_hot(octree.classes[-1].long(), 4).float().requires_grad_()
    edge = labels.shape[axis + 1]
    planes = torch.tensor([[b, k] for b in (0, 1) for k in (0, edge - 1, edge // 2)])
    drawn = render(octree, probabilities, axis, planes)
    expected = torch.stack([labels[b].select(axis, k) for b, k in planes.tolist()])
    assert torch.equal(drawn.argmax(1).to(torch.uint8), expected)
    drawn.sum().backward()
    assert probabilities.grad is not None


@given(seeds, edges, st.integers(1, 2))
def test_convolution_equals_the_dense_one_with_absent_nodes_zero(seed, shape, depth) -> None:
    labels = rock(seed, shape, depth)
    octree = build(labels, depth, phases=3)
    level = octree.levels[-1]
    parents = octree.levels[-2].select(octree.classes[-2] == 3)
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(len(level), 5, generator=g, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 5, 3, 3, 3, generator=g, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(4, generator=g, dtype=torch.float64, requires_grad=True)
    z, y, c = level.coordinates.unbind(-1)
    dense = torch.zeros((*labels.shape, 5), dtype=torch.float64)
    dense = dense.index_put((level.batch_index, z, y, c), x)
    wanted = functional.conv3d(dense.movedim(-1, 1), weight, bias, padding=1).movedim(1, -1)
    wanted = wanted[level.batch_index, z, y, c]
    got = families(parents).conv3(x, weight, bias)
    assert torch.allclose(got, wanted, atol=1e-12)
    upstream = torch.randn(got.shape, generator=g, dtype=torch.float64)
    for a, b in zip(
        torch.autograd.grad(got, (x, weight, bias), upstream),
        torch.autograd.grad(wanted, (x, weight, bias), upstream),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-11)


def test_transposed_convolution_equals_the_dense_one() -> None:
    level = Level.grid((2, 3, 4), batch=2)
    x = torch.randn(len(level), 3, dtype=torch.float64)
    layer = torch.nn.ConvTranspose3d(3, 6, 2, 2).double()
    z, y, c = level.coordinates.unbind(-1)
    dense = torch.zeros(2, 2, 3, 4, 3, dtype=torch.float64)
    dense[level.batch_index, z, y, c] = x
    wanted = layer(dense.movedim(-1, 1)).movedim(1, -1)
    fine = level.children()
    z, y, c = fine.coordinates.unbind(-1)
    assert torch.allclose(
        families(level).upsample(x, layer.weight, layer.bias), wanted[fine.batch_index, z, y, c]
    )


def test_empty_levels_work_everywhere() -> None:
    empty = Level.grid((2, 2, 2)).select(torch.zeros(8, dtype=torch.bool))
    assert len(empty.children()) == 0
    x = torch.zeros(0, 3, requires_grad=True)
    weight = torch.ones(2, 3, 3, 3, 3, requires_grad=True)
    out = families(empty).conv3(x, weight, torch.zeros(2))
    out.sum().backward()
    assert out.shape == (0, 2)
    assert float(weight.grad.abs().sum()) == 0
