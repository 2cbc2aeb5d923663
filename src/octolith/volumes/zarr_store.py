"""Zarr, versions 2 and 3, and OME-Zarr with its voxel size."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import zarr

from octolith.errors import InputError
from octolith.volumes.hdf5 import choose
from octolith.volumes.units import micrometres
from octolith.volumes.volume import Source, Triple

MARKS = ("zarr.json", ".zarray", ".zgroup")


def is_zarr(folder: Path) -> bool:
    """Whether a folder is a Zarr array or group."""
    return any((folder / mark).is_file() for mark in MARKS)


def open_zarr(path: Path, dataset: str | None = None) -> Source:
    """Open an array, the full resolution of an OME-Zarr image, or the 3D array of a group.

    Raises
    ------
    InputError : unreadable metadata, no such dataset, none or several that may be meant.
    """
    try:
        node = zarr.open(path, mode="r")
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise InputError(path, f"no readable Zarr ({error})", "a Zarr array or group") from None
    size = None
    if isinstance(node, zarr.Group):
        image = _multiscale(node)
        if image and dataset is None:
            dataset = str(image["datasets"][0]["path"])
            size = _voxel_size(image)
        arrays = {name: item for name, item in node.members(None) if isinstance(item, zarr.Array)}
        node = arrays[choose(path, {name: item.ndim for name, item in arrays.items()}, dataset)]
    version = f"version {node.metadata.zarr_format}"
    return Source(
        node,
        f"{'OME-' * (size is not None)}Zarr {version}, {node.path or 'array'}",
        size,
        provenance={"reader": f"zarr {zarr.__version__}"},
    )


def _multiscale(group: zarr.Group) -> Mapping[str, Any] | None:
    """OME-Zarr's description of an image: under "ome" since 0.5."""
    attributes: Any = group.attrs.asdict()
    images = attributes.get("ome", attributes).get("multiscales", [])
    return images[0] if images else None


def _voxel_size(image: Mapping[str, Any]) -> Triple | None:
    """The scale of the three spatial axes at full resolution, if it has units of length."""
    axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in image.get("axes", [])]
    scale = [1.0] * len(axes)
    for owner in (image, image["datasets"][0]):
        for transform in owner.get("coordinateTransformations", []):
            if transform["type"] == "scale":
                scale = [a * float(b) for a, b in zip(scale, transform["scale"], strict=True)]
    size = {
        axis["name"]: length * unit
        for axis, length in zip(axes, scale, strict=True)
        if (unit := micrometres(axis.get("unit", ""))) is not None
    }
    return (size["z"], size["y"], size["x"]) if {"z", "y", "x"} <= set(size) else None
