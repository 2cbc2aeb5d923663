"""Disks that fill up: looked at beforehand, and left clean when it happens all the same."""

from __future__ import annotations

import errno
import io
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from octolith.errors import InputError, OctolithError
from octolith.files import atomic

FULL = (errno.ENOSPC, errno.EDQUOT)


class NewFile(h5py.File):
    """An HDF5 file that is being written; see `new_hdf5`."""

    def __init__(self, stream: _ForgivingFile, **options: Any) -> None:
        super().__init__(stream, "w", **options)
        self._stream = stream

    def raise_failure(self) -> None:
        """Raise what a write ran into; long work asks now and then, the end always does."""
        self._stream.raise_failure()


@contextmanager
def new_hdf5(path: str | Path, **options: Any) -> Iterator[NewFile]:
    """A new HDF5 file that appears at ``path`` when the block ends without an error.

    Parameters
    ----------
    path : the file to be.
    options : passed to `h5py.File`.

    Raises
    ------
    OctolithError : the disk (or the user's quota) is full. Nothing is left at ``path``.
    """
    path = Path(path)
    with (
        full_disk_named(path),
        atomic(path) as temporary,
        _ForgivingFile(temporary) as stream,
    ):
        with NewFile(stream, **options) as file:
            yield file
        stream.raise_failure()


class _ForgivingFile(io.FileIO):
    """A file that keeps the first failure of a write to itself until it is asked.

    HDF5 cannot close a file that it cannot write: it tries again whenever the handle is touched
    and takes the interpreter down with it at exit. So it is told that all went well.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self._failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write all of ``data``, or nothing more once the disk is full."""
        rest = memoryview(data).cast("B")
        size = len(rest)
        while rest and self._failure is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self._failure = error
        return size

    def truncate(self, size: int | None = None, /) -> int:
        """Set the length, unless the disk is full."""
        return 0 if self._failure else super().truncate(size)

    def raise_failure(self) -> None:
        """Raise what a write ran into, if one did."""
        if self._failure is not None:
            raise self._failure


def require_space(path: str | Path, needed: int) -> None:
    """Look at the free space before hours of writing.

    Raises
    ------
    InputError : fewer than ``needed`` bytes are free where ``path`` is to be.
    """
    folder = next(parent for parent in Path(path).absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise InputError(
            path,
            f"{size_in_words(free)} free in {folder}",
            f"up to {size_in_words(needed)} for this file",
            "Free some space or write elsewhere.",
        )


@contextmanager
def full_disk_named(path: str | Path) -> Iterator[None]:
    """Turn the failure to write ``path`` on a full disk into one line that says so.

    Raises
    ------
    OctolithError : the disk (or the user's quota) is full.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OctolithError(
            f"{path}: the disk (or your quota) is full; nothing half-written was left behind. "
            "Free some space or write elsewhere."
        ) from None


def size_in_words(size: float) -> str:
    """Bytes as a person reads them.

    >>> size_in_words(1536 * 2**20)
    '1.5 GiB'
    """
    if size < 1024:
        return f"{size:.0f} bytes"
    for unit in ("KiB", "MiB", "GiB"):
        size /= 1024
        if size < 1024:
            return f"{size:.1f} {unit}"
    return f"{size / 1024:.1f} TiB"
