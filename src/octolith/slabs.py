"""Volumes in slabs: how a step goes through a file that is larger than memory.

A slab is a run of whole planes, as thick as a chunk of the file, so that no chunk is
decompressed or written twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.progress import track
from octolith.volumes import OUTSIDE, Volume
from octolith.volumes.hdf5 import VolumeWriter

THICKNESS = 64


def read_slabs(volume: Volume, description: str) -> Iterator[np.ndarray]:
    """Give a volume slab by slab, with a progress bar.

    Parameters
    ----------
    volume : the open volume, (z, y, x).
    description : what the bar says.

    Yields
    ------
    (z, y, x) arrays of `THICKNESS` planes; the last may have fewer.
    """
    for start in track(range(0, volume.shape[0], THICKNESS), description):
        yield volume[start : start + THICKNESS]


def read_label_slabs(volume: Volume, description: str) -> Iterator[np.ndarray]:
    """Give a label volume slab by slab, as long as every label is one of its phases.

    Raises
    ------
    InputError : a volume without phases; labels that are no phase and not `OUTSIDE`, which are
        counted to the end of the volume.
    """
    phases = phases_of(volume)
    unknown: Counter[int] = Counter()
    for slab in read_slabs(volume, description):
        unknown += _strange(slab, len(phases))
        if not unknown:
            yield slab
        # The next slab is read only when this one is gone.
        del slab
    if unknown:
        known = ", ".join(f"{code} ({name})" for code, name in enumerate(phases.names))
        raise InputError(
            volume.path, f"labels {in_words(unknown)}", f"{known} or {OUTSIDE} (outside)",
            "Segment the volume with a label map.",
        )  # fmt: skip


def _strange(slab: np.ndarray, phases: int) -> Counter[int]:
    """Labels that are neither a phase nor outside, plane by plane, to spare memory."""
    counts: Counter[int] = Counter()
    for plane in slab:
        counts += count_values(plane[(plane >= phases) & (plane != OUTSIDE)])
    return counts


def phases_of(volume: Volume) -> Phases:
    """The phases of a label volume; InputError where the file names none."""
    if volume.phases is None or volume.dtype != np.uint8:
        found = f"{volume.dtype} values without phases"
        raise InputError(volume.path, found, "uint8 labels", "Segment it first.")
    return volume.phases


def voxel_size_of(volume: Volume) -> tuple[float, float, float]:
    """The voxel size (z, y, x) in µm; InputError where the file has none."""
    if volume.voxel_size_um is None:
        raise InputError(volume.path, "no voxel size", "one in µm", "Ingest the image with one.")
    return volume.voxel_size_um


def count_values(values: np.ndarray) -> Counter[int]:
    """How often each value occurs."""
    found, counts = np.unique_counts(values)
    return Counter(dict(zip(found.tolist(), counts.tolist(), strict=True)))


def count_codes(labels: np.ndarray) -> np.ndarray:
    """How often each code occurs in uint8 labels, plane by plane: counting takes 8 bytes a voxel.

    Parameters
    ----------
    labels : (z, y, x), or (y, x), which is counted row by row, or more cubes than one.

    Returns
    -------
    (256,) voxels of each code.

    >>> count_codes(np.uint8([[0, 1, 1], [1, 255, 1]]))[[0, 1, 2, 255]].tolist()
    [1, 4, 0, 1]
    """
    counts = np.zeros(256, np.int64)
    for plane in labels:
        counts += np.bincount(plane.ravel(), minlength=256)
    return counts


def in_words(counts: Counter[int]) -> str:
    """Up to eight values and how often each occurs.

    >>> in_words(Counter({7: 1200, 9: 1}))
    '7 (1,200 voxels), 9 (1 voxel)'
    """
    named = [f"{value} ({n:,} voxel{'s' * (n > 1)})" for value, n in sorted(counts.items())[:8]]
    return ", ".join(named) + (f" and {len(counts) - 8} more" if len(counts) > 8 else "")


def write_slabs(writer: VolumeWriter, slabs: Iterable[np.ndarray]) -> None:
    """Write slabs of any thickness, in order of z, in whole chunks.

    >>> import tempfile
    >>> from octolith.volumes import create_volume, open_volume
    >>> path = f"{tempfile.mkdtemp()}/rock.h5"
    >>> with create_volume(path, (5, 2, 2), "uint8", (1, 1, 1), chunk=2) as writer:
    ...     write_slabs(writer, [np.full((1, 2, 2), 7), np.full((4, 2, 2), 8)])
    >>> with open_volume(path) as volume:
    ...     volume[:, 0, 0].tolist()
    [7, 8, 8, 8, 8]
    """
    waiting = np.empty((writer.chunk[0], *writer.shape[1:]), writer.dtype)
    start = filled = 0
    for slab in slabs:
        taken = 0
        while taken < len(slab):
            part = slab[taken : taken + len(waiting) - filled]
            waiting[filled : filled + len(part)] = part
            taken += len(part)
            filled += len(part)
            if filled == len(waiting) or start + filled == writer.shape[0]:
                writer[start : start + filled] = waiting[:filled]
                start, filled = start + filled, 0
