"""Adaptive augmentation: label images stay label images, and it is used as much as is needed."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from rocks import blobs, coarse, tiny_stage

from octolith.errors import InputError
from octolith.training import Interrupted, Loop, Stage
from octolith.training.augmentation import LIMIT, adapted, augment, overfitting
from octolith.training.data import hold_out, one_hot


def planes(count: int, edge: int = 16) -> torch.Tensor:
    return one_hot(torch.from_numpy(np.stack([blobs((edge, edge), n) for n in range(count)])), 2)


def test_a_pixel_stays_a_pixel_of_one_class_or_is_cut_out() -> None:
    seen = augment(planes(200), 0.5, torch.Generator().manual_seed(0))
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    classes = seen.sum(1)
    assert set(classes.unique().tolist()) == {0.0, 1.0}
    # A square of half the edge, cut off at the border, in half of the planes.
    cut = (classes == 0).flatten(1).any(1).float().mean()
    assert float(cut) == pytest.approx(0.5, abs=0.1)
    assert int((classes == 0).flatten(1).sum(1).max()) == 8 * 8
    assert torch.equal(augment(planes(5), 0.0, torch.Generator()), planes(5))


def test_changes_come_as_often_as_the_probability_says_and_keep_the_fractions() -> None:
    given = planes(300)
    seen = augment(given, 0.3, torch.Generator().manual_seed(0))
    changed = (seen != given).flatten(1).any(1).float().mean()
    assert float(changed) == pytest.approx(1 - 0.7**3, abs=0.1)
    whole = seen.sum(1).flatten(1).all(1)
    assert float(seen[whole, 0].mean()) == pytest.approx(float(given[:, 0].mean()), abs=0.02)


def test_gradients_reach_the_pixels_that_are_seen() -> None:
    given = planes(1).requires_grad_()
    for seed in range(10):
        seen = augment(given, 1.0, torch.Generator().manual_seed(seed))
        (slope,) = torch.autograd.grad((seen * torch.arange(16.0)).sum(), given)
        # Each seen pixel takes its value from one given pixel, whose gradient it gives back.
        seen_pixels = seen.detach().sum(1)
        assert float(slope.sum()) == 3 * float((seen_pixels * torch.arange(16.0)).sum())


def test_overfitting_does_not_change_with_shift_and_scale_of_the_scores() -> None:
    scores = np.array([2.0, 1.2, -0.5])
    assert overfitting(*scores) == pytest.approx(0.32)
    assert overfitting(*(7 * scores - 100)) == pytest.approx(0.32)
    assert overfitting(0.0, -1.0, 0.5) == 0.0  # generated planes please more: nothing is known


def test_the_probability_goes_to_its_limit_in_a_tenth_of_a_stage_and_back() -> None:
    probability = 0.0
    for _ in range(100):
        probability = adapted(probability, 0.9, 0.5, steps=1000)
    assert probability == pytest.approx(LIMIT)
    for _ in range(50):
        probability = adapted(probability, 0.1, 0.5, steps=1000)
    assert probability == pytest.approx(LIMIT / 2)


@pytest.mark.parametrize("alike", [True, False])
def test_it_is_turned_up_only_if_held_out_crops_score_unlike_those_of_training(
    tmp_path: Path, alike: bool
) -> None:
    # Held-out crops are more of the same, or have mixed pixels, as generated ones do.
    known, unknown = blobs((40, 40)), blobs((64, 64), 1)
    images = [known, unknown[:32, :32] if alike else coarse(unknown)]
    run = tiny_stage(
        images=images, augment=0.7, epochs=6, iterations=10, planes=12, check_every=6,
        learning_rate=1e-5, critic_learning_rate=1e-3,
    )  # fmt: skip
    Loop(run, tmp_path / "checkpoint.safetensors").run()
    last = pd.read_csv(tmp_path / "log.csv").iloc[-1]
    if alike:
        assert last["augment"] < 0.1
    else:
        assert last["augment"] > 0.5
        assert last["overfitting"] > 0.7


def test_it_goes_on_where_it_was_bit_for_bit(tmp_path: Path) -> None:
    def stage() -> Stage:
        images = [blobs((40, 40)), coarse(blobs((64, 64), 1))]
        return tiny_stage(
            images=images, augment=0.02, epochs=4, iterations=6, critic_learning_rate=1e-3,
        )  # fmt: skip

    whole = stage()
    Loop(whole, tmp_path / "whole" / "checkpoint.safetensors").run()
    assert whole.progress.augment > 0
    first = stage()
    step, taken = first.step, [0]

    def interrupted() -> dict[str, float]:
        taken[0] += 1
        if taken[0] == 7:
            signal.raise_signal(signal.SIGTERM)
        return step()

    first.step = interrupted  # type: ignore[method-assign]
    saved = tmp_path / "parts" / "checkpoint.safetensors"
    with pytest.raises(Interrupted):
        Loop(first, saved).run()
    second = stage()
    Loop(second, saved).run()
    assert second.progress.augment == whole.progress.augment
    for name, value in whole.average.state_dict().items():
        assert torch.equal(value, second.average.state_dict()[name]), name


def test_the_smallest_sufficient_image_is_held_out_or_a_quarter_of_a_single_one() -> None:
    large, small, tiny = (np.zeros((n, n + 1), np.uint8) for n in (40, 20, 5))
    train, held_out = hold_out([large, small, tiny], edge=16)
    assert [image.shape for image in train] == [(40, 41), (5, 6)]
    assert [image.shape for image in held_out] == [(20, 21)]
    for width, kept in ((80, 60), (33, 17)):
        (first,), (second,) = hold_out([np.zeros((20, width), np.uint8)], edge=16)
        assert (first.shape, second.shape) == ((20, kept), (20, width - kept))
    with pytest.raises(InputError, match=r"train\.all\.augment: found one image of 20 × 31 pixels"):
        hold_out([np.zeros((20, 31), np.uint8)], edge=16)
