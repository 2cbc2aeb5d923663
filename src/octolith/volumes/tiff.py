"""TIFF in its dialects: plain, BigTIFF, ImageJ's and OME's, one page or thousands."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from octolith.errors import InputError
from octolith.volumes.disk import size_in_words
from octolith.volumes.units import micrometres
from octolith.volumes.volume import Lazy, Source, Triple

ONE_CHANNEL = "Convert it to one channel of grey levels, or to labels of phases."
TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
COMPRESSIONS = {int(c): c.name.lower().replace("_", " ") for c in tifffile.COMPRESSION}
# Resolution tags of a plain TIFF below 300 dpi describe a screen or a printer, not a microscope.
COARSEST_PIXEL_UM = 80.0


def open_tiff(path: Path) -> Source:
    """Open the one image of a TIFF file: 2D, or a stack.

    Uncompressed contiguous files are mapped into memory; of others only the pages
    that are asked for are decoded.

    Raises
    ------
    InputError : truncated or damaged, colour, or several images of different kinds.
    """
    try:
        with _complaints(path):
            tif = tifffile.TiffFile(path)
            series = tif.series
    except (tifffile.TiffFileError, OSError) as error:
        raise _damaged(path, str(error)) from None
    try:
        stack = _one_stack(path, series)
        _check_length(path, stack)
        dialect = "OME-TIFF" if tif.is_ome else "ImageJ TIFF" if tif.is_imagej else "TIFF"
        how = COMPRESSIONS.get(int(stack.keyframe.compression), "unknown")
        contiguous = stack.dataoffset is not None
        return Source(
            tifffile.memmap(path, mode="r") if contiguous else _Decoded(path, _Pages(stack)),
            f"{'Big' * tif.is_bigtiff}{dialect}, {len(stack.pages)} page(s), compression: {how}",
            _voxel_size(tif, stack),
            provenance={"reader": f"tifffile {tifffile.__version__}"},
            close=tif.close,
        )
    except BaseException:
        tif.close()
        raise


class _Decoded:
    """An array whose failure to decode is the file's fault, and is said to be."""

    def __init__(self, path: Path, array: Lazy) -> None:
        self._path, self._array = path, array
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        try:
            with _complaints(self._path):
                return np.asarray(self._array[index])
        except (RuntimeError, ValueError, OSError) as error:
            raise _damaged(self._path, str(error)) from None


def _damaged(path: Path, complaint: str) -> InputError:
    return InputError(
        path, f"a truncated or damaged TIFF ({complaint})", "a whole one", "Copy it again."
    )


@contextmanager
def _complaints(path: Path) -> Iterator[None]:
    """tifffile logs damage and goes on with what is left; here that is an error."""
    heard: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            text = record.getMessage()
            # A tag that cannot be parsed may be some program's private business.
            private = "TiffTag" in text and "invalid value offset" not in text
            if record.levelno >= logging.ERROR and not private:
                heard.append(text.rpartition("> ")[2].rstrip("')"))

    logger, ear = logging.getLogger("tifffile"), Ear()
    propagate = logger.propagate
    logger.addHandler(ear)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(ear)
        logger.propagate = propagate
    if heard:
        raise _damaged(path, heard[0])


def _one_stack(path: Path, series: list[tifffile.TiffPageSeries]) -> tifffile.TiffPageSeries:
    if len(series) != 1:
        found = f"{len(series)} images of shapes {[s.shape for s in series[:4]]}"
        raise InputError(path, found, "one image or stack", "Save the one you mean by itself.")
    (stack,) = series
    if "S" in stack.axes:
        raise InputError(
            path, f"a colour image {stack.shape}", "grey levels or labels", ONE_CHANNEL
        )
    return stack


def _check_length(path: Path, stack: tifffile.TiffPageSeries) -> None:
    """Every page's bytes must lie inside the file."""
    if stack.dataoffset is not None:
        end = stack.dataoffset + stack.nbytes
    else:
        extents = [(page.dataoffsets, page.databytecounts) for page in stack.pages if page]
        if len(extents) < len(stack.pages):
            raise _damaged(path, f"{len(stack.pages) - len(extents)} pages are missing")
        end = max(
            o + n for offsets, counts in extents for o, n in zip(offsets, counts, strict=True)
        )
    size = stack.keyframe.parent.filehandle.size
    if end > size:
        raise InputError(
            path,
            f"a truncated TIFF of {size:,} bytes ({size_in_words(size)})",
            f"{end:,} bytes for {' × '.join(map(str, stack.shape))} {stack.dtype}",
            "Copy it again.",
        )


class _Pages:
    """The pages of a stack, decoded one by one when they are asked for."""

    def __init__(self, stack: tifffile.TiffPageSeries) -> None:
        self._pages: Any = stack.pages
        self.shape, self.dtype = stack.shape, stack.dtype
        leading = self.shape[: len(self.shape) - len(stack.keyframe.shape)]
        self._numbers = np.arange(len(self._pages)).reshape(leading)

    def __getitem__(self, index: tuple[int | slice, ...]) -> np.ndarray:
        leading, inside = index[: self._numbers.ndim], index[self._numbers.ndim :]
        numbers = self._numbers[leading]
        if numbers.size == 0:
            return np.empty(self.shape, self.dtype)[index]
        # (Copies: a view would keep its whole page.)
        planes = [np.array(self._pages[number].asarray()[inside]) for number in numbers.flat]
        return np.reshape(planes, numbers.shape + planes[0].shape)


def _voxel_size(tif: tifffile.TiffFile, stack: tifffile.TiffPageSeries) -> Triple | None:
    if tif.ome_metadata:
        return _ome_voxel_size(tif.ome_metadata)
    across, down, unit = _resolution(tif.pages.first)
    if tif.imagej_metadata:
        scale = micrometres(str(tif.imagej_metadata.get("unit", "")))
        if scale is not None and across and down:
            # ImageJ writes no spacing where it is one unit, and one page for a stack above 4 GB.
            deep = stack.ndim > 2
            depth = float(tif.imagej_metadata.get("spacing", 1.0)) if deep else across
            return depth * scale, down * scale, across * scale
    pixel = (down * unit, across * unit)
    if 0 < max(pixel) < COARSEST_PIXEL_UM:
        return cubic(*pixel)
    return None


def cubic(down: float, across: float) -> Triple | None:
    """The voxel size where only a pixel's is known: a cube, if the pixel is a square."""
    return (across, down, across) if abs(across - down) <= 0.01 * across else None


def _resolution(page: tifffile.TiffPage) -> tuple[float, float, float]:
    """Edges of a pixel (across, down) in units of the resolution, and that unit in µm."""

    def edge(tag: str) -> float:
        pixels, per_units = page.tags[tag].value if tag in page.tags else (0, 1)
        return per_units / pixels if pixels else 0.0

    unit = page.tags["ResolutionUnit"].value if "ResolutionUnit" in page.tags else 2
    return edge("XResolution"), edge("YResolution"), {2: 25400.0, 3: 10000.0}.get(int(unit), 0.0)


def _ome_voxel_size(xml: str) -> Triple | None:
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")
    if pixels is None:
        return None

    def edge(axis: str) -> float | None:
        length = pixels.get(f"PhysicalSize{axis}")
        unit = micrometres(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        return None if length is None or unit is None else float(length) * unit

    depth, down, across = map(edge, "ZYX")
    if across is None or down is None:
        return None
    return cubic(down, across) if depth is None else (depth, down, across)
