"""The log of a stage for TensorBoard, beside the table: the same figures, and sample planes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

log = logging.getLogger(__name__)


class Board:
    """Writes event files for `tensorboard --logdir`.

    Parameters
    ----------
    folder : for the event files; None: write none.
    done : epochs that were written before. What a killed job wrote of later ones is dropped, for
        they are trained again.
    """

    def __init__(self, folder: Path | None, done: int) -> None:
        self.folder = folder
        self.writer = self._open(done)

    def _open(self, done: int) -> SummaryWriter | None:
        if self.folder is None:
            return None
        try:
            from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 (an option)
        except ImportError:
            log.warning(
                "train: tensorboard is set, but TensorBoard is not installed: no log for it. "
                "Install it with: pip install 'octolith[tensorboard]'"
            )
            return None
        return SummaryWriter(str(self.folder), purge_step=done + 1)

    def epoch(self, row: Mapping[str, float], picture: Path | None) -> None:
        """Write a row of the table, and a picture of samples if there is one.

        Parameters
        ----------
        row : a value a column; ``epoch`` is the step.
        picture : a PNG.
        """
        if self.writer is None:
            return
        step = int(row["epoch"])
        for name, value in row.items():
            if name not in ("epoch", "step"):
                self.writer.add_scalar(name.replace("error_", "error/"), value, step)
        if picture is not None:
            with Image.open(picture) as image:
                pixels = np.asarray(image.convert("RGB"))
            self.writer.add_image("samples", pixels, step, dataformats="HWC")
        self.writer.flush()

    def again(self, done: int) -> None:
        """Training has gone back to the end of epoch ``done``."""
        self.close()
        self.writer = self._open(done)

    def close(self) -> None:
        """Finish the event file."""
        if self.writer is not None:
            self.writer.close()
