"""Straight lines through one phase: lineal path function and chord lengths, in linear time.

A line of voxels is cut into runs of equal labels once; how many segments of every length fit
into them follows from how many runs there are of every length.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.registry import descriptor, rows
from octolith.volumes import OUTSIDE

# Voxels whose runs are found at once.
CHUNK = 1 << 24


@descriptor
def lineal_path(micro: Microstructure, max_lag_um: float | None = None) -> Iterator[pd.DataFrame]:
    """L: the probability that a segment of a given length lies wholly in a phase.

    Lu and Torquato, Phys. Rev. A 45, 922 (1992); paper 2; paper 5, S9. The segment joins voxel
    centres, so that L at 0 is the volume fraction.

    Parameters
    ----------
    max_lag_um : longest segment; None: half the shortest edge.

    Rows
    ----
    ``lineal_path`` : dimensionless, of every phase along each axis.

    Raises
    ------
    InputError : a segment longer than the image.
    """
    lags = micro.lags(max_lag_um)
    for axis, direction in enumerate(micro.directions):
        voxels = np.arange(lags[axis] + 1)
        rock = find_runs(micro.inside.view(np.uint8), axis, 2, micro.periodic)
        room = rock.segments(1)[voxels]
        room = np.where(room, room, np.nan)
        runs = find_runs(micro.labels, axis, len(micro.phases), micro.periodic)
        for code, name in micro.names:
            yield rows(
                "lineal_path", runs.segments(code)[voxels] / room, "1", phase=name,
                direction=direction, distance_um=voxels * micro.voxel_um[axis],
            )  # fmt: skip


@descriptor
def chord_length(micro: Microstructure) -> Iterator[pd.DataFrame]:
    """The lengths of the chords that a phase cuts out of lines along the axes.

    Torquato and Lu, Phys. Rev. E 47, 2950 (1993). A chord is a whole run of voxels of the phase:
    one that leaves the image, or the rock, is not counted, since its length is not known. Long
    chords leave the image more often, so the image should be many chords wide.

    Rows
    ----
    ``chord_length`` : probability density over lengths in 1/µm; every length counts one voxel
        edge, and value times edge adds up to 1.
    ``mean_chord_length`` : µm. A phase without a whole chord along an axis has neither.
    """
    for axis, direction in enumerate(micro.directions):
        edge = micro.voxel_um[axis]
        whole = find_runs(micro.labels, axis, len(micro.phases), micro.periodic).whole
        lengths = np.arange(1, whole.shape[1]) * edge
        for code, name in micro.names:
            counts, where = whole[code, 1:], {"phase": name, "direction": direction}
            if counts.any():
                density = counts / (counts.sum() * edge)
                yield rows("chord_length", density, "1/µm", distance_um=lengths, **where)
                mean = np.average(lengths, weights=counts)
                yield rows("mean_chord_length", mean, "µm", **where)


@dataclass(frozen=True)
class Runs:
    """How many runs of each phase there are, by length in voxels.

    Parameters
    ----------
    all : (K, n + 1) every run, also one that the image cuts off.
    whole : (K, n + 1) those with another phase at both ends.
    endless : (K,) periodic lines that are one phase all along.
    """

    all: np.ndarray
    whole: np.ndarray
    endless: np.ndarray

    def segments(self, code: int) -> np.ndarray:
        """(n,) how many segments of 1, 2 … n voxels fit into the runs of a phase."""
        at_least = self.all[code, ::-1].cumsum()[::-1]
        return at_least[::-1].cumsum()[::-1][1:] + self.endless[code] * (len(at_least) - 1)


def find_runs(labels: np.ndarray, axis: int, phases: int, periodic: bool = False) -> Runs:
    """Cut all lines along an axis into runs of equal labels.

    Parameters
    ----------
    labels : uint8 codes below ``phases``, or others that are not counted; `OUTSIDE` ends a run
        without making it whole.
    phases : K.
    periodic : whether a run goes on at the other end of its line.
    """
    n = labels.shape[axis]
    lines = np.moveaxis(labels, axis, -1)
    planes = max(1, CHUNK // max(1, lines[:1].size))
    every, whole = np.zeros((2, 256, n + 1), dtype=np.int64)
    endless = np.zeros(256, dtype=np.int64)
    for start in range(0, len(lines), planes):
        block = np.ascontiguousarray(lines[start : start + planes]).reshape(-1, n)
        label, length, open_ended, round_trip = _cut(block, periodic)
        endless += np.bincount(label[round_trip], minlength=256)
        place = label * np.int64(n + 1) + length
        every += np.bincount(place[~round_trip], minlength=every.size).reshape(every.shape)
        whole += np.bincount(place[~open_ended], minlength=whole.size).reshape(whole.shape)
    return Runs(every[:phases], whole[:phases], endless[:phases])


def _cut(
    lines: np.ndarray, periodic: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Label and length of every run, whether it is open-ended, and whether it is endless."""
    n = lines.shape[1]
    starts = np.ones(lines.shape, dtype=bool)
    np.not_equal(lines[:, 1:], lines[:, :-1], out=starts[:, 1:])
    start = np.flatnonzero(starts)
    label = lines.reshape(-1)[start]
    length = np.diff(start, append=lines.size)
    first, last = np.flatnonzero(start % n == 0), np.flatnonzero((start + length) % n == 0)
    before, after = np.roll(label, 1), np.roll(label, -1)
    before[first], after[last] = (label[last], label[first]) if periodic else (OUTSIDE, OUTSIDE)
    kept, endless = np.ones((2, label.size), dtype=bool)
    endless[:] = False
    if periodic:
        endless[first[first == last]] = True
        joined = (label[first] == label[last]) & (first != last)
        head, tail = first[joined], last[joined]
        length[tail] += length[head]
        after[tail] = after[head]
        kept[head] = False
    open_ended = (before == OUTSIDE) | (after == OUTSIDE) | endless
    return label[kept], length[kept], open_ended[kept], endless[kept]
