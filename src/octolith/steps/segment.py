"""The step `segment`: grey levels, or foreign labels, to the phases of the configuration."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.progress import track
from octolith.segmentation import Segmenter, denoise, halo, noise_level, resample
from octolith.segmentation.drawing import draw
from octolith.settings.steps import DenoiseSettings, SegmentationSettings
from octolith.slabs import read_slabs, voxel_size_of, write_slabs
from octolith.volumes import Volume, create_volume, open_images, open_volume, write_images
from octolith.volumes.images import SAME_PIXEL, require_crop

log = logging.getLogger(__name__)

# Planes denoised at once: the filters need several times the memory of what they are given.
PLANES = 32
# The noise of a volume is that of as many planes in its middle.
NOISE_PLANES = 16


def segment(
    source_h5: str | Path,
    out_h5: str | Path,
    recipe: SegmentationSettings,
    phases: Phases,
    figure_stem: str | Path,
) -> None:
    """Segment a volume of any size, slab by slab.

    Parameters
    ----------
    source_h5 : the volume as ingested, grey or labels.
    out_h5 : the label volume to be.
    recipe : bands or a label map, and the denoising.
    phases : in the order of their codes.
    figure_stem : path, without suffix, of the figure with the histogram, the bands and a slice.

    Raises
    ------
    InputError : NaN; grey levels that no band covers; labels that the map does not know, with
        counts; neither bands nor a map, with a suggestion.
    """
    with open_volume(source_h5) as volume:
        voxel = voxel_size_of(volume)
        segmenter = Segmenter(recipe, phases, source_h5)
        labels = segmenter.labels(
            lambda: read_slabs(volume, "grey levels"),
            lambda: _denoised_slabs(volume, recipe.denoise),
        )
        with create_volume(
            out_h5, volume.shape, np.uint8, voxel, phases=phases,
            provenance=volume.provenance | {"segment": recipe.model_dump(mode="json")},
        ) as writer:  # fmt: skip
            write_slabs(writer, labels)
        middle = volume.shape[0] // 2
        with open_volume(out_h5) as segmented:
            draw(figure_stem, segmenter, volume[middle], segmented[middle], voxel[-1])


def segment_images(
    paths: Sequence[str],
    out_h5: str | Path,
    recipe: SegmentationSettings,
    phases: Phases,
    *,
    pixel_um_target: float,
    pixel_um_given: float | None = None,
    axes: Sequence[str] | None = None,
    crop: int = 1,
    learnt: bool = True,
    figure_stem: str | Path | None = None,
) -> None:
    """Segment 2D images and bring them to one pixel size.

    Parameters
    ----------
    paths : files or globs, in the order wanted.
    out_h5 : the set of label images to be.
    recipe, phases, figure_stem : as in `segment`; the figure shows the first image.
    pixel_um_target : the pixel size wanted, the LR voxel over the scale. Images of another (by
        more than a hundredth) are resampled by nearest neighbour.
    pixel_um_given : of the images; None: as the files say.
    axes : of an anisotropic rock, for each path the axes that its images are perpendicular to.
    crop : edge, in wanted pixels, of what the critic sees: no image to be learnt may be smaller.
    learnt : whether it is what training sees, so that each phase has to be in one of them.

    Raises
    ------
    InputError : as in `segment`; no pixel size; of what is to be learnt, an image smaller than the
        crop, or a phase that no image shows.
    """
    given = open_images(";".join(paths), pixel_um_given, axes)
    where = f"{paths[0]} …" if len(paths) > 1 else paths[0]
    pixel = given.pixel_um
    if pixel is None:
        raise InputError(
            where, "no pixel size in the file", "the edge of a pixel in µm",
            "Give it in the sample sheet, column hr_voxel_um.",
        )  # fmt: skip
    segmenter = Segmenter(recipe, phases, where)
    labels = list(
        segmenter.labels(
            lambda: iter(given.images),
            lambda: (_denoised(image, recipe.denoise) for image in given.images),
        )
    )
    if learnt:
        _require_every_phase(segmenter)
    if figure_stem is not None:
        draw(figure_stem, segmenter, given.images[0], labels[0], pixel)
    if abs(pixel / pixel_um_target - 1) > SAME_PIXEL:
        labels = [resample(image, pixel, pixel_um_target) for image in labels]
        log.info(
            "%s: %d image(s) resampled from pixels of %g µm to %g µm by nearest neighbour",
            where, len(labels), pixel, pixel_um_target,
        )  # fmt: skip
    if learnt:
        for name, image in zip(given.names, labels, strict=True):
            require_crop(name, image.shape, pixel_um_target, crop)
    write_images(
        out_h5, labels, pixel_um_target, phases=phases, names=given.names, axes=given.axes
    )  # fmt: skip


def _denoised(grey: np.ndarray, settings: DenoiseSettings) -> np.ndarray:
    """A 2D image, denoised; each has a noise of its own."""
    return denoise(grey, settings, _noise(grey, settings))


def _denoised_slabs(volume: Volume, settings: DenoiseSettings) -> Iterator[np.ndarray]:
    """A volume, denoised as if it were whole."""
    reach = halo(settings)
    middle = max(volume.shape[0] - NOISE_PLANES, 0) // 2
    noise = _noise(volume[middle : middle + NOISE_PLANES], settings)
    for start in track(range(0, volume.shape[0], PLANES), "segment"):
        first = max(start - reach, 0)
        smooth = denoise(volume[first : start + PLANES + reach], settings, noise)
        yield smooth[start - first : start - first + PLANES]


def _noise(grey: np.ndarray, settings: DenoiseSettings) -> float:
    return 0.0 if settings.method in ("none", "median") else noise_level(grey)


def _require_every_phase(segmenter: Segmenter) -> None:
    """A phase that no HR image shows could not be learned."""
    counts = zip(segmenter.phases.names, segmenter.codes, strict=False)
    missing = [name for name, count in counts if not count]
    if missing:
        raise InputError(
            segmenter.where, f"no pixel of {', '.join(missing)}", "each phase in one image or more",
            "Take it out of 'phases', or add an image that shows it.",
        )  # fmt: skip
