"""A 3D image that is read only where it is looked at."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from types import EllipsisType, TracebackType
from typing import Any, Protocol, Self

import numpy as np

from octolith.errors import InputError
from octolith.phases import Phases

STACK = "Give one 3D image: a stack, or a folder of slices; one channel, one time."

Triple = tuple[float, float, float]
Window = tuple[slice, slice, slice]
Index = int | slice | EllipsisType | tuple[int | slice | EllipsisType, ...]


class Lazy(Protocol):
    """What a format's reader gives: an array whose values are read when it is indexed."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of one value."""

    def __getitem__(self, index: Any, /) -> Any:
        """Read a part; slices with a positive step and integers are all that is asked."""


def _nothing() -> None:
    """Close what needs no closing."""


@dataclass
class Source:
    """One opened file, before it is checked and cropped: what every reader returns."""

    array: Lazy
    format: str
    voxel_size_um: Triple | None = None
    phases: Phases | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    close: Callable[[], None] = _nothing


class Volume:
    """A 3D image, (z, y, x), of which only what is indexed is read.

    Index it as an array (integers, and slices with a positive step): ``volume[10:20, :, 5]``.
    It is a context manager and closes its file at the end.

    Attributes
    ----------
    shape : (z, y, x).
    dtype : of a voxel, in the byte order of this machine; bool is read as uint8.
    voxel_size_um : (z, y, x) in µm, or None if nobody said.
    phases : what the labels mean; None for a grey image or labels of unknown meaning.
    provenance : where the values come from.
    format : the file format, in words.
    """

    def __init__(self, path: object, source: Source, window: Window | None = None) -> None:
        self.path = path
        self._source = source
        self._array = keep_axes(path, source.array, 3, STACK)
        depth, height, width = self._array.shape
        z, y, x = window or (slice(0, depth), slice(0, height), slice(0, width))
        self._origin = (z.start, y.start, x.start)
        self.shape = (z.stop - z.start, y.stop - y.start, x.stop - x.start)
        self.dtype = plain_dtype(path, source.array.dtype)
        self.voxel_size_um = source.voxel_size_um
        self.phases = source.phases
        self.provenance = source.provenance
        self.format = source.format

    @property
    def nbytes(self) -> int:
        """Bytes of all voxels in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __getitem__(self, index: Index) -> np.ndarray:
        """Read a part, as a new array."""
        index = complete_index(index)
        moved = tuple(
            _moved(part, start, length)
            for part, start, length in zip(index, self._origin, self.shape, strict=True)
        )
        values = self._array[moved]
        # A view of the mapped file would be read later, perhaps when the file is closed.
        return np.array(values, self.dtype, copy=True if isinstance(values, np.memmap) else None)

    def read(self) -> np.ndarray:
        """All of it, as an array."""
        return self[:, :, :]

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Volume({str(self.path)!r}, {self.shape}, {self.dtype}, {self.voxel_size_um} µm)"


class _Squeezed:
    """A view of three axes of an array whose other axes have length one."""

    def __init__(self, array: Lazy, kept: tuple[int, ...]) -> None:
        self._array, self._kept = array, kept
        self.shape = tuple(array.shape[axis] for axis in kept)
        self.dtype = array.dtype

    def __getitem__(self, index: tuple[int | slice, ...]) -> Any:
        full: list[int | slice] = [0] * len(self._array.shape)
        for axis, part in zip(self._kept, index, strict=True):
            full[axis] = part
        return self._array[tuple(full)]


def keep_axes(path: object, array: Lazy, count: int, mend: str) -> Lazy:
    """The array without axes of length one, the leftmost first, until ``count`` remain.

    Raises
    ------
    InputError : it has fewer axes, or more of them are longer than one; or no voxels.
    """
    kept = list(range(len(array.shape)))
    for axis in list(kept):
        if len(kept) > count and array.shape[axis] == 1:
            kept.remove(axis)
    if len(kept) != count:
        shape = " × ".join(map(str, array.shape))
        axes = "z, y, x"[-3 * count + 2 :]
        raise InputError(path, f"{len(kept)} dimensions ({shape})", f"{count} ({axes})", mend)
    if 0 in array.shape:
        raise InputError(path, f"an empty array {tuple(array.shape)}", "at least one voxel")
    return array if len(kept) == len(array.shape) else _Squeezed(array, tuple(kept))


def plain_dtype(path: object, dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype that values are read as: in this machine's byte order, uint8 for bool.

    Raises
    ------
    InputError : it is no number that an image can have (complex, text, a record).
    """
    dtype = np.dtype(dtype)
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise InputError(path, f"values of type {dtype}", "integers, bool or float")
    # NumPy refuses to subtract bools, and so to take their quantiles.
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype.newbyteorder("=")


def complete_index(index: Index) -> tuple[int | slice, ...]:
    """The index with one entry an axis."""
    entries = index if isinstance(index, tuple) else (index,)
    if Ellipsis not in entries:
        entries = (*entries, Ellipsis)
    before, after = entries[: entries.index(...)], entries[entries.index(...) + 1 :]
    missing = 3 - len(before) - len(after)
    if missing < 0:
        raise IndexError(f"a volume has three axes, and {index!r} has more")
    return (*before, *[slice(None)] * missing, *after)  # type: ignore[arg-type]


def _moved(part: int | slice, start: int, length: int) -> int | slice:
    """One axis' index in the uncropped array."""
    if isinstance(part, slice):
        first, last, step = part.indices(length)
        if step < 1:
            raise IndexError("a volume is read forwards: slices need a positive step")
        return slice(start + first, start + max(first, last), step)
    place = int(part)
    if not -length <= place < length:
        raise IndexError(f"index {place} is outside an axis of {length} voxels")
    return start + place % length
