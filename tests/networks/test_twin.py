"""The octree generator is the dense one, without what is pruned."""

from __future__ import annotations

import pytest
import torch

from octolith.networks import Block, DenseTwin, Generator
from octolith.settings.training import TrainSettings


def networks(norm: str, context: bool) -> tuple[Generator, DenseTwin]:
    """An octree generator that calls all but its last nodes mixed, and its twin."""
    torch.manual_seed(0)
    changes = {"widths": ((6, 5), (7, 6), (5, 4)), "norm": norm, "context": context}
    settings = TrainSettings(generator=changes).generator_settings()
    generator = Generator(settings, phases=3, stages=3).double()
    for stage in generator.stages[:-1]:
        torch.nn.init.constant_(stage.classify.bias, -100.0)
        stage.classify.bias.data[3] = 100.0
    twin = DenseTwin(settings, phases=3, stages=3).double()
    twin.load_state_dict(generator.state_dict())
    return generator, twin


@pytest.fixture(autouse=True)
def _double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Noise and one-hot labels in the precision of the networks."""
    single = Generator._input
    monkeypatch.setattr(Generator, "_input", lambda self, block: single(self, block).double())


@pytest.mark.parametrize("norm", ["channel", "batch"])
@pytest.mark.parametrize("context", [True, False])
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_where_nothing_is_pruned_they_agree(norm: str, context: bool, stage: int) -> None:
    generator, twin = networks(norm, context)
    labels = torch.randint(0, 3, (2, 4, 5, 4), dtype=torch.uint8)
    block = Block(labels, torch.zeros(2, 3, dtype=torch.int64), ((0, 0, 0), (4, 5, 4)), seed=7)
    generator.freeze_before(stage)
    twin.freeze_before(stage)
    growth = generator(block, stage)
    level = growth.octree.levels[-1]
    assert len(level) == labels.numel() << 3 * (stage - 1)
    z, y, x = level.coordinates.unbind(-1)
    dense = twin(block, stage).movedim(1, -1)[level.batch_index, z, y, x]
    assert torch.allclose(growth.logits, dense, atol=1e-9)
    for ours, theirs in zip(
        torch.autograd.grad(
            growth.logits.square().mean(), generator.stages[stage - 1].parameters()
        ),
        torch.autograd.grad(dense.square().mean(), twin.stages[stage - 1].parameters()),
        strict=True,
    ):
        assert torch.allclose(ours, theirs, rtol=1e-6, atol=1e-9)
