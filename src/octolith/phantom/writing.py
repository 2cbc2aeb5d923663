"""A phantom as files: what a laboratory would hand over, and the truth beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tifffile
import yaml

from octolith import figures
from octolith.errors import InputError
from octolith.files import atomic
from octolith.phantom.recipe import PHASES, Recipe
from octolith.phantom.rock import fine_labels
from octolith.phantom.scan import bands, ct_scan, microscope_images
from octolith.progress import track
from octolith.segmentation import Bands
from octolith.slabs import count_codes

# Coarse voxels of the slabs that are made at once.
SLAB = 16
# Where the sample sheet finds the microscope images in the folder.
PANELS = "microscope/panel*.tif"


def write_phantom(
    folder: str | Path, recipe: Recipe, *, size: int, scale: int, images: int, image_size: int
) -> dict[str, dict[str, float]]:
    """Write a phantom's CT, truth and microscope images, and how to feed them to the workflow.

    Parameters
    ----------
    folder : is made if need be. Gets ``ct.tif`` (uint16 grey), ``truth.tif`` (uint8 labels),
        ``microscope/panel<i>.tif`` (uint8 labels), ``segmentation.yaml``, ``samples.tsv``,
        ``phantom.json`` and the picture ``phantom.png`` and ``phantom.svg``. Older panels in it
        are removed.
    size : edge of the CT, coarse voxels.
    scale : edge of a coarse voxel, fine voxels.
    images, image_size : number of microscope images and their edge, fine pixels.

    Returns
    -------
    volume fractions of the phases in the truth, in the CT segmented by its bands, and in the
    microscope images: ``{"truth": {"pore": ...}, "ct": ..., "microscope": ...}``.

    Raises
    ------
    InputError : the folder cannot be made.
    """
    folder = Path(folder)
    _require_folder(folder)
    fine, coarse = recipe.voxel_um, recipe.voxel_um * scale
    grey, truth = _rock(recipe, size, scale)
    panels = microscope_images(recipe, images, image_size)
    segmented = Bands.of(bands(recipe), PHASES).label(grey)

    _write_tiff(folder / "ct.tif", grey, coarse)
    _write_tiff(folder / "truth.tif", truth, fine)
    for older in folder.glob(PANELS):
        older.unlink()  # the sample sheet would mix it, of another rock, with the new ones
    for number, panel in enumerate(panels):
        _write_tiff(folder / "microscope" / f"panel{number}.tif", panel, fine)
    fractions = {
        "truth": _fractions(truth),
        "ct": _fractions(segmented),
        "microscope": _fractions(np.stack(panels)),
    }
    _write_text(folder / "segmentation.yaml", _segmentation(recipe))
    _write_text(folder / "samples.tsv", _sample(folder, recipe))
    about = {
        "recipe": recipe.model_dump(),
        "scale": scale,
        "ct_voxel_um": coarse,
        "fine_voxel_um": fine,
        "volume_fractions": fractions,
    }
    _write_text(folder / "phantom.json", json.dumps(about, indent=2))
    _draw(folder / "phantom", grey, segmented, truth, panels, fine_um=fine, scale=scale)
    return fractions


def _require_folder(folder: Path) -> None:
    """Make the folder before minutes of work, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(folder, error.strerror, "a folder that can be written to") from None


def _rock(recipe: Recipe, size: int, scale: int) -> tuple[np.ndarray, np.ndarray]:
    """The CT and the truth of the cube at the origin, slab by slab with a progress bar."""
    grey = np.empty((size,) * 3, np.uint16)
    truth = np.empty((size * scale,) * 3, np.uint8)
    for start in track(range(0, size, SLAB), "phantom"):
        thickness = min(SLAB, size - start)
        first = (start, 0, 0)
        grey[start : start + thickness] = ct_scan(recipe, first, (thickness, size, size), scale)
        fine = slice(start * scale, (start + thickness) * scale)
        truth[fine] = fine_labels(recipe, (fine.start, 0, 0), truth[fine].shape)
    return grey, truth


def _fractions(labels: np.ndarray) -> dict[str, float]:
    counts = count_codes(labels)[: len(PHASES)]
    return {name: float(n / labels.size) for name, n in zip(PHASES.names, counts, strict=True)}


def _write_tiff(path: Path, image: np.ndarray, voxel_um: float) -> None:
    """An ImageJ TIFF, as scanners' and microscopes' software exports, with its voxel size."""
    metadata = {"axes": "ZYX"[-image.ndim :], "unit": "um", "spacing": voxel_um}
    with atomic(path) as temporary:
        tifffile.imwrite(
            temporary, image, imagej=True, resolution=(1 / voxel_um,) * 2, metadata=metadata
        )


def _write_text(path: Path, text: str) -> None:
    with atomic(path) as temporary:
        temporary.write_text(text, "utf-8")


def _segmentation(recipe: Recipe) -> str:
    ways = {
        "ct": {"bands": {name: [list(b) for b in owned] for name, owned in bands(recipe).items()}},
        "labels": {"labels": dict(enumerate(PHASES.names))},
    }
    return yaml.safe_dump({"segmentations": ways}, sort_keys=False, default_flow_style=None)


def _sample(folder: Path, recipe: Recipe) -> str:
    cells = {
        "sample": recipe.name,
        "lr": f"{folder}/ct.tif",
        "lr_segmentation": "ct",
        "hr": f"{folder}/{PANELS}",
        "hr_segmentation": "labels",
        "truth": f"{folder}/truth.tif",
        "truth_segmentation": "labels",
    }
    return "\t".join(cells) + "\n" + "\t".join(cells.values()) + "\n"


def _draw(
    stem: Path,
    grey: np.ndarray,
    segmented: np.ndarray,
    truth: np.ndarray,
    panels: list[np.ndarray],
    *,
    fine_um: float,
    scale: int,
) -> None:
    """The same plane as the scanner sees it and as it is, and planes of the microscope."""
    figure, axes = figures.new(2, 3, width=9.0, height=6.4)
    middle = len(grey) // 2
    extent = (0, grey.shape[2] * fine_um * scale, grey.shape[1] * fine_um * scale, 0)
    axes[0, 0].imshow(grey[middle], cmap="gray", extent=extent)
    axes[0, 0].set_title("CT")
    axes[0, 0].set_xlabel("µm")
    figures.show_labels(axes[0, 1], segmented[middle], PHASES, fine_um * scale, "CT, segmented")
    plane = truth[middle * scale + scale // 2]
    figures.show_labels(axes[0, 2], plane, PHASES, fine_um, "truth")
    for number, axis in enumerate(axes[1]):
        if number < len(panels):
            title = f"microscope, panel {number}"
            figures.show_labels(axis, panels[number], PHASES, fine_um, title)
        else:
            axis.set_axis_off()
    figure.legend(
        handles=figures.phase_legend(PHASES), loc="outside lower center", ncols=len(PHASES)
    )
    figures.save(figure, stem)
