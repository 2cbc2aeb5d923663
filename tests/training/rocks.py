"""A small rock in memory and in files, and small networks to train on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from octolith.networks import Growth, weights
from octolith.octree import Octree
from octolith.phases import Phases
from octolith.settings.training import StageSettings, TrainSettings
from octolith.steps.train import train
from octolith.training import Stage
from octolith.training.data import axis_sets
from octolith.volumes import write_images, write_volume

PHASES = Phases.of(["pore", "grain"])
TINY = {
    "lr_cube": 8,
    "generator": {"widths": [[4, 4], [4, 4]]},
    "critic": {"widths": [6, 5], "trunk": []},
    "all": {
        "epochs": 2, "iterations": 3, "batch": 1, "planes": 3, "check_every": 1, "fade_epochs": 1,
        "settle_epochs": 0, "voxel_weight": 10.0,
    },
}  # fmt: skip


def blobs(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """A two-phase image of blobs a few voxels wide."""
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=shape)).float()[None, None]
    kernel = torch.ones(1, 1, *[3] * len(shape))
    conv = torch.nn.functional.conv3d if len(shape) == 3 else torch.nn.functional.conv2d
    smooth = conv(conv(noise, kernel, padding=1), kernel, padding=1)[0, 0]
    return (smooth > smooth.quantile(0.3)).numpy().astype(np.uint8)


def growth_of(tree: Octree, logits: torch.Tensor) -> Growth:
    """Nodes of which the LR image is sure."""
    return Growth(tree, logits, torch.ones(len(logits)))


def make_rock(folder: Path) -> None:
    """Write LR labels and a two-stage pyramid."""
    write_volume(folder / "lr.h5", blobs((24, 24, 24)), (4.0, 4.0, 4.0), phases=PHASES)
    images = [blobs((40, 40), 1), blobs((32, 50), 2)]
    classes = [coarse(image) for image in images]
    write_images(folder / "stage1.h5", classes, 4.0, phases=PHASES, names=["a", "b"])
    write_images(folder / "stage2.h5", images, 2.0, phases=PHASES, names=["a", "b"])


def coarse(image: np.ndarray) -> np.ndarray:
    """Classes of patches of 2 × 2 pixels."""
    cells = image.reshape(image.shape[0] // 2, 2, image.shape[1] // 2, 2)
    low, high = cells.min((1, 3)), cells.max((1, 3))
    return np.where(low == high, low, 2).astype(np.uint8)


def train_stage(rock: Path, stage: int, **changes: object) -> Path:
    """The weights of a stage, trained from the files."""
    out = rock / f"stage{stage}" / "weights.safetensors"
    settings = TrainSettings.model_validate(TINY | changes)
    previous = rock / f"stage{stage - 1}" / "weights.safetensors" if stage > 1 else None
    train(
        rock / "lr.h5", rock / f"stage{stage}.h5", previous, out,
        stage=stage, stages=2, settings=settings, phases=PHASES, seed=3,
    )  # fmt: skip
    return out


def tiny_stage(
    stage: int = 1,
    images: list[np.ndarray] | None = None,
    axes: list[str] | None = None,
    **changes: object,
) -> Stage:
    """A stage that is about to begin; changes are of `TrainSettings`, or of `StageSettings`."""
    whole = {key: changes.pop(key) for key in ("generator", "critic", "lr_cube") if key in changes}
    settings = TrainSettings.model_validate(TINY | whole)
    torch.manual_seed(0)
    header = weights.Header(
        octolith="0", phases=PHASES.names, pore="pore", stage=stage, stages=2, face=settings.cube,
        generator=settings.generator_settings(), critic=settings.critic_settings(), seed=0, data="",
        axes=axis_sets(axes),
    )  # fmt: skip
    of_stage = StageSettings.model_validate(settings.stage(stage).model_dump() | changes)
    return Stage(
        *header.build(), stage, of_stage, phases=PHASES, labels=blobs((24, 24, 24)),
        images=images or [blobs((40, 40))], axes=axes, seed=0,
        device=torch.device("cpu"),
    )  # fmt: skip
