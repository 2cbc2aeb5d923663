"""Image files of one plane: alone (microscope images) or as the slices of a volume."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image, UnidentifiedImageError

from octolith.errors import InputError
from octolith.volumes.raw import NPY_MAGIC, open_npy
from octolith.volumes.tiff import ONE_CHANNEL, TIFF_MAGIC, cubic, open_tiff
from octolith.volumes.volume import Source, keep_axes, plain_dtype

log = logging.getLogger(__name__)

SUFFIXES = (".tif", ".tiff", ".png", ".bmp", ".pgm", ".jpg", ".jpeg", ".npy")
FORMATS = ("PNG", "BMP", "PPM", "JPEG")
# Pillow takes more than 179 megapixels for an attack; mosaics have more, and are the user's own.
Image.MAX_IMAGE_PIXELS = None
# Pillow's names for what a pixel is; a palette's index is a label.
MODES = {"1": "bool", "L": "u1", "P": "u1", "I;16": "u2", "I;16B": ">u2", "I": "i4", "F": "f4"}


def open_slices(path: str | Path) -> Source:
    """Open a folder, or the files that match a glob, as the slices of a volume.

    Slices are ordered as people count (2 before 10); headers are read now, pixels when asked for.

    Raises
    ------
    InputError : no images, images of several kinds, or one of another size or type than the first.
    """
    files = _slice_files(path)
    first = _slice(files[0])
    shape, dtype = first.array.shape, first.array.dtype
    first.close()
    for file in files[1:]:
        other = _slice(file)
        found = (other.array.shape, other.array.dtype)
        other.close()
        if found != (shape, dtype):
            raise InputError(
                file, f"{_words(*found)}", f"{_words(shape, dtype)} like {files[0].name}",
                "All slices of a volume have one size and type.",
            )  # fmt: skip
    _warn_of_gaps(path, files)
    size = first.voxel_size_um
    return Source(
        _Slices(files, shape, dtype),
        f"{len(files)} slices, {first.format}",
        None if size is None else cubic(size[1], size[2]),
        provenance={
            **first.provenance,
            "first_slice": files[0].name,
            "last_slice": files[-1].name,
        },
    )


def open_image(path: Path) -> Source:
    """Open one image file: TIFF (2D or a stack), .npy, or what Pillow reads.

    Raises
    ------
    InputError : missing, unreadable or colour.
    """
    start = first_bytes(path)
    if start.startswith(TIFF_MAGIC):
        return open_tiff(path)
    if start.startswith(NPY_MAGIC):
        return open_npy(path)
    try:
        image = Image.open(path, formats=FORMATS)
    except (UnidentifiedImageError, OSError) as error:
        raise InputError(path, f"no readable image ({error})", "TIFF, PNG or the like") from None
    if image.mode not in MODES:
        raise InputError(
            path, f"a colour image ({image.mode})", "grey levels or labels", ONE_CHANNEL
        )
    return Source(
        _Picture(path, image),
        str(image.format),
        provenance={"reader": f"Pillow {PIL.__version__}"},
        close=image.close,
    )


def first_bytes(path: Path) -> bytes:
    """The start of a file, which says what it is; InputError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError as error:
        raise InputError(path, error.strerror, "a readable file") from None


def natural(name: str | Path) -> list[tuple[int, str]]:
    """A key that sorts numbers in names by value.

    >>> sorted(["s10.tif", "s9.tif"], key=natural)
    ['s9.tif', 's10.tif']
    """
    parts = re.findall(r"\d+|\D+", str(name))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def matching(pattern: str | Path) -> list[Path]:
    """The file of that name, or those that match it as a glob, as people count."""
    if Path(pattern).exists():
        return [Path(pattern)]
    return sorted(map(Path, glob(str(pattern))), key=natural)  # noqa: PTH207  (wildcards in folders too)


class _Picture:
    """A Pillow image, decoded when it is indexed."""

    def __init__(self, path: Path, image: Image.Image) -> None:
        self._path, self._image = path, image
        self.shape = (image.height, image.width)
        self.dtype = np.dtype(MODES[image.mode])

    def __getitem__(self, index: Any) -> np.ndarray:
        try:
            return np.asarray(self._image)[index]
        except (OSError, SyntaxError) as error:
            raise InputError(
                self._path, f"a damaged image ({error})", "a whole one", "Copy it again."
            ) from None


class _Slices:
    """Slices one upon the other; a file is opened when its plane is asked for."""

    def __init__(self, files: Sequence[Path], shape: tuple[int, ...], dtype: Any) -> None:
        self._files = files
        self.shape = (len(files), *shape)
        self.dtype = dtype

    def __getitem__(self, index: tuple[int | slice, ...]) -> np.ndarray:
        z, *plane = index
        if isinstance(z, int):
            return self._read(z, tuple(plane))
        planes = [self._read(k, tuple(plane)) for k in range(len(self._files))[z]]
        return np.stack(planes) if planes else np.empty(self.shape, self.dtype)[index]

    def _read(self, number: int, plane: tuple[int | slice, ...]) -> np.ndarray:
        source = _slice(self._files[number])
        try:
            return np.array(source.array[plane])
        finally:
            source.close()


def _slice(file: Path) -> Source:
    source = open_image(file)
    try:
        source.array = keep_axes(file, source.array, 2, "Give a stack by itself, not in a folder.")
        plain_dtype(file, source.array.dtype)
    except InputError:
        source.close()
        raise
    return source


def _slice_files(path: str | Path) -> list[Path]:
    folder = Path(path)
    if not folder.is_dir():
        matched = [file for file in matching(path) if file.is_file()]
        if not matched:
            raise InputError(
                path, "no file that matches", f"slices ({', '.join(SUFFIXES)})", "Check the path."
            )
        return matched
    files = [
        file
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".")
    ]
    kinds = Counter(file.suffix.lower() for file in files)
    if not files:
        raise InputError(
            path, "a folder without images", f"slices ({', '.join(SUFFIXES)})", "Check the path."
        )
    if len(kinds) > 1:
        found = " and ".join(f"{count} {suffix}" for suffix, count in kinds.items())
        raise InputError(
            path, found, "slices of one kind", f"Say which: {folder}/*{next(iter(kinds))}"
        )
    return sorted(files, key=lambda file: natural(file.name))


def _warn_of_gaps(path: str | Path, files: Sequence[Path]) -> None:
    numbers = [re.findall(r"\d+", file.stem) for file in files]
    counts = [int(found[-1]) for found in numbers if found]
    steps = np.diff(counts)
    if len(counts) == len(files) > 2 and (steps != steps[0]).any():
        after = files[int(np.flatnonzero(steps != steps[0])[0])]
        log.warning("%s: the numbers of the slices skip after %s. Is one lost?", path, after.name)


def _words(shape: tuple[int, ...], dtype: Any) -> str:
    return f"{' × '.join(map(str, shape))} {dtype}"
