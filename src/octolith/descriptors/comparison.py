"""Did it get closer? The distance of LR and of SR from HR (and from the truth), per descriptor.

How far apart two images are in a quantity depends on what kind of quantity it is:

- a scalar has a value for each patch; the distance from the truth is the Wasserstein-1 distance
  between the two sets of values, in their own unit, so that a spread that differs counts as well
  as a mean. HR is sections, whose values spread more than those of volumes of their edge, whatever
  the rock is: only the means are held against it, and no local porosity (`OF_ITS_DIMENSION`);
- a curve over distance is averaged over the patches; the distance is the root mean square
  difference over the distances that both images have, over the root mean square of the
  reference, dimensionless;
- a probability density over lengths (`DENSITIES`) and a distribution given by its quantiles are
  averaged over the patches and compared by Wasserstein-1, in the unit of their abscissa.

A curve that has a radial mean is compared by that, any other by the mean over its directions.
What compares with a reference already (`DIRECT`) is turned into a distance: 1 - SSIM, the root
mean square error that a PSNR stands for (none where there is none), the Fréchet distance itself;
its mean over the patches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import wasserstein_distance

from octolith.errors import InputError

DENSITIES = ("chord_length",)
# What already compares an image with a reference, and the distance from it that this means.
DIRECT: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "ssim": ("truth", lambda value: 1 - value),
    "psnr": ("truth", lambda value: 10 ** (-value / 20)),
    "frechet_to_HR": ("HR", np.asarray),
    "frechet_to_truth": ("truth", np.asarray),
}
# How a quantity varies from window to window: squares of an edge vary more than cubes.
OF_ITS_DIMENSION = ("local_porosity", "local_porosity_deviation")
TEXT = ("image", "descriptor", "phase", "other", "direction", "unit")
ROW = (
    "descriptor", "phase", "other", "reference", "lr_distance", "sr_distance", "unit", "ratio",
    "closer", "spread", "lr_low", "lr_high", "sr_low", "sr_high", "sure",
)  # fmt: skip
BOOTSTRAP = 200
INTERVAL = (0.025, 0.975)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a descriptor table; empty words stay empty, empty numbers become NaN.

    Raises
    ------
    InputError : missing file, or not a descriptor table.
    """
    try:
        table = pd.read_csv(
            path, dtype=dict.fromkeys(TEXT, str), keep_default_na=False,
            na_values={name: [""] for name in ("distance_um", "quantile", "value")},
        )  # fmt: skip
    except (OSError, ValueError) as error:
        raise InputError(path, " ".join(str(error).split()), "a descriptor table") from None
    missing = {*TEXT, "realisation", "patch", "distance_um", "quantile", "value"} - {*table.columns}
    if missing:
        raise InputError(path, f"no columns {sorted(missing)}", "a descriptor table")
    return table


@dataclass(frozen=True)
class Sampled:
    """A quantity of one image: what was measured on each patch.

    Parameters
    ----------
    abscissa : (points,) distances in µm or quantiles; one NaN for a scalar.
    values : (patches, points); NaN where it was undefined.
    """

    abscissa: np.ndarray
    values: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """(points,) mean over the patches."""
        defined = np.isfinite(self.values)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(defined, self.values, 0).sum(0) / defined.sum(0))

    @property
    def defined(self) -> bool:
        """Whether there is a single value."""
        return bool(np.isfinite(self.values).any())

    def __getitem__(self, patches: np.ndarray) -> Sampled:
        """Some of the patches, or some of them several times."""
        return Sampled(self.abscissa, self.values[patches])


def sample(rows: pd.DataFrame, patches: int) -> Sampled:
    """Gather one quantity of one image: patches by points."""
    abscissa = rows["distance_um"].fillna(rows["quantile"]).fillna(-1.0)
    wide = rows.assign(abscissa=abscissa).pivot_table(
        index="patch", columns="abscissa", values="value", aggfunc="mean"
    )
    wide = wide.reindex(range(patches))
    return Sampled(wide.columns.to_numpy(float), wide.to_numpy(float))


