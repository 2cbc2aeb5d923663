"""The pore space in 3D: the same box of LR, SR and truth, small enough for the page."""

from __future__ import annotations

import base64
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from octolith.report.run import Run
from octolith.report.views import Box

# Voxels along an edge of what is drawn; a box narrower than so many LR voxels is no overview.
FINEST, NARROWEST = 160, 40
# Pores that span the box, and those that do not; the pore's own colour is too dark for shadows.
COLOURS = ("#5b86b8", "#e3a2c4")
NEIGHBOURS = ndimage.generate_binary_structure(3, 1)


@dataclass(frozen=True)
class PoreSpace:
    """Pore of one image in the box.

    Attributes
    ----------
    share : (z, y, x) uint8, share of a cell that is pore, 0 to 255.
    spanning : (z, y, x) bool: the cell's cluster reaches from a face of the box to the opposite.
    cell_um : edge of a cell.
    merged : SR voxels along an edge of a cell; 1 where nothing was merged.
    """

    name: str
    share: np.ndarray
    spanning: np.ndarray
    cell_um: float
    merged: int

    @property
    def connected(self) -> float:
        """Share of the drawn pore space that spans the box."""
        pore = int((self.share > 127).sum())
        return float(self.spanning.sum() / pore) if pore else 0.0


def pore_spaces(run: Run) -> tuple[float, list[PoreSpace]]:
    """The middle of LR, SR and (if it is there) truth.

    Returns
    -------
    the edge of the box in µm, and a `PoreSpace` an image.
    """
    edge = min(max(FINEST // run.scale, NARROWEST), *run.lr.shape)
    box = Box.central(run.lr.shape, edge)
    merged = 1
    while edge * run.scale // merged > FINEST:
        merged *= 2
    images = [("LR", run.lr, 1, 1), ("SR", run.sr[0], run.scale, merged)]
    if run.truth is not None and run.truth.shape == run.sr[0].shape:
        images.append(("truth", run.truth, run.scale, merged))
    found = []
    for name, volume, scale, merge in images:
        share = np.concatenate(
            [
                pore_share(layer.read(volume, scale) == run.phases.pore_code, merge)
                for layer in box.layers()
            ]
        )
        cell_um = run.lr_um / scale * merge
        found.append(PoreSpace(name, share, spanning(share > 127), cell_um, merge))
    return edge * run.lr_um, found


def pore_share(pore: np.ndarray, merged: int) -> np.ndarray:
    """Share of pore in cells ``merged`` voxels wide, 0 to 255 as uint8."""
    z, y, x = (edge // merged for edge in pore.shape)
    cells = pore.reshape(z, merged, y, merged, x, merged)
    return np.rint(cells.mean((1, 3, 5)) * 255).astype(np.uint8)


def spanning(pore: np.ndarray) -> np.ndarray:
    """The pores whose cluster (sharing faces) touches two opposite faces of the box.

    >>> straight = np.zeros((3, 3, 3), bool)
    >>> straight[:, 1, 1] = straight[0, 0, 0] = True
    >>> int(spanning(straight).sum())
    3
    """
    clusters, count = ndimage.label(pore, NEIGHBOURS)
    through = np.zeros(count + 1, bool)
    for axis in range(3):
        first, last = (np.unique(clusters.take(i, axis)) for i in (0, -1))
        through[np.intersect1d(first, last)] = True
    through[0] = False
    return np.asarray(through[clusters])


def packed(spaces: list[PoreSpace]) -> list[dict[str, Any]]:
    """What the page's script draws: deflated bytes of share, then of spanning (0 or 255)."""
    found = []
    for space in spaces:
        content = space.share.tobytes() + (space.spanning.astype(np.uint8) * 255).tobytes()
        found.append(
            {
                "name": space.name,
                "shape": list(space.share.shape),
                "cell_um": space.cell_um,
                "bytes": base64.b64encode(zlib.compress(content, 9)).decode(),
            }
        )
    return found
