"""The page: tables and curves of what the trainings gave, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from octolith import figures
from trials.along import AXES, away
from trials.few import COUNT, EDGE
from trials.few import SCALE as SMALL
from trials.layers import LENGTHS, PLANES, SCALE
from trials.runs import AUGMENT, CASES, EAGER, FEW
from validation.records import Record

All = Mapping[tuple[str, str], Record]

PREFACE = """# Do the options for layered rock and for few images help?

Written by `make experiments` (`python benchmarks/experiments.py`) from what has been measured,
which is in `benchmarks/results/experiments.json`; no figure is typed by hand. The trainings are
short ones of the preset `laptop`. Where there are several seeds a cell is their mean ± their
standard deviation. Lengths are fine voxels.
"""
ERRORS = {
    "volume_fraction": "volume fraction", "specific_surface": "specific surface",
    "two_point_correlation": "two-point correlation", "lineal_path": "lineal path",
    "mean_chord_length": "mean chord", "pore_size": "pore size",
}  # fmt: skip
"""Measure of the pore -> what the page calls it."""
COLOURS = {"truth": "#000000", "nearest": "#7f7f7f", "blind": "#e69f00", "aware": "#d55e00"}


def page(records: All) -> str:
    """Markdown of what there is."""
    parts = [PREFACE, *_layers(records), *_few(records), *_machines(records)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def of(records: All, case: str, name: str) -> list[Record]:
    """The records of a method, seed by seed."""
    found = [r for (own, _), r in records.items() if own == case and r["name"] == name]
    return sorted(found, key=lambda record: int(record["seed"]))


def spread(values: list[float]) -> str:
    """Mean ± standard deviation.

    >>> spread([1.0, 3.0]), spread([1.0])
    ('2 ± 1.4', '1')
    """
    mean = f"{np.mean(values):.3g}"
    return f"{mean} ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else mean


def table(records: All, case: str, rows: Mapping[str, Callable[[Record], float | None]]) -> str:
    """A column a method, a row a quantity; – where a method has none."""
    methods = {n: title for n, (title, *_) in CASES[case].items() if of(records, case, n)}
    lines = ["| | " + " | ".join(methods.values()) + " |", "|---" * (len(methods) + 1) + "|"]
    for words, get in rows.items():
        cells = []
        for name in methods:
            values = [v for r in of(records, case, name) if (v := get(r)) is not None]
            cells.append(spread(values) if values else "–")
        lines.append(f"| {words} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


# -- layers --------------------------------------------------------------------------------------


def _layers(records: All) -> Iterator[str]:
    if not of(records, "layers", "truth"):
        return
    true = of(records, "layers", "truth")[0]
    z, y, x = LENGTHS
    yield "## Layers thinner than an LR voxel"
    yield (
        f"A Gaussian random field with correlation lengths of {z:g}, {y:g} and {x:g} voxels along "
        f"z, y and x, cut into pore and grain, seen at {SCALE}×: a pore is "
        f"{true['chord']['z']:.1f} voxels thick on the average and an LR voxel {SCALE}. How thin "
        f"the layers are has to be learned from the images, {PLANES['z']} across z, "
        f"{PLANES['y']} across y and {PLANES['x']} across x. They, the LR image of the training "
        "and what is judged are rocks of their own, which have the statistics alone in common. "
        "The same images serve one critic, in all eight orientations, as where nobody says what "
        "direction they have; or two (`hr_axes`: `z;yx`). Everything else is the same: settings, "
        "seeds, numbers of updates of the generator."
    )
    yield (
        " ".join(
            f"![{title}](figures/experiments-layers-{name}.png)"
            for name, (title, *_) in CASES["layers"].items()
        )
        + "\n\nSections across y, in the order of the table, with z downwards."
    )
    chords = {f"mean chord of the pore along {a}": lambda r, a=a: r["chord"][a] for a in AXES}
    apart = {
        f"error of the two-point correlation along {a}":
            lambda r, a=a: away(r["f2"][a], true["f2"][a]) for a in AXES
    }  # fmt: skip
    yield table(records, "layers", {
        **chords, "z over the mean of y and x": anisotropy, **apart,
        "fraction of pore": lambda r: r["fraction"], "IoU of the pore": lambda r: r["iou"],
        "training, s": lambda r: r.get("training_s"),
    })  # fmt: skip
    yield (
        "The error of a correlation is the root mean square difference of the scaled "
        "autocovariance (S2 - φ²) / (φ - φ²) over that of the truth's, up to 24 voxels. *Another "
        "part of the rock* says how much of it is chance."
    )
    yield "![Correlations along z and x](figures/experiments-layers-curves.png)"
    yield from _verdict_of_layers(records, true)


def anisotropy(record: Record) -> float:
    """Chords across the layers over those along them; 1 where there are no layers."""
    chord = record["chord"]
    return float(2 * chord["z"] / (chord["y"] + chord["x"]))


def _verdict_of_layers(records: All, true: Record) -> Iterator[str]:
    blind, aware = (of(records, "layers", name) for name in ("blind", "aware"))
    pairs = [(a, b) for a in blind for b in aware if a["seed"] == b["seed"]]
    if not pairs:
        return
    nearest = of(records, "layers", "nearest")
    wins = {
        axis: sum(abs(b["chord"][axis] - true["chord"][axis])
                  < abs(a["chord"][axis] - true["chord"][axis]) for a, b in pairs)
        for axis in AXES
    }  # fmt: skip
    yield (
        "With a critic for each set of axes chords are truer than with one for all, pair by pair "
        "of one seed, "
        + ", ".join(f"along {axis} in {wins[axis]} of {len(pairs)}" for axis in AXES)
        + f". Along the layers nearest has {_along_layers(nearest)} voxels, "
        f"one critic {_along_layers(blind)}, two {_along_layers(aware)} and the truth "
        f"{_along_layers([true])}. What makes it hard: a node of the octree is mixed or "
        f"not, whichever way one looks at it, but at stage 1 {true['mixed']['z']:.0%} of the "
        f"patches of images across z are mixed and {true['mixed']['yx']:.0%} of "
        f"those across y and x (with the reach of patches), "
        f"where of the rock's cells {true['mixed']['cells']:.0%} are. The generator came to "
        f"{_percent(aware)} with a critic for each set and to {_percent(blind)} with one; what it "
        "has taken for one phase can be layered no more."
    )


def _along_layers(found: list[Record]) -> str:
    """Mean chord along y and x."""
    return f"{np.mean([r['chord'][axis] for r in found for axis in 'yx']):.1f}"


def _percent(found: list[Record]) -> str:
    return f"{np.mean([r['mixed_share'] for r in found]):.0%}"


def curves(records: All, stem: Path) -> None:
    """Draw the correlations along z and x of the first seeds."""
    chosen = {n: found[0] for n in COLOURS if (found := of(records, "layers", n))}
    if not chosen:
        return
    figure, axes = figures.new(1, 2, width=7.0, height=3.2)
    for axis, panel in zip(("z", "x"), axes[0], strict=True):
        for name, record in chosen.items():
            title = CASES["layers"][name][0]
            panel.plot(record["f2"][axis], color=COLOURS[name], label=title)
        panel.axhline(0, color="#cccccc", linewidth=0.8, zorder=0)
        panel.set_xlabel(f"distance along {axis}, fine voxels")
    axes[0][0].set_ylabel("scaled autocovariance of the pore")
    handles, titles = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, titles, loc="outside lower center", ncols=2, frameon=False)
    figures.save(figure, f"{stem}-curves", ("png",))


# -- few images ----------------------------------------------------------------------------------


def _few(records: All) -> Iterator[str]:
    if not of(records, "few", "plain"):
        return
    yield "## Few images, with augmentation and without"
    yield (
        f"Berea, binary, at {SMALL}×, learned from {COUNT} windows of {EDGE} × {EDGE} pixels, "
        "other ones for every seed and all of about the rock's porosity, and judged on the other "
        "half of the rock. `augment` holds one of two images out: it is compared with a training "
        "without it on the other one alone. Steps, seeds and settings are the same: "
        f"`{json.dumps(FEW['all'])}` in the preset, and patches without reach. Errors are "
        "those of the pore, as in [validation.md](validation.md)."
    )
    rows: dict[str, Callable[[Record], float | None]] = {
        f"error, {words}": lambda r, n=name: r["errors"].get(n) for name, words in ERRORS.items()
    }
    yield table(records, "few", {
        **rows, "IoU of the pore": lambda r: 1 - r["errors"]["iou"],
        "r_v": lambda r: r["memory"]["r_v"] if "memory" in r else None,
        "gap": lambda r: r["memory"]["gap"] if "memory" in r else None,
        "r_v while training": lambda r: r.get("while_training", {}).get("overfitting"),
        "probability of augmentation": lambda r: r.get("while_training", {}).get("augment"),
        "recoveries": lambda r: r.get("recoveries"),
        "training, s": lambda r: r.get("training_s"),
    })  # fmt: skip
    yield (
        "*r_v* is (train - unseen) / (train - generated) of the critic's mean scores: 0 where "
        "crops of images that it never saw score as those of its own do, 1 where they score as "
        "generated ones. *Gap* is by how many of their own standard deviations unseen crops score "
        "below those of training; it does not depend on the generator. Both are measured after "
        "training, on unchanged crops, against the images of the same half that no window is of. "
        "*r_v while training* steers the *probability of augmentation*: it is by the one image "
        "that is held out, as typical as the one trained on, where the images that no window is "
        "of are as various as the rock. Both are means over the last stage. *Recoveries* are "
        "stages that collapsed and went on at half the learning rate."
    )
    yield from _verdict_of_few(records)


def _verdict_of_few(records: All) -> Iterator[str]:
    one = of(records, "few", "one")
    for name, words in (("augmented", AUGMENT), ("eager", EAGER)):
        mine = of(records, "few", name)
        if not (one and mine):
            continue
        text = f"`augment: {words}` against the same image without, pair by pair of one seed, has "
        yield text + "the smaller " + _comparison(one, mine) + "." + _idle(mine)


def _idle(found: list[Record]) -> str:
    """What it means that augmentation never began."""
    if max(record["while_training"]["augment"] for record in found) > 0:
        return ""
    return (
        " But it never began: r_v did not get there while training, so that the two trainings "
        "differ in nothing but their random numbers and the images by which their best epoch is "
        "chosen: by how much they differ is chance."
    )


def _comparison(others: list[Record], mine: list[Record]) -> str:
    pairs = [(a, b) for a in others for b in mine if a["seed"] == b["seed"]]
    counts = [
        f"{words} in {sum(b['errors'][name] < a['errors'][name] for a, b in pairs)}"
        for name, words in ERRORS.items()
    ]
    less = sum(b["memory"]["gap"] < a["memory"]["gap"] for a, b in pairs)
    return ", ".join([*counts, f"gap in {less}"]) + f" of {len(pairs)}"


def _machines(records: All) -> Iterator[str]:
    total = sum(record.get("training_s", 0.0) for record in records.values())
    found = {
        f"{m['processor']}, {m['cores']} cores, {m['memory']}"
        for m in (record["machine"] for record in records.values())
    }
    yield "## Machine"
    yield (
        f"{'; '.join(sorted(found))}. {total / 60:.0f} minutes of training in all, on one thread "
        "that other work may have shared."
    )
