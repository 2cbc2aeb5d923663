"""What training sees of a rock, and where what it makes is judged: what all cases share."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from octolith.blocks import Cut, triple
from octolith.phases import Phases

# What keeps scales above 4, whose planes are 128 and 256 pixels wide, to minutes of one core: of
# the settings of training, by stage.
AFFORDABLE: dict[int, dict[str, Any]] = {
    3: {"batch": 1},
    4: {"batch": 1, "planes": 6},
    5: {"batch": 1, "planes": 3, "iterations": 8},
}
# Most voxels of the phantom at 16x are mixed: its last stage learns half as long, besides.
SHORTER: dict[int, dict[str, Any]] = {5: {"epochs": 8}}


@dataclass(frozen=True)
class Rock:
    """A rock to learn. What is judged, subclasses say: ``lr_judged``, and ``boxes`` of it.

    Attributes
    ----------
    phases : what the codes mean.
    scale : fine voxels along the edge of a coarse one.
    images : (y, x) fine labels for training.
    lr : (z, y, x) coarse labels for training.
    settings : of training (`TrainSettings`), whatever the experiment: how LR came to be and what
        it can tell apart, and what keeps a large scale affordable.
    """

    phases: Phases
    scale: int
    images: list[np.ndarray]
    lr: np.ndarray
    settings: dict[str, Any] = field(default_factory=dict, kw_only=True)
    realisations: ClassVar[int] = 4

    @property
    def stages(self) -> int:
        """Of a generator for this scale: the LR grid's, and one a doubling."""
        return self.scale.bit_length()

    @property
    def tied(self) -> list[int]:
        """Codes of the phases that LR can tell apart; all, if the settings do not say."""
        names = self.settings.get("all", {}).get("tied_phases", self.phases.names)
        return [self.phases.code(name) for name in names]


def laid_over(settings: dict[Any, Any], changes: dict[Any, Any]) -> dict[Any, Any]:
    """Settings with changes; branches are merged.

    >>> laid_over({"all": {"a": 1, "b": 1}}, {"all": {"b": 2}})
    {'all': {'a': 1, 'b': 2}}
    """
    both = {key: laid_over(settings[key], changes[key]) for key in settings.keys() & changes.keys()
            if isinstance(changes[key], dict)}  # fmt: skip
    return settings | changes | both


def rock_data() -> Path:
    """The folder of real rock."""
    return Path(os.environ["OCTOLITH_ROCK_DATA"])


def whole(volume: np.ndarray) -> Cut:
    """All of a volume, as a box."""
    return Cut(0, (0, 0, 0), triple(volume.shape))


def framed(
    volume: np.ndarray, box: Cut, margin: int
) -> tuple[np.ndarray, Sequence[tuple[int, int]]]:
    """A box with what lies around it, as far as the volume goes.

    Returns
    -------
    The labels, and from where to where the box reaches in them along each axis.
    """
    low = [max(0, a - margin) for a in box.low]
    around = volume[tuple(slice(a, b + margin) for a, b in zip(low, box.high, strict=True))]
    return around, [(a - c, b - c) for a, b, c in zip(box.low, box.high, low, strict=True)]
