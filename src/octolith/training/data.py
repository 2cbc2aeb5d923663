"""What training draws from: cubes of the LR volume, and planes of the HR pyramid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor

from octolith.errors import InputError
from octolith.networks import Block
from octolith.phases import OUTSIDE
from octolith.pyramid import MIRRORS, SYMMETRIES, apply_symmetry

AXES = "zyx"
# A drawn crop that touches the outside of the rock is drawn again, this often.
TRIES = 1000


def uniform(high: int, generator: torch.Generator) -> int:
    """An integer in 0 … high - 1."""
    return int(torch.randint(high, (1,), generator=generator))


class Cubes:
    """Random cubes of the LR volume, with the halo that inference would see around them.

    Parameters
    ----------
    labels : (z, y, x) uint8 phase codes.
    edge : of the cube, LR voxels.
    halo : LR voxels around it.

    Raises
    ------
    InputError : the volume is smaller than the cube.
    """

    def __init__(self, labels: np.ndarray, edge: int, halo: int) -> None:
        if min(labels.shape) < edge:
            raise InputError(
                "train.lr_cube", f"an LR volume of {labels.shape} voxels",
                f"at least {edge} along each axis", "Lower lr_cube or crop less.",
            )  # fmt: skip
        self.labels, self.edge, self.halo = labels, edge, halo

    def draw(self, batch: int, seed: int, generator: torch.Generator) -> Block:
        """``batch`` cubes inside the rock, as one block whose core is the cube."""
        corners = [self._corner(generator) for _ in range(batch)]
        return self._block(corners, seed)

    def lattice(self, along: int) -> Iterator[Block]:
        """Cubes inside the rock, one by one: evenly spread over it, at most ``along`` on each axis,
        and none over another. Where it is too narrow for any of these, so many by chance.
        """
        starts = product(*(self._starts(axis, along) for axis in range(3)))
        corners = [[*corner] for corner in starts if self._inside(corner)]
        if not corners:
            random = torch.Generator().manual_seed(0)
            corners = [self._corner(random) for _ in range(along)]
        for corner in corners:
            yield self._block([corner], seed=0)

    def _starts(self, axis: int, along: int) -> list[int]:
        """Of cubes side by side, from one end of the rock along an axis to the other."""
        rock = np.flatnonzero((self.labels != OUTSIDE).any(tuple({0, 1, 2} - {axis})))
        low, high = (int(rock[0]), int(rock[-1]) + 1) if len(rock) else (0, self.edge)
        low = min(low, self.labels.shape[axis] - self.edge)
        last = max(low, high - self.edge)
        count = min(along, (high - low) // self.edge)
        if count < 2:
            return [(low + last) // 2]
        return np.linspace(low, last, count).astype(int).tolist()

    def _block(self, corners: Sequence[Sequence[int]], seed: int) -> Block:
        return Block.read(self.labels, corners, [self.edge] * 3, self.halo, seed)

    def _inside(self, corner: Sequence[int]) -> bool:
        """Whether the rock does not end in the cube at a corner."""
        z, y, x = (slice(c, c + self.edge) for c in corner)
        return not (self.labels[z, y, x] == OUTSIDE).any()

    def _corner(self, generator: torch.Generator) -> list[int]:
        for _ in range(TRIES):
            corner = [uniform(n - self.edge + 1, generator) for n in self.labels.shape]
            if self._inside(corner):
                return corner
        raise InputError(
            "train.lr_cube", f"no cube of {self.edge} voxels inside the rock", "one",
            "Lower lr_cube, or crop the LR volume to the rock.",
        )  # fmt: skip


class Planes:
    """Random square crops of the HR images at one stage, as class codes.

    Parameters
    ----------
    images : 2D uint8 class codes (K is mixed).
    edge : of a crop, pixels.
    symmetries : those of the rock (`octolith.pyramid.apply_symmetry`), to draw crops in.

    Raises
    ------
    InputError : no image is as large as a crop.
    """

    def __init__(
        self, images: Sequence[np.ndarray], edge: int, symmetries: Sequence[int] = range(SYMMETRIES)
    ) -> None:
        large = [image for image in images if min(image.shape) >= edge]
        if not large:
            raise InputError(
                "HR images", f"at most {max(min(i.shape) for i in images)} pixels at this stage",
                f"{edge} along both axes", "Lower train.lr_cube or give larger images.",
            )  # fmt: skip
        self.images = large
        self.edge, self.symmetries = edge, symmetries
        places = torch.tensor([float(np.prod([n - edge + 1 for n in i.shape])) for i in large])
        self.chance = places / places.sum()

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, edge, edge) uint8: as one-hot classes they would take twenty times the memory."""
        return torch.from_numpy(np.stack([self._crop(generator) for _ in range(count)]))

    def _crop(self, generator: torch.Generator) -> np.ndarray:
        for _ in range(TRIES):
            image = self.images[int(torch.multinomial(self.chance, 1, generator=generator))]
            y, x = (uniform(n - self.edge + 1, generator) for n in image.shape)
            crop = image[y : y + self.edge, x : x + self.edge]
            if not (crop == OUTSIDE).any():
                break
        else:
            raise InputError(
                "HR images", f"no {self.edge} pixel crop inside the rock", "one",
                "Crop the images to the rock, or lower train.lr_cube.",
            )  # fmt: skip
        return apply_symmetry(crop, self.symmetries[uniform(len(self.symmetries), generator)])


