"""Sets of 2D images: microscope images, which differ in size."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.volumes.disk import new_hdf5, require_space
from octolith.volumes.hdf5 import read_phases, write_phases
from octolith.volumes.slices import matching, open_image
from octolith.volumes.volume import plain_dtype

log = logging.getLogger(__name__)

# Pixel sizes that differ by no more, as a share, are one.
SAME_PIXEL = 0.01


@dataclass(frozen=True)
class ImageSet:
    """2D images (y, x) of one rock at one pixel size.

    Attributes
    ----------
    images : one array an image; they may differ in shape.
    pixel_um : edge of a pixel in µm, or None if nobody said.
    phases : what the labels mean; None for grey images.
    names : what each image is called.
    axes : of an anisotropic rock, which axes each image is perpendicular to, such as "z" or "yx";
        None: any of them. The rows and columns of an image are along the other two, in that order.
    """

    images: list[np.ndarray]
    pixel_um: float | None
    phases: Phases | None
    names: list[str]
    axes: list[str] | None = None


def write_images(
    path: str | Path,
    images: Sequence[np.ndarray],
    pixel_um: float,
    *,
    phases: Phases | None,
    names: Sequence[str],
    axes: Sequence[str] | None = None,
) -> None:
    """Write 2D images into one HDF5 file: datasets ``image0``, ``image1``, …

    Raises
    ------
    OctolithError : too little free space.
    """
    require_space(path, sum(image.nbytes for image in images))
    with new_hdf5(path) as file:
        file.attrs["pixel_um"] = float(pixel_um)
        write_phases(file, phases)
        for number, (image, name) in enumerate(zip(images, names, strict=True)):
            dataset = file.create_dataset(
                f"image{number}", data=image, compression="gzip", compression_opts=1, shuffle=True
            )
            dataset.attrs["name"] = name
            if axes is not None:
                dataset.attrs["axes"] = axes[number]


def read_images(path: str | Path) -> ImageSet:
    """Read what `write_images` wrote.

    Raises
    ------
    InputError : no such file, or not one of these.
    """
    try:
        file = h5py.File(path, "r", locking="best-effort")
    except OSError as error:
        raise InputError(path, f"no readable HDF5 ({error})", "a set of images") from None
    with file:
        if "image0" not in file or "pixel_um" not in file.attrs:
            raise InputError(path, f"an HDF5 file with {sorted(file)}", "datasets image0, image1 …")
        found = [file[f"image{number}"] for number in range(len(file))]
        axes = [str(dataset.attrs["axes"]) for dataset in found if "axes" in dataset.attrs]
        return ImageSet(
            [dataset[:] for dataset in found],
            float(file.attrs["pixel_um"]),
            read_phases(file),
            [str(dataset.attrs["name"]) for dataset in found],
            axes or None,
        )


def open_images(
    patterns: str, pixel_um: float | None = None, axes: Sequence[str] | None = None
) -> ImageSet:
    """Read 2D images from files: TIFF (every page is an image), PNG and the like, ``.npy``.

    Parameters
    ----------
    patterns : paths or globs separated by ``;``, in the order wanted; a glob's files are ordered
        as people count.
    pixel_um : edge of a pixel in µm; wins over what the files say.
    axes : for each pattern, the axes that its images are perpendicular to.

    Raises
    ------
    InputError : no such file, not readable, colour, or files of different pixel sizes.
    """
    images, names = [], []
    across: list[str] = []
    sizes: dict[Path, float | None] = {}
    for number, file in _files(patterns):
        source = open_image(file)
        try:
            planes = np.asarray(source.array[(slice(None),) * len(source.array.shape)])
        finally:
            source.close()
        plane = _plane(file, planes.shape)
        planes = planes.astype(plain_dtype(file, planes.dtype)).reshape(-1, *plane)
        images += list(planes)
        names += (
            [file.name] if len(planes) == 1 else [f"{file.name}:{n}" for n in range(len(planes))]
        )
        across += [axes[number]] * len(planes) if axes else []
        sizes[file] = source.voxel_size_um and source.voxel_size_um[-1]
    return ImageSet(images, _pixel_um(sizes, pixel_um), None, names, across or None)


def headers(
    files: Sequence[str], pixel_um: float | None = None
) -> tuple[dict[str, tuple[int, int]], float | None]:
    """Shape (y, x) of each file of 2D images, and the edge of a pixel in µm, without their pixels.

    Parameters
    ----------
    pixel_um : edge of a pixel in µm; wins over what the files say.

    Raises
    ------
    InputError : as `open_images`.
    """
    shapes, sizes = {}, {}
    for file in map(Path, files):
        source = open_image(file)
        source.close()
        shapes[str(file)] = _plane(file, source.array.shape)
        sizes[file] = source.voxel_size_um and source.voxel_size_um[-1]
    return shapes, _pixel_um(sizes, pixel_um)


def require_crop(name: str, shape: tuple[int, ...], pixel_um: float, crop: int) -> None:
    """Refuse a 2D image (y, x) that is smaller than what the critic sees at once.

    Raises
    ------
    InputError : an edge shorter than ``crop`` pixels.
    """
    if min(shape) < crop:
        raise InputError(
            name, f"{shape[0]} × {shape[1]} pixels of {pixel_um:g} µm",
            f"at least {crop} × {crop}, which the critic sees at once",
            "Leave the image out, or train on smaller cubes (train.lr_cube).",
        )  # fmt: skip


def _plane(file: Path, shape: tuple[int, ...]) -> tuple[int, int]:
    """(y, x) of an image, or of each page of a stack."""
    if len(shape) < 2:
        raise InputError(file, f"{len(shape)} dimensions", "2 (y, x)")
    return shape[-2], shape[-1]


def _files(patterns: str) -> list[tuple[int, Path]]:
    """Every file, after the number of its pattern."""
    files = []
    for number, pattern in enumerate(filter(None, map(str.strip, patterns.split(";")))):
        found = matching(pattern)
        if not found:
            raise InputError(pattern, "no such file", "a 2D image, or a glob that matches some")
        files += [(number, file) for file in found]
    if not files:
        raise InputError("2D images", "no path", "paths or globs separated by ';'")
    return files


def _pixel_um(sizes: Mapping[Path, float | None], stated: float | None) -> float | None:
    """What was stated, or what all files say; where they say something else, that is said."""
    if stated is None:
        return _one_size(sizes)
    for file, size in sizes.items():
        if size and abs(size / stated - 1) > SAME_PIXEL:
            log.warning(
                "%s: the file says a pixel is %g µm, the sample sheet %g µm, which is used.",
                file, size, stated,
            )  # fmt: skip
            break
    return stated


def _one_size(sizes: Mapping[Path, float | None]) -> float | None:
    (first, expected), *others = sizes.items()
    for file, size in others:
        if (size is None) != (expected is None) or (
            size and expected and abs(size / expected - 1) > SAME_PIXEL
        ):
            raise InputError(
                file, f"a pixel of {size} µm", f"{expected} µm like {first.name}",
                "Resample the images to one pixel size, or say which it is.",
            )  # fmt: skip
    return expected
