"""Patches of equal physical size, from volumes and from sets of 2D images (paper 1, section 3).

Volumes of one rock are sampled at the same places, so that what differs between LR, SR and truth
is not where one looked. The positions depend on the seed alone, hence every descriptor sees the
same patches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.volumes import OUTSIDE, ImageSet, Volume

# A patch counts if at least this share of it is rock; so many candidates are tried for each.
INSIDE = 0.5
TRIES = 20


@dataclass(frozen=True)
class Source:
    """An image to draw patches from.

    Parameters
    ----------
    image : ``LR``, ``SR``, ``HR`` or ``truth``.
    realisation : which of several volumes made from different noise.
    data : a lazily read volume, or a set of 2D images.

    Raises
    ------
    InputError : the data say nothing of their voxel size or their phases.
    """

    image: str
    realisation: int
    data: Volume | ImageSet

    def __post_init__(self) -> None:
        if self.data.phases is None:
            raise InputError(self.image, "labels of unknown meaning", "phases", "Segment it.")
        size = self.data.voxel_size_um if isinstance(self.data, Volume) else self.data.pixel_um
        if size is None:
            raise InputError(self.image, "no voxel size", "one in µm", "Give it at ingest.")

    @property
    def phases(self) -> Phases:
        """What the labels mean."""
        assert self.data.phases is not None
        return self.data.phases

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """(z, y, x) of the volume, or (y, x) of each image."""
        if isinstance(self.data, Volume):
            return [self.data.shape]
        return [image.shape for image in self.data.images]

    @property
    def voxel_um(self) -> tuple[float, ...]:
        """Edges of a voxel or pixel in µm, in the order of the axes."""
        if isinstance(self.data, Volume):
            assert self.data.voxel_size_um is not None
            return self.data.voxel_size_um
        assert self.data.pixel_um is not None
        return (self.data.pixel_um,) * 2

    @property
    def shortest_um(self) -> float:
        """The shortest edge of the volume, or of any of the images."""
        return min(
            n * h for shape in self.shapes for n, h in zip(shape, self.voxel_um, strict=True)
        )


def patch_edge(sources: Sequence[Source], patch_um: float | None, max_voxels: int) -> float:
    """The edge in µm of the patches that are drawn from all sources.

    It is a multiple of the coarsest voxel, and of four of them if it has eight, so that a quarter
    of it (the window of local porosity) is the same everywhere.

    Parameters
    ----------
    patch_um : the edge wanted; None: half the shortest edge of any source.
    max_voxels : with None, at most so many voxels of the finest source along an edge.

    Raises
    ------
    InputError : a source is smaller than the patch, or the patch than two coarsest voxels.
    """
    smallest = min(sources, key=lambda source: source.shortest_um)
    coarsest = max(max(source.voxel_um) for source in sources)
    finest = min(min(source.voxel_um) for source in sources)
    wanted = patch_um or min(smallest.shortest_um / 2, max_voxels * finest)
    unit = coarsest if wanted < 8 * coarsest else 4 * coarsest
    edge = int(wanted / unit * (1 + 1e-9)) * unit
    if edge > smallest.shortest_um * (1 + 1e-9):
        raise InputError(
            "patch_um", f"{edge:g} µm", f"at most {smallest.shortest_um:g} µm, the shortest edge "
            f"of {smallest.image}", "Sample smaller patches.",
        )  # fmt: skip
    if edge < 2 * coarsest:
        raise InputError(
            "patch_um", f"{wanted:g} µm", f"at least {2 * coarsest:g} µm, two of the coarsest "
            "voxels", "Sample larger patches, or raise max_voxels.",
        )  # fmt: skip
    return edge


class Sampler:
    """Draws the same patches again and again.

    Parameters
    ----------
    sources : all images of a sample.
    edge_um : of a patch, as `patch_edge` gives it.
    number : patches of each source; fewer if there are not so many places.
    seed : chooses the places.

    Raises
    ------
    InputError : volumes without a patch that is half rock.
    """

    def __init__(self, sources: Sequence[Source], edge_um: float, number: int, seed: int) -> None:
        self.edge_um, self.number, self._seed = edge_um, number, seed
        volumes = [source for source in sources if isinstance(source.data, Volume)]
        self._corners = _corners(volumes, edge_um, number, seed) if volumes else []

    def of(self, source: Source, times: int = 1) -> Iterator[np.ndarray]:
        """Labels of each patch of a source, (z, y, x) or (y, x).

        Patch i of one volume is the same place as patch i of another. Of 2D images, ``times`` as
        many are drawn.
        """
        if isinstance(source.data, ImageSet):
            return _draw_2d(source.data, source.voxel_um[0], self.edge_um, times * self.number,
                            self._seed)  # fmt: skip
        return (_cut(source, corner, self.edge_um) for corner in self._corners)


def whole(source: Source, max_voxels: int) -> Iterator[np.ndarray]:
    """All images of a set; of a volume the middle, at most ``max_voxels`` along an edge."""
    if isinstance(source.data, ImageSet):
        yield from source.data.images
    else:
        starts = [max(0, (n - max_voxels) // 2) for n in source.data.shape]
        z, y, x = (slice(start, start + max_voxels) for start in starts)
        yield source.data[z, y, x]


def _corners(volumes: Sequence[Source], edge_um: float, number: int, seed: int) -> list[np.ndarray]:
    """Corners (z, y, x) in µm, on the grid of the coarsest voxel of each axis."""
    grid = np.max([source.voxel_um for source in volumes], axis=0)
    extent = np.min([np.multiply(s.shapes[0], s.voxel_um) for s in volumes], axis=0)
    rooms = np.floor((extent - edge_um) / grid * (1 + 1e-9)).astype(int) + 1
    coarsest = max(volumes, key=lambda source: float(np.prod(source.voxel_um)))
    corners: list[np.ndarray] = []
    for place in _places(rooms, number, np.random.default_rng([seed, 3])):
        corner = np.array(np.unravel_index(place, rooms)) * grid
        if len(corners) < number and _is_rock(_cut(coarsest, corner, edge_um)):
            corners.append(corner)
    if not corners:
        raise InputError(coarsest.image, f"no patch of {edge_um:g} µm that is half rock", "some",
                         "Sample smaller patches.")  # fmt: skip
    return corners


def _draw_2d(
    data: ImageSet, pixel_um: float, edge_um: float, number: int, seed: int
) -> Iterator[np.ndarray]:
    """Labels of patches, each place in each image as likely as any other."""
    size = round(edge_um / pixel_um)
    rooms = [np.subtract(image.shape, size) + 1 for image in data.images]
    ends = np.cumsum([np.prod(room) for room in rooms])
    found = 0
    for place in _places(ends[-1:], number, np.random.default_rng([seed, 2])):
        which = int(np.searchsorted(ends, place, side="right"))
        y, x = np.unravel_index(place - (ends[which - 1] if which else 0), rooms[which])
        labels = data.images[which][y : y + size, x : x + size]
        if found < number and _is_rock(labels):
            found += 1
            yield labels


def _places(rooms: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Candidates in random order, none twice."""
    total = int(np.prod(rooms))
    return rng.choice(total, min(total, TRIES * number), replace=False)


def _is_rock(labels: np.ndarray) -> bool:
    return bool(np.mean(labels != OUTSIDE) >= INSIDE)


def _cut(source: Source, corner_um: np.ndarray, edge_um: float) -> np.ndarray:
    """Read one patch of a volume."""
    assert isinstance(source.data, Volume)
    start = np.rint(corner_um / source.voxel_um).astype(int)
    size = np.rint(edge_um / np.array(source.voxel_um)).astype(int)
    z, y, x = (slice(int(a), int(a + n)) for a, n in zip(start, size, strict=True))
    return source.data[z, y, x]