class Panels:
    """The HR images of a stage, by the axes that they serve.

    Parameters
    ----------
    images : 2D uint8 class codes (K is mixed).
    axes : which axes each is perpendicular to, such as "z" or "yx"; None: any.
    edge : of a crop, pixels.
    symmetries : draw crops in those orientations that the axes allow.
    keep_back : hold some of each set out, for the measure of overfitting.

    Raises
    ------
    InputError : images too small or too few.
    """

    def __init__(
        self, images: Sequence[np.ndarray], axes: Sequence[str] | None, edge: int,
        *, symmetries: bool, keep_back: bool,
    ) -> None:  # fmt: skip
        self.sets: dict[str, Planes] = {}
        self.held_out: dict[str, Planes] = {}
        sets = axis_sets(axes)
        for across in sets:
            own = [image for i, image in enumerate(images) if not axes or axes[i] == across]
            kinds = holding(across, sets) if symmetries else (0,)
            if keep_back:
                own, others = hold_out(own, edge)
                self.held_out[across] = Planes(others, edge, kinds)
            self.sets[across] = Planes(own, edge, kinds)

    def of(self, axis: int, held_out: bool = False) -> Planes:
        """What serves axis 0, 1 or 2 (z, y or x)."""
        sets = self.held_out if held_out else self.sets
        (found,) = (planes for across, planes in sets.items() if AXES[axis] in across)
        return found

    def images(self) -> dict[str, list[np.ndarray]]:
        """All images of each set that a crop fits in."""
        return {
            across: planes.images + (self.held_out[across].images if self.held_out else [])
            for across, planes in self.sets.items()
        }


def axis_sets(axes: Sequence[str] | None) -> tuple[str, ...]:
    """The sets of axes that images serve, in the order z, y, x; one set if nobody said."""
    return tuple(sorted(set(axes or ["zyx"]), key="zyx".find))


def holding(across: str, sets: Sequence[str]) -> Sequence[int]:
    """The symmetries of planes across the axes ``across``, where axes of a set are alike.

    >>> [len(holding(across, ["z", "yx"])) for across in ("z", "yx")]
    [8, 4]
    """
    planes = (set("zyx") - {axis} for axis in across)
    alike = all(any(plane <= set(own) for own in sets) for plane in planes)
    return range(SYMMETRIES) if alike else MIRRORS


def hold_out(images: Sequence[np.ndarray], edge: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Images to train on and those held out: the smallest that is large enough.

    Of a single image a quarter is held out, or as much as a crop takes.

    Raises
    ------
    InputError : nothing would be left to train on.
    """
    enough = sorted(
        (min(image.shape), i) for i, image in enumerate(images) if min(image.shape) >= edge
    )
    if len(enough) > 1:
        chosen = enough[0][1]
        return [image for i, image in enumerate(images) if i != chosen], [images[chosen]]
    image = images[enough[0][1]] if enough else images[0]
    axis = int(np.argmax(image.shape))
    length = image.shape[axis]
    kept = length - max(edge, length // 4)
    if not enough or kept < edge:
        raise InputError(
            "train.all.augment", f"one image of {image.shape[0]} × {image.shape[1]} pixels",
            f"two images, or one of {2 * edge} × {edge}, at this stage",
            "The critic's memory is judged by crops that it is never trained on.",
        )  # fmt: skip
    first, second = np.split(image, [kept], axis)
    return [first], [second]


def one_hot(classes: Tensor, phases: int) -> Tensor:
    """(n, h, w) codes to (n, K+1, h, w) float32."""
    codes = torch.arange(phases + 1, device=classes.device)
    return (classes[:, None] == codes[:, None, None]).float()


def random_planes(batch: int, edge: int, count: int, generator: torch.Generator) -> list[Tensor]:
    """For each axis, ``count`` planes (volume, position) to draw from a grown batch."""
    return [
        torch.stack(
            [
                torch.randint(batch, (count,), generator=generator),
                torch.randint(edge, (count,), generator=generator),
            ],
            -1,
        )
        for _ in range(3)
    ]
