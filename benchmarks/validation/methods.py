"""Ways to make a fine volume of a coarse one; each gives realisations and says what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import zoom

from octolith.inference import cut, grow
from octolith.networks import weights
from octolith.pyramid import classes, patch_size
from octolith.settings.steps import PyramidSettings
from octolith.settings.training import TrainSettings
from octolith.steps.train import train
from octolith.volumes import open_volume, write_images, write_volume
from validation.cases import Case
from validation.dense import Dense

SEEDS = (1, 2, 3, 4)
BLOCK = 16  # coarse voxels of an inference block
DENSE_SECONDS = 300.0


@dataclass
class Made:
    """What a method made of a case.

    Attributes
    ----------
    volumes : realisations of the judged volume; one where the method knows no chance.
    training_s, inference_s : seconds of training, and of one realisation.
    notes : whatever else the page should say.
    """

    volumes: list[np.ndarray]
    training_s: float = 0.0
    inference_s: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)


Method = Callable[[Case, Path, int], Made]


def interpolated(case: Case, folder: Path, threads: int, *, order: int) -> Made:
    """The most likely phase of the interpolated one-hot image: 0 nearest, 1 linear, 3 cubic."""
    began = time.perf_counter()
    volume = interpolate(case.lr_judged, len(case.phases), case.scale, order)
    return Made([volume], inference_s=time.perf_counter() - began)


def interpolate(lr: np.ndarray, phases: int, scale: int, order: int) -> np.ndarray:
    """Spline interpolation of each phase's membership, between voxel centres; then argmax."""
    best = np.zeros([n * scale for n in lr.shape], np.uint8)
    highest = np.full(best.shape, -np.inf, np.float32)
    for code in range(phases):
        there = (lr == code).astype(np.float32)
        share = zoom(there, scale, order=order, mode="nearest", grid_mode=True)
        best[share > highest] = code
        np.maximum(highest, share, out=highest)
    return best


def elsewhere(case: Case, folder: Path, threads: int) -> Made:
    """Another part of the same rock: what a perfect generator that ignored LR would give."""
    return Made([case.elsewhere])


def dense(case: Case, folder: Path, threads: int) -> Made:
    """A dense generator after paper 4."""
    run = Dense(case)
    began = time.perf_counter()
    iterations = run.train(DENSE_SECONDS)
    trained = time.perf_counter()
    volumes = [run.super_resolve(case.lr_judged, seed) for seed in SEEDS]
    each = (time.perf_counter() - trained) / len(SEEDS)
    return Made(volumes, trained - began, each, {"iterations": iterations})


def octolith(
    case: Case, folder: Path, threads: int, *, reach: float = PyramidSettings().reach,
    **changes: Any,
) -> Made:  # fmt: skip
    """Train the preset ``laptop``, with changes, stage by stage; then super-resolve.

    What was trained stays in ``folder``: a run that was stopped goes on where it was.
    """
    settings = TrainSettings.model_validate(changes)
    seconds, trained = 0.0, None
    write_volume(folder / "lr.h5", case.lr, (float(case.scale),) * 3, phases=case.phases)
    for stage in range(1, case.stages + 1):
        trained, spent = train_stage(
            case, folder, stage, trained, settings=settings, threads=threads, reach=reach
        )
        seconds += spent
    assert trained is not None
    write_volume(folder / "judged.h5", case.lr_judged, (float(case.scale),) * 3, phases=case.phases)
    began = time.perf_counter()
    volumes = [super_resolve(trained, folder / "judged.h5", case, seed) for seed in SEEDS]
    each = (time.perf_counter() - began) / len(SEEDS)
    return Made(volumes, seconds, each, {"settings": changes})


def train_stage(
    case: Case, folder: Path, stage: int, previous: Path | None, *, settings: TrainSettings,
    threads: int, reach: float = PyramidSettings().reach,
) -> tuple[Path, float]:  # fmt: skip
    """The weights of a stage, and the seconds of its training (those of its log).

    ``reach`` is that of the HR pyramid.
    """
    pyramid, out = folder / f"stage{stage}.h5", folder / f"train{stage}" / "weights.safetensors"
    if not out.is_file():
        patch = patch_size(stage, case.stages)
        images = [classes(image, len(case.phases), patch, reach) for image in case.images]
        names = [f"image{i}" for i in range(len(images))]
        write_images(pyramid, images, float(patch), phases=case.phases, names=names)
        train(
            folder / "lr.h5", pyramid, previous, out, stage=stage, stages=case.stages,
            settings=settings, phases=case.phases, seed=1, threads=threads,
        )  # fmt: skip
    log = (out.parent / "log.csv").read_text().splitlines()
    return out, float(log[-1].split(",")[log[0].split(",").index("seconds")])


def super_resolve(
    trained: Path, lr: Path, case: Case, seed: int, stage: int | None = None
) -> np.ndarray:
    """A realisation of the judged volume, block by block, grown to ``stage`` (None: the last)."""
    generator, _ = weights.load_generator(trained, case.phases, case.stages)
    stage = stage or case.stages
    scale = 1 << (stage - 1)
    fine = np.empty([n * scale for n in case.lr_judged.shape], np.uint8)
    with open_volume(lr) as volume:
        for block in cut(volume.shape, BLOCK):
            growth = grow(generator, volume, block, seed, stage)
            fine[block.region(scale)] = growth.octree.reconstruct()[0].numpy()
    return fine


TIED = {"voxel_weight": 300.0, "settle_epochs": 5}
METHODS: dict[str, tuple[str, Method]] = {
    "nearest": ("nearest", partial(interpolated, order=0)),
    "trilinear": ("trilinear", partial(interpolated, order=1)),
    "cubic": ("cubic", partial(interpolated, order=3)),
    "elsewhere": ("another part of the rock", elsewhere),
    "dense": ("dense GAN (paper 4), 5 minutes", dense),
    "octolith": ("Octolith", octolith),
}
"""Name -> title, and the method; in the order of the report."""

ABLATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "v100": ("voxel 100", {"all": {"voxel_weight": 100.0}}),
    "v300": ("voxel 300, settling", {"all": TIED}),
    "v300-prior30": ("voxel 300, settling, prior 30", {"all": TIED | {"prior_weight": 30.0}}),
    "v300-prior100": ("voxel 300, settling, prior 100", {"all": TIED | {"prior_weight": 100.0}}),
    "squares": ("squares for cubes, as in the paper", {"reach": 0.0}),
    "noise0": ("no noise", {"generator": {"noise": 0}}),
    "context0": ("no context, as in the paper", {"generator": {"context": False}}),
    "soft": ("the critic sees probabilities, as in the paper", {"all": {"hard": False}}),
    "ema0": ("no moving average, as in the paper", {"all": {"ema": 0.0}}),
}
METHODS |= {
    name: (title, partial(octolith, **changes)) for name, (title, changes) in ABLATIONS.items()
}
"""Octolith with what is said changed in the preset."""
