"""The two-point correlation function of every pair of phases, by Fourier transform.

All functions come from autocorrelations of indicators: what two phases have in common is that of
their union less their own. An autocorrelation is real and even, so that half of it is enough, and
only lags up to the longest one are kept: the transform is padded by that lag alone, is done plane
by plane, and along the first axis a few columns at a time, within one array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import fft

from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.registry import descriptor, rows

# Complex numbers of the first axis' columns that are transformed at once (32 MiB).
COLUMNS = 1 << 22


@descriptor
def two_point_correlation(
    micro: Microstructure, max_lag_um: float | None = None
) -> Iterator[pd.DataFrame]:
    """S2: the probability that two points a distance apart lie in phase i and in phase j.

    S2_ij(r) = P(x in i, x + r in j), the mean of both orders (paper 2, equation 1; Torquato,
    Random Heterogeneous Materials, 2002). All S2_ij, both orders counted, add up to 1.

    Parameters
    ----------
    max_lag_um : longest distance; None: half the shortest edge.

    Rows
    ----
    ``two_point_correlation`` : dimensionless; for every pair of phases (``other`` is the second,
        or the same) along each axis and ``radial``, the mean over all lattice vectors whose
        length rounds to the same multiple of the smallest voxel edge; its distance is the mean
        of their lengths. Exact to about 1e-6 (single precision).
    ``F2`` : the scaled autocovariance (S2 - φ²) / (φ - φ²) of each phase (paper 2, equation 2).
        A phase that is absent, or alone, has none.

    Raises
    ------
    InputError : a lag longer than the image.
    """
    lags = micro.lags(max_lag_um)
    lines = Lines(lags, micro.voxel_um)
    pairs = lines.sums(pair_totals(micro, lags))

    def common(*codes: int) -> np.ndarray:
        """Pairs of voxels that both lie in the union of phases, along each line."""
        voxels = micro.counts[list(codes)].sum()
        if voxels in (0, micro.voxels):
            return pairs * bool(voxels)
        union = np.isin(micro.labels, codes)
        return lines.sums(autocorrelation(union, lags, micro.periodic))

    own = [common(code) for code, _ in micro.names]
    for i, name in micro.names:
        for where, value in lines.curves(own[i], pairs):
            yield rows("two_point_correlation", value, "1", phase=name, other=name, **where)
            scaled = scaled_autocovariance(value, 2, micro.fractions[i])
            yield rows("F2", scaled, "1", phase=name, **where)
    for (i, first), (j, second) in combinations(micro.names, 2):
        for where, value in lines.curves((common(i, j) - own[i] - own[j]) / 2, pairs):
            yield rows("two_point_correlation", value, "1", phase=first, other=second, **where)


def scaled_autocovariance(value: np.ndarray, points: int, fraction: float) -> np.ndarray:
    """F_n of the probability P_n that n points lie in a phase (paper 2, equation 2).

    NaN where it is undefined: for a phase that is absent, or alone.
    """
    chance = fraction**points
    if fraction in (0, 1):
        return np.full_like(value, np.nan, dtype=float)
    return np.asarray((value - chance) / (fraction - chance))


def autocorrelation(
    indicator: np.ndarray, lags: Sequence[int], periodic: bool = False
) -> np.ndarray:
    """How many pairs of true voxels lie at each lag.

    Parameters
    ----------
    indicator : (n0, n1[, n2]) bool.
    lags : the largest lag along each axis; below n, or with ``periodic`` below n/2.

    Returns
    -------
    float32, (m0 + 1, 2 m1 + 1[, 2 m2 + 1]): lags 0 … m0 along the first axis and -m … m along
    the others. The other half follows from N(-r) = N(r).
    """
    last = indicator.ndim - 1
    sizes = [
        n if periodic else fft.next_fast_len(n + m, real=axis == last)
        for axis, (n, m) in enumerate(zip(indicator.shape, lags, strict=True))
    ]
    axes = tuple(range(1, indicator.ndim))
    frequencies = (*sizes[1:-1], sizes[-1] // 2 + 1)
    spectrum = np.empty((len(indicator), *frequencies), dtype=np.complex64)
    for slab in _slabs(len(indicator), int(np.prod(frequencies))):
        values = indicator[slab].astype(np.float32)
        spectrum[slab] = fft.rfftn(values, sizes[1:], axes, overwrite_x=True)
    columns = spectrum.reshape(len(indicator), -1)
    for part in _slabs(columns.shape[1], sizes[0]):
        column = fft.fft(columns[:, part], sizes[0], axis=0, overwrite_x=True)
        power = column.real**2 + column.imag**2
        columns[: lags[0] + 1, part] = fft.ifft(power, axis=0)[: lags[0] + 1]
    wanted = np.ix_(*(np.arange(-m, m + 1) for m in lags[1:]))
    counts = np.empty((lags[0] + 1, *(2 * m + 1 for m in lags[1:])), dtype=np.float32)
    for slab in _slabs(lags[0] + 1, int(np.prod(frequencies))):
        plane = fft.irfftn(spectrum[slab], sizes[1:], axes, overwrite_x=True)
        counts[slab] = plane[(slice(None), *wanted)]
    return counts


def pair_totals(micro: Microstructure, lags: Sequence[int]) -> np.ndarray:
    """How many pairs of voxels in the rock lie at each lag; shaped like `autocorrelation`."""
    if micro.masked:
        return np.rint(autocorrelation(micro.inside, lags, micro.periodic))
    total = np.ones((), dtype=np.float32)
    for axis, (n, m) in enumerate(zip(micro.labels.shape, lags, strict=True)):
        lag = np.abs(np.arange(0 if axis == 0 else -m, m + 1))
        room = n - (np.zeros_like(lag) if micro.periodic else lag)
        total = np.multiply.outer(total, room.astype(np.float32))
    return total


class Lines:
    """Lags along each axis, and all lags of about the same length: what curves are drawn over.

    Parameters
    ----------
    lags : the largest lag along each axis, in voxels.
    voxel_um : edges of a voxel in µm.
    """

    def __init__(self, lags: Sequence[int], voxel_um: Sequence[float]) -> None:
        self.lags = tuple(lags)
        axes = [np.arange(0 if a == 0 else -m, m + 1) * h
                for a, (m, h) in enumerate(zip(lags, voxel_um, strict=True))]  # fmt: skip
        self._first = np.square(axes[0])
        self._plane = np.square(axes[-1]) + (np.square(axes[1])[:, None] if len(axes) == 3 else 0)
        self._width = min(voxel_um)
        reach = min((m * h for m, h in zip(lags, voxel_um, strict=True) if m), default=0.0)
        self._shells = round(reach / self._width) + 1
        self._names = [*("z", "y", "x")[-len(axes) :], "radial"]
        self._ends = np.cumsum([*(m + 1 for m in lags), self._shells])
        lengths = (np.sqrt(first + self._plane) for first in self._first)
        ones = (np.ones_like(first + self._plane) for first in self._first)
        self._distance_um = _mean(self.sums(lengths), self.sums(ones))

    def sums(self, counts: Iterable[np.ndarray]) -> np.ndarray:
        """Sums of what `autocorrelation` gives: lags 0 … m along each axis, then the shells.

        Both r and -r are summed, so that a ratio of two sums is a mean over all lags.
        """
        along: list[list[float]] = [[] for _ in self.lags]
        shells = np.zeros(self._shells)
        centre = tuple(self.lags[1:])
        for k, plane in enumerate(counts):
            along[0].append(plane[centre])
            if k == 0:
                for axis in range(1, len(self.lags)):
                    line = [slice(m, None) if a == axis else m for a, m in enumerate(self.lags)]
                    along[axis].extend(plane[tuple(line[1:])])
            shell = np.rint(np.sqrt(self._first[k] + self._plane) / self._width).astype(int)
            near = shell < self._shells
            total = np.bincount(shell[near], weights=plane[near], minlength=self._shells)
            shells += total if k == 0 else 2 * total
        return np.concatenate([*along, shells])

    def curves(
        self, counts: np.ndarray, pairs: np.ndarray
    ) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
        """For each direction: where (``direction``, ``distance_um``), and counts over pairs.

        NaN at lags that no pair has.
        """
        ratio = _mean(counts, pairs)
        for name, start, end in zip(self._names, [0, *self._ends], self._ends, strict=False):
            where = {"direction": name, "distance_um": self._distance_um[start:end]}
            yield where, ratio[start:end]


def _mean(total: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Total over number; NaN where there is none (and rounding left some total)."""
    return np.divide(total, number, out=np.full(len(total), np.nan), where=number > 0)


def _slabs(length: int, size: int) -> Iterator[slice]:
    """Cut ``length`` things of ``size`` numbers each into parts of at most `COLUMNS` numbers."""
    step = max(1, COLUMNS // max(size, 1))
    return (slice(start, min(start + step, length)) for start in range(0, length, step))
