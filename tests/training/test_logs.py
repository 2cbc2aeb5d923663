"""What training writes while it runs: a table, TensorBoard's events, a bar with the time left."""

from __future__ import annotations

import logging
import signal
import sys
from pathlib import Path

import pandas as pd
import pytest
from rocks import tiny_stage
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from octolith.training import Interrupted, Loop, Stage


def interrupt_after(run: Stage, steps: int) -> None:
    step, taken = run.step, [0]

    def counted() -> dict[str, float]:
        taken[0] += 1
        if taken[0] == steps:
            signal.raise_signal(signal.SIGUSR1)
        return step()

    run.step = counted  # type: ignore[method-assign]


def events(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder / "tensorboard"), {"scalars": 0, "images": 0}).Reload()


def test_tensorboard_has_the_table_s_figures_and_the_samples(tmp_path: Path) -> None:
    run = tiny_stage(epochs=3, check_every=2, tensorboard=True)
    Loop(run, tmp_path / "checkpoint.safetensors").run()
    table, found = pd.read_csv(tmp_path / "log.csv"), events(tmp_path)
    for column, tag in (("voxel_loss", "voxel_loss"), ("error_interface", "error/interface")):
        written = {event.step: event.value for event in found.Scalars(tag)}
        expected = table.set_index("epoch")[column].dropna()
        assert written == pytest.approx(expected.to_dict(), rel=1e-5)
    samples = found.Images("samples")
    assert [event.step for event in samples] == [2, 3]
    assert samples[0].encoded_image_string.startswith(b"\x89PNG")


def test_a_resumed_job_goes_on_with_the_events_and_the_time_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = tmp_path / "checkpoint.safetensors"
    run = tiny_stage(epochs=4, tensorboard=True)
    interrupt_after(run, 8)
    with pytest.raises(Interrupted):
        Loop(run, saved).run()
    again = Loop(tiny_stage(epochs=4, tensorboard=True), saved)
    bars = []
    bar = again._bar
    monkeypatch.setattr(again, "_bar", lambda: bars.append(bar()) or bars[-1])
    again.run()
    assert [event.step for event in events(tmp_path).Scalars("voxel_loss")] == [1, 2, 3, 4]
    # The bar began where the job did: its pace, and the time left, are of this job alone.
    assert (bars[0].initial, bars[0].total) == (8, 12)


def test_without_tensorboard_training_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with caplog.at_level(logging.WARNING):
        Loop(tiny_stage(tensorboard=True), tmp_path / "checkpoint.safetensors").run()
    assert "TensorBoard is not installed" in caplog.text
    assert "pip install 'octolith[tensorboard]'" in caplog.text
    assert len(pd.read_csv(tmp_path / "log.csv")) == 2
