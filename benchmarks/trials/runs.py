"""The trainings, and what each is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from edt import edt
from scipy.stats import wasserstein_distance

from octolith import figures
from octolith.descriptors import measure
from octolith.settings.steps import PyramidSettings
from octolith.settings.training import TrainSettings
from octolith.volumes import write_volume
from trials.along import along_axes
from trials.few import SCALE, few_images, rock
from trials.layers import layers, mixed_shares
from trials.memory import left_to_train, memory
from validation.cases import Case
from validation.measures import compare, overlap
from validation.methods import interpolate, super_resolve, train_chain

Found = dict[str, Any]
Run = Callable[[int, Path, Path], Found]
"""Of a seed, a folder for whatever training leaves, and one for pictures."""

CUT = 96  # fine voxels along the edge of a picture
LAYERS: dict[str, Any] = {"lr_cube": 8, "all": {"epochs": 20}}
# One cube at a time and half the rate: at the preset's a training has died of few images. Patches
# without reach and no calibration, as in the paper, so that what the critic does is not mended.
FEW: dict[str, Any] = {"all": {"epochs": 10, "batch": 1, "learning_rate": 5e-4, "calibrate": False}}
FEW_REACH = 0.0
AUGMENT, EAGER = 0.5, 0.05  # what the documentation advises, and what is sure to act
SETS = {"z": "z", "y": "yx", "x": "yx"}
DESCRIPTORS = ("volume_fraction", "interfacial_area", "two_point_correlation", "lineal_path",
               "chord_length")  # fmt: skip

layered = lru_cache(maxsize=1)(layers)
sandstone = lru_cache(maxsize=1)(rock)


def without_training(
    seed: int, folder: Path, pictures: Path, *, name: str, volume: Callable[[Case], np.ndarray]
) -> Found:
    """A volume of the layered rock that nothing has to be learned for."""
    case, axes = layered()
    made = volume(case)
    draw(case, made, pictures / f"experiments-layers-{name}")
    return _along(case, made) | {"mixed": mixed_shares(case, axes, PyramidSettings().reach)}


def by_axis(
    seed: int, folder: Path, pictures: Path, *, name: str, sets: Mapping[str, str] | None
) -> Found:
    """Learn the layered rock, with a critic for each of the sets of axes, or one for all."""
    case, axes = layered()
    own = [sets[axis] for axis in axes] if sets else None
    weights, seconds = train_chain(case, folder, settings=_settings(LAYERS), seed=seed, axes=own)
    made = _super_resolved(case, weights, folder)
    if seed == 1:
        draw(case, made, pictures / f"experiments-layers-{name}")
    return _along(case, made) | {
        "settings": LAYERS,
        "training_s": round(seconds, 1),
        "mixed_share": _last(folder / "train1" / "log.csv", "mixed_fraction"),
    }


def by_images(seed: int, folder: Path, pictures: Path, *, augment: float, held_out: bool) -> Found:
    """Learn Berea from few images; judge its other half, and what its critic knows by heart.

    Parameters
    ----------
    augment : the setting.
    held_out : leave to the training only what augmentation would leave it.
    """
    case, others = few_images(sandstone(), seed)
    changes = FEW | {"all": FEW["all"] | {"augment": augment}}
    settings = _settings(changes)
    edge = settings.cube * case.scale
    used = left_to_train(case.images, edge, len(case.phases), held_out)
    if not augment:
        case = replace(case, images=used)
    weights, seconds = train_chain(case, folder, settings=settings, seed=seed, reach=FEW_REACH)
    known = memory(weights.with_name("last.safetensors"), case.lr, used, others)
    return {
        "settings": changes,
        "training_s": round(seconds, 1),
        "memory": known,
        "while_training": while_training(folder / f"train{case.stages}" / "log.csv"),
        "recoveries": _rates(folder, case.stages),
        "errors": of_pore(_super_resolved(case, weights, folder), case),
    }


def while_training(log: Path) -> dict[str, float]:
    """Means over a stage of the r_v that steers augmentation, and of its probability."""
    table = pd.read_csv(log)
    names = [name for name in ("overfitting", "augment") if name in table]
    return {name: float(table[name].mean()) for name in names}


def _last(log: Path, column: str) -> float:
    found = pd.read_csv(log)
    return float(found[column].iloc[-1]) if column in found else 0.0


def _rates(folder: Path, stages: int) -> int:
    """Stages that had to go back and go on at half the rate."""
    logs = [pd.read_csv(folder / f"train{s}" / "log.csv") for s in range(1, stages + 1)]
    return sum(int(log["learning_rate"].iloc[-1] < log["learning_rate"].max()) for log in logs)


def interpolated_berea(seed: int, folder: Path, pictures: Path) -> Found:
    """The trilinear guess, for scale."""
    case = sandstone()
    return {"errors": of_pore(interpolate(case.lr_judged, len(case.phases), SCALE, 1), case)}


def of_pore(made: np.ndarray, case: Case) -> dict[str, float]:
    """Errors of the pore's measures as the validation defines them; ``iou`` is the overlap's."""
    pore = case.phases.pore
    found = {row.measure: row.error for row in overlap(made, case.truth, case.phases)
             if row.phase == pore}  # fmt: skip
    for name, known in _tables(case).items():
        rows = compare(_table(name, made, case), known)
        found |= {row.measure: row.error for row in rows
                  if row.phase == pore and row.other in ("", pore)}  # fmt: skip
    walls = [edt(volume == case.phases.pore_code) for volume in (made, case.truth)]
    ours, true = (wall[wall > 0] for wall in walls)
    found["pore_size"] = float(wasserstein_distance(ours, true) / true.mean())
    return {name: round(error, 4) for name, error in found.items()}


def _tables(case: Case) -> dict[str, Any]:
    return {name: _table(name, case.truth, case) for name in DESCRIPTORS}


def _table(name: str, volume: np.ndarray, case: Case) -> Any:
    curves = ("two_point_correlation", "lineal_path")
    return measure(
        name, volume, 1.0, case.phases, **({"max_lag_um": 40.0} if name in curves else {})
    )


def _settings(changes: Mapping[str, Any]) -> TrainSettings:
    return TrainSettings.model_validate(changes)


def _super_resolved(case: Case, weights: Path, folder: Path) -> np.ndarray:
    size = (float(case.scale),) * 3
    write_volume(folder / "judged.h5", case.lr_judged, size, phases=case.phases)
    return super_resolve(weights, folder / "judged.h5", case, seed=1)


def _along(case: Case, made: np.ndarray) -> Found:
    iou = {row.phase: row.value for row in overlap(made, case.truth, case.phases)}
    return along_axes(made, case.phases) | {"iou": iou[case.phases.pore]}


def draw(case: Case, volume: np.ndarray, stem: Path) -> None:
    """A section across y, so that layers lie flat."""
    figure, axes = figures.new(1, 1, width=2.2, height=2.3)
    plane = volume[:CUT, volume.shape[1] // 2, :CUT]
    figures.show_labels(axes[0][0], plane, case.phases, 1.0)
    axes[0][0].set_xlabel("x, fine voxels")
    axes[0][0].set_ylabel("z, fine voxels")
    figures.save(figure, stem, ("png",))


def _plain(name: str, title: str, volume: Callable[[Case], np.ndarray]) -> tuple[str, Run, bool]:
    return title, partial(without_training, name=name, volume=volume), False


def _spline(case: Case, order: int) -> np.ndarray:
    return interpolate(case.lr_judged, len(case.phases), case.scale, order)


CASES: dict[str, dict[str, tuple[str, Run, bool]]] = {
    "layers": {
        "truth": _plain("truth", "truth", lambda case: case.truth),
        "elsewhere": _plain("elsewhere", "another part of the rock", lambda case: case.elsewhere),
        "nearest": _plain("nearest", "nearest", partial(_spline, order=0)),
        "trilinear": _plain("trilinear", "trilinear", partial(_spline, order=1)),
        "blind": ("one critic for all axes", partial(by_axis, name="blind", sets=None), True),
        "aware": ("a critic across z, one across y and x",
                  partial(by_axis, name="aware", sets=SETS), True),
    },
    "few": {
        "trilinear": ("trilinear", interpolated_berea, False),
        "plain": ("both images", partial(by_images, augment=0.0, held_out=False), True),
        "one": ("one image, the other held out",
                partial(by_images, augment=0.0, held_out=True), True),
        "augmented": (f"the same, `augment: {AUGMENT}`",
                      partial(by_images, augment=AUGMENT, held_out=True), True),
        "eager": (f"the same, `augment: {EAGER}`",
                  partial(by_images, augment=EAGER, held_out=True), True),
    },
}  # fmt: skip
"""Case -> name -> title, how to measure it, and whether it depends on a seed."""
