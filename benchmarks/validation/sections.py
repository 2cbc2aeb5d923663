"""How like fine images of the rock the sections of a made volume are: statistics in 2D alone.

Lengths are in fine pixels. A quantity's error is the distance from the mean of all images, and
from that of those that training has not seen: of scalars as a share of the images' value, of
curves as the root mean square difference over that of the images, of chord lengths as a
Wasserstein-1 distance in pixels (`octolith.descriptors.comparison`). How far an image is from the
mean of the others says what to expect: the rock's own variation at that size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from octolith.descriptors import measure
from octolith.descriptors.comparison import DENSITIES, Sampled, distance_for, sample
from octolith.phases import Phases

NAMES = (
    "volume_fraction", "interfacial_area", "two_point_correlation", "lineal_path", "chord_length",
)  # fmt: skip
CURVES = ("two_point_correlation", "lineal_path")
LAG = 128.0
KEYS = ["descriptor", "phase", "other"]


@dataclass(frozen=True)
class Likeness:
    """One quantity of the sections beside that of the images.

    Attributes
    ----------
    error, held_out : distance from the mean of all images, and from that of those held out.
    own : mean distance of an image from the mean of the others.
    value, spread : mean and standard deviation over the sections; empty for curves.
    images, images_spread : the same over all images.
    """

    measure: str
    phase: str
    other: str
    error: float
    held_out: float
    own: float
    value: float | None = None
    spread: float | None = None
    images: float | None = None
    images_spread: float | None = None


@dataclass(frozen=True)
class Panels:
    """Measured images, those for training first.

    Attributes
    ----------
    table : of descriptors, with the column ``patch``: which image.
    seen : how many of them training sees.
    count : how many there are.
    """

    phases: Phases
    table: pd.DataFrame
    seen: int
    count: int

    @classmethod
    def of(
        cls, seen: Sequence[np.ndarray], held_out: Sequence[np.ndarray], phases: Phases
    ) -> Panels:
        """Measure (y, x) labels; long images are cut into squares first."""
        first, second = squares(seen), squares(held_out)
        table = measured([*first, *second], phases)
        return cls(phases, table, len(first), len(first) + len(second))


def squares(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Each image in as many nearly square pieces as it is longer than it is wide."""
    pieces: list[np.ndarray] = []
    for image in images:
        axis = int(np.argmax(image.shape))
        pieces += np.array_split(image, round(image.shape[axis] / min(image.shape)), axis)
    return pieces


def measured(images: Sequence[np.ndarray], phases: Phases) -> pd.DataFrame:
    """Every descriptor of every image (y, x)."""
    tables = []
    for number, image in enumerate(images):
        lag = {"max_lag_um": min(LAG, min(image.shape) / 2)}
        for name in NAMES:
            options = lag if name in CURVES else {}
            found = measure(name, np.ascontiguousarray(image), 1.0, phases, **options)
            tables.append(found.assign(patch=number))
    return pd.concat(tables, ignore_index=True)


def judge(made: Sequence[np.ndarray], panels: Panels) -> list[dict[str, object]]:
    """Every quantity of the images, of sections (y, x) that were made."""
    ours = measured(made, panels.phases)
    return [asdict(row) for row in likeness(ours, len(made), panels)]


def likeness(ours: pd.DataFrame, sections: int, panels: Panels) -> Iterator[Likeness]:
    """Sections beside images; what the sections do not have at all has no row."""
    mine = dict(list(ours.groupby(KEYS)))
    places = np.arange(panels.count)
    for key, rows in panels.table.groupby(KEYS, sort=False):
        if key not in mine:
            continue
        a, b = _sampled(mine[key], sections), _sampled(rows, panels.count)
        scalar = rows[["distance_um", "quantile"]].isna().all(axis=None)
        apart = share if scalar else distance_for(rows, "truth")[0]
        others = [apart(b[[i]], b[places != i]) for i in places if b[[i]].defined]
        errors = apart(a, b), apart(a, b[panels.seen :]), float(np.mean(others))
        values = (*_moments(a), *_moments(b)) if scalar else ()
        yield Likeness(*key, *errors, *values)


def share(image: Sampled, reference: Sampled) -> float:
    """How far a mean is from another, as a share of that."""
    known = float(reference.mean[0])
    return abs(float(image.mean[0]) / known - 1) if known else float("nan")


def _moments(scalar: Sampled) -> tuple[float, float]:
    values = scalar.values[np.isfinite(scalar.values)]
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _sampled(rows: pd.DataFrame, images: int) -> Sampled:
    radial = rows[rows["direction"] == "radial"]
    found = sample(radial if len(radial) else rows, images)
    if rows["descriptor"].iloc[0] not in DENSITIES:
        return found
    # A chord as long as only larger images have is none here, rather than unknown.
    known = np.isfinite(found.values).any(1, keepdims=True)
    return Sampled(found.abscissa, np.where(known, np.nan_to_num(found.values), np.nan))
