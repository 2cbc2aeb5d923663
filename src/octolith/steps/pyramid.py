"""The step `pyramid`: HR labels to the dense and mixed classes of one stage."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from octolith import figures
from octolith.errors import InputError
from octolith.phases import Phases
from octolith.pyramid import classes, mixed_fraction, patch_size
from octolith.settings.steps import PyramidSettings
from octolith.volumes import ImageSet, read_images, write_images


def pyramid(
    hr_h5: str | Path, out_h5: str | Path, stage: int, stages: int, settings: PyramidSettings
) -> None:
    """Write the classes of every HR image at one stage.

    Parameters
    ----------
    hr_h5 : the label images, as `segment_images` writes them.
    out_h5 : the set of class images to be: code K is mixed, and a pixel is as large as a patch.
    stage, stages : s and S.
    settings : the branch ``pyramid`` of the configuration.

    Raises
    ------
    InputError : images without phases, or an image smaller than a patch.
    """
    hr, phases, pixel = _labels(hr_h5)
    patch = patch_size(stage, stages)
    for name, image in zip(hr.names, hr.images, strict=True):
        if min(image.shape) < patch:
            raise InputError(
                f"{hr_h5}: {name}", f"{image.shape[0]} × {image.shape[1]} pixels",
                f"at least {patch} × {patch} at stage {stage} of {stages}", "Leave the image out.",
            )  # fmt: skip
    classified = [classes(image, phases.mixed, patch, settings.reach) for image in hr.images]
    write_images(
        out_h5, classified, pixel * patch, phases=phases, names=hr.names, axes=hr.axes
    )  # fmt: skip


def pyramid_figure(
    hr_h5: str | Path, figure_stem: str | Path, stages: int, settings: PyramidSettings
) -> None:
    """Draw the first HR image at every stage, mixed patches in white (as paper 1, figure 7).

    The titles give the size of a patch and the share of mixed ones in all images together.

    Parameters
    ----------
    hr_h5 : the label images.
    figure_stem : path without suffix; there will be an SVG and a PNG.
    stages : S.
    settings : the branch ``pyramid`` of the configuration.
    """
    hr, phases, pixel = _labels(hr_h5)
    figure, (row,) = figures.new(1, stages, width=2.6 * stages + 1, height=3.2)
    for stage, axis in enumerate(row, 1):
        patch = patch_size(stage, stages)
        classified = [classes(image, phases.mixed, patch, settings.reach) for image in hr.images]
        together = np.concatenate([one.ravel() for one in classified])
        share = mixed_fraction(together, phases.mixed)
        title = f"stage {stage}: {pixel * patch:.3g} µm\nmixed {share:.0%}"
        figures.show_labels(axis, classified[0], phases, pixel * patch, title)
    row[-1].legend(
        handles=figures.phase_legend(phases, mixed=True), loc="center left",
        bbox_to_anchor=(1.0, 0.5), frameon=False,
    )  # fmt: skip
    figures.save(figure, figure_stem)


def _labels(hr_h5: str | Path) -> tuple[ImageSet, Phases, float]:
    """The label images, what their codes mean, and the edge of a pixel in µm."""
    hr = read_images(hr_h5)
    if hr.phases is None or hr.pixel_um is None:
        raise InputError(hr_h5, "images without phases", "label images", "Segment them first.")
    return hr, hr.phases, hr.pixel_um
