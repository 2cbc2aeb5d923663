"""MinkowskiEngine, the paper's library, is the oracle: the native engine gives what it gives.

Where MinkowskiEngine is not installed these tests are skipped, and say so loudly; set
OCTOLITH_REQUIRE_MINKOWSKI where it is expected, and its absence is a failure.
"""

from __future__ import annotations

import os
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_octrees import blobs, mixed_parents

from octolith.errors import InputError
from octolith.networks import Block, Generator
from octolith.octree import families, minkowski
from octolith.settings.training import TrainSettings

pytestmark = pytest.mark.minkowski


@pytest.fixture(scope="module", autouse=True)
def oracle() -> None:
    try:
        minkowski.load()
    except InputError as missing:
        if os.environ.get("OCTOLITH_REQUIRE_MINKOWSKI"):
            pytest.fail(f"MINKOWSKIENGINE IS EXPECTED HERE: {missing}")
        warnings.warn("NO MINKOWSKIENGINE: the engines were not compared", stacklevel=1)
        pytest.skip("NO MINKOWSKIENGINE: the engines were not compared")


def relative(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).detach().norm() / b.detach().norm().clamp_min(1e-12))


@settings(max_examples=50)
@given(
    seed=st.integers(0, 2**31),
    shape=st.tuples(*[st.integers(1, 6)] * 3),
    depth=st.integers(1, 2),
    widths=st.tuples(*[st.integers(1, 20)] * 3),
)
def test_outputs_and_all_gradients_agree(seed, shape, depth, widths) -> None:
    parents = mixed_parents(seed, shape, depth)
    a, b, c = widths
    results = []
    for engine in ("native", "minkowski"):
        torch.manual_seed(seed)
        near = families(parents, engine)
        x = torch.randn(len(parents), a, requires_grad=True)
        up = torch.nn.ConvTranspose3d(a, b, 2, 2)
        first, second = torch.nn.Conv3d(b, c, 3), torch.nn.Conv3d(c, b, 3)
        y = near.upsample(x, up.weight, up.bias)
        z = torch.tanh(near.conv3(y, first.weight, first.bias))
        out = near.conv3(z, second.weight, second.bias)
        leaves = [x, *up.parameters(), *first.parameters(), *second.parameters()]
        gradients = torch.autograd.grad(out, leaves, torch.randn(out.shape))
        results.append([y, z, out, *gradients])
    for native, theirs in zip(*results, strict=True):
        assert native.shape == theirs.shape
        assert relative(native, theirs) < 1e-5


@pytest.mark.parametrize("norm", ["channel", "batch"])
def test_a_checkpoint_of_one_engine_runs_in_the_other(norm: str) -> None:
    torch.manual_seed(0)
    narrow = TrainSettings(generator={"widths": ((6, 6), (6, 5)), "norm": norm, "context": False})
    native = Generator(narrow.generator_settings(), phases=3, stages=3)
    for stage in native.stages:  # untrained weights leave little mixed
        torch.nn.init.normal_(stage.classify.weight, std=2.0)
    other = Generator(narrow.generator_settings(), phases=3, stages=3, engine="minkowski")
    other.load_state_dict(native.state_dict())
    labels = blobs(1, (8, 8, 8), 0)
    block = Block(labels, torch.zeros(2, 3, dtype=torch.int64), ((0, 0, 0), (8, 8, 8)), seed=4)
    ours, theirs = native(block, 3), other(block, 3)
    assert 0 < len(ours.logits) < 2 * 32**3
    assert relative(ours.logits, theirs.logits) < 1e-5
    assert torch.equal(ours.octree.reconstruct(), theirs.octree.reconstruct())
    native.load_state_dict(other.state_dict())


@pytest.mark.parametrize("engine", ["native", "minkowski"])
def test_nothing_to_subdivide(engine: str) -> None:
    parents = mixed_parents(0, (2, 2, 2), 1)
    near = families(parents.select(torch.zeros(len(parents), dtype=torch.bool)), engine)
    x = torch.zeros(0, 3, requires_grad=True)
    up, conv = torch.nn.ConvTranspose3d(3, 4, 2, 2), torch.nn.Conv3d(4, 5, 3)
    out = near.conv3(near.upsample(x, up.weight, up.bias), conv.weight, conv.bias)
    assert out.shape == (0, 5)
    out.sum().backward()
    assert x.grad.shape == (0, 3)
    for parameter in (*up.parameters(), *conv.parameters()):
        assert float(parameter.grad.abs().sum()) == 0
