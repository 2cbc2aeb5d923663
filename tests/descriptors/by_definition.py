"""Correlation functions straight from their definitions: slow, plain, and hard to get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

OUTSIDE = 255
Voxel = tuple[int, ...]


def places(
    labels: np.ndarray, corners: np.ndarray, periodic: bool
) -> Iterator[tuple[list[int], list[Voxel]]]:
    """Labels and voxels of a figure at every position where all of it is in the rock."""
    for start in np.ndindex(*labels.shape):
        points = corners + np.array(start)
        if periodic:
            points = points % labels.shape
        elif (points < 0).any() or (points >= labels.shape).any():
            continue
        voxels = [tuple(map(int, point)) for point in points]
        found = [int(labels[voxel]) for voxel in voxels]
        if OUTSIDE not in found:
            yield found, voxels


def probability(
    labels: np.ndarray,
    corners: np.ndarray,
    periodic: bool,
    event: Callable[[list[int], list[Voxel]], float],
) -> float:
    """The mean of an event over all positions of a figure; NaN if it fits nowhere."""
    values = [event(*found) for found in places(labels, corners, periodic)]
    return float(np.mean(values)) if values else float("nan")


def step(ndim: int, axis: int, length: int) -> np.ndarray:
    """A lattice vector along an axis."""
    vector = np.zeros(ndim, dtype=int)
    vector[axis] = length
    return vector


def two_point(
    labels: np.ndarray, axis: int, lag: int, pair: tuple[int, int], periodic: bool
) -> float:
    i, j = pair
    corners = np.array([step(labels.ndim, axis, 0), step(labels.ndim, axis, lag)])

    def both(found: list[int], _: list[Voxel]) -> float:
        return ((found == [i, j]) + (found == [j, i])) / 2

    return probability(labels, corners, periodic, both)


def path(labels: np.ndarray, axis: int, lag: int, i: int, periodic: bool) -> float:
    corners = np.array([step(labels.ndim, axis, k) for k in range(lag + 1)])
    return probability(labels, corners, periodic, lambda found, _: set(found) == {i})


def polygon(labels: np.ndarray, corners: np.ndarray, i: int, periodic: bool) -> float:
    return probability(labels, corners, periodic, lambda found, _: set(found) == {i})


def cluster(labels: np.ndarray, axis: int, lag: int, i: int, periodic: bool) -> float:
    numbers = flood(labels, i, periodic)
    corners = np.array([step(labels.ndim, axis, 0), step(labels.ndim, axis, lag)])

    def together(_: list[int], voxels: list[Voxel]) -> float:
        first, second = (numbers.get(voxel) for voxel in voxels)
        return first is not None and first == second

    return probability(labels, corners, periodic, together)


def flood(labels: np.ndarray, i: int, periodic: bool) -> dict[Voxel, Voxel]:
    """The first voxel of the face-connected piece that each voxel of a phase belongs to."""
    pieces: dict[Voxel, Voxel] = {}
    for seed in np.ndindex(*labels.shape):
        if labels[seed] != i or seed in pieces:
            continue
        pieces[seed], front = seed, [seed]
        while front:
            voxel = np.array(front.pop())
            for axis in range(labels.ndim):
                for side in (-1, 1):
                    near = voxel + step(labels.ndim, axis, side)
                    near = near % labels.shape if periodic else near
                    if (near < 0).any() or (near >= labels.shape).any():
                        continue
                    key = tuple(map(int, near))
                    if labels[key] == i and key not in pieces:
                        pieces[key] = seed
                        front.append(key)
    return pieces
