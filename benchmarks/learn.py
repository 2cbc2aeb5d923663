"""Does the preset learn? Train on a rock whose truth is known; judge it where it has not looked.

    python benchmarks/learn.py berea          # real: Berea sandstone, binary, degraded 4x
    python benchmarks/learn.py phantom        # four minerals, CT errors and all

Berea's 2D images are slices with z < N/2, and it is judged at z > N/2 (OCTOLITH_ROCK_DATA says
where the data is). The phantom's come from other parts of the rock. Nearest-neighbour and
trilinear upsampling of the same LR image are judged beside it. Writes
benchmarks/results/learning-CASE.json, docs/figures/learning-CASE.png and docs/learning.md.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
import torch

from octolith import figures, phantom
from octolith.inference import Cut, grow
from octolith.networks import weights
from octolith.phases import Phases
from octolith.pyramid import classes, patch_size
from octolith.settings.training import TrainSettings
from octolith.steps.train import train
from octolith.training.monitor import errors, statistics
from octolith.volumes import open_volume, write_images, write_volume

HERE = Path(__file__).parent
SCALE, STAGES = 4, 3


@dataclass(frozen=True)
class Case:
    """A rock to learn: what training sees, and what it is judged on."""

    phases: Phases
    lr: np.ndarray
    images: list[np.ndarray]
    lr_judged: np.ndarray
    truth: np.ndarray


def berea() -> Case:
    """Real Berea: the upper half's slices teach, the lower half judges."""
    folder = Path(os.environ["OCTOLITH_ROCK_DATA"])
    fine = (tifffile.imread(folder / "berea-binary" / "berea_binary_400.tif") > 0).astype(np.uint8)
    n = fine.shape[0] // SCALE
    coarse = fine.reshape(n, SCALE, n, SCALE, n, SCALE).mean((1, 3, 5)) >= 0.5
    lr = coarse.astype(np.uint8)
    return Case(
        Phases.of(["pore", "grain"]),
        lr=lr[: n // 2],
        images=[fine[z] for z in range(0, 170, 10)],
        lr_judged=np.ascontiguousarray(lr[52:, :64, :64]),
        truth=fine[208:, :256, :256],
    )


def phantom_rock() -> Case:
    """The phantom of the demonstration: its scan is cut into grey-level bands."""
    recipe = phantom.load_recipe("demo")
    phases = Phases.of(["pore", "quartz", "feldspar", "clay"])
    scan = phantom.ct_scan(recipe, (0, 0, 0), (64, 64, 64), SCALE)
    lr = np.zeros(scan.shape, np.uint8)
    for name, bands in phantom.bands(recipe).items():
        for low, high in bands:
            lr[(scan >= low) & (scan < high)] = phases.code(name)
    truth = phantom.fine_labels(recipe, (0, 0, 0), (256, 256, 256))
    return Case(phases, lr, phantom.microscope_images(recipe, 12, 384), lr, truth)


def trilinear(lr: np.ndarray, phases: int) -> np.ndarray:
    """The most likely phase of the linearly interpolated one-hot image."""
    one_hot = torch.from_numpy(np.stack([lr == k for k in range(phases)]).astype(np.float32))
    fine = torch.nn.functional.interpolate(one_hot[None], scale_factor=SCALE, mode="trilinear")
    labels: np.ndarray = fine[0].argmax(0).byte().numpy()
    return labels


def judge(made: np.ndarray, truth: np.ndarray, phases: Phases) -> dict[str, object]:
    """Overlap and descriptors of a volume against the truth."""
    found, known = (
        statistics([torch.from_numpy(np.ascontiguousarray(v))], len(phases), phases.pore_code, 128)
        for v in (made, truth)
    )
    overlap = {
        name: float(((made == k) & (truth == k)).sum() / ((made == k) | (truth == k)).sum())
        for k, name in enumerate(phases.names)
    }
    fractions = {name: float((made == k).mean()) for k, name in enumerate(phases.names)}
    area = float(found.interfaces[phases.pore_code].sum())
    return {"iou": overlap, "fraction": fractions, "pore_area": area, **errors(found, known)}


def learn(case: Case, settings: TrainSettings, folder: Path, threads: int) -> Iterator[dict]:
    """Train stage by stage and judge each; the last one is the whole generator."""
    write_volume(folder / "lr.h5", case.lr, (4.0,) * 3, phases=case.phases)
    previous = None
    for stage in range(1, STAGES + 1):
        patch = patch_size(stage, STAGES)
        pyramid = [classes(image, len(case.phases), patch) for image in case.images]
        names = [f"image{i}" for i in range(len(pyramid))]
        path = folder / f"stage{stage}.h5"
        write_images(path, pyramid, float(patch), phases=case.phases, names=names)
        out = folder / f"train{stage}" / "weights.safetensors"
        began = time.perf_counter()
        train(
            folder / "lr.h5", path, previous, out, stage=stage, stages=STAGES, settings=settings,
            phases=case.phases, seed=1, threads=threads,
        )  # fmt: skip
        seconds, previous = time.perf_counter() - began, out
        made = super_resolve(case, out, folder, stage)
        truth = cell_classes(case.truth, len(case.phases), patch)
        agree = float((made == truth).mean())
        yield {"stage": stage, "seconds": seconds, "agreement": agree, "labels": made}


def cell_classes(truth: np.ndarray, mixed: int, patch: int) -> np.ndarray:
    """The octree classes of the truth at a coarser level."""
    z, y, x = (n // patch for n in truth.shape)
    cells = truth.reshape(z, patch, y, patch, x, patch)
    low, high = cells.min((1, 3, 5)), cells.max((1, 3, 5))
    return np.where(low == high, low, mixed).astype(np.uint8)


def super_resolve(case: Case, trained: Path, folder: Path, stage: int) -> np.ndarray:
    """The judged LR volume grown to ``stage``."""
    generator, _ = weights.load_generator(trained, case.phases, STAGES)
    write_volume(folder / "judged.h5", case.lr_judged, (4.0,) * 3, phases=case.phases)
    z, y, x = case.lr_judged.shape
    with open_volume(folder / "judged.h5") as volume:
        growth = grow(generator, volume, Cut(0, (0, 0, 0), (z, y, x)), seed=1, stage=stage)
    labels: np.ndarray = growth.octree.reconstruct()[0].numpy()
    return labels


def picture(case: Case, volumes: dict[str, np.ndarray], stem: Path) -> None:
    """One slice of every method."""
    figure, axes = figures.new(1, len(volumes), width=2.6 * len(volumes), height=3.0)
    for axis, (name, volume) in zip(axes[0], volumes.items(), strict=True):
        figures.show_labels(axis, volume[volume.shape[0] // 2], case.phases, 1.0, name)
        axis.set_xlabel("fine voxels")
    handles = figures.phase_legend(case.phases)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    figures.save(figure, stem, ("png",))


def page() -> str:
    """All results so far, as a page of the documentation."""
    parts = [PREFACE]
    for path in sorted((HERE / "results").glob("learning-*.json")):
        result, name = json.loads(path.read_text()), path.stem.removeprefix("learning-")
        minutes = sum(row["seconds"] for row in result["stages"]) / 60
        changes = f", changed: `{json.dumps(result['changes'])}`" if result["changes"] else ""
        parts.append(
            f"## {name}\n\nPreset `{result['preset']}`{changes}; trained for {minutes:.1f} minutes "
            f"on {result['threads']} thread{'s' * (result['threads'] > 1)}. Nodes that agree with "
            "the truth's octree, stage by stage: "
            + ", ".join(f"{row['agreement']:.3f}" for row in result["stages"])
            + f".\n\n![]({'figures/learning-' + name + '.png'})\n\n{table(result['methods'])}\n"
        )
    return "\n".join(parts)


PREFACE = """# Does it learn?

Written by `python benchmarks/learn.py CASE`; the figures are in `benchmarks/results`. Errors are
shares of the truth's own value (all phases together), of 2D statistics over every slice: 0 is
perfect. IoU is the overlap with the truth, voxel by voxel: 1 is perfect. It is the one measure
that detail costs when it is right in kind but not in place.
"""


def table(methods: dict[str, dict]) -> str:
    """One column a method, one row a measure."""
    first = methods["truth"]
    rows = [(f"IoU, {phase}", lambda m, p=phase: m["iou"][p]) for phase in first["iou"]]
    rows += [(f"fraction, {p}", lambda m, p=p: m["fraction"][p]) for p in first["fraction"]]
    rows += [
        (words, lambda m, k=key: m[k])
        for words, key in (
            ("error, volume fractions", "error_volume_fraction"),
            ("error, interfaces", "error_interface"),
            ("error, two-point correlation of the pore", "error_two_point"),
        )
    ]
    lines = ["| | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
    lines += [
        f"| {words} | " + " | ".join(f"{get(m):.3f}" for m in methods.values()) + " |"
        for words, get in rows
    ]
    return "\n".join(lines)


def main() -> None:
    """Run one case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=["berea", "phantom"])
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--changes", type=json.loads, default={}, help="JSON over the preset")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--name", help="of the results; default: the case")
    chosen = parser.parse_args()
    case = berea() if chosen.case == "berea" else phantom_rock()
    settings = TrainSettings.model_validate({"preset": chosen.preset} | chosen.changes)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for row in learn(case, settings, Path(folder), chosen.threads):
            made = row.pop("labels")
            print(row, flush=True)
            rows.append(row)
    nearest = np.kron(case.lr_judged, np.ones((SCALE,) * 3, np.uint8))
    volumes = {"nearest": nearest, "trilinear": trilinear(case.lr_judged, len(case.phases)),
               "Octolith": made, "truth": case.truth}  # fmt: skip
    methods = {name: judge(volume, case.truth, case.phases) for name, volume in volumes.items()}
    name = chosen.name or chosen.case
    picture(case, volumes, HERE.parent / "docs" / "figures" / f"learning-{name}")
    result = {"case": chosen.case, "preset": chosen.preset, "changes": chosen.changes,
              "threads": chosen.threads, "stages": rows, "methods": methods}  # fmt: skip
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"learning-{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (HERE.parent / "docs" / "learning.md").write_text(page())
    print(table(methods))


if __name__ == "__main__":
    main()
