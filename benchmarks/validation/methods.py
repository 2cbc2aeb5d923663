"""Ways to make a fine volume of a coarse one; each gives realisations and says what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import zoom

from octolith.blocks import Cut, cut, triple
from octolith.filtering import smooth
from octolith.inference import grow
from octolith.networks import Generator, weights
from octolith.pyramid import classes, patch_size
from octolith.settings.steps import PyramidSettings, SmoothSettings
from octolith.settings.training import TrainSettings
from octolith.steps.train import train
from octolith.volumes import open_volume, write_images, write_volume
from validation.cases import Case
from validation.dense import Dense
from validation.rock import Rock, framed, laid_over, whole
from validation.supervised import Supervised
from validation.unpaired import UNPAIRED

SEEDS = (1, 2, 3, 4)
FEW = 2  # realisations of an ablation: enough to see how alike they are, too few for a vote
# Edge of an inference block: so many fine voxels, and no fewer coarse ones. (A flat block is as
# large, but wider.) What is made is the same, however it is cut; halos cost the less the larger.
FINE_BLOCK, COARSE_BLOCK = 128, 16
SPLINE = 8  # coarse voxels around a box beyond which a cubic spline sees next to nothing (3e-5)
DENSE_SECONDS = 600.0
STEPS = 300  # of a stage, when told the truth


@dataclass
class Made:
    """What a method made of a case.

    Attributes
    ----------
    volumes : the boxes that are judged, in each realisation; one where the method knows no chance.
    training_s, inference_s : seconds of training, and of one realisation.
    notes : whatever else the page should say.
    """

    volumes: list[np.ndarray]
    training_s: float = 0.0
    inference_s: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)


Method = Callable[[Any, Path, int], Made]


def interpolated(case: Rock, folder: Path, threads: int, *, order: int) -> Made:
    """The most likely phase of the interpolated one-hot image: 0 nearest, 1 linear, 3 cubic."""
    began = time.perf_counter()
    volumes = [
        interpolate(case.lr_judged, len(case.phases), case.scale, order, box) for box in case.boxes
    ]
    return Made(volumes, inference_s=time.perf_counter() - began)


def interpolate(
    lr: np.ndarray, phases: int, scale: int, order: int, box: Cut | None = None
) -> np.ndarray:
    """Spline interpolation of each phase's membership, between voxel centres; then argmax.

    Parameters
    ----------
    box : what of the LR volume is wanted; None: all of it.
    """
    lr, places = framed(lr, box or whole(lr), SPLINE)
    best = np.zeros([(high - low) * scale for low, high in places], np.uint8)
    highest = np.full(best.shape, -np.inf, np.float32)
    along = [
        spline(n, scale, order)[low * scale : high * scale]
        for n, (low, high) in zip(lr.shape, places, strict=True)
    ]
    for code in range(phases):
        share = (lr == code).astype(np.float32)
        for axis in np.argsort(best.shape):  # the thinnest first, while the others are still coarse
            share = np.moveaxis(np.tensordot(along[axis], share, ([1], [axis])), 0, axis)
        best[share > highest] = code
        np.maximum(highest, share, out=highest)
    return best


def spline(length: int, scale: int, order: int) -> np.ndarray:
    """(length · scale, length) what each voxel weighs at each finer one."""
    each = np.eye(length, dtype=np.float32)
    return np.asarray(zoom(each, (scale, 1), order=order, mode="nearest", grid_mode=True))


def elsewhere(case: Case, folder: Path, threads: int) -> Made:
    """Another part of the same rock: what a perfect generator that ignored LR would give."""
    return Made([case.elsewhere])


def dense(case: Rock, folder: Path, threads: int) -> Made:
    """A dense generator after paper 4."""
    run = Dense(case)
    began = time.perf_counter()
    iterations = run.train(DENSE_SECONDS)
    trained = time.perf_counter()
    seeds = SEEDS[: case.realisations]
    volumes = [run.super_resolve(case.lr_judged, seed, box) for seed in seeds for box in case.boxes]
    each = (time.perf_counter() - trained) / len(seeds)
    return Made(volumes, trained - began, each, {"iterations": iterations})


def supervised(case: Case, folder: Path, threads: int) -> Made:
    """Octolith's generator, trained on the 3D truth that nobody has."""
    run = Supervised(case)
    began = time.perf_counter()
    run.train(STEPS)
    trained = time.perf_counter()
    write_volume(folder / "judged.h5", case.lr_judged, (float(case.scale),) * 3, phases=case.phases)
    box = whole(case.lr_judged)
    judged = folder / "judged.h5"
    volume = grown(run.generator, judged, case.scale, seed=1, box=box, temperature=0.0)
    return Made([volume], trained - began, time.perf_counter() - trained)


