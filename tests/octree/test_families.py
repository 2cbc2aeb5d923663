"""Convolutions on families equal the dense ones, in every precision and however they are cut."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from random_octrees import mixed_parents
from torch.nn import functional

from octolith.errors import InputError
from octolith.octree import Level, convolution, families, gathered, winograd
from octolith.octree.convolution import conv3

seeds = st.integers(0, 2**31)
edges = st.tuples(*[st.integers(1, 5)] * 3)


def scatter(level: Level, x: torch.Tensor) -> torch.Tensor:
    """Features on the nodes of a level -> dense (batch, c, z, y, x), zero where no node is."""
    z, y, c = level.coordinates.unbind(-1)
    edge = int(level.coordinates.max()) + 1 if len(level) else 1
    dense = x.new_zeros(level.batch, edge, edge, edge, x.shape[1])
    return dense.index_put((level.batch_index, z, y, c), x).movedim(-1, 1)


def gather(level: Level, dense: torch.Tensor) -> torch.Tensor:
    z, y, x = level.coordinates.unbind(-1)
    return dense.movedim(1, -1)[level.batch_index, z, y, x]


def random(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=g, dtype=dtype).requires_grad_()


# What the native engine uses, the second for half precision on a GPU.
both_ways = pytest.mark.parametrize("way", [winograd, gathered], ids=lambda way: way.__name__)


@both_ways
@given(seeds, edges, st.integers(1, 2))
def test_convolution_equals_the_dense_one_with_absent_nodes_zero(way, seed, shape, depth) -> None:
    parents = mixed_parents(seed, shape, depth)
    level = parents.children()
    x = random(seed, len(level), 5)
    weight, bias = random(seed + 1, 4, 5, 3, 3, 3), random(seed + 2, 4)
    wanted = gather(level, functional.conv3d(scatter(level, x), weight, bias, padding=1))
    got = conv3(x, weight, bias, parents.neighbours(), way)
    assert torch.allclose(got, wanted, atol=1e-12)
    upstream = random(seed + 3, *got.shape)
    for a, b in zip(
        torch.autograd.grad(got, (x, weight, bias), upstream),
        torch.autograd.grad(wanted, (x, weight, bias), upstream),
        strict=True,
    ):
        assert torch.allclose(a, b, atol=1e-11)


@both_ways
def test_float32_is_as_good_as_the_dense_one(way) -> None:
    parents = mixed_parents(0, (6, 6, 6), 2)
    level = parents.children()
    x, weight = random(1, len(level), 64), random(2, 64, 64, 3, 3, 3)
    exact = gather(level, functional.conv3d(scatter(level, x), weight, padding=1))
    single = conv3(x.float(), weight.float(), None, parents.neighbours(), way)
    assert (single - exact).norm() < 1e-6 * exact.norm()


@both_ways
def test_chunks_do_not_show(way, monkeypatch: pytest.MonkeyPatch) -> None:
    parents = mixed_parents(3, (4, 4, 4), 2)
    x, weight = random(1, 8 * len(parents), 5), random(2, 4, 5, 3, 3, 3)

    def results() -> list[torch.Tensor]:
        out = conv3(x, weight, None, parents.neighbours(), way)
        return [out, *torch.autograd.grad(out.square().sum(), (x, weight))]

    whole = results()
    monkeypatch.setattr(way, "CHUNK_BYTES", 1)
    monkeypatch.setattr(winograd, "MIN_FAMILIES", 7)
    assert len(parents) % 7 and len(parents) > 21
    for a, b in zip(results(), whole, strict=True):
        assert torch.allclose(a, b, atol=1e-11)


def test_cores_that_share_the_families_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(winograd, "MIN_FAMILIES", 7)
    parents = mixed_parents(3, (4, 4, 4), 2)
    x, weight = random(1, 8 * len(parents), 5), random(2, 4, 5, 3, 3, 3)
    before = torch.get_num_threads()
    try:
        results = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            out = families(parents).conv3(x, weight, None)
            results.append([out, *torch.autograd.grad(out.square().sum(), (x, weight))])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, atol=1e-11)


@both_ways
@pytest.mark.parametrize("trained", [("x",), ("weight",), ("bias",), ("x", "bias")])
def test_only_the_gradients_that_are_wanted(way, trained: tuple[str, ...]) -> None:
    parents = mixed_parents(0, (3, 3, 3), 1)
    inputs = {
        "x": random(0, 8 * len(parents), 3),
        "weight": random(1, 2, 3, 3, 3, 3),
        "bias": random(2, 2),
    }
    near = parents.neighbours()
    every = torch.autograd.grad(conv3(*inputs.values(), near, way).sum(), inputs.values())
    for (name, tensor), gradient in zip(inputs.items(), every, strict=True):
        tensor.requires_grad_(name in trained)
        inputs[name] = tensor if name not in trained else tensor.detach().requires_grad_()
        assert gradient.shape == tensor.shape
    conv3(*inputs.values(), near, way).sum().backward()
    for (name, tensor), gradient in zip(inputs.items(), every, strict=True):
        if name in trained:
            assert torch.allclose(tensor.grad, gradient)
        else:
            assert tensor.grad is None


@both_ways
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_halves_the_features_and_loses_their_rounding_alone(
    way, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convolution, "way_for", lambda x: way)
    parents = mixed_parents(0, (5, 5, 5), 1)
    near = families(parents)
    single = torch.float32
    x = random(0, len(parents), 16, dtype=single)
    up, up_bias = random(1, 16, 16, 2, 2, 2, dtype=single), random(2, 16, dtype=single)
    weight, bias = random(3, 8, 16, 3, 3, 3, dtype=single), random(4, 8, dtype=single)
    leaves = (x, up, up_bias, weight, bias)

    def run() -> torch.Tensor:
        return near.conv3(near.upsample(x, up, up_bias), weight, bias)

    exact = run()
    with torch.autocast("cpu", dtype):
        rough = run()
    assert rough.dtype == dtype
    assert near.upsample(x, up, up_bias).dtype == single
    bound = 4 * torch.finfo(dtype).eps
    assert (rough.float() - exact).norm() < bound * exact.norm()
    upstream = random(5, *exact.shape, dtype=single)
    for a, b in zip(
        torch.autograd.grad(rough, leaves, upstream.to(dtype)),
        torch.autograd.grad(exact, leaves, upstream),
        strict=True,
    ):
        assert a.dtype == single
        assert (a - b).norm() < bound * b.norm()


def test_transposed_convolution_equals_the_dense_one() -> None:
    level = Level.grid((3, 3, 3), batch=2)
    x = random(0, len(level), 3)
    layer = torch.nn.ConvTranspose3d(3, 6, 2, 2).double()
    wanted = gather(level.children(), layer(scatter(level, x)))
    assert torch.allclose(families(level).upsample(x, layer.weight, layer.bias), wanted)


@both_ways
def test_no_parent_gives_no_child_and_zero_gradients(way, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "way_for", lambda x: way)
    near = families(Level.grid((2, 2, 2)).select(torch.zeros(8, dtype=torch.bool)))
    x = torch.zeros(0, 3, requires_grad=True)
    up, weight = random(0, 3, 3, 2, 2, 2).float(), random(1, 2, 3, 3, 3, 3).float()
    out = near.conv3(near.upsample(x, up, torch.zeros(3)), weight, torch.zeros(2))
    assert out.shape == (0, 2)
    for gradient in torch.autograd.grad(out.sum(), (x, up, weight)):
        assert float(gradient.abs().sum()) == 0


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(InputError, match=r"spconv.*native"):
        families(Level.grid((1, 1, 1)), "spconv")
