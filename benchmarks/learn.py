"""Does the preset learn, stage by stage? Train on a rock whose truth is known, and compare nodes.

    python benchmarks/learn.py phantom        # four minerals, CT errors and all
    python benchmarks/learn.py berea          # real: Berea sandstone, binary, degraded 4x

The rocks and their halves, the training and the interpolations are those of the validation
(benchmarks/validation), and what either has trained is not trained again; OCTOLITH_ROCK_DATA says
where real rock is. Writes
benchmarks/results/learning-CASE.json, docs/figures/learning-CASE.png and docs/learning.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from octolith import figures
from octolith.phases import Phases
from octolith.pyramid import patch_size
from octolith.settings.training import TrainSettings
from octolith.training.monitor import errors, statistics
from octolith.volumes import write_volume
from validation.cases import CASES, Case
from validation.methods import interpolate, super_resolve, train_stage

HERE = Path(__file__).parent
RUNS = {"berea": "berea-4x", "phantom": "phantom-4x"}


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
    folder.mkdir(parents=True, exist_ok=True)
    for name, labels in (("lr", case.lr), ("judged", case.lr_judged)):
        write_volume(folder / f"{name}.h5", labels, (float(case.scale),) * 3, phases=case.phases)
    trained = None
    for stage in range(1, case.stages + 1):
        trained, seconds = train_stage(
            case, folder, stage, trained, settings=settings, threads=threads
        )
        made = super_resolve(trained, folder / "judged.h5", case, seed=1, stage=stage)
        yield {"stage": stage, "seconds": seconds, "labels": made}


def compare(volumes: dict[str, np.ndarray], case: Case, stage: int) -> dict[str, dict[str, float]]:
    """Classes of a stage against the truth's octree, method by method: where, and how many.

    Parameters
    ----------
    volumes : fine labels by method, or the stage's own classes.
    """
    patch, mixed = patch_size(stage, case.stages), len(case.phases)
    truth = cell_classes(case.truth, mixed, patch)
    found = {}
    for name, volume in volumes.items():
        ours = volume.shape == truth.shape
        classes = volume if ours else cell_classes(volume, mixed, patch)
        a, b = (statistics([torch.from_numpy(v)], mixed, case.phases.pore_code, 128)
                for v in (classes, truth))  # fmt: skip
        agree = float((classes == truth).mean())
        found[name] = {"agreement": agree, "error": float(np.mean(list(errors(a, b).values())))}
    return found


def cell_classes(truth: np.ndarray, mixed: int, patch: int) -> np.ndarray:
    """The octree classes of the truth at a coarser level."""
    z, y, x = (n // patch for n in truth.shape)
    cells = truth.reshape(z, patch, y, patch, x, patch)
    low, high = cells.min((1, 3, 5)), cells.max((1, 3, 5))
    return np.where(low == high, low, mixed).astype(np.uint8)


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
            f"on {result['threads']} thread{'s' * (result['threads'] > 1)}.\n\n"
            f"![]({'figures/learning-' + name + '.png'})\n\n{table(result['methods'])}\n\n"
            f"{by_stage(result['stages'])}\n"
        )
    return "\n".join(parts)


PREFACE = """# Does it learn?

Written by `python benchmarks/learn.py CASE`; the figures are in `benchmarks/results`. Errors are
shares of the truth's own value (all phases together), of 2D statistics over every slice: 0 is
perfect. IoU is the overlap with the truth, voxel by voxel: 1 is perfect. It is the one measure
that detail costs when it is right in kind but not in place. Stage by stage, the classes of a
stage (mixed is one) are held against those of the truth's octree: the mean of the three errors, and
in brackets the share of cells that agree.
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


def folder(chosen: argparse.Namespace) -> Path:
    """Where a training is kept: the preset's own is the validation's."""
    results = HERE.parent / "results"
    if chosen.preset == TrainSettings().preset and not chosen.changes:
        return results / "validation" / RUNS[chosen.case] / "octolith"
    return results / "learning" / (chosen.name or f"{chosen.case}-{chosen.preset}")


def by_stage(rows: list[dict]) -> str:
    """One row a stage, one column a method."""
    names = list(rows[0]["methods"])
    lines = ["| stage | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for row in rows:
        cells = [f"{m['error']:.3f} ({m['agreement']:.3f})" for m in row["methods"].values()]
        lines.append(f"| {row['stage']} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run one case."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", choices=RUNS)
    parser.add_argument("--preset", default="laptop")
    parser.add_argument("--changes", type=json.loads, default={}, help="JSON over the preset")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--name", help="of the results; default: the case")
    chosen = parser.parse_args()
    case = CASES[RUNS[chosen.case]][1]()
    settings = TrainSettings.model_validate({"preset": chosen.preset} | chosen.changes)
    rows = []
    volumes = {
        name: interpolate(case.lr_judged, len(case.phases), case.scale, order)
        for name, order in (("nearest", 0), ("trilinear", 1))
    }
    for row in learn(case, settings, folder(chosen), chosen.threads):
        volumes["Octolith"] = row.pop("labels")
        row["methods"] = compare(volumes, case, row["stage"])
        print(row, flush=True)
        rows.append(row)
    volumes["truth"] = case.truth
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
