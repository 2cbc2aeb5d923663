"""What there is to look at: slices of one field of view in every image, windows, and octrees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from octolith.inference import Blocks, Cut
from octolith.octree import Octree
from octolith.report import pictures
from octolith.report.run import Run
from octolith.volumes import Volume

AXES = "zyx"
# The field of view is at most so wide in SR voxels, but no narrower than so many LR voxels.
WIDEST, NARROWEST = 512, 12
MOST_SLICES = 64
# All slices of the page together, before base64 adds a third.
SLICE_BYTES = 6_000_000
# The octree is drawn of a field so wide in SR voxels, as a picture so wide in pixels.
OCTREE_EDGE, PICTURE = 192, 768
# Zooms: how many, how wide in SR voxels, and at least how wide in LR voxels.
WINDOWS, WINDOW_EDGE, FEWEST = 3, 192, 8


@dataclass(frozen=True)
class Box:
    """A field of view: the same part of the rock in every image, in LR voxels (z, y, x)."""

    low: tuple[int, int, int]
    high: tuple[int, int, int]

    @classmethod
    def central(cls, shape: tuple[int, int, int], edge: int) -> Box:
        """The middle of a volume, at most ``edge`` wide along each axis."""
        sizes = [min(edge, length) for length in shape]
        low = [(length - size) // 2 for length, size in zip(shape, sizes, strict=True)]
        z, y, x = low
        return cls((z, y, x), (z + sizes[0], y + sizes[1], x + sizes[2]))

    def read(self, volume: Volume, scale: int) -> np.ndarray:
        """The part of a volume whose voxels are ``scale`` times finer than LR."""
        z, y, x = (slice(a * scale, b * scale) for a, b in zip(self.low, self.high, strict=True))
        return volume[z, y, x]

    def layers(self) -> Iterator[Box]:
        """The same part, an LR voxel thick at a time."""
        for z in range(self.low[0], self.high[0]):
            yield Box((z, *self.low[1:]), (z + 1, *self.high[1:]))


@dataclass(frozen=True)
class Layer:
    """One way to look at the field of view: an image, its resolution, and how it is drawn."""

    name: str
    volume: Volume
    scale: int
    draw: Callable[[np.ndarray], bytes]


def field_of_view(run: Run) -> Box:
    """The part of the rock that the page shows."""
    edge = max(WIDEST // run.scale, NARROWEST)
    return Box.central(run.lr.shape, edge)


def layers(run: Run) -> list[Layer]:
    """Everything that can be laid over everything else, coarse to fine."""

    def labels(plane: np.ndarray) -> bytes:
        return pictures.label_png(plane, run.phases)

    found = []
    if run.grey is not None and run.grey.shape == run.lr.shape:
        middle = run.grey[run.grey.shape[0] // 2]
        low, high = np.percentile(middle, (0.5, 99.5))
        found.append(
            Layer("CT, grey", run.grey, 1, lambda plane: pictures.grey_png(plane, low, high))
        )
    found.append(Layer("LR", run.lr, 1, labels))
    names = [f"SR, realisation {r}" for r in range(len(run.sr))] if len(run.sr) > 1 else ["SR"]
    # Two realisations show how much is chance; more would only make the page heavy.
    for name, volume in list(zip(names, run.sr, strict=True))[:2]:
        found.append(Layer(name, volume, run.scale, labels))
    if run.truth is not None and run.truth.shape == run.sr[0].shape:
        found.append(Layer("truth", run.truth, run.scale, labels))
    return found


def viewer(run: Run, box: Box) -> dict[str, Any]:
    """All that the slice viewer of the page needs, ready for JSON."""
    parts = [(layer, box.read(layer.volume, layer.scale)) for layer in layers(run)]
    size = [high - low for low, high in zip(box.low, box.high, strict=True)]
    positions = [_positions(parts, axis, size[axis] * run.scale) for axis in range(3)]
    return {
        "size_um": [edge * run.lr_um for edge in size],
        "origin_um": [edge * run.lr_um for edge in box.low],
        "step_um": run.sr_um,
        "positions": positions,
        "layers": [
            {
                "name": layer.name,
                "voxel_um": run.lr_um / layer.scale,
                "slices": [_slices(layer, part, a, positions[a], run.scale) for a in range(3)],
            }
            for layer, part in parts
        ],
    }


def _positions(parts: list[tuple[Layer, np.ndarray]], axis: int, length: int) -> list[int]:
    """Which slices are shown, in SR voxels: evenly spaced, as many as the page can carry."""
    middle = sum(len(layer.draw(part.take(part.shape[axis] // 2, axis))) for layer, part in parts)
    count = int(np.clip(SLICE_BYTES / 3 / middle, 3, min(MOST_SLICES, length)))
    return ((np.arange(count) + 0.5) * length / count).astype(int).tolist()


def _slices(
    layer: Layer, part: np.ndarray, axis: int, positions: list[int], scale: int
) -> dict[str, list[Any]]:
    """The different slices of a layer, and for each position which of them it shows."""
    rows = [position * layer.scale // scale for position in positions]
    distinct = sorted(set(rows))
    images = [pictures.data_uri(layer.draw(part.take(row, axis))) for row in distinct]
    return {"images": images, "index": [distinct.index(row) for row in rows]}


def preview(run: Run, box: Box) -> bytes:
    """One slice as a picture: LR on its left half, SR on its right."""
    middle = (box.high[0] - box.low[0]) // 2
    coarse = box.read(run.lr, 1)[middle].repeat(run.scale, 0).repeat(run.scale, 1)
    fine = box.read(run.sr[0], run.scale)[middle * run.scale + run.scale // 2]
    half = fine.shape[1] // 2
    return pictures.label_png(np.hstack([coarse[:, :half], fine[:, half:]]), run.phases)


# ---- windows ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Window:
    """A zoom, with what it shows in words."""

    image: str
    uri: str
    words: str


def windows(run: Run, box: Box) -> tuple[float, list[list[Window]]]:
    """Zooms at fixed places, not chosen ones: a row an image; HR shows other parts of the rock.

    Returns
    -------
    the edge of a window in µm, and rows of `Window`.
    """
    edge = min(_window_edge(run), *(b - a for a, b in zip(box.low, box.high, strict=True)))
    rows = []
    for layer in layers(run):
        if layer.name.startswith("CT") or layer.name.endswith("1"):
            continue
        part = box.read(layer.volume, layer.scale)
        rows.append(
            [
                Window(layer.name.split(",")[0], pictures.data_uri(layer.draw(plane)), words)
                for plane, words in _at_fixed_places(part, edge * layer.scale, run, box, layer)
            ]
        )
    pixels = edge * run.scale
    rows.append(
        [
            Window("HR", pictures.data_uri(pictures.label_png(_middle(image, pixels), run.phases)),
                   f"{name}, middle")
            for image, name in list(zip(run.hr.images, run.hr.names, strict=True))[:WINDOWS]
        ]
    )  # fmt: skip
    return edge * run.lr_um, rows


def _window_edge(run: Run) -> int:
    """LR voxels: what an HR image can show, and no more than the eye can resolve."""
    shortest = min(min(image.shape) for image in run.hr.images)
    return max(1, min(max(WINDOW_EDGE // run.scale, FEWEST), shortest // run.scale))


def _at_fixed_places(
    part: np.ndarray, edge: int, run: Run, box: Box, layer: Layer
) -> Iterator[tuple[np.ndarray, str]]:
    """Windows in planes of constant z at a sixth, a half and five sixths of each axis."""
    for share in (1 / 6, 1 / 2, 5 / 6):
        # In whole LR voxels, so that every image shows the very same place.
        places = [int(n // layer.scale * share) * layer.scale for n in part.shape]
        y, x = (
            min(max(p - edge // 2, 0), n - edge) // layer.scale * layer.scale
            for p, n in zip(places[1:], part.shape[1:], strict=True)
        )
        plane = part[places[0] + layer.scale // 2, y : y + edge, x : x + edge]
        z_um = (box.low[0] + places[0] / layer.scale) * run.lr_um
        yield plane, f"z = {z_um:.4g} µm"


def _middle(image: np.ndarray, edge: int) -> np.ndarray:
    y, x = (max(0, (n - edge) // 2) for n in image.shape)
    return image[y : y + edge, x : x + edge]


# ---- the octree of a slice -------------------------------------------------------------------


@dataclass(frozen=True)
class StagePicture:
    """What one stage knew of a slice (paper 1, figure 15)."""

    stage: int
    cell_um: float
    uri: str
    settled: float


def octree_slice(run: Run) -> tuple[list[StagePicture], str, float]:
    """The middle slice at every stage, with its nodes outlined, and the stage each place stopped.

    Returns
    -------
    a picture a stage, the picture of where nodes stopped, and the edge in µm of both.
    """
    box = Box.central(run.lr.shape, max(OCTREE_EDGE // run.scale, 12))
    z = (box.low[0] + box.high[0]) * run.scale // 2
    mixed, last = len(run.phases), run.config.stages - 1
    planes = slice_by_stage(run.block_groups, box, z, run.config.stages, mixed)
    stopped = np.zeros(planes[-1].shape, np.uint8)
    pictures_ = []
    for depth, plane in enumerate(planes):
        fine = _enlarged(plane == mixed, 1 << (last - depth))
        picture = _outlined(plane, np.minimum(stopped, depth), last - depth, run)
        stopped[fine] = min(depth + 1, last)
        settled = 1 - float((plane == mixed).mean())
        pictures_.append(StagePicture(depth + 1, run.lr_um / 2**depth, picture, settled))
    where = pictures.data_uri(pictures.colour_png(stopped, stage_colours(run.config.stages)))
    return pictures_, where, max(b - a for a, b in zip(box.low, box.high, strict=True)) * run.lr_um


def slice_by_stage(
    groups: Sequence[Path], box: Box, z: int, stages: int, mixed: int
) -> list[np.ndarray]:
    """What is known after each stage of the plane at ``z``, in SR voxels, within the box.

    Returns
    -------
    for each depth (y·2^d, x·2^d) uint8 classes; ``mixed`` where a finer stage decides.
    """
    scale = 1 << (stages - 1)
    height, width = (box.high[axis] - box.low[axis] for axis in (1, 2))
    planes = [np.full((height << d, width << d), mixed, np.uint8) for d in range(stages)]
    for path in groups:
        blocks = Blocks(path)
        try:
            for cut in blocks.cuts:
                if cut.low[0] * scale <= z < cut.high[0] * scale and _in_sight(cut, box):
                    low = (cut.low[1] - box.low[1], cut.low[2] - box.low[2])
                    _paint(planes, blocks.read(cut), z - cut.low[0] * scale, low)
        finally:
            blocks.close()
    for coarse, fine in pairwise(planes):
        above = _enlarged(coarse, 2)
        fine[above != mixed] = above[above != mixed]
    return planes


def _in_sight(cut: Cut, box: Box) -> bool:
    """Whether a block and a field of view share rows and columns: others are not decoded."""
    return all(cut.low[axis] < box.high[axis] and box.low[axis] < cut.high[axis] for axis in (1, 2))


def _enlarged(image: np.ndarray, times: int) -> np.ndarray:
    return image.repeat(times, 0).repeat(times, 1)


def stage_colours(stages: int) -> list[str]:
    """One colour a stage, dark to bright, told apart in grey too."""
    from matplotlib import colormaps  # noqa: PLC0415 (slow to import)
    from matplotlib.colors import to_hex  # noqa: PLC0415

    scale = colormaps["viridis"]
    return [to_hex(scale(0.08 + 0.9 * s / max(1, stages - 1))) for s in range(stages)]


def _paint(planes: list[np.ndarray], tree: Octree, z: int, low: tuple[int, int]) -> None:
    """Write a block's nodes that cross the plane ``z`` (its finest cells) into ``planes``."""
    for depth, (level, classes) in enumerate(zip(tree.levels, tree.classes, strict=True)):
        at = z >> (tree.depth - depth)
        rows = torch.nonzero(level.coordinates[:, 0] == at)[:, 0]
        y, x = (
            (level.coordinates[rows, axis] + (low[axis - 1] << depth)).numpy() for axis in (1, 2)
        )
        height, width = planes[depth].shape
        inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
        planes[depth][y[inside], x[inside]] = classes[rows].numpy()[inside]


def _outlined(known: np.ndarray, depth_of: np.ndarray, coarser: int, run: Run) -> str:
    """A stage's slice, enlarged, with a line around every node that has room for one."""
    fine = max(2, PICTURE // depth_of.shape[0])
    image = _enlarged(known, fine << coarser)
    depths = _enlarged(depth_of, fine)
    edge = fine * run.scale >> depths.astype(int)
    y, x = np.ogrid[: image.shape[0], : image.shape[1]]
    thick = (fine + 1) // 2
    line = (edge >= 6 * thick) & ((y % edge < thick) | (x % edge < thick))
    codes = np.where(line, len(run.phases) + 1, image)
    return pictures.data_uri(
        pictures.colour_png(codes, [*run.phases.colours, "#ffffff", "#8a8f98"])
    )
