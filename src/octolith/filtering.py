"""The iterative 3D median filter, on label volumes that are never held whole.

A pass replaces every voxel by the *categorical median* of the cube of ``size`` voxels about it:
the phase that most of them have. A tie is won by the voxel's own phase if that is among the
tied, otherwise by the lowest code. The plain median of the codes, which paper 1 (section 2.7)
names, is there as well; it lets a phase win by its place in the list: among 12 pore, 3 quartz
and 12 feldspar voxels the middle one is quartz.

The voxel in the middle may have more votes than the others (the centre-weighted median: Ko and
Lee, IEEE Transactions on Circuits and Systems 38, 1991, p. 984), and so stands against a narrow
majority: what is rough stays rough, and specks go. Unless told otherwise it has as many as keep the
corner of a cube.

Voxels outside the rock (`OUTSIDE`) keep their label and have no vote, and neither has what lies
beyond the faces of the volume: only voxels that exist are counted. Of an even number of voters
the lower middle one is taken, so that the plain median, too, gives only labels that are there.

A pass takes slabs and gives slabs, holding back ``size - 1`` planes, and passes are chained: the
result is that of filtering the whole, however it was cut, and n passes read the volume once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

from octolith.settings.steps import SmoothSettings
from octolith.volumes import OUTSIDE

# A tile and its temporaries fit a core's own cache, and its rows are long enough to vectorise.
TILE = (8, 128, 256)


def majority(block: np.ndarray, phases: int, size: int, centre: int = 1) -> np.ndarray:
    """The categorical median, wherever the window fits into ``block``.

    Parameters
    ----------
    block : uint8 label codes below ``phases``, or `OUTSIDE`; any number of dimensions.
    phases : K.
    size : edge of the window, odd.
    centre : votes of the voxel in its middle.

    Returns
    -------
    labels, ``size - 1`` shorter than ``block`` along every axis.
    """
    own = _centre(block, size)
    winner = own.copy()
    most = np.zeros(own.shape, _counter(block.ndim, size, centre))
    for phase in range(phases):
        there = block == phase
        if not there.any():
            continue
        # Two votes a voxel, and one for the voxel's own phase: that decides ties.
        votes = _count(there, size, centre)
        votes += votes
        votes += own == phase
        np.copyto(winner, phase, where=votes > most)
        np.maximum(most, votes, out=most)
    np.copyto(winner, OUTSIDE, where=own == OUTSIDE)
    return winner


def median(block: np.ndarray, phases: int, size: int, centre: int = 1) -> np.ndarray:
    """The (lower) median of the label codes; arguments and result are those of `majority`."""
    own = _centre(block, size)
    voters = _count(block != OUTSIDE, size, centre)
    middle = np.zeros_like(own)
    # The median is the number of codes that less than half of the voters do not exceed.
    for phase in range(phases - 1):
        votes = _count(block <= phase, size, centre)
        votes += votes
        middle += votes < voters
    np.copyto(middle, OUTSIDE, where=own == OUTSIDE)
    return middle


METHODS: dict[str, Callable[[np.ndarray, int, int, int], np.ndarray]] = {
    "categorical": majority,
    "median": median,
}


def centre_votes(settings: SmoothSettings) -> int:
    """Of the voxel in the middle. A cube's corner sees ((size + 1) / 2)³ voxels like itself.

    >>> centre_votes(SmoothSettings()), centre_votes(SmoothSettings(centre=1))
    (12, 1)
    """
    own = ((settings.size + 1) // 2) ** 3
    return settings.centre or settings.size**3 - 2 * own + 1


@dataclass
class Changes:
    """What one pass has done so far."""

    voxels: int = 0
    changed: int = 0

    @property
    def share(self) -> float:
        """Changed voxels over all voxels in the rock."""
        return self.changed / max(self.voxels, 1)


def filter_slabs(
    slabs: Iterable[np.ndarray], phases: int, settings: SmoothSettings, changes: Changes
) -> Iterator[np.ndarray]:
    """One pass over a volume that arrives, and leaves, in slabs.

    Parameters
    ----------
    slabs : (z, y, x) uint8 label codes in order of z, of any thickness.
    phases : K.
    settings : the filter's; but one pass.
    changes : counts along.

    Yields
    ------
    slabs that together are the filtered volume; they lag half a window behind.
    """
    size = settings.size
    radius = size // 2
    held = None
    for slab in _thin(slabs):
        if held is None:
            held = np.full((radius, *slab.shape[1:]), OUTSIDE, np.uint8)
        held = np.concatenate([held, slab])
        if len(held) >= size:
            filtered = _filter(held, phases, settings, changes)
            held = held[len(held) - size + 1 :].copy()
            yield filtered
            del filtered
        # Only the planes held back are kept while the next slab is read.
        del slab
    if held is not None:
        held = np.pad(held, [(0, radius), (0, 0), (0, 0)], constant_values=OUTSIDE)
        yield _filter(held, phases, settings, changes)


def smooth_slabs(
    slabs: Iterable[np.ndarray], phases: int, settings: SmoothSettings
) -> tuple[Iterator[np.ndarray], list[Changes]]:
    """All ``settings.passes``, chained, and what each has changed once the slabs are used up.

    Memory is that of a few slabs and ``size - 1`` planes a pass.
    """
    passes = 0 if settings.method == "none" else settings.passes
    changes = [Changes() for _ in range(passes)]
    for of_pass in changes:
        slabs = filter_slabs(slabs, phases, settings, of_pass)
    return iter(slabs), changes


def smooth(
    labels: np.ndarray, phases: int, settings: SmoothSettings
) -> tuple[np.ndarray, list[Changes]]:
    """Filter a (z, y, x) array of label codes in memory, with ``settings.until``."""
    one_pass = settings.model_copy(update={"passes": 1})
    done: list[Changes] = []
    while len(done) < settings.passes and settings.method != "none":
        slabs, changes = smooth_slabs([labels], phases, one_pass)
        labels = np.concatenate(list(slabs))
        done += changes
        if done[-1].share <= settings.until:
            break
    return labels, done


def _thin(slabs: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Cut slabs to the thickness of a tile; a thick one is gone before the next one is read."""
    for slab in slabs:
        for plane in range(0, len(slab), TILE[0]):
            yield slab[plane : plane + TILE[0]].copy()
        del slab


