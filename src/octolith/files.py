"""Outputs that appear whole or not at all."""

from __future__ import annotations

import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

import psutil

_MASK = os.umask(0o077)  # it can only be asked by setting it
os.umask(_MASK)
_HOST = platform.node()
# Seconds after which what another machine has not touched is taken for abandoned.
_DAY = 86_400


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it (file or folder) on success.

    On any error the temporary is removed and what was at ``path`` before is left as it was. A
    folder that was there before is set aside under a hidden name, and removed when the new one is
    in its place: whatever happens, one of the two is whole.

    What a killed process left behind is removed by the next one that writes ``path``: at once if
    it ran on this machine, after a day if on another. What a live one writes is left to it.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "table.csv"
    >>> with atomic(target) as temporary:
    ...     _ = temporary.write_text("a,b")
    >>> target.read_text()
    'a,b'
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # The suffix stays last: writers choose their format by it.
    owner = f"{_HOST}.{os.getpid()}.part{path.suffix}"
    temporary, aside = (path.with_name(f".{path.stem}.{age}.{owner}") for age in ("new", "old"))
    for left in path.parent.glob(f".{escape(path.stem)}.*.part{escape(path.suffix)}"):
        if left in (temporary, aside) or _abandoned(left):
            _remove(left)
    try:
        yield temporary
        if not temporary.is_dir():
            temporary.chmod(0o666 & ~_MASK)  # some writers keep a file to its owner
        _sync(temporary)
        _put(temporary, path, aside)
    except BaseException:
        _remove(temporary)
        raise


def _put(new: Path, path: Path, aside: Path) -> None:
    """Rename; a folder cannot take the place of another that has something in it."""
    if not (new.is_dir() and path.exists()):
        new.replace(path)
        return
    path.rename(aside)
    try:
        new.rename(path)
    except BaseException:
        aside.rename(path)
        raise
    _remove(aside)


def _abandoned(left: Path) -> bool:
    """Whether the process that made a temporary is gone, as far as this machine can tell."""
    here = re.search(rf"\.{re.escape(_HOST)}\.(\d+)\.part", left.name)
    if here:
        return not psutil.pid_exists(int(here[1]))
    with suppress(FileNotFoundError):  # its owner has just renamed it
        return time.time() - left.stat().st_mtime > _DAY
    return False


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Make the bytes durable before the rename is: a crash must not leave an empty file."""
    for each in [*path.rglob("*"), path]:
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
