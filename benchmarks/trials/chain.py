"""Train a case from the first stage to the last, with images of each axis and a seed of choice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from octolith.pyramid import classes, patch_size
from octolith.settings.steps import PyramidSettings
from octolith.settings.training import TrainSettings
from octolith.steps.train import train
from octolith.volumes import write_images, write_volume
from validation.cases import Case


def train_chain(
    case: Case, folder: Path, settings: TrainSettings, seed: int, *,
    axes: Sequence[str] | None = None, reach: float = PyramidSettings().reach,
) -> tuple[Path, float]:  # fmt: skip
    """The weights of the last stage, and the seconds that its log and those before it count.

    Parameters
    ----------
    folder : for everything; stages that are there are not trained again.
    axes : of each image, the axes that it serves; None: no image has a direction.
    reach : of the patches of the HR pyramid.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_volume(folder / "lr.h5", case.lr, (float(case.scale),) * 3, phases=case.phases)
    trained, seconds = None, 0.0
    for stage in range(1, case.stages + 1):
        out = folder / f"train{stage}" / "weights.safetensors"
        if not out.is_file():
            pyramid = _pyramid(case, folder, stage, axes, reach)
            train(
                folder / "lr.h5", pyramid, trained, out, stage=stage, stages=case.stages,
                settings=settings, phases=case.phases, seed=seed,
            )  # fmt: skip
        trained = out
        seconds += float(pd.read_csv(out.parent / "log.csv")["seconds"].iloc[-1])
    assert trained is not None
    return trained, seconds


def _pyramid(
    case: Case, folder: Path, stage: int, axes: Sequence[str] | None, reach: float
) -> Path:
    patch = patch_size(stage, case.stages)
    images = [classes(image, len(case.phases), patch, reach) for image in case.images]
    path = folder / f"stage{stage}.h5"
    names = [f"image{i}" for i in range(len(images))]
    write_images(path, images, float(patch), phases=case.phases, names=names, axes=axes)
    return path
