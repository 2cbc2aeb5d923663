"""Cubes of equal physical size at the same places of every image of a rock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
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
    number: int,
    cost: Cost,
    *,
    companions: Sequence[str | Path] = (),
    seed: int = 0,
    memory_mb: int | None = None,
) -> Cube:
    """Read one subvolume, and nothing else, of a label volume.

    Parameters
    ----------
    path : the label volume.
    settings : size of the cube.
    number : 0 is the middle of the volume; others are drawn by ``seed``.
    cost : of the job that wants it, which is checked before anything is read.
    companions : the other volumes of this rock, whose cubes are to be of the same size and place;
        ``path`` itself may be among them.
    memory_mb : that the job may use; None: what is free now.

    Raises
    ------
    InputError : no phases, no voxel size or voxels that are no cubes; a cube larger than the
        smallest volume or than memory; voxels outside the rock.
    """
    with ExitStack() as stack:
        volume = stack.enter_context(open_volume(path))
        phases = phases_of(volume)
        every = [volume, *(stack.enter_context(open_volume(other)) for other in companions)]
        edge_um = common_edge_um(every, settings)
        voxel_um = cubic_voxel_um(volume)
        edge = round(edge_um / voxel_um)
        cost.require(edge, voxel_um, None if memory_mb is None else memory_mb * 2**20)
        corner_um = _corner_um(every, edge_um, number, seed)
        labels = volume[_window(volume, corner_um, edge)]
        if (labels == OUTSIDE).any():
            raise InputError(
                path, f"voxels outside the rock in a cube of {edge_um:g} µm", "rock alone",
                "Give a smaller network.subvolume_um.",
            )  # fmt: skip
    return Cube(labels, voxel_um, phases)


def cubic_voxel_um(volume: Volume) -> float:
    """The edge of the voxels; InputError if they are no cubes."""
    sizes = voxel_size_of(volume)
    if max(sizes) > 1.01 * min(sizes):
        raise InputError(volume.path, f"voxels of {sizes} µm", "cubes", "Resample the volume.")
    return float(np.mean(sizes))


def common_edge_um(volumes: Sequence[Volume], settings: NetworkSettings) -> float:
    """The edge of the cubes: a multiple of the coarsest voxel that every volume can hold.

    Raises
    ------
    InputError : none that is as large as wanted, or as `SMALLEST` voxels.
    """
    voxels = [cubic_voxel_um(volume) for volume in volumes]
    room = float(_common_extent_um(volumes).min())
    most = settings.max_voxels ** (1 / 3) * min(voxels)
    wanted = min(room, most) if settings.subvolume_um is None else settings.subvolume_um
    edge_um = math.floor(wanted / max(voxels) * (1 + 1e-9)) * max(voxels)
    if edge_um > room * (1 + 1e-9):
        raise InputError(
            "network.subvolume_um", f"{edge_um:g} µm", f"at most {room:g} µm, the shortest edge",
            "Give a smaller subvolume.",
        )  # fmt: skip
    if edge_um < SMALLEST * min(voxels):
        raise InputError(
            "network", f"a cube of {edge_um:g} µm", f"at least {SMALLEST * min(voxels):g} µm, "
            f"{SMALLEST} voxels", "Raise max_voxels or subvolume_um.",
        )  # fmt: skip
    return edge_um


def _common_extent_um(volumes: Sequence[Volume]) -> np.ndarray:
    return np.min([np.multiply(v.shape, cubic_voxel_um(v)) for v in volumes], axis=0)


def _corner_um(volumes: Sequence[Volume], edge_um: float, number: int, seed: int) -> np.ndarray:
    """The low corner of a cube, on the grid of the coarsest voxels.

    Of cubes that are drawn, the first counts whose eight corners are rock in every volume (a core
    is convex).
    """
    unit = max(cubic_voxel_um(volume) for volume in volumes)
    room = np.floor((_common_extent_um(volumes) - edge_um) / unit * (1 + 1e-9) + 1e-9)
    if number == 0:
        return np.floor(room / 2) * unit
    rng = np.random.default_rng((seed, number))
    for _ in range(TRIES):
        corner = rng.integers(0, room + 1) * unit
        if all(_corners_are_rock(volume, corner, edge_um) for volume in volumes):
            return corner
    raise InputError(
        volumes[0].path, f"no cube of {edge_um:g} µm inside the rock in {TRIES} draws", "one",
        "Give a smaller network.subvolume_um.",
    )  # fmt: skip


def _corners_are_rock(volume: Volume, corner_um: np.ndarray, edge_um: float) -> bool:
    window = _window(volume, corner_um, round(edge_um / cubic_voxel_um(volume)))
    return all(
        volume[z, y, x] != OUTSIDE
        for z in (window[0].start, window[0].stop - 1)
        for y in (window[1].start, window[1].stop - 1)
        for x in (window[2].start, window[2].stop - 1)
    )


def _window(volume: Volume, corner_um: np.ndarray, edge: int) -> tuple[slice, slice, slice]:
    """The cube in voxels; moved by the little by which roundings would push it out."""
    starts = np.round(corner_um / cubic_voxel_um(volume)).astype(int)
    z, y, x = np.minimum(starts, np.subtract(volume.shape, edge))
    return slice(z, z + edge), slice(y, y + edge), slice(x, x + edge)
