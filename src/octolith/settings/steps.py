"""Settings of the steps around training, one class a step, in the order of the chain."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import Any, Literal, Self

from pydantic import Field, field_validator

from octolith.errors import did_you_mean
from octolith.settings.base import FieldError, Settings


def odd(size: int) -> int:
    """A window has a centre."""
    if size % 2 == 0:
        raise FieldError(size, "an odd number", f"Take {size - 1} or {size + 1}.")
    return size


PhaseBands = dict[str, list[tuple[float, float]]]
OUTSIDE_NAME = "outside"
"""In bands and label maps: what is not rock, such as the air around a cylindrical core."""


class DenoiseSettings(Settings):
    """Optional denoising before the bands."""

    method: Literal["none", "median", "non-local-means", "bilateral"] = "none"
    size: int = Field(3, ge=1, description="Window (or patch) edge, voxels; odd.")
    search: int = Field(
        3, ge=1, description="How far non-local means looks for patches alike, voxels; its time "
        "grows with the cube."
    )  # fmt: skip
    strength: float = Field(
        1.0, gt=0, description="In units of the image's own noise: h of non-local means, the "
        "grey-level sigma of the bilateral filter."
    )  # fmt: skip

    @field_validator("size")
    @classmethod
    def _odd(cls, size: int) -> int:
        return odd(size)


class SegmentationSettings(Settings):
    """Grey levels or labels to phases. Give ``bands`` for a grey image, ``labels`` for labels.

    With neither, the step stops and suggests one.
    """

    bands: PhaseBands | None = Field(
        None,
        description="Phase -> grey-level bands [from, to); a phase may own several "
        "(paper 1, table 1). The last band's upper end belongs to it. 'outside' is no rock.",
    )
    labels: dict[int, str] | None = Field(
        None, description="Label value -> phase, or 'outside' for what is no rock."
    )
    denoise: DenoiseSettings = DenoiseSettings()

    @property
    def makes(self) -> set[str]:
        """The phases, and 'outside', that it can make of an image."""
        return {*(self.bands or {}), *(self.labels or {}).values()}

    @field_validator("bands")
    @classmethod
    def _apart(cls, bands: PhaseBands | None) -> PhaseBands | None:
        spans = [(low, high, name) for name, own in (bands or {}).items() for low, high in own]
        for low, high, name in spans:
            if not low < high:
                raise FieldError(f"{name} from {low:g} to {high:g}", "from < to")
        for (low, high, name), (start, stop, other) in pairwise(sorted(spans)):
            if start < high:
                raise FieldError(
                    f"an overlap of {name} [{low:g}, {high:g}) and {other} [{start:g}, {stop:g})",
                    "every grey level in one band", "Move an end.",
                )  # fmt: skip
        return bands


class PyramidSettings(Settings):
    """What counts as mixed in the HR images."""

    reach: float = Field(
        0.25, ge=0, le=2, description="How far around a patch, over its edge, another phase makes "
        "it mixed. 0.25: as often as the octree's cubes are. 0: as in paper 1, where a square is "
        "mixed less often than a cube, and a third of the rock's mixed nodes are not refined."
    )  # fmt: skip


class SuperResolveSettings(Settings):
    """How the volume is cut into jobs, and how many realisations are made."""

    block: int = Field(32, ge=1, description="Edge of a block, LR voxels.")
    realisations: int = Field(1, ge=1, description="Volumes made from different noise.")
    temperature: float = Field(
        1.0, ge=0, description="Of the finest classes, as a multiple of that which they were drawn "
        "at in training. 1: realisations, each as rough as the rock. 0: the likeliest rock, which "
        "overlaps more with the truth, and is smoother."
    )  # fmt: skip
    blocks_per_job: int = Field(8, ge=1)


class SmoothSettings(Settings):
    """The iterative 3D median filter."""

    method: Literal["categorical", "median", "none"] = Field(
        "categorical", description="Majority in the window, or the median of the codes (paper 1)."
    )
    size: int = Field(3, ge=3, le=31, description="Window edge, voxels; odd.")
    centre: int | None = Field(
        None, ge=1, description="Votes of the voxel in the window's middle. None: as many as keep "
        "the corner of a cube, so that specks go and what is rough stays rough. 1: as every "
        "other's, the median proper."
    )  # fmt: skip
    passes: int = Field(1, ge=1, description="How often; with 'until', at most.")
    until: float = Field(
        0.0, ge=0, lt=1, description="Stop after a pass that changes no more than this share of "
        "the voxels. Above 0 every pass is written to disk before the next."
    )  # fmt: skip

    @field_validator("size")
    @classmethod
    def _odd(cls, size: int) -> int:
        return odd(size)


# Those that always apply; a triple phase boundary needs three phases, similarity a truth.
DESCRIPTORS = (
    "volume_fraction",
    "interfacial_area",
    "two_point_correlation",
    "polytope",
    "lineal_path",
    "cluster_function",
    "chord_length",
    "local_porosity",
    "minkowski",
    "glcm",
    "representative_size",
    "frechet_distance",
)
MORE_DESCRIPTORS = ("triple_phase_boundary", "similarity")


class DescribeSettings(Settings):
    """What is measured, and on how many patches of which physical size."""

    patch_um: float | None = Field(
        None, gt=0, description="Edge of a patch in every image. None: half the shortest edge of "
        "any image, within max_voxels."
    )  # fmt: skip
    max_voxels: int = Field(
        256, ge=2, description="Without patch_um: edge of a patch in the finest image, at most."
    )
    patches: int = Field(16, ge=1, description="Drawn from each image (256 in paper 1).")
    points: int = Field(
        64, ge=8, description="A curve is written at so many of its distances, at most: the short "
        "ones all, the longer ones in growing steps."
    )  # fmt: skip
    descriptors: tuple[str, ...] = Field(
        DESCRIPTORS, description="Besides these there are triple_phase_boundary, of three phases "
        "and more, and similarity, where there is a truth."
    )  # fmt: skip
    options: dict[str, dict[str, Any]] = Field(
        {}, description="Descriptor -> its own options, such as {two_point_correlation: "
        "{max_lag_um: 50}}; docs/descriptors.md lists them."
    )  # fmt: skip

    @field_validator("descriptors", "options")
    @classmethod
    def _exist(cls, named: Any) -> Any:
        for name in named:
            if name not in (known := DESCRIPTORS + MORE_DESCRIPTORS):
                raise FieldError(repr(name), f"one of {sorted(known)}", did_you_mean(name, known))
        return named

    def only(self, name: str) -> Self:
        """All that measuring one descriptor depends on."""
        own = {name: self.options[name]} if name in self.options else {}
        return self.model_copy(update={"descriptors": (name,), "options": own})


class NetworkSettings(Settings):
    """Pore network and transport of LR and SR subvolumes of equal physical size."""

    subvolume_um: float | None = Field(
        None, gt=0, description="Edge of the cubes; None: as much as max_voxels allow."
    )
    max_voxels: int = Field(
        160**3, ge=8**3, description="Of a cube in the finest volume, where subvolume_um is None; "
        "more if these are less than 8 LR voxels along an edge."
    )  # fmt: skip
    subvolumes: int = Field(
        1,
        ge=1,
        description="Cubes a volume: the first in its middle, the others drawn by the seed.",
    )
    blocks: int = Field(
        1, ge=1, le=16, description="Cut each axis in so many overlapping blocks, whose pores are "
        "found in parallel; pores at the cuts differ a little."
    )  # fmt: skip
    transport: dict[str, dict[str, float]] = Field(
        {"pore": {"pore": 1.0}},
        description="Media for diffusion: a name, and the conductivity of each phase that conducts "
        "(two phases make a triple-phase problem: {pore: 1, clay: 0.1}). {} skips it.",
    )

    @field_validator("transport")
    @classmethod
    def _conduct(cls, media: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for name, conductivity in media.items():
            if not conductivity or not all(0 < value < inf for value in conductivity.values()):
                raise FieldError({name: conductivity}, "phases with conductivities above 0")
        return media


ExportFormat = Literal["ome-zarr", "tiff", "raw", "vti"]
EXPORT_SUFFIXES: dict[ExportFormat, str] = {
    "ome-zarr": ".ome.zarr",
    "tiff": ".tif",
    "raw": ".raw",
    "vti": ".vti",
}


class ExportSettings(Settings):
    """What people open."""

    formats: tuple[ExportFormat, ...] = ("tiff",)