def octolith(
    case: Rock, folder: Path, threads: int, *, reach: float = PyramidSettings().reach,
    seed: int = 1, temperature: float = 1.0, realisations: int = len(SEEDS), **changes: Any,
) -> Made:  # fmt: skip
    """Train the preset ``laptop``, with changes, stage by stage; then super-resolve.

    ``temperature`` is that of the step; of ``realisations`` no more are made than the case has.
    What was trained stays in ``folder``: a run that was stopped goes on where it was.
    """
    settings = TrainSettings.model_validate(laid_over(case.settings, changes))
    how = {"settings": settings, "threads": threads, "reach": reach, "seed": seed}
    trained, seconds = train_chain(case, folder, **how)
    write_volume(folder / "judged.h5", case.lr_judged, (float(case.scale),) * 3, phases=case.phases)
    began = time.perf_counter()
    seeds = SEEDS[: min(realisations, case.realisations)]
    volumes = [
        super_resolve(trained, folder / "judged.h5", case, noise, box=box, temperature=temperature)
        for noise in seeds
        for box in case.boxes
    ]
    each = (time.perf_counter() - began) / len(seeds)
    return Made(volumes, seconds, each, {"settings": changes})


def smoothed(case: Rock, folder: Path, threads: int, **how: Any) -> Made:
    """Octolith, and then the step `smooth`; ``how``, its settings.

    A section is one LR voxel thick, and its middle plane is what it would be in the whole volume.
    """
    made = octolith(case, folder.with_name("octolith"), threads)
    began = time.perf_counter()
    settings = SmoothSettings.model_validate(how)
    volumes = [smooth(volume, len(case.phases), settings)[0] for volume in made.volumes]
    each = (time.perf_counter() - began) / case.realisations
    return Made(volumes, made.training_s, made.inference_s + each, {"smooth": how})


def likeliest(case: Rock, folder: Path, threads: int) -> Made:
    """Octolith without chance: each node is what it most likely is."""
    return octolith(case, folder.with_name("octolith"), threads, temperature=0.0)


