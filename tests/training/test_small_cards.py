"""Small cards: the same gradients from fewer activations."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from rocks import tiny_stage
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

from octolith.networks import Block
from octolith.octree import winograd
from octolith.training import Stage


class Peak(TorchDispatchMode):
    """Bytes of the tensors made under it that are alive at once, at most."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in tree_iter(out):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor.untyped_storage())
        return out

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.now += size
            self.most = max(self.most, self.now)
            weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


def peak(work: Callable[[], object]) -> int:
    with Peak() as found:
        work()
    return found.most


def gradients(run: Stage) -> list[torch.Tensor]:
    return [p.grad.clone() for p in run.block.parameters() if p.grad is not None]


def assert_close(a: list[torch.Tensor], b: list[torch.Tensor]) -> None:
    assert len(a) == len(b)
    scale = max(float(x.abs().max()) for x in a)
    assert scale > 0
    assert all(torch.allclose(x, y, atol=1e-5 * scale) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("norm", ["channel", "batch"])
@pytest.mark.parametrize("stage", [1, 2])
def test_recomputed_layers_give_the_same_gradients_and_statistics_and_hold_less(
    monkeypatch: pytest.MonkeyPatch, stage: int, norm: str
) -> None:
    monkeypatch.setattr(winograd, "CHUNK_BYTES", 1 << 18)  # small beside the activations
    runs, peaks = [], []
    for recompute in (False, True):
        run = tiny_stage(
            stage, generator={"widths": [[16, 16], [24, 24]], "norm": norm}, recompute=recompute,
        )  # fmt: skip
        with torch.no_grad():
            run.generator.stages[0].classify.bias[run.phases.mixed] = 1e3
        block = run.cubes.draw(1, 0, run.random)
        peaks.append(peak(lambda run=run, block=block: run.grow(block).logits.sum().backward()))
        runs.append(run)
    plain, recomputed = runs
    assert_close(gradients(plain), gradients(recomputed))
    for name, value in plain.block.state_dict().items():
        assert torch.equal(value, recomputed.block.state_dict()[name]), name
    assert peaks[1] < 0.85 * peaks[0]


def test_planes_judged_a_few_at_a_time_give_the_same_updates_and_hold_less() -> None:
    runs, peaks, measured = [], [], []
    for planes_at_once in (None, 48):
        # A large epsilon makes AdamW's step follow the gradient, and not its sign alone.
        run = tiny_stage(
            planes=128, planes_at_once=planes_at_once, adam_eps=1.0,
            critic={"widths": [16, 16], "trunk": []},
        )  # fmt: skip
        peaks.append(peak(lambda run=run: measured.append(run.step())))
        runs.append(run)
    whole, parts = runs
    assert measured[1] == pytest.approx(measured[0], rel=1e-4, abs=1e-6)
    assert_close(gradients(whole), gradients(parts))
    for name, value in whole.critic.state_dict().items():
        assert torch.allclose(value, parts.critic.state_dict()[name], atol=1e-7), name
    assert peaks[1] < 0.85 * peaks[0]


def test_accumulated_batches_give_the_gradient_of_the_joint_one() -> None:
    found = []
    for accumulate in (1, 2):
        each_alone = {"widths": [[4, 4], [4, 4]], "norm": "channel"}  # batches have statistics
        run = tiny_stage(accumulate=accumulate, planes=8 // accumulate, generator=each_alone)
        a, b = (run.cubes.draw(1, 0, run.random) for _ in range(2))
        joint = Block(torch.cat([a.labels, b.labels]), torch.cat([a.origin, b.origin]), a.core, 0)
        of_a = [torch.tensor([[0, position] for position in (0, 2, 3, 7)])] * 3
        of_both = [torch.cat([where, where + torch.tensor([1, 0])]) for where in of_a]
        run.critic.requires_grad_(False)
        batches = [(joint, of_both)] if accumulate == 1 else [(a, of_a), (b, of_a)]
        for block, where in batches:
            run._generator_gradient(block, run.grow(block), where)
        found.append(gradients(run))
    assert_close(*found)


def test_accumulated_batches_are_logged_together_and_move_statistics_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = tiny_stage(accumulate=2, generator={"widths": [[4, 4]], "norm": "batch"})
    losses = iter([1.0, 4.0, math.nan, 1.0])
    gradient = run._generator_gradient
    monkeypatch.setattr(
        run, "_generator_gradient", lambda *of: gradient(*of) | {"voxel_loss": next(losses)}
    )
    assert run.step()["voxel_loss"] == 2.5
    assert run.block.norm3.num_batches_tracked == 2, "one for each of two batches"
    assert math.isnan(run.step()["voxel_loss"]), "of the first batch alone"
