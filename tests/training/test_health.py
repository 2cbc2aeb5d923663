"""What goes wrong in training is noticed, explained, and mended once where that is sane."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from rocks import TINY, blobs, tiny_stage

from octolith.errors import TrainingError
from octolith.training import Interrupted, Loop, Stage, checkpoint
from octolith.training.health import finite
from octolith.training.look import Look
from octolith.training.monitor import disagreement, statistics


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time, and are looked at elsewhere."""
    monkeypatch.setattr(Look, "picture", lambda self, path: None)


Fault = Callable[[Stage], None]


def nan_weight(run: Stage) -> None:
    run.block.conv2.weight.data[0, 0] = torch.nan


def wild_critic(run: Stage) -> None:
    for parameter in run.critic.parameters():
        parameter.data *= 30


def nothing_mixed(run: Stage) -> None:
    run.block.classify.bias.data[run.phases.mixed] = -1e6


def all_mixed(run: Stage) -> None:
    run.block.classify.bias.data[run.phases.mixed] = 1e6


def one_class(run: Stage) -> None:
    run.block.classify.bias.data[run.phases.pore_code] = 1e6


def almost_one_class(run: Stage) -> None:
    with torch.no_grad():
        logits = run.grow(run.cubes.draw(2, 0, torch.Generator().manual_seed(0))).logits
        run.block.classify.bias[0] += (logits[:, 2] - logits[:, 0]).quantile(0.99)
        run.block.classify.bias[1] = -1e6  # one node in a hundred is mixed, the others pore


def strike(run: Stage, fault: Fault, steps: set[int]) -> list[int]:
    """Let the fault befall the weights before these steps; returns a list that counts steps."""
    step, taken = run.step, [0]

    def struck() -> dict[str, float]:
        taken[0] += 1
        if taken[0] in steps:
            fault(run)
        return step()

    run.step = struck  # type: ignore[method-assign]
    return taken


# Drawn classes would hide that planes are all alike.
DECIDED = TINY["generator"] | {"decision_noise": 0.0}

# Faults, the stage they befall, and the words for them.
FAULTS = [
    (nan_weight, 1, "losses or weights are no longer finite"),
    (wild_critic, 1, "the gradient penalty has run away"),
    (nothing_mixed, 1, "no node has been mixed for 5 epochs: the generator has died"),
    (all_mixed, 1, "every node has been mixed for 5 epochs: the generator has died"),
    (one_class, 2, "all nodes have been of one class for 5 epochs: the generator has collapsed"),
    (almost_one_class, 1, "generated planes have been all alike for 5 epochs: the generator has"),
]


@pytest.mark.parametrize(("fault", "stage", "words"), FAULTS)
def test_a_fault_is_explained_and_training_ends_well_from_the_last_good_checkpoint(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, fault: Fault, stage: int, words: str
) -> None:
    # What is broken stays broken, and shows at once.
    slow = {"learning_rate": 1e-6, "ema": 0.0, "checkpoint_minutes": 1e-6}
    run = tiny_stage(stage, generator=DECIDED, epochs=9, iterations=2, batch=2, **slow)
    taken = strike(run, fault, {5})  # as the third epoch begins
    with caplog.at_level(logging.WARNING):
        best = Loop(run, tmp_path / "checkpoint.safetensors").run()
    assert f"stage {stage}: {words}" in caplog.text
    assert "back to epoch 3, once, with half the learning rate" in caplog.text
    assert finite(best, run.critic)
    log = pd.read_csv(tmp_path / "log.csv")
    assert list(log["epoch"]) == list(range(1, 10))
    assert list(log["learning_rate"] / log["learning_rate"][0]) == [1, 1] + [0.5] * 7
    assert log["diversity"].iloc[-1] > 0.1
    assert taken[0] > 18


def test_one_look_at_planes_that_are_alike_is_no_collapse(tmp_path: Path) -> None:
    run = tiny_stage(epochs=12, iterations=1, check_every=5)
    loop = Loop(run, tmp_path / "checkpoint.safetensors")
    take, looks = loop.look.take, [0]

    def once_alike() -> dict[str, float]:
        looks[0] += 1
        return take() | ({"diversity": 0.01} if looks[0] == 1 else {})

    loop.look.take = once_alike  # type: ignore[method-assign]
    loop.run()
    assert looks[0] == 3 and run.progress.recoveries == 0


@pytest.mark.parametrize(("fault", "stage", "words"), FAULTS)
def test_a_fault_that_comes_again_ends_training_and_says_what_to_turn(
    tmp_path: Path, fault: Fault, stage: int, words: str
) -> None:
    run = tiny_stage(stage, generator=DECIDED, epochs=30, iterations=1, learning_rate=1e-6)
    strike(run, fault, set(range(3, 1000)))
    turn = rf"{words}.* again .*Lower train\.all\.learning_rate \(now 5e-07\), .*train\.all\."
    with pytest.raises(TrainingError, match=turn):
        Loop(run, tmp_path / "checkpoint.safetensors").run()


@pytest.mark.parametrize("stopped", [False, True])
def test_poisoned_weights_are_never_saved_though_the_losses_were_finite(
    tmp_path: Path, stopped: bool
) -> None:
    run = tiny_stage(checkpoint_minutes=1e-6)
    saved = tmp_path / "checkpoint.safetensors"
    step = run.step

    def poisoned() -> dict[str, float]:
        measured = step()
        if not run.progress.recoveries:
            nan_weight(run)
        elif stopped:
            signal.raise_signal(signal.SIGUSR1)
        return measured

    run.step = poisoned  # type: ignore[method-assign]
    if stopped:
        with pytest.raises(Interrupted):
            Loop(run, saved).run()
    else:
        Loop(run, saved).run()
    for path in tmp_path.glob("checkpoint*.safetensors"):
        tensors, _ = checkpoint.load(path)
        assert all(bool(value.isfinite().all()) for value in tensors.values()), path


def test_planes_that_are_all_one_disagree_nowhere_and_strangers_as_often_as_chance() -> None:
    plane = torch.from_numpy(blobs((32, 32)))
    assert disagreement(plane.expand(6, -1, -1), 2) == 0.0
    strangers = torch.stack([torch.from_numpy(blobs((32, 32), seed)) for seed in range(40)])
    by_chance = statistics([strangers], 2, 0, 32).disagreement
    assert disagreement(strangers, 2) == pytest.approx(by_chance, rel=0.05)
