"""How far a volume is from the truth: voxel by voxel, in statistics, and in what flows through.

Lengths are in fine voxels: some of the rocks do not state theirs. Every row says what was
measured, its value on the volume and on the truth, and the error: the distance that suits the
quantity (`octolith.descriptors.comparison`), as a share of the truth's own size where it has one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from edt import edt
from scipy.stats import wasserstein_distance

from octolith.descriptors import NAMES, WHOLE, measure
from octolith.descriptors.comparison import Sampled, distance_for, sample
from octolith.phases import Phases
from octolith.pores.extraction import extract_network
from octolith.pores.flow import permeability_md
from octolith.pores.transport import diffusion

LAG = 40.0
NETWORK, DIFFUSION = 160, 96  # edges of the cubes in which flow and diffusion are solved


@dataclass(frozen=True)
class Row:
    """One quantity of one volume. ``value`` and ``truth`` are empty for curves."""

    measure: str
    phase: str
    error: float
    value: float | None = None
    truth: float | None = None
    other: str = ""


@dataclass(frozen=True)
class Properties:
    """What a volume is like, apart from where things are.

    Attributes
    ----------
    tables : of descriptors of `octolith.descriptors`.
    to_wall : distance of every pore voxel's centre from the nearest grain's, voxels.
    conduction : of the pore: permeability and diffusivity, means over the three axes.
    """

    tables: dict[str, pd.DataFrame]
    to_wall: np.ndarray
    conduction: dict[str, float]

    @classmethod
    def of(cls, volume: np.ndarray, phases: Phases) -> Properties:
        """Measure (z, y, x) uint8 labels."""
        names = [
            name for name in NAMES
            if name not in WHOLE and not (name == "triple_phase_boundary" and len(phases) < 3)
        ]  # fmt: skip
        pore = volume == phases.pore_code
        return cls(
            {name: _table(name, volume, phases) for name in names},
            edt(pore)[pore],
            {
                "permeability": float(np.mean(permeabilities(_corner(pore, NETWORK)))),
                "diffusivity": float(np.mean(diffusivities(_corner(pore, DIFFUSION)))),
            },
        )


def _table(name: str, volume: np.ndarray, phases: Phases) -> pd.DataFrame:
    curves = ("two_point_correlation", "lineal_path", "cluster_function", "polytope")
    lag = min(LAG, min(volume.shape) / 2)
    return measure(name, volume, 1.0, phases, **({"max_lag_um": lag} if name in curves else {}))


def judge(
    made: np.ndarray, truth: np.ndarray, known: Properties, phases: Phases
) -> list[dict[str, object]]:
    """Every measure of a volume against the truth.

    Parameters
    ----------
    made, truth : (z, y, x) uint8 labels of one shape.
    known : the truth's properties.
    """
    rows = [*overlap(made, truth, phases), *distances(Properties.of(made, phases), known, phases)]
    return [asdict(row) for row in rows]


def overlap(made: np.ndarray, truth: np.ndarray, phases: Phases) -> Iterator[Row]:
    """Intersection over union of every phase that is there; its error is 1 - IoU."""
    for code, name in enumerate(phases.names):
        mine, true = made == code, truth == code
        union = np.count_nonzero(mine | true)
        if union:
            iou = np.count_nonzero(mine & true) / union
            yield Row("iou", name, 1 - iou, iou, 1.0)


def distances(ours: Properties, true: Properties, phases: Phases) -> Iterator[Row]:
    """Of every property that both have; the pore size's is Wasserstein-1 over the truth's mean.

    The pore-size function says how far a point of the pore is from the wall (Torquato, Random
    Heterogeneous Materials, 2002, section 2.6).
    """
    for name, table in true.tables.items():
        yield from compare(ours.tables[name], table)
    a, b = ours.to_wall, true.to_wall
    if a.size and b.size:
        apart = float(wasserstein_distance(a, b) / b.mean())
        yield Row("pore_size", phases.pore, apart, float(a.mean()), float(b.mean()))
    for name, known in true.conduction.items():
        if known:
            value = ours.conduction[name]
            yield Row(name, phases.pore, abs(value / known - 1), value, known)


def compare(ours: pd.DataFrame, true: pd.DataFrame) -> Iterator[Row]:
    """The distance of each quantity of the truth; scalars as a share of the truth's."""
    keys = ["descriptor", "phase", "other"]
    mine = dict(list(ours.groupby(keys)))
    for key, rows in true.groupby(keys, sort=False):
        if key not in mine:
            continue
        a, b = _sampled(mine[key]), _sampled(rows)
        distance, _ = distance_for(rows, "truth")
        error = distance(a, b)
        if rows["distance_um"].notna().any() or rows["quantile"].notna().any():
            yield Row(key[0], key[1], error, other=key[2])
            continue
        value, known = float(a.mean[0]), float(b.mean[0])
        if known:
            yield Row(key[0], key[1], error / abs(known), value, known, key[2])


def _sampled(rows: pd.DataFrame) -> Sampled:
    radial = rows[rows["direction"] == "radial"]
    return sample((radial if len(radial) else rows).assign(patch=0), 1)


def _corner(volume: np.ndarray, edge: int) -> np.ndarray:
    edge = min(edge, *volume.shape)
    return volume[:edge, :edge, :edge]


def permeabilities(pore: np.ndarray) -> list[float]:
    """Along each axis, mD for voxels of 1 µm."""
    network = extract_network(pore, 1.0)
    return [permeability_md(network, axis) for axis in range(3)]


def diffusivities(pore: np.ndarray) -> list[float]:
    """Effective over bulk diffusivity along each axis."""
    labels = np.where(pore, 0, 1).astype(np.uint8)
    return [diffusion(labels, {0: 1.0}, axis).relative_diffusivity for axis in range(3)]


def honesty(realisations: Sequence[np.ndarray], truth: np.ndarray) -> dict[str, float]:
    """Do realisations differ from each other as much as they differ from the truth?

    If the truth could be one more realisation, both are the same. Less spread than error: the
    uncertainty that realisations show is too small.

    Returns
    -------
    ``spread`` and ``error``: shares of voxels, means over pairs; ``ratio`` of the two.
    """
    spread = float(np.mean([np.mean(a != b) for a, b in combinations(realisations, 2)]))
    error = float(np.mean([np.mean(made != truth) for made in realisations]))
    return {"spread": spread, "error": error, "ratio": spread / error if error else np.nan}


def vote(realisations: Sequence[np.ndarray], phases: int) -> np.ndarray:
    """The phase that most realisations give a voxel, smoother than any of them.

    The first realisation decides between phases of equally many: any rule would favour a phase.
    """
    first, *_ = realisations
    votes = [sum((r == k).astype(np.uint8) for r in realisations) for k in range(phases)]
    counts = np.stack([2 * those + (first == k) for k, those in enumerate(votes)])
    return counts.argmax(0).astype(np.uint8)
