"""OME-Zarr 0.5 with a pyramid of resolutions, for napari and the web.

A label volume is stored once, as the label image ``labels/phases`` with the phases' names and
colours; the pyramid at the root points to the same arrays, so that programs that know nothing of
labels show it as an image.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.codecs import BloscCodec

from octolith.phases import OUTSIDE, Phases
from octolith.progress import track
from octolith.volumes.volume import Lazy, Triple, Volume, Window

CHUNK = 64
# A file holds a shard of 4 x 4 x 4 chunks, written at once and by nobody else: two writers of one
# shard would lose each other's chunks without a word.
SHARD = 4 * CHUNK
SMALLEST_LEVEL = 256
LABELS = "labels/phases"


def write_ome_zarr(volume: Volume, voxel_size_um: Triple, path: Path) -> None:
    """Write the volume and ever coarser copies of it, by halves, down to 256 voxels an edge.

    Labels are halved by taking the first of every two voxels, which keeps the phases' fractions
    (a majority would erode thin ones); grey levels by the mean of eight.

    Parameters
    ----------
    volume : grey or labels.
    voxel_size_um : (z, y, x) in µm.
    path : the folder to be.
    """
    root = zarr.open_group(path, mode="w", zarr_format=3)
    place = "" if volume.phases is None else f"{LABELS}/"
    finer: Lazy = volume
    levels = 0
    for levels, shape in enumerate(pyramid_shapes(volume.shape), 1):
        coarser = _create(root, f"{place}{levels - 1}", shape, volume.dtype)
        for shard in track(list(_shards(coarser)), f"OME-Zarr, level {levels - 1}"):
            coarser[shard] = (
                finer[shard] if levels == 1 else _halved(finer, shard, volume.phases is not None)
            )
        finer = coarser

    def described(name: str, prefix: str) -> dict[str, Any]:
        datasets = _datasets(prefix, levels, voxel_size_um, volume.phases is not None)
        return _multiscales(name, datasets)

    root.attrs["ome"] = described(Path(str(volume.path)).stem, place)
    if volume.phases is not None:
        folder, _, name = LABELS.partition("/")
        root[folder].attrs["ome"] = {"version": "0.5", "labels": [name]}
        root[LABELS].attrs["ome"] = described(name, "") | {
            "image-label": _image_label(volume.phases)
        }


def pyramid_shapes(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The shape of every level, finest first.

    >>> list(pyramid_shapes((600, 301, 5)))
    [(600, 301, 5), (300, 151, 3), (150, 76, 2)]
    """
    shape = tuple(shape)
    yield shape
    while max(shape) > SMALLEST_LEVEL:
        shape = tuple(-(-length // 2) for length in shape)
        yield shape


def _create(root: zarr.Group, name: str, shape: Sequence[int], dtype: np.dtype[Any]) -> zarr.Array:
    chunks = [min(CHUNK, length) for length in shape]
    return root.create_array(
        name,
        shape=tuple(shape),
        dtype=dtype,
        chunks=tuple(chunks),
        shards=tuple(min(SHARD, -(-n // c) * c) for n, c in zip(shape, chunks, strict=True)),
        compressors=BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),
        dimension_names=["z", "y", "x"],
    )


def _shards(array: zarr.Array) -> Iterator[Window]:
    parts = [
        [slice(start, min(start + edge, length)) for start in range(0, length, edge)]
        for edge, length in zip(array.shards or array.chunks, array.shape, strict=True)
    ]
    yield from itertools.product(*parts)


def _halved(finer: Lazy, window: Window, labels: bool) -> np.ndarray:
    """The voxels of a window from the next finer level, whose shards are read one by one."""
    found = np.empty([part.stop - part.start for part in window], finer.dtype)
    for low in itertools.product(*(range(0, length, SHARD // 2) for length in found.shape)):
        inside = tuple(slice(start, start + SHARD // 2) for start in low)
        ends = zip(window, low, found[inside].shape, strict=True)
        place = [slice(2 * (w.start + at), 2 * (w.start + at + n)) for w, at, n in ends]
        found[inside] = _half(np.asarray(finer[tuple(place)]), labels)
    return found


def _half(block: np.ndarray, labels: bool) -> np.ndarray:
    """The first of every two labels along each axis, or the mean of eight grey levels."""
    if labels:
        return block[::2, ::2, ::2]
    if any(length % 2 for length in block.shape):
        block = np.pad(block, [(0, length % 2) for length in block.shape], mode="edge")
    z, y, x = (length // 2 for length in block.shape)
    mean = block.reshape(z, 2, y, 2, x, 2).mean(axis=(1, 3, 5), dtype=np.float64)
    return (mean if block.dtype.kind == "f" else np.rint(mean)).astype(block.dtype)


def _datasets(prefix: str, levels: int, size: Triple, labels: bool) -> list[dict[str, Any]]:
    """Where each level lies. A label sits where the voxel sat that it was taken from; a mean in
    the middle of the eight.
    """
    shift = 0.0 if labels else 0.5
    return [
        {
            "path": f"{prefix}{level}",
            "coordinateTransformations": [
                {"type": "scale", "scale": [edge * 2**level for edge in size]},
                {
                    "type": "translation",
                    "translation": [edge * shift * (2**level - 1) for edge in size],
                },
            ],
        }
        for level in range(levels)
    ]


def _multiscales(name: str, datasets: list[dict[str, Any]]) -> dict[str, Any]:
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in "zyx"]
    return {"version": "0.5", "multiscales": [{"name": name, "axes": axes, "datasets": datasets}]}


def _image_label(phases: Phases) -> dict[str, Any]:
    colours = [(code, _rgba(colour)) for code, colour in enumerate(phases.colours)]
    names = [*enumerate(phases.names), (OUTSIDE, "outside")]
    return {
        "version": "0.5",
        "colors": [
            {"label-value": code, "rgba": rgba} for code, rgba in [*colours, (OUTSIDE, [0] * 4)]
        ],
        "properties": [{"label-value": code, "name": name} for code, name in names],
        "source": {"image": "../../"},
    }


def _rgba(colour: str) -> list[int]:
    return [*bytes.fromhex(colour.removeprefix("#")), 255]
