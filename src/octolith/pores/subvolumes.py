"""Cubes of equal physical size at the same places of every image of a rock."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.pores.planning import Cost
from octolith.settings.steps import NetworkSettings
from octolith.slabs import phases_of, voxel_size_of
from octolith.volumes import OUTSIDE, Volume, open_volume

SMALLEST = 8  # voxels along an edge: below that there is no pore to speak of
TRIES = 1000
ROUNDING = 1 + 1e-9


@dataclass(frozen=True)
class Place:
    """Which cube of a rock.

    Attributes
    ----------
    number : 0 is the middle of the volume; others are drawn.
    seed : draws them.
    finest_um, coarsest_um : voxels of the finest and of the coarsest image of this rock: those
        with the same numbers, the same extent and the same outside have cubes of the same size at
        the same place. None: the volume's own.
    """

    number: int = 0
    seed: int = 0
    finest_um: float | None = None
    coarsest_um: float | None = None


@dataclass(frozen=True)
class Cube:
    """A part of a label volume.

    Attributes
    ----------
    labels : (z, y, x) phase codes, equal edges.
    voxel_um : edge of a voxel.
    phases : what the codes mean.
    """

    labels: np.ndarray
    voxel_um: float
    phases: Phases


def read_cube(
    path: str | Path,
    settings: NetworkSettings,
    place: Place,
    cost: Cost,
    memory_mb: float | None = None,
) -> Cube:
    """Read one subvolume, and nothing else, of a label volume.

    Parameters
    ----------
    path : the label volume.
    settings : size of the cube.
    place : which one.
    cost : of the job that wants it, which is checked before anything is read.
    memory_mb : that the job may use, MiB; None: what is free now.

    Raises
    ------
    InputError : no phases, no voxel size or voxels that are no cubes; a cube larger than the
        volume or than memory; voxels outside the rock.
    """
    with open_volume(path) as volume:
        phases = phases_of(volume)
        labels, voxel_um = cube_of(volume, settings, place, cost, memory_mb)
    return Cube(labels, voxel_um, phases)


def cube_of(
    volume: Volume,
    settings: NetworkSettings,
    place: Place,
    cost: Cost,
    memory_mb: float | None = None,
) -> tuple[np.ndarray, float]:
    """The labels of `read_cube`, and their voxel in µm, from an open volume of any labels."""
    voxel_um = cubic_voxel_um(volume)
    edge_um = cube_edge_um(volume, settings, place)
    edge = round(edge_um / voxel_um)
    cost.require(edge, voxel_um, None if memory_mb is None else memory_mb * 2**20)
    labels = volume[_window(volume, edge, place)]
    if volume.phases is not None and (labels == OUTSIDE).any():
        raise InputError(
            volume.path, f"voxels outside the rock in a cube of {edge_um:g} µm", "rock alone",
            "Give a smaller network.subvolume_um.",
        )  # fmt: skip
    return labels, voxel_um


def cubic_voxel_um(volume: Volume) -> float:
    """The edge of the voxels; InputError if they are no cubes."""
    sizes = voxel_size_of(volume)
    if max(sizes) > 1.01 * min(sizes):
        raise InputError(volume.path, f"voxels of {sizes} µm", "cubes", "Resample the volume.")
    return float(np.mean(sizes))


def cube_edge_um(volume: Volume, settings: NetworkSettings, place: Place) -> float:
    """The edge of the cube: the multiple of the coarsest voxel nearest below what is wanted.

    Raises
    ------
    InputError : the volume cannot hold it, or it has less than `SMALLEST` voxels of this volume.
    """
    voxel_um = cubic_voxel_um(volume)
    unit = place.coarsest_um or voxel_um
    room = min(volume.shape) * voxel_um
    most = most_um(settings, place.finest_um or voxel_um, unit)
    wanted = min(room, most) if settings.subvolume_um is None else settings.subvolume_um
    edge_um = math.floor(wanted / unit * ROUNDING) * unit
    if edge_um > room * ROUNDING:
        raise InputError(
            "network.subvolume_um", f"{edge_um:g} µm",
            f"at most {room:g} µm, the shortest edge of {volume.path}", "Give a smaller one.",
        )  # fmt: skip
    if edge_um < SMALLEST * voxel_um / ROUNDING:
        raise InputError(
            "network", f"a cube of {edge_um:g} µm",
            f"at least {SMALLEST} voxels ({SMALLEST * voxel_um:g} µm) of {volume.path}",
            "Give a larger volume, or raise network.subvolume_um.",
        )  # fmt: skip
    return edge_um


def most_um(settings: NetworkSettings, finest_um: float, coarsest_um: float) -> float:
    """The edge of the largest cube, where none is wanted.

    As ``max_voxels`` allow in the finest volume; yet no coarser one may have too few to measure.
    """
    return max(settings.max_voxels ** (1 / 3) * finest_um, SMALLEST * coarsest_um)


def _window(volume: Volume, edge: int, place: Place) -> tuple[slice, slice, slice]:
    """The cube in voxels; its low corner is on the grid of the coarsest voxels.

    Of cubes that are drawn, the first counts whose eight corners are rock (a core is convex).
    """
    unit = round((place.coarsest_um or cubic_voxel_um(volume)) / cubic_voxel_um(volume))
    room = np.subtract(volume.shape, edge) // unit
    if place.number == 0:
        return _cube_at(room // 2 * unit, edge)
    rng = np.random.default_rng((place.seed, place.number))
    for _ in range(TRIES):
        window = _cube_at(rng.integers(0, room + 1) * unit, edge)
        corners = tuple(slice(side.start, side.stop, edge - 1) for side in window)
        if volume.phases is None or not (volume[corners] == OUTSIDE).any():
            return window
    raise InputError(
        volume.path, f"no cube of {edge} voxels inside the rock in {TRIES} draws", "one",
        "Give a smaller network.subvolume_um.",
    )  # fmt: skip


def _cube_at(corner: np.ndarray, edge: int) -> tuple[slice, slice, slice]:
    z, y, x = (int(start) for start in corner)
    return slice(z, z + edge), slice(y, y + edge), slice(x, x + edge)
