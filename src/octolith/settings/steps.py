"""Settings of the steps around training, one class a step, in the order of the chain."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from octolith.errors import InputError
from octolith.settings.base import Settings


class DenoiseSettings(Settings):
    """Optional denoising before the bands."""

    method: Literal["none", "median", "non-local-means", "bilateral"] = "none"
    size: int = Field(3, ge=1, description="Window or patch edge, voxels.")
    strength: float = Field(
        1.0, gt=0, description="In units of the image's own noise: h of non-local means, the "
        "grey-level sigma of the bilateral filter."
    )  # fmt: skip


class SegmentationSettings(Settings):
    """Grey levels or labels to phases. Give ``bands`` for a grey image, ``labels`` for labels."""

    bands: dict[str, list[tuple[float, float]]] | None = Field(
        None,
        description="Phase -> grey-level bands [from, to); a phase may own several "
        "(paper 1, table 1). The last band's upper end belongs to it.",
    )
    labels: dict[int, str] | None = Field(None, description="Label value -> phase.")
    denoise: DenoiseSettings = DenoiseSettings()


class SuperResolveSettings(Settings):
    """How the volume is cut into jobs, and how many realisations are made."""

    block: int = Field(32, ge=1, description="Edge of a block, LR voxels.")
    realisations: int = Field(1, ge=1, description="Volumes made from different noise.")
    blocks_per_job: int = Field(8, ge=1)


class SmoothSettings(Settings):
    """The iterative 3D median filter."""

    method: Literal["categorical", "median", "none"] = Field(
        "categorical", description="Majority in the window, or the median of the codes (paper 1)."
    )
    size: int = Field(3, ge=3, le=31, description="Window edge, voxels; odd.")
    passes: int = Field(1, ge=1, description="How often; with 'until', at most.")
    until: float = Field(
        0.0, ge=0, lt=1, description="Stop after a pass that changes no more than this share of "
        "the voxels. Above 0 every pass is written to disk before the next."
    )  # fmt: skip

    @field_validator("size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise InputError("size", size, "an odd number", f"Take {size - 1} or {size + 1}.")
        return size


class DescribeSettings(Settings):
    """What is measured, and on how many patches of which physical size."""

    patch_um: float | None = Field(None, gt=0, description="None: half the shortest image edge.")
    patches: int = Field(16, ge=1)
    max_lag_um: float | None = Field(None, gt=0, description="None: half the patch.")
    descriptors: tuple[str, ...] = (
        "volume_fraction",
        "interfacial_area",
        "two_point_correlation",
    )


class NetworkSettings(Settings):
    """Pore network extraction on LR and SR subvolumes of equal physical size."""

    subvolume_um: float | None = Field(None, gt=0, description="None: as much as fits max_voxels.")
    max_voxels: int = Field(160**3, ge=8**3)
    subvolumes: int = Field(1, ge=1)


class ExportSettings(Settings):
    """What people open."""

    formats: tuple[Literal["ome-zarr", "tiff", "raw", "vti"], ...] = ("tiff",)
