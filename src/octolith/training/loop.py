"""Training one stage to its end: epochs, looks, checkpoints; it survives being killed."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from torch import nn
from tqdm import tqdm

from octolith.errors import TrainingError
from octolith.files import atomic
from octolith.progress import track
from octolith.training import distributed
from octolith.training.board import Board
from octolith.training.health import (
    ALL_ALIKE,
    NOT_FINITE,
    PATIENCE,
    Trouble,
    after_epoch,
    after_step,
    finite,
)
from octolith.training.interruption import Interrupted, Interruption
from octolith.training.look import Look
from octolith.training.stage import Stage

log = logging.getLogger(__name__)


class Loop:
    """Repeats a stage's step, looks at the descriptors, saves, and stops when it is asked to.

    Parameters
    ----------
    stage : to be trained.
    saved : its checkpoint. ``log.csv``, ``samples/`` and TensorBoard's files lie beside it.
    """

    def __init__(self, stage: Stage, saved: Path) -> None:
        self.stage, self.saved, self.look = stage, saved, Look(stage)
        # The last checkpoint that a look has called healthy, beside the last one of all.
        self.good = saved.with_name(f"{saved.stem}-good{saved.suffix}")

    def run(self) -> nn.Module:
        """Train to the end, from the checkpoint if there is one; returns the best weights.

        Raises
        ------
        Interrupted : a signal came; the state is in ``saved``.
        TrainingError : training cannot go on; the text says which knob to turn.
        """
        stage = self.stage
        self._begin()
        kept = kept_good = time.monotonic()
        with Interruption() as interruption, self._bar() as bar, self._board() as board:
            while stage.progress.epoch < stage.settings.epochs:
                bar.update(stage.steps_done - bar.n)
                trouble = self._advance(bar, board)
                stop = self._any(interruption.requested)
                late = self._late(kept)
                good = stage.progress.healthy and self._late(kept_good)
                if (stop or late or good) and not (trouble or finite(stage.block, stage.critic)):
                    trouble = NOT_FINITE
                if trouble:
                    self._recover(trouble)
                    board.again(stage.progress.epoch)
                    continue
                if good:
                    stage.save(self.good)
                    kept_good = time.monotonic()
                if stop or late:
                    stage.save(self.saved)
                    kept = time.monotonic()
                if stop:
                    raise Interrupted
            bar.update(stage.steps_done - bar.n)
        return stage.best

    def _begin(self) -> None:
        """Go on from the checkpoint, or write the first."""
        if self._any(self.saved.is_file()):
            self.stage.load(self.saved)
            distributed.wait()  # before one of them writes it again, or ends and deletes it
            log.info("resuming in epoch %d", self.stage.progress.epoch + 1)
            if self.stage.progress.rows:
                self._write_log()  # Snakemake has deleted that of a job that was stopped
        else:
            # The good one first: a job that resumes counts on both, and looks for the other.
            self.stage.save(self.good)
            self.stage.save(self.saved)

    def _advance(self, bar: tqdm[int], board: Board) -> Trouble | None:
        """One step, and what comes at an epoch's end; returns what is wrong, if something is."""
        stage, began = self.stage, time.monotonic()
        stage.progress.healthy = False
        measured = stage.step()
        trouble = after_step(measured)
        if self._any(trouble is not None):
            return trouble or NOT_FINITE  # another process's
        stage.progress.count(measured, time.monotonic() - began)
        if stage.progress.iteration < stage.settings.iterations:
            return None
        return self._end_epoch(bar, board)

    def _end_epoch(self, bar: tqdm[int], board: Board) -> Trouble | None:
        """Log, look at the descriptors when it is time, and judge what the generator makes."""
        stage, s, p = self.stage, self.stage.settings, self.stage.progress
        row: dict[str, float] = {
            "epoch": p.epoch + 1,
            "step": (p.epoch + 1) * s.iterations,
            "seconds": p.seconds,
        } | {key: total / s.iterations for key, total in p.sums.items()}
        row["learning_rate"] = stage.g_optimiser.param_groups[0]["lr"]
        p.epoch, p.iteration, p.sums = p.epoch + 1, 0, {}
        picture = self.saved.parent / "samples" / f"epoch{p.epoch:04d}.png"
        looked = p.epoch % s.check_every == 0 or p.epoch == s.epochs
        if looked:
            row |= self.look.take()
            p.diversity = row["diversity"]
            if distributed.rank() == 0:
                self.look.picture(picture)
            if row["error"] < p.best_error:
                p.best_error, p.best_epoch = row["error"], p.epoch
                stage.best.load_state_dict(stage.average.state_dict())
        p.rows.append(row)
        shown = ("wasserstein", "voxel_loss", "mixed_fraction", "error")
        bar.set_postfix({key: f"{row[key]:.3g}" for key in shown if key in row})
        self._write_log()
        board.epoch(row, picture if looked else None)
        trouble = after_epoch(row["mixed_fraction"], row["largest_class"], p.diversity, stage.last)
        return self._lasting(trouble, looked)

    def _write_log(self) -> None:
        """The rows of all epochs, beside the checkpoint."""
        if distributed.rank() == 0:
            with atomic(self.saved.parent / "log.csv") as temporary:
                pd.DataFrame(self.stage.progress.rows).to_csv(temporary, index=False)

    def _lasting(self, trouble: Trouble | None, looked: bool) -> Trouble | None:
        """What has been wrong, in any process, for so many epochs that it will not mend itself."""
        p = self.stage.progress
        dead = self._any(trouble is not None)
        p.dull = p.dull + 1 if dead else 0
        p.healthy = looked and not dead
        # That planes are alike is known from the last look: it has to be seen again.
        sure = self._any(trouble not in (None, ALL_ALIKE)) or looked
        return (trouble or ALL_ALIKE) if p.dull >= PATIENCE and sure else None

    def _recover(self, trouble: Trouble) -> None:
        """Go back to the last checkpoint that a look has called healthy, once, at half the rate."""
        stage, p = self.stage, self.stage.progress
        rate = stage.settings.learning_rate * p.rate
        if p.recoveries:
            raise TrainingError(
                f"stage {stage.stage}, epoch {p.epoch + 1}: {trouble.what}, again after a new "
                f"start at half the rate. Lower train.all.learning_rate (now {rate:g}), "
                f"{trouble.mend}"
            )
        stage.load(self.good)
        stage.progress.recoveries, stage.progress.rate = 1, 0.5
        stage.set_rate(0.5)
        stage.save(self.saved)
        log.warning(
            "stage %d: %s: back to epoch %d, once, with half the learning rate",
            stage.stage, trouble.what, stage.progress.epoch + 1,
        )  # fmt: skip

    def _late(self, since: float) -> bool:
        """Whether it is time for a checkpoint, in all processes at once."""
        return self._any(time.monotonic() - since > 60 * self.stage.settings.checkpoint_minutes)

    def _any(self, flag: bool) -> bool:
        return distributed.any_process(flag, self.stage.device)

    def _bar(self) -> tqdm[int]:
        """Steps of all epochs; a resumed job's time left is reckoned from its own pace."""
        stage, s = self.stage, self.stage.settings
        total, shown = s.epochs * s.iterations, distributed.rank() == 0
        bar = track(range(total), f"stage {stage.stage}", total, shown=shown)
        bar.initial = bar.n = bar.last_print_n = stage.steps_done
        return bar

    @contextmanager
    def _board(self) -> Iterator[Board]:
        wanted = self.stage.settings.tensorboard and distributed.rank() == 0
        folder = self.saved.parent / "tensorboard"
        board = Board(folder if wanted else None, self.stage.progress.epoch)
        try:
            yield board
        finally:
            board.close()
