"""Whether a sample's images fit its configuration, by the headers of their files alone.

What does not is better known now than on a cluster, in an hour.
"""

from __future__ import annotations

import math

from octolith.blocks import Triple
from octolith.errors import InputError
from octolith.settings import Config, Sample
from octolith.settings.steps import DescribeSettings
from octolith.steps.ingest import voxel_size
from octolith.volumes import open_volume, parse_reader
from octolith.volumes.images import headers, require_crop

# HR pixels may be so much larger than SR voxels: the scale is the nearest power of two.
LARGEST_PIXEL = math.sqrt(2) * 1.01


def volume_header(sample: Sample) -> tuple[Triple, float, int]:
    """(z, y, x) of a sample's 3D image, the edge of a voxel in µm, and the bytes of one.

    Raises
    ------
    InputError : an image that is missing or unreadable, or without a voxel size.
    """
    options = parse_reader(sample.lr_reader)
    try:
        with open_volume(sample.lr, crop=sample.lr_crop or None, **options) as opened:
            return opened.shape, voxel_size(opened, sample)[0], opened.dtype.itemsize
    except InputError as error:
        raise InputError(
            f"sample {sample.sample!r}: {error.where}", error.found, error.expected,
            error.mend or "Paths start from where snakemake is run.",
        ) from None  # fmt: skip


def check_sample(config: Config, sample: Sample, shape: Triple, voxel_um: float) -> None:
    """Look at a sample's LR volume and HR images, and at what is to be measured on them.

    Parameters
    ----------
    shape, voxel_um : of the LR volume, as `volume_header` says.

    Raises
    ------
    InputError : an image that is missing, unreadable or too small to train on, HR pixels that are
        larger than the SR voxels would be, or a descriptor that could not be measured.
    """
    where = f"sample {sample.sample!r}"
    _check_describe(config.describe, where, sample.truth)
    if min(shape) < config.train.cube:
        raise InputError(
            f"{where}: lr", " × ".join(map(str, shape)) + " voxels (z, y, x)",
            f"at least {config.train.cube} along each axis, the cube that training sees",
            "Crop less, or lower train.lr_cube.",
        )  # fmt: skip
    shapes, pixel_um = _headers(f"{where}: hr", sample.hr_files(), config.scale, sample, voxel_um)
    for name, edges in shapes.items():
        fine = tuple(round(edge * pixel_um * config.scale / voxel_um) for edge in edges)
        require_crop(name, fine, voxel_um / config.scale, config.train.cube * config.scale)
    if kept := sample.hr_test_files():
        _headers(f"{where}: hr_test", kept, config.scale, sample, voxel_um)


def _headers(
    where: str, files: list[str], scale: int, sample: Sample, voxel_um: float
) -> tuple[dict[str, tuple[int, int]], float]:
    """Shapes and pixel size of 2D images, whose pixels must be no larger than SR voxels."""
    shapes, pixel_um = headers(files, sample.hr_voxel_um)
    if pixel_um is None:
        raise InputError(
            where, "no pixel size in the files", "the edge of a pixel in µm",
            "Give it in the sample sheet, column hr_voxel_um.",
        )  # fmt: skip
    _require_finer_pixels(where, scale, voxel_um, pixel_um)
    return shapes, pixel_um


def _check_describe(settings: DescribeSettings, where: str, truth: str) -> None:
    """Before training, for it is measured last."""
    if "similarity" in settings.descriptors and not truth:
        raise InputError(
            f"{where}: describe.descriptors", "similarity, and no truth", "the true volume",
            "Take similarity out.",
        )  # fmt: skip
    if settings.options:
        from octolith.descriptors import check_options  # noqa: PLC0415 (it imports half of SciPy)

        for name, options in settings.options.items():
            check_options(name, options)


def _require_finer_pixels(where: str, scale: int, voxel_um: float, pixel_um: float) -> None:
    """Images that were enlarged to SR voxels would have nothing to teach at the last scales."""
    if pixel_um <= LARGEST_PIXEL * voxel_um / scale:
        return
    fits = 2 ** round(math.log2(max(voxel_um / pixel_um, 1)))
    raise InputError(
        where,
        f"pixels of {pixel_um:g} µm, and voxels of {voxel_um:g} µm that are to be {scale} times "
        f"finer, {voxel_um / scale:g} µm",
        "pixels no larger than that",
        (f"Set scale to {fits}, or correct" if fits > 1 else "Correct")
        + " hr_voxel_um or lr_voxel_um in the sample sheet, if that is what is wrong.",
    )
