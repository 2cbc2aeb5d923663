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
import hashlib
import json
from pathlib import Path

import numpy as np
import torch

from octolith import figures
from octolith.octree import build
from octolith.phases import Phases
from octolith.settings.training import TrainSettings
from octolith.training.monitor import errors, statistics
from octolith.volumes import write_volume
from validation.cases import CASES, Case
from validation.methods import interpolate, super_resolve, train_chain
from validation.rock import laid_over

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


def compare(found: dict[str, np.ndarray], case: Case, stage: int) -> dict[str, dict[str, float]]:
    """Classes of a stage against the truth's octree, method by method: where, and how many."""
    truth, mixed = classes_of(case.truth, case, stage), len(case.phases)
    known, *ours = (
        statistics([torch.from_numpy(v)], len(case.phases), case.phases.pore_code, 128)
        for v in (truth, *found.values())
    )
    return {
        name: {
            "agreement": float((classes == truth).mean()),
            "error": float(np.mean(list(errors(measured, known).values()))),
            "refined": float((classes == mixed).mean()),
            "missed": left(classes == mixed, truth == mixed),
        }
        for (name, classes), measured in zip(found.items(), ours, strict=True)
    }


def left(refined: np.ndarray, mixed: np.ndarray) -> float:
    """The share of the mixed cells that are not refined; 0 where none is mixed."""
    return float((mixed & ~refined).sum() / max(1, mixed.sum()))


def classes_of(volume: np.ndarray, case: Case, stage: int) -> np.ndarray:
    """What the octree of a fine volume holds at a stage."""
    tree = build(torch.from_numpy(volume)[None], case.stages - 1, len(case.phases))
    return tree.reconstruct(stage - 1)[0].numpy()


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
        minutes = result["seconds"] / 60
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
in brackets the share of cells that agree. All stages but the last refine more than there is, on
purpose (`mixed_factor`), and are further from the truth's octree for it. *Left* is what that is
for: of the cells that hold an interface in truth, the share that a stage leaves unrefined, which
nothing mends; in brackets, the share of all cells that it refines.
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


def folder(chosen: argparse.Namespace, settings: TrainSettings) -> Path:
    """Where a training is kept: the preset's own is the validation's, others by their settings."""
    results = HERE.parent / "results"
    if chosen.preset == TrainSettings().preset and not chosen.changes:
        return results / "validation" / RUNS[chosen.case] / "octolith"
    key = hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:12]
    return results / "learning" / f"{chosen.case}-{key}"


def by_stage(rows: list[dict]) -> str:
    """One row a stage, one column a method and measure; what the last stage leaves is not asked."""
    names = list(rows[0]["methods"])
    head = [*names, *(f"{name}, left" for name in names)]
    lines = ["| stage | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for row in rows:
        each = row["methods"].values()
        cells = [f"{m['error']:.3f} ({m['agreement']:.3f})" for m in each]
        cells += [
            "–" if row is rows[-1] else f"{m['missed']:.3f} ({m['refined']:.3f})" for m in each
        ]
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
    own = laid_over(case.settings, chosen.changes) | {"preset": chosen.preset}
    settings = TrainSettings.model_validate(own)
    kept = folder(chosen, settings)
    trained, seconds = train_chain(case, kept, settings=settings, threads=chosen.threads)
    lr = kept / "judged.h5"
    write_volume(lr, case.lr_judged, (float(case.scale),) * 3, phases=case.phases)
    interpolated = {
        name: interpolate(case.lr_judged, len(case.phases), case.scale, order)
        for name, order in (("nearest", 0), ("trilinear", 1))
    }
    rows = []
    for stage in range(1, case.stages + 1):
        made = super_resolve(trained, lr, case, seed=1, stage=stage)
        found = {name: classes_of(v, case, stage) for name, v in interpolated.items()}
        compared = compare(found | {"Octolith": made}, case, stage)
        rows.append({"stage": stage, "methods": compared})
        print(rows[-1], flush=True)
    volumes = interpolated | {"Octolith": made, "truth": case.truth}
    methods = {name: judge(volume, case.truth, case.phases) for name, volume in volumes.items()}
    name = chosen.name or chosen.case
    picture(case, volumes, HERE.parent / "docs" / "figures" / f"learning-{name}")
    result = {"case": chosen.case, "preset": chosen.preset, "changes": chosen.changes,
              "threads": chosen.threads, "seconds": seconds, "stages": rows,
              "methods": methods}  # fmt: skip
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / f"learning-{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    (HERE.parent / "docs" / "learning.md").write_text(page())
    print(table(methods))


if __name__ == "__main__":
    main()