def scalar_distance(image: Sampled, reference: Sampled) -> float:
    """Wasserstein-1 between the values of the patches."""
    mine, other = (each.values[np.isfinite(each.values)] for each in (image, reference))
    return float(wasserstein_distance(mine, other))


def mean_distance(image: Sampled, reference: Sampled) -> float:
    """Difference of the means over the patches."""
    return float(abs(image.mean[0] - reference.mean[0]))


def curve_distance(image: Sampled, reference: Sampled) -> float:
    """Root mean square difference over the common distances, over that of the reference."""
    x, mine, other = _common(image, reference)
    if len(x) < 2:
        return float("nan")
    size = np.trapezoid(other**2, x)
    return float(np.sqrt(np.trapezoid((mine - other) ** 2, x) / size)) if size else float("nan")


def quantile_distance(image: Sampled, reference: Sampled) -> float:
    """Wasserstein-1: the mean difference of the quantiles."""
    _, mine, other = _common(image, reference)
    return float(np.abs(mine - other).mean())


def density_distance(image: Sampled, reference: Sampled) -> float:
    """Wasserstein-1 between two densities over lengths, each made to sum to one."""
    return float(
        wasserstein_distance(image.abscissa, reference.abscissa, image.mean, reference.mean)
    )


def _common(image: Sampled, reference: Sampled) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The reference's abscissae within the image's range, and both means there."""
    known, defined = np.isfinite(image.mean), np.isfinite(reference.mean)
    mine, x = image.abscissa[known], reference.abscissa[defined]
    within = (x >= mine[0] * (1 - 1e-9)) & (x <= mine[-1] * (1 + 1e-9))
    x = x[within]
    return x, np.interp(x, mine, image.mean[known]), reference.mean[defined][within]


def distance_for(
    rows: pd.DataFrame, reference: str
) -> tuple[Callable[[Sampled, Sampled], float], str]:
    """The distance from ``HR`` or ``truth`` that suits a quantity, and its unit."""
    unit = str(rows["unit"].iloc[0])
    if rows["descriptor"].iloc[0] in DIRECT:
        return scalar_distance, "1"
    if rows["descriptor"].iloc[0] in DENSITIES:
        return density_distance, "µm"
    if rows["quantile"].notna().any():
        return quantile_distance, unit
    if rows["distance_um"].notna().any():
        return curve_distance, "1"
    return mean_distance if reference == "HR" else scalar_distance, unit


def compare_tables(tables: Sequence[pd.DataFrame], seed: int = 0) -> pd.DataFrame:
    """One row a quantity and reference: how far LR and SR are from it.

    Columns
    -------
    ``descriptor``, ``phase``, ``other``, ``reference`` (``HR`` or ``truth``);
    ``lr_distance``, ``sr_distance`` (the mean over realisations) and their ``unit``;
    ``ratio`` of SR to LR, ``closer`` whether SR is the nearer one, ``spread`` the standard
    deviation of the SR distance over realisations (empty for one);
    ``lr_low``, ``lr_high``, ``sr_low``, ``sr_high``: 95 % intervals from drawing the patches
    anew with replacement (bootstrap); ``sure``: the share of draws in which SR is the nearer.

    A quantity that an image does not have at all (a phase that is absent) leaves its cells empty;
    so does the certainty of what was measured once and not on patches.
    """
    found = pd.DataFrame([row for table in tables for row in _compare(table, seed)], columns=ROW)
    return found.astype({"closer": "boolean"})


def _compare(table: pd.DataFrame, seed: int) -> Iterator[dict[str, object]]:
    volumes = table.loc[table["image"] != "HR", "patch"].max() + 1
    images = table.loc[table["image"] == "HR", "patch"].max() + 1
    quantities = _errorless(table).groupby(["descriptor", "phase", "other"], sort=False)
    for (name, phase, other), rows in quantities:
        if name in DIRECT:
            _, convert = DIRECT[name]
            rows = rows.assign(value=convert(rows["value"].to_numpy()))  # noqa: PLW2901
        radial = rows["direction"] == "radial"
        samples: dict[str, list[Sampled]] = {"LR": [], "SR": [], "HR": [], "truth": []}
        chosen = rows[radial] if radial.any() else rows
        for (image, _), own in chosen.groupby(["image", "realisation"]):
            samples[str(image)].append(sample(own, images if image == "HR" else volumes))
        if name in DIRECT:
            nowhere = Sampled(np.array([-1.0]), np.zeros((volumes, 1)))
            samples |= {"HR": [], "truth": [], DIRECT[name][0]: [nowhere]}
        if name in OF_ITS_DIMENSION:
            samples["HR"] = []
        for reference in ("HR", "truth"):
            if samples[reference] and (samples["LR"] or samples["SR"]):
                distance, unit = distance_for(rows, reference)
                where = {"descriptor": name, "phase": phase, "other": other}
                measured = _closeness(samples, reference, distance, np.random.default_rng(seed))
                yield where | {"reference": reference} | measured | {"unit": unit}


def _errorless(table: pd.DataFrame) -> pd.DataFrame:
    """The table, with an infinite PSNR where a phase is compared and has no wrong voxel."""
    where = ["image", "realisation", "patch", "phase", "other", "direction"]
    compared, wrong = (table[table["descriptor"] == name] for name in ("ssim", "psnr"))
    if wrong.empty:
        return table
    known = pd.MultiIndex.from_frame(wrong[where])
    right = compared[~pd.MultiIndex.from_frame(compared[where]).isin(known)]
    return pd.concat([table, right.assign(descriptor="psnr", unit="dB", value=np.inf)])


def _closeness(
    samples: dict[str, list[Sampled]],
    reference: str,
    distance: Callable[[Sampled, Sampled], float],
    rng: np.random.Generator,
) -> dict[str, object]:
    """Distances of LR and SR from the reference, and what the patches say of their certainty."""
    lr, sr, target = samples["LR"], samples["SR"], samples[reference][0]

    def distances(places: np.ndarray, others: np.ndarray) -> list[float]:
        drawn = target[others]
        return [_mean([apart(one[places], drawn) for one in many]) for many in (lr, sr)]

    def apart(image: Sampled, drawn: Sampled) -> float:
        return distance(image, drawn) if image.defined and drawn.defined else float("nan")

    volumes, others = len((lr or sr)[0].values), len(target.values)
    draws = np.empty((BOOTSTRAP, 2))
    for draw in draws:
        # A patch is the same place in all volumes, which are therefore drawn together.
        places = rng.integers(volumes, size=volumes)
        paired = reference == "truth"
        draw[:] = distances(places, places if paired else rng.integers(others, size=others))
    lr_distance, sr_distance = distances(np.arange(volumes), np.arange(others))
    both = bool(np.isfinite([lr_distance, sr_distance]).all())
    if volumes < 2:  # a single value says nothing of its certainty
        draws[:] = np.nan
    known = draws[np.isfinite(draws).all(axis=1)]
    (lr_low, lr_high), (sr_low, sr_high) = map(_interval, draws.T)
    return {
        "lr_distance": lr_distance,
        "sr_distance": sr_distance,
        "ratio": sr_distance / lr_distance if both and lr_distance else None,
        "closer": sr_distance < lr_distance if both else None,
        "spread": np.std([apart(one, target) for one in sr], ddof=1) if len(sr) > 1 else None,
        "lr_low": lr_low,
        "lr_high": lr_high,
        "sr_low": sr_low,
        "sr_high": sr_high,
        "sure": np.mean(known[:, 1] < known[:, 0]) if len(known) else None,
    }


def _mean(distances: list[float]) -> float:
    found = [distance for distance in distances if np.isfinite(distance)]
    return float(np.mean(found)) if found else float("nan")


def _interval(draws: np.ndarray) -> tuple[float, float]:
    found = draws[np.isfinite(draws)]
    low, high = np.quantile(found, INTERVAL) if found.size else (np.nan, np.nan)
    return float(low), float(high)
