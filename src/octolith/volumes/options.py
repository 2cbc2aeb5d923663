"""What the sample sheet and the command line say about how to read a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from octolith.errors import InputError, did_you_mean
from octolith.volumes.volume import Window

KEYS = {"shape": "200x100x100", "dtype": "uint16", "order": "little", "offset": "512",
        "dataset": "/a/b"}  # fmt: skip


def parse_reader(text: str, where: str = "lr_reader") -> dict[str, Any]:
    """Keyword arguments of `open_volume` from ``'shape=200x100x100 dtype=uint16 order=big'``.

    Parameters
    ----------
    text : ``key=value`` pairs separated by spaces; shape is (z, y, x).
    where : what to call the text in an error.

    Raises
    ------
    InputError : an unknown key, a value that is none.

    >>> parse_reader("shape=4x5x6 dtype=uint8")
    {'shape': (4, 5, 6), 'dtype': dtype('uint8')}
    """
    found: dict[str, Any] = {}
    for word in text.split():
        key, equals, value = word.partition("=")
        if not equals or not value:
            raise InputError(where, repr(word), "KEY=VALUE", f"Write, say, {_example('shape')}.")
        if key not in KEYS:
            mend = did_you_mean(key, KEYS)
            raise InputError(where, f"the key {key!r}", f"one of {list(KEYS)}", mend)
        name = "byteorder" if key == "order" else key
        if name in found:
            raise InputError(where, f"{key} twice", "each key once")
        found[name] = _value(key, value, where)
    return found


def parse_crop(text: str, shape: Sequence[int], where: str = "lr_crop") -> Window:
    """The window of ``'z0:z1,y0:y1,x0:x1'``; an empty bound is the image's own.

    Raises
    ------
    InputError : not of that form, empty, or outside ``shape``.

    >>> parse_crop("2:4,:,:3", (10, 20, 30))
    (slice(2, 4, None), slice(0, 20, None), slice(0, 3, None))
    """
    parts = text.replace(" ", "").split(",")
    if len(parts) != 3 or not all(re.fullmatch(r"\d*:\d*", part) for part in parts):
        raise InputError(where, repr(text), "'z0:z1,y0:y1,x0:x1'", "Write, say, '0:64,:,10:74'.")
    window = []
    for axis, part, length in zip("zyx", parts, shape, strict=True):
        first, _, last = part.partition(":")
        start, stop = int(first or 0), int(last or length)
        if not start < stop <= length:
            raise InputError(f"{where}, {axis}", part, f"a range within 0:{length}")
        window.append(slice(start, stop))
    z, y, x = window
    return z, y, x


def _value(key: str, value: str, where: str) -> Any:
    if key == "shape":
        if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*){2}", value):
            raise InputError(where, f"shape={value}", _example(key), "Three lengths: z, y, x.")
        return tuple(map(int, value.split("x")))
    if key == "dtype":
        try:
            return np.dtype(value)
        except TypeError:
            raise InputError(
                where, f"dtype={value}", "uint8, int8, uint16, int16, float32 or the like"
            ) from None
    if key == "order" and value not in ("little", "big"):
        raise InputError(where, f"order={value}", "little or big")
    if key == "offset":
        if not value.isdecimal():
            raise InputError(where, f"offset={value}", "a number of bytes")
        return int(value)
    return value


def _example(key: str) -> str:
    return f"{key}={KEYS[key]}"