def train_chain(case: Rock, folder: Path, **how: Any) -> tuple[Path, float]:
    """The weights of the last stage, and the seconds of all trainings; ``how`` of `train_stage`.

    Stages that are in ``folder`` are not trained again.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_volume(folder / "lr.h5", case.lr, (float(case.scale),) * 3, phases=case.phases)
    trained, seconds = None, 0.0
    for stage in range(1, case.stages + 1):
        trained, spent = train_stage(case, folder, stage, trained, **how)
        seconds += spent
    assert trained is not None
    return trained, seconds


def train_stage(
    case: Rock, folder: Path, stage: int, previous: Path | None, *, settings: TrainSettings,
    threads: int = 1, reach: float = PyramidSettings().reach, seed: int = 1,
    axes: Sequence[str] | None = None,
) -> tuple[Path, float]:  # fmt: skip
    """The weights of a stage, and the seconds of its training (those of its log).

    Parameters
    ----------
    reach : of the patches of the HR pyramid.
    axes : of each image, the axes that it serves; None: no image has a direction.
    """
    pyramid, out = folder / f"stage{stage}.h5", folder / f"train{stage}" / "weights.safetensors"
    if not out.is_file():
        patch = patch_size(stage, case.stages)
        images = [classes(image, len(case.phases), patch, reach) for image in case.images]
        names = [f"image{i}" for i in range(len(images))]
        write_images(pyramid, images, float(patch), phases=case.phases, names=names, axes=axes)
        train(
            folder / "lr.h5", pyramid, previous, out, stage=stage, stages=case.stages,
            settings=settings, phases=case.phases, seed=seed, threads=threads,
        )  # fmt: skip
    log = (out.parent / "log.csv").read_text().splitlines()
    return out, float(log[-1].split(",")[log[0].split(",").index("seconds")])


def super_resolve(
    trained: Path,
    lr: Path,
    case: Rock,
    seed: int,
    *,
    stage: int | None = None,
    box: Cut | None = None,
    temperature: float = 1.0,
) -> np.ndarray:
    """A realisation of the judged volume, block by block.

    Parameters
    ----------
    stage : to which it is grown; None: the last.
    box : what of the volume is wanted; None: all of it.
    temperature : as that of the step `superresolve`.
    """
    generator, _ = weights.load_generator(trained, case.phases, case.stages)
    scale = case.scale if stage is None else 1 << (stage - 1)
    box = box or whole(case.lr_judged)
    return grown(generator, lr, scale, seed=seed, box=box, temperature=temperature)


def grown(
    generator: Generator, lr: Path, scale: int, *, seed: int, box: Cut, temperature: float = 1.0
) -> np.ndarray:
    """What a generator makes of a box of a volume, ``scale`` times finer, block by block."""
    fine = np.empty([n * scale for n in box.shape], np.uint8)
    cube = max(COARSE_BLOCK, FINE_BLOCK // scale)
    edge = max(cube, int((cube**3 / min(box.shape)) ** 0.5))
    with open_volume(lr) as volume:
        for block in cut(box.shape, edge):
            place, stage = moved(block, box.low), scale.bit_length()
            growth = grow(generator, volume, place, seed, stage, temperature=temperature)
            fine[block.region(scale)] = growth.octree.reconstruct()[0].numpy()
    return fine


def moved(block: Cut, by: Sequence[int]) -> Cut:
    """The block elsewhere."""
    low, high = (
        triple([a + b for a, b in zip(corner, by, strict=True)])
        for corner in (block.low, block.high)
    )
    return Cut(block.index, low, high)


# What is made with the training of the method `octolith`.
SAME_TRAINING = ("likeliest", "smoothed", "median")


def fits(case_name: str, method: str) -> bool:
    """Whether a method makes something that a case can judge."""
    if case_name in UNPAIRED:
        return method not in ("elsewhere", "supervised")  # they need a truth
    return method != "supervised" or "phantom" not in case_name


METHODS: dict[str, tuple[str, Method]] = {
    "nearest": ("nearest", partial(interpolated, order=0)),
    "trilinear": ("trilinear", partial(interpolated, order=1)),
    "cubic": ("cubic", partial(interpolated, order=3)),
    "elsewhere": ("another part of the rock", elsewhere),
    "dense": ("dense GAN (paper 4), 10 minutes", dense),
    "supervised": ("the same network, told the truth", supervised),
    "octolith": ("Octolith", octolith),
    "likeliest": ("Octolith, the likeliest rock", likeliest),
    "smoothed": ("Octolith, smoothed", smoothed),
    "median": ("Octolith, median of 27", partial(smoothed, centre=1)),
}
"""Name -> title, and the method; in the order of the report."""

ABLATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "seed2": ("trained with another seed", {"seed": 2}),
    "voxel30": ("voxel 30", {"all": {"voxel_weight": 30.0}}),
    "voxel100": ("voxel 100", {"all": {"voxel_weight": 100.0}}),
    "firm": ("voxel 300", {"all": {"voxel_weight": 300.0}}),
    "uncalibrated": ("no calibration", {"all": {"calibrate": False}}),
    "decided": ("no class drawn", {"generator": {"decision_noise": 0.0}}),
    "images-share": ("no more refined than the images have", {"all": {"mixed_factor": 1.0}}),
    "twice": ("twice what the images have refined", {"all": {"mixed_factor": 2.0}}),
    "entry0": (
        "the critic halves planes at once, as in the paper",
        {"critic": {"entry": 0}},
    ),
    "one-step": ("one critic step", {"all": {"critic_steps": 1}}),
    "slow": (
        "from the third stage on, the generator at half the critic's rate",
        {"stages": {s: {"learning_rate": 5e-4, "critic_learning_rate": 1e-3} for s in (3, 4, 5)}},
    ),
    "wide": (
        "networks twice as wide",
        {
            "generator": {"widths": [[48, 48], [48, 48], [32, 32]]},
            "critic": {"widths": [128, 96, 64], "trunk": [128], "entry": 64},
        },
    ),
    "cube24": ("LR cubes of 24³, one at a time", {"lr_cube": 24, "all": {"batch": 1}}),
    "channel": ("each node normalised by itself", {"generator": {"norm": "channel"}}),
    "noise4": ("four noise channels", {"generator": {"noise": 4}}),
    "bfloat16": ("trained in bfloat16, as a GPU does", {"all": {"precision": "bfloat16"}}),
    "long": (
        "three times the steps",
        {"all": {"epochs": 45, "fade_epochs": 9, "settle_epochs": 15}},
    ),
    "prior100": ("prior 100", {"all": {"prior_weight": 100.0}}),
    "noise0": ("no noise", {"generator": {"noise": 0}}),
    "neighbours0": (
        "blind to what is decided around a node, as in the paper",
        {"generator": {"neighbours": False}},
    ),
    "context0": (
        "blind to that and to the LR image, as in the paper",
        {"generator": {"context": False, "neighbours": False}},
    ),
    "soft": ("the critic sees probabilities, as in the paper", {"all": {"hard": False}}),
    "last": (
        "the last weights of each stage, not those with the best descriptors",
        {"all": {"check_every": 1000}},
    ),
    "augment": (
        "crops augmented where the critic knows its images",
        {"all": {"augment": 0.5}},
    ),
    "ema0": ("no moving average, as in the paper", {"all": {"ema": 0.0}}),
    "printed": (
        "the paper's recipe as printed, at these widths, rates, batches and steps",
        {
            "reach": 0.0,
            "generator": {
                "context": False,
                "neighbours": False,
                "decision_noise": 0.0,
                "first_kernel": 5,
            },
            "critic": {"entry": 0, "slope": 0.0},
            "all": {
                "betas": [0.5, 0.999],
                "weight_decay": 0.05,
                "adam_eps": 1e-4,
                "halo": False,
                "hard": False,
                "calibrate": False,
                "mixed_factor": 1.0,
                "critic_steps": 1,
                "voxel_form": "nearest",
                "ema": 0.0,
                "settle_epochs": 0,
            },
        },
    ),
}
METHODS |= {
    name: (title, partial(octolith, realisations=FEW, **changes))
    for name, (title, changes) in ABLATIONS.items()
}
"""Octolith with what is said changed in the preset."""

TITLES = {name: title for name, (title, _) in METHODS.items()}
"""Name -> title, in the order of the report."""
