"""Outputs that appear whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

_MASK = os.umask(0o077)  # it can only be asked by setting it
os.umask(_MASK)


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` and rename it (file or folder) on success.

    On any error the temporary is removed and what was at ``path`` before is left as it was. What a
    killed process left behind is removed by the next one that writes ``path``.

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
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    for left in path.parent.glob(f".{escape(path.stem)}.*.part{escape(path.suffix)}"):
        _remove(left)
    try:
        yield temporary
        if temporary.is_dir():
            _sync(temporary)
            shutil.rmtree(path, ignore_errors=True)
        else:
            temporary.chmod(0o666 & ~_MASK)  # some writers keep a file to its owner
            _sync(temporary)
        temporary.replace(path)
    except BaseException:
        _remove(temporary)
        raise


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Make the bytes durable before the rename is: a crash must not leave an empty file."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