def _filter(
    held: np.ndarray, phases: int, settings: SmoothSettings, changes: Changes
) -> np.ndarray:
    """Filter the planes that have their whole window in ``held``, tile by tile."""
    radius = settings.size // 2
    own = held[radius:-radius]
    filtered = np.empty_like(own)
    for corner in product(*(range(0, n, step) for n, step in zip(own.shape, TILE, strict=True))):
        tile = tuple(slice(c, c + step) for c, step in zip(corner, TILE, strict=True))
        window = _window(held, tile, radius)
        chosen = METHODS[settings.method]
        filtered[tile] = chosen(window, phases, settings.size, centre_votes(settings))
        changes.changed += int(np.count_nonzero(filtered[tile] != own[tile]))
        changes.voxels += int(np.count_nonzero(own[tile] != OUTSIDE))
    return filtered


def _window(held: np.ndarray, tile: tuple[slice, ...], radius: int) -> np.ndarray:
    """A tile with its halo: planes that are held, and rows and columns as far as they exist."""
    z, *sides = tile
    parts, missing = [slice(z.start, z.stop + 2 * radius)], [(0, 0)]
    for side, length in zip(sides, held.shape[1:], strict=True):
        stop = min(side.stop, length)
        parts.append(slice(max(side.start - radius, 0), stop + radius))
        missing.append((max(radius - side.start, 0), max(stop + radius - length, 0)))
    return np.pad(held[tuple(parts)], missing, constant_values=OUTSIDE)


def _centre(block: np.ndarray, size: int) -> np.ndarray:
    """The voxels whose window lies within ``block``."""
    return block[(slice(size // 2, -(size // 2)),) * block.ndim]


def _counter(dimensions: int, size: int, centre: int) -> np.dtype:
    """The narrowest type that holds twice the votes of a window, and one: uint8 for 3³."""
    return np.min_scalar_type(2 * (size**dimensions + centre - 1) + 1)


def _count(there: np.ndarray, size: int, centre: int) -> np.ndarray:
    """Votes for what is true in each window: a box sum, one axis after the other."""
    total = there.astype(_counter(there.ndim, size, centre))
    for axis in range(there.ndim):
        shifted = np.lib.stride_tricks.sliding_window_view(total, size, axis)
        total = shifted[..., 0] + shifted[..., 1]
        for step in range(2, size):
            total += shifted[..., step]
    if centre > 1:
        total += _centre(there, size) * total.dtype.type(centre - 1)
    return total
