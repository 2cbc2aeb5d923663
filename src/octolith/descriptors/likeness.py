"""How alike two images are: voxel by voxel where there is a truth, or as two sets of textures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from skimage.metrics import structural_similarity

from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.neighbours import pair_counts
from octolith.descriptors.registry import Count, paired, rows
from octolith.errors import InputError
from octolith.phases import Phases

WINDOW = 7
# A Gaussian has a spread from so many images on.
FEWEST = 2


@paired
def similarity(
    labels: np.ndarray,
    truth: np.ndarray,
    voxel_size_um: float | Sequence[float],
    phases: Phases,
    *,
    slices: Count = 32,
) -> pd.DataFrame:
    """SSIM and PSNR of every phase, slice by slice (paper 5, equation 11; Wang et al. 2004).

    Each phase is an image of zeros and ones; windows are 7 × 7. Voxels outside the rock belong to
    no phase, in either image.

    Parameters
    ----------
    labels, truth : (z, y, x) label codes of one shape (`to_grid` makes it so).
    voxel_size_um : of the truth.
    slices : so many slices across each axis, evenly spaced.

    Returns
    -------
    ``ssim``, dimensionless, the mean over the slices; ``psnr`` in dB, of the mean square error of
    all slices: a phase without a wrong voxel has none. For slices across each axis.

    Raises
    ------
    InputError : different shapes, 2D images, or fewer than seven voxels along an edge.
    """
    micro = Microstructure.of(truth, voxel_size_um, phases)
    image = Microstructure.of(labels, voxel_size_um, phases)
    micro.require_3d("similarity")
    if image.labels.shape != micro.labels.shape:
        raise InputError("similarity", f"shapes {labels.shape} and {truth.shape}", "one shape")
    if min(truth.shape) < WINDOW:
        raise InputError("similarity", f"an image of {truth.shape}", f"{WINDOW} voxels each way")
    pieces = []
    for axis, direction in enumerate(micro.directions):
        length = truth.shape[axis]
        chosen = np.unique(np.linspace(0, length - 1, min(slices, length)).astype(int))
        ours, theirs = (np.moveaxis(each.labels, axis, 0)[chosen] for each in (image, micro))
        for code, name in micro.names:
            pairs = [
                (a.astype(np.float32), b.astype(np.float32))
                for a, b in zip(ours == code, theirs == code, strict=True)
            ]
            ssim = [structural_similarity(a, b, data_range=1.0, win_size=WINDOW) for a, b in pairs]
            error = np.mean([np.mean((a - b) ** 2) for a, b in pairs])
            where = {"phase": name, "direction": direction}
            pieces.append(rows("ssim", np.mean(ssim), "1", **where))
            if error:
                pieces.append(rows("psnr", -10 * np.log10(error), "dB", **where))
    return pd.concat(pieces, ignore_index=True)


def to_grid(labels: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Labels on a finer (or coarser) grid over the same space: those of the nearest voxel."""
    places = [((np.arange(m) + 0.5) * n / m).astype(int)
              for n, m in zip(labels.shape, shape, strict=True)]  # fmt: skip
    return labels[np.ix_(*places)]


def sections(patch: np.ndarray) -> list[np.ndarray]:
    """A 2D image itself, or the middle planes of a volume across each axis."""
    if patch.ndim == 2:
        return [patch]
    return [patch.take(length // 2, axis) for axis, length in enumerate(patch.shape)]


def texture_features(plane: np.ndarray, phases: int) -> np.ndarray:
    """What a 2D image looks like to `frechet_distance`.

    Returns
    -------
    for every two phases (or a phase and itself), the probability that pixels 1, 2, 4, … apart,
    up to a quarter of the shorter edge, belong to them, the mean of rows and columns. Apart from
    the phases, all it sees are these two-point probabilities.
    """
    codes = np.minimum(plane, phases)
    octaves = int(np.log2(max(min(plane.shape) / 4, 1))) + 1
    features = []
    for step in (2**octave for octave in range(octaves)):
        matrices = [pair_counts(codes, vector, phases) for vector in ((0, step), (step, 0))]
        shares = np.mean([m / max(m.sum(), 1) for m in matrices], axis=0)
        both = shares + shares.T
        np.fill_diagonal(both, shares.diagonal())
        features += [both[i, j] for i, j in combinations_with_replacement(range(phases), 2)]
    return np.array(features)


@paired
def frechet_distance(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> float:
    """The Fréchet distance of two sets of feature vectors, each taken for a Gaussian.

    d² = |m1 - m2|² + tr(C1 + C2 - 2 (C1 C2)^½) (Dowson and Landau 1982), as the Fréchet inception
    distance has it; returned is d, not its square. With the features of `texture_features` no
    network is needed, and values are not those of an inception network.

    Raises
    ------
    InputError : fewer than two vectors in a set.
    """
    a, b = np.array(first, dtype=float), np.array(second, dtype=float)
    if min(len(a), len(b)) < FEWEST:
        raise InputError(
            "frechet_distance", f"{len(a)} and {len(b)} sections", f"{FEWEST} of each at least",
            "Sample smaller patches (describe.patch_um), or take it out of describe.descriptors.",
        )  # fmt: skip
    apart = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    # With C = X'X the trace of the root is the nuclear norm of X1 X2', which needs no C at all.
    a, b = ((x - x.mean(axis=0)) / np.sqrt(len(x) - 1) for x in (a, b))
    spread = np.square(a).sum() + np.square(b).sum() - 2 * np.linalg.norm(a @ b.T, "nuc")
    return float(np.sqrt(max(apart + spread, 0.0)))
