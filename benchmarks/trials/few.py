"""Berea with few and small images: what a critic can learn by heart.

Every seed has images of its own. The rock, its halves and its instrument are the validation's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from validation.cases import Case, berea

COUNT, EDGE, SCALE = 2, 96, 2
JUDGED = 64  # coarse voxels along an edge of what is judged
WINDOWS = 64  # looked at for each that is taken


def rock() -> Case:
    """Berea with all its images, judged on a smaller part than the validation's."""
    case = berea(SCALE)
    coarse, fine = slice(JUDGED), slice(JUDGED * SCALE)
    return replace(
        case,
        lr_judged=np.ascontiguousarray(case.lr_judged[coarse, coarse, coarse]),
        truth=np.ascontiguousarray(case.truth[fine, fine, fine]),
    )


def few_images(case: Case, seed: int) -> tuple[Case, list[np.ndarray]]:
    """The case with `COUNT` windows of `EDGE` pixels, and the images that none is cut from."""
    random = np.random.default_rng(seed)
    chosen = random.choice(len(case.images), COUNT, replace=False)
    wanted = float(np.mean([image == case.phases.pore_code for image in case.images]))
    windows = [window(case.images[i], wanted, case.phases.pore_code, random) for i in chosen]
    others = [image for i, image in enumerate(case.images) if i not in chosen]
    return replace(case, images=windows), others


def window(
    image: np.ndarray, porosity: float, pore: int, random: np.random.Generator
) -> np.ndarray:
    """Of some windows the one nearest in porosity: whoever has few images takes typical ones.

    Windows of chance differ in porosity by more than augmentation could ever mend.
    """
    corners = random.integers(0, np.subtract(image.shape, EDGE - 1), (WINDOWS, 2))
    found = [image[y : y + EDGE, x : x + EDGE] for y, x in corners]
    best = min(found, key=lambda each: abs(float(np.mean(each == pore)) - porosity))
    return np.ascontiguousarray(best)
