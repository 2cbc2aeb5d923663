"""Rocks whose truth is known, as training sees them and as they are judged.

High-resolution 2D images come from one half of the rock and the judged volume from the other,
with a gap of several correlation lengths between them (`GAP`, in fine voxels, is four of the
longest: 7.5 voxels, the sandstone's).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import tifffile

from octolith import phantom
from octolith.blocks import Cut
from octolith.phases import Phases
from validation.instrument import Instrument
from validation.rock import AFFORDABLE, SHORTER, Rock, laid_over, rock_data, whole

GAP = 30
IMAGES = 17
WIDEST = 256  # fine voxels along an edge of what is judged


@dataclass(frozen=True)
class Case(Rock):
    """A rock to learn, and to be judged on.

    Attributes
    ----------
    lr_judged : (z, y, x) coarse labels of what is judged: all of it, as one box.
    truth : its fine labels.
    elsewhere : (z, y, x) fine labels of another part of the rock, as large as the truth: how much
        the rock itself varies, and so the least that images of another part can promise.
    """

    lr_judged: np.ndarray
    truth: np.ndarray
    elsewhere: np.ndarray

    @property
    def boxes(self) -> list[Cut]:
        """The volume."""
        return [whole(self.lr_judged)]


def halves(fine: np.ndarray, phases: Phases, instrument: Instrument) -> Case:
    """Images from the upper half (in z), the judged volume from the lower one."""
    n, scale = fine.shape[0], instrument.scale
    fine = fine[tuple(slice(length // scale * scale) for length in fine.shape)]
    middle = -(-n // 2 // scale) * scale
    heights = np.linspace(0, n // 2 - GAP, IMAGES).astype(int)
    coarse = instrument.scan(fine)
    wide = WIDEST // scale
    judged = np.ascontiguousarray(coarse[middle // scale :, :wide, :wide])
    return Case(
        phases,
        scale,
        images=[fine[z] for z in heights],
        lr=coarse[: middle // scale],
        lr_judged=judged,
        truth=np.ascontiguousarray(fine[middle:, :WIDEST, :WIDEST]),
        elsewhere=np.ascontiguousarray(fine[: len(fine) - middle, :WIDEST, :WIDEST]),
    )


def berea(scale: int, blur: float = 0.0, noise: float = 0.0) -> Case:
    """Berea sandstone, binary, 400³."""
    fine = tifffile.imread(rock_data() / "berea-binary" / "berea_binary_400.tif") > 0
    instrument = Instrument(scale, (0.0, 1.0), blur, noise)
    return halves(fine.astype(np.uint8), Phases.of(["pore", "grain"]), instrument)


def sandstone(scale: int) -> Case:
    """An unnamed sandstone, binary, 256³ (its pore is the bright phase)."""
    pore = tifffile.imread(rock_data() / "sandstone-binary" / "sandstone_binary_256.tif") > 0
    instrument = Instrument(scale, (0.0, 1.0))
    return halves((~pore).astype(np.uint8), Phases.of(["pore", "grain"]), instrument)


def berea_minerals(scale: int) -> Case:
    """Berea sandstone, four phases, 257³, scanned with feldspar as bright as quartz."""
    fine = tifffile.imread(rock_data() / "berea-ct" / "berea_ct_4phase_3p5um_257.tif")
    phases = Phases.of(["pore", "quartz", "feldspar", "clay"])
    case = halves(fine.astype(np.uint8), phases, Instrument(scale, (0.0, 1.0, 1.0, 0.6)))
    return replace(case, settings={"all": {"tied_phases": ["pore"]}})


def phantom_rock(scale: int, edge: int = 256) -> Case:
    """The phantom of the demonstration: its scan, cut into grey bands with all their errors."""
    recipe = phantom.load_recipe("demo")
    phases = Phases.of(["pore", "quartz", "feldspar", "clay"])
    coarse = (edge // scale,) * 3
    scan = phantom.ct_scan(recipe, (0, 0, 0), coarse, scale)
    lr = np.zeros(scan.shape, np.uint8)
    for name, bands in phantom.bands(recipe).items():
        for low, high in bands:
            lr[(scan >= low) & (scan < high)] = phases.code(name)
    truth = phantom.fine_labels(recipe, (0, 0, 0), (edge,) * 3)
    elsewhere = phantom.fine_labels(recipe, (4 * edge, 0, 0), (edge,) * 3)
    images = phantom.microscope_images(recipe, 12, 384)
    settings = {
        "all": {"tied_phases": ["pore", "quartz", "feldspar"]},  # its scan shows no clay
        "stages": laid_over(AFFORDABLE, SHORTER) if scale > 4 else {},
    }
    return Case(phases, scale, images, lr, lr, truth, elsewhere, settings=settings)


CASES: dict[str, tuple[str, Callable[[], Case]]] = {
    "berea-4x": ("Berea, binary, block means at 4×", lambda: berea(4)),
    "berea-2x": ("Berea, binary, block means at 2×", lambda: berea(2)),
    "phantom-4x": ("Phantom, four phases, CT at 4×", lambda: phantom_rock(4)),
    "sandstone-4x": ("Sandstone, binary, block means at 4×", lambda: sandstone(4)),
    "sandstone-2x": ("Sandstone, binary, block means at 2×", lambda: sandstone(2)),
    "minerals-2x": (
        "Berea, four phases at 2×, feldspar lost in quartz and clay where pore meets grain",
        lambda: berea_minerals(2),
    ),
    "berea-4x-scan": ("Berea, binary, blurred and noisy at 4×", lambda: berea(4, 0.5, 0.1)),
    "phantom-8x": ("Phantom, four phases, CT at 8×", lambda: phantom_rock(8)),
    "phantom-16x": ("Phantom, four phases, CT at 16×", lambda: phantom_rock(16, 512)),
}
"""Name -> title, and how to make it; in the order of the report."""
