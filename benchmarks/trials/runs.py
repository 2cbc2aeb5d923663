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
from octolith.settings.training import TrainSettings
from octolith.volumes import write_volume
from trials.along import along_axes
from trials.chain import train_chain
from trials.few import SCALE, few_images, unseen
from trials.layers import layers, mixed_shares
from trials.memory import left_to_train, memory
from validation.cases import Case, berea
from validation.measures import compare, overlap
from validation.methods import interpolate, super_resolve

Found = dict[str, Any]
Run = Callable[[int, Path, Path], Found]
"""Of a seed, a folder for whatever training leaves, and one for pictures."""

CUT = 96  # fine voxels along the edge of a picture
LAYERS: dict[str, Any] = {"lr_cube": 8, "all": {"epochs": 20}}
FEW: dict[str, Any] = {"all": {"epochs": 15}}
AUGMENT = 0.5
SETS = {"z": "z", "y": "yx", "x": "yx"}
DESCRIPTORS = ("volume_fraction", "interfacial_area", "two_point_correlation", "lineal_path",
               "chord_length")  # fmt: skip

layered = lru_cache(maxsize=1)(layers)
sandstone = lru_cache(maxsize=1)(partial(berea, SCALE))


def without_training(
    seed: int, folder: Path, pictures: Path, *, name: str, volume: Callable[[Case], np.ndarray]
) -> Found:
    """A volume of the layered rock that nothing has to be learned for."""
    case, axes = layered()
    made = volume(case)
    draw(case, made, pictures / f"experiments-layers-{name}")
    return _along(case, made) | {"mixed": mixed_shares(case, axes)}


def by_axis(
    seed: int, folder: Path, pictures: Path, *, name: str, sets: Mapping[str, str] | None
) -> Found:
    """Learn the layered rock, with a critic for each of the sets of axes, or one for all."""
    case, axes = layered()
    own = [sets[axis] for axis in axes] if sets else None
    weights, seconds = train_chain(case, folder, _settings(LAYERS), seed, own)
    made = _super_resolved(case, weights, folder)
    if seed == 1:
        draw(case, made, pictures / f"experiments-layers-{name}")
    log = pd.read_csv(folder / "train1" / "log.csv")
    return _along(case, made) | {
        "settings": LAYERS,
        "training_s": round(seconds, 1),
        "mixed_share": float(log["mixed_fraction"].iloc[-1]),
    }


def by_images(
    seed: int, folder: Path, pictures: Path, *, augment: float, images: Callable[[Case, int], Case]
) -> Found:
    """Learn Berea from ``images``; judge its other half, and what its critic knows by heart."""
    case = images(sandstone(), seed)
    changes = FEW | {"all": FEW["all"] | {"augment": augment}}
    settings = _settings(changes)
    weights, seconds = train_chain(case, folder, settings, seed)
    used = left_to_train(case.images, settings.cube * case.scale, len(case.phases), augment)
    known = memory(weights.with_name("last.safetensors"), case.lr, used, unseen(case))
    return {
        "settings": changes,
        "pixels": sum(image.size for image in used),
        "training_s": round(seconds, 1),
        "memory": known,
        "errors": of_pore(_super_resolved(case, weights, folder), case),
    }


def as_they_are(case: Case, seed: int) -> Case:
    """All images."""
    return case


def without_the_held_out(case: Case, seed: int) -> Case:
    """What augmentation leaves of the few images to train on."""
    few = few_images(case, seed)
    edge = _settings(FEW).cube * case.scale
    return replace(few, images=left_to_train(few.images, edge, len(case.phases), AUGMENT))


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
        "plain": ("two images", partial(by_images, augment=0.0, images=few_images), True),
        "augmented": ("two images, `augment: 0.5`",
                      partial(by_images, augment=AUGMENT, images=few_images), True),
        "one": ("the one that augmentation does not hold out",
                partial(by_images, augment=0.0, images=without_the_held_out), True),
        "all": ("all 17 whole images", partial(by_images, augment=0.0, images=as_they_are), True),
    },
}  # fmt: skip
"""Case -> name -> title, how to measure it, and whether it depends on a seed."""
