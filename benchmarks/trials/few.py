"""Berea with few and small images: what a critic can learn by heart.

Every seed has images of its own, so that the spread over seeds is also that of which images
somebody happened to have. The rock, its halves and its instrument are the validation's.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from validation.cases import Case

COUNT, EDGE, SCALE = 2, 96, 2
UNSEEN = 16


def few_images(case: Case, seed: int) -> Case:
    """The case with `COUNT` windows of `EDGE` pixels, from as many of its images."""
    random = np.random.default_rng(seed)
    chosen = random.choice(len(case.images), COUNT, replace=False)
    return replace(case, images=[_window(case.images[i], random) for i in chosen])


def unseen(case: Case) -> list[np.ndarray]:
    """Planes of the half that nothing is learned from."""
    return list(case.truth[:: len(case.truth) // UNSEEN])


def _window(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    y, x = (int(random.integers(length - EDGE + 1)) for length in image.shape)
    return np.ascontiguousarray(image[y : y + EDGE, x : x + EDGE])
