"""Rocks without a 3D truth: a coarse volume, and fine images of another place of the same rock.

Some of the images, or the right part of a single one, are held out of training. What is made is
judged by sections, as large as an image where the volume is large enough, in all three
directions: they should be like the images that training has not seen, as far as the images are
like each other. As in papers 1 and 4 the coarse volume that is learnt from is also the one that
is super-resolved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import tifffile

from octolith.blocks import Cut, triple
from octolith.phases import Phases
from octolith.segmentation.resampling import resample
from validation.rock import AFFORDABLE, Rock, rock_data

LSM_PIXEL, LSM_WANTED = 0.512, 0.4375  # µm: as published in a figure, and as the workflow has it
HELD_OUT = 3  # the LSM panel whose fractions are nearest to the mean's
GAP = 48  # pixels, six correlation lengths (7 or 8 pixels) of the electrodes with one image
VIEWS_OVERLAP = 48  # columns that the left and the right views of the SEM image share
ELECTRODE = Phases.of(["pore", "active", "binder"])


@dataclass(frozen=True)
class Unpaired(Rock):
    """A rock to learn, and to be judged by images of another place.

    Attributes
    ----------
    held_out : (y, x) fine labels that training does not see.
    boxes : sections of the LR volume, one voxel thick, where what is made is judged.
    remark : what the page should say of the images.
    """

    held_out: list[np.ndarray]
    boxes: list[Cut]
    remark: str = ""
    realisations: ClassVar[int] = 1

    @property
    def description(self) -> str:
        """How much there is, in a sentence or two."""
        seen, unseen = (
            ", ".join(f"{y} × {x}" for y, x in (image.shape for image in images))
            for images in (self.images, self.held_out)
        )
        lr = " × ".join(map(str, self.lr.shape))
        return (
            f"LR {lr}; images for training {seen}; held out {unseen}; {len(self.boxes)} sections. "
            f"LR ties down: {', '.join(self.phases.names[code] for code in self.tied)}. "
            f"{self.remark}"
        ).strip()

    @property
    def lr_judged(self) -> np.ndarray:
        """The volume that the boxes are cut from."""
        return self.lr


def sections(shape: tuple[int, ...], edge: int, each: int) -> list[Cut]:
    """Across each axis ``each`` slabs, one voxel thick, at evenly spread depths.

    Parameters
    ----------
    shape : of the volume, LR voxels.
    edge : of a section, LR voxels, or the volume's where that is less; in a corner of its plane,
        the next one in the next corner.
    """
    boxes = []
    for axis in range(3):
        a, b = (other for other in range(3) if other != axis)
        for i in range(each):
            size = [min(edge, n) for n in shape]
            low = [0, 0, 0]
            low[a], low[b] = (shape[a] - size[a]) * (i // 2 % 2), (shape[b] - size[b]) * (i % 2)
            size[axis], low[axis] = 1, int((i + 0.5) / each * shape[axis])
            high = [n + s for n, s in zip(low, size, strict=True)]
            boxes.append(Cut(len(boxes), triple(low), triple(high)))
    return boxes


def plane(slab: np.ndarray) -> np.ndarray:
    """The middle fine plane of a section, (rows, columns)."""
    axis = int(np.argmin(slab.shape))
    return np.take(slab, slab.shape[axis] // 2, axis)


def majority(labels: np.ndarray, edge: int) -> np.ndarray:
    """Blocks of ``edge`` cubed as the phase that most of them is; in doubt, their first voxel's.

    Taking the first or last code in doubt would favour a phase.
    """
    z, y, x = (n // edge for n in labels.shape)
    blocks = labels[: z * edge, : y * edge, : x * edge].reshape(z, edge, y, edge, x, edge)
    first = blocks[:, 0, :, 0, :, 0]
    found, most = first.copy(), np.zeros(first.shape)
    for code in range(int(labels.max()) + 1):
        votes = (blocks == code).sum((1, 3, 5)) + 0.5 * (first == code)
        found[votes > most] = code
        np.maximum(most, votes, out=most)
    return found


def parted(image: np.ndarray, gap: int) -> tuple[np.ndarray, np.ndarray]:
    """The left half of an image (y, x), which trains, and the right, ``gap`` pixels further on."""
    middle = (image.shape[1] - gap) // 2
    return image[:, :middle], image[:, middle + gap :]


def berea(scale: int) -> Unpaired:
    """Berea sandstone, CT against laser-scanning microscopy: paper 1's case (16x), and 8x."""
    folder = rock_data()
    lr = tifffile.imread(folder / "berea-ct" / "berea_ct_4phase_3p5um_257.tif")
    lr = lr if scale == 8 else majority(lr, scale // 8)
    panels = [
        resample(
            tifffile.imread(folder / "berea-lsm" / f"berea_lsm_panel{i}.tif"), LSM_PIXEL, LSM_WANTED
        )
        for i in range(5)
    ]
    return Unpaired(
        Phases.of(["pore", "quartz", "feldspar", "clay"]),
        scale,
        images=[panel for i, panel in enumerate(panels) if i != HELD_OUT],
        lr=lr,
        held_out=[panels[HELD_OUT]],
        boxes=sections(lr.shape, 1024 // scale, 4),
        settings={"all": {"tied_phases": ["pore"]}, "stages": AFFORDABLE},
    )


def nmc(scale: int) -> Unpaired:
    """NMC cathode of paper 4, case 1: LR takes binder for pore."""
    folder = rock_data() / "battery-fuelcell"
    lr = tifffile.imread(folder / "NMC_lr_input.tif").astype(np.uint8)
    image = tifffile.imread(folder / "large_slice_nmc.tif")[0].astype(np.uint8)
    lr = lr if scale == 4 else majority(lr, scale // 4)
    left, right = parted(image, gap=GAP)
    return Unpaired(
        ELECTRODE,
        scale,
        images=[left],
        lr=lr,
        held_out=[right],
        boxes=sections(lr.shape, len(lr), 3),
        settings={"all": {"tied_phases": ["active"]}, "stages": AFFORDABLE if scale > 4 else {}},
    )


def sem() -> Unpaired:
    """NMC cathode of paper 4, case 4: CT at 400 nm, and what is left of an SEM image of 50 nm."""
    folder = rock_data() / "battery-fuelcell"
    lr = (tifffile.imread(folder / "SEM_lr_input.tif") > 0).astype(np.uint8)
    views = unscrambled(tifffile.imread(folder / "SEM_hr_input.tif"))
    apart = VIEWS_OVERLAP + 64  # a gap of four correlation lengths
    return Unpaired(
        ELECTRODE,
        4,
        images=[views[0], views[2]],
        lr=lr,
        held_out=[views[1][:, apart:], views[3][:, apart:]],
        boxes=sections(lr.shape, len(lr), 3),
        settings={"all": {"tied_phases": ["active"]}},
        remark=(
            "The published image is a stack of four views (left and right, above and below), "
            "written plane by plane and read pixel by pixel: every fourth pixel of each view is "
            "there, one in each 2 × 2. The views are put together again from these, at 100 nm: "
            "4x, where the paper has 8x. Within the binder there are specks labelled active, which "
            "the paper's image, with less active, can hardly have had. (LR has still less of it, "
            "and ties it down: as in the paper, the fractions of SR cannot be those of the image.)"
        ),
    )


def unscrambled(page: np.ndarray) -> list[np.ndarray]:
    """The views of which a page holds every fourth pixel, at half the resolution.

    A stack (4, n, n) whose bytes were taken for an image (n, n) of four channels, the first of
    which is the page: pixel i of the stack is there where i is a multiple of four. Since n is one
    less than a multiple of four, in a view these lie on diagonals, and blocks of 2 × 2 (from its
    first or second column on, whichever it is) hold one each.
    """
    n = len(page)
    stack = np.full(4 * n * n, 255, np.uint8)
    stack[::4] = page.ravel()
    half = n // 2
    views = []
    for number, view in enumerate(stack.reshape(4, n, n)):
        start = (number + 1) % 2
        blocks = view[: 2 * half, start : start + 2 * half].reshape(half, 2, half, 2)
        # The rim of the microscope's picture is no electrode.
        views.append(blocks.min((1, 3))[: half - 8])
    return views


def fuel_cell() -> Unpaired:
    """Fuel-cell anode of paper 4, case 3: LR shows every phase, a point a voxel."""
    folder = rock_data() / "battery-fuelcell"
    lr = tifffile.imread(folder / "SOFC_lr_input.tif").astype(np.uint8)
    image = tifffile.imread(folder / "SOFC_hr_input.tif")[0].astype(np.uint8)
    phases = Phases.of(["pore", "nickel", "ceramic"])
    left, right = parted(image, gap=GAP)
    return Unpaired(
        phases,
        4,
        images=[left],
        lr=lr,
        held_out=[right],
        boxes=sections(lr.shape, len(lr), 3),
        settings={"all": {"tied_phases": list(phases.names), "voxel_form": "nearest"}},
    )


UNPAIRED: dict[str, tuple[str, Callable[[], Unpaired]]] = {
    "lsm-16x": ("Berea, CT at 7 µm against microscope panels, 16×", lambda: berea(16)),
    "lsm-8x": ("Berea, CT at 3.5 µm against microscope panels, 8×", lambda: berea(8)),
    "nmc-4x": ("NMC cathode, binder lost in pore, 4×", lambda: nmc(4)),
    "nmc-8x": ("NMC cathode, binder lost in pore, 8×", lambda: nmc(8)),
    "sem-4x": ("NMC cathode, CT against an SEM image, 4×", sem),
    "sofc-4x": ("Fuel-cell anode, under-sampled, 4×", fuel_cell),
}
"""Name -> title, and how to make it; in the order of the report."""
