"""Denoising before the bands, by scikit-image, in parts that need only a halo of planes."""

from __future__ import annotations

import numpy as np
from skimage.filters import median
from skimage.restoration import denoise_bilateral, denoise_nl_means

from octolith.settings.steps import DenoiseSettings

NOISE_WINDOW = 5


def noise_level(grey: np.ndarray) -> float:
    """The standard deviation of the noise: the median one over windows of 5 by 5 pixels.

    Most of a rock's windows lie inside a grain or a pore, and the median takes no notice of the
    others. Unlike estimates from differences of neighbours it also sees the correlated noise
    that a reconstruction leaves.

    Parameters
    ----------
    grey : (…, y, x).
    """
    rows, columns = (min(NOISE_WINDOW, length) for length in grey.shape[-2:])
    down, across = grey.shape[-2] // rows, grey.shape[-1] // columns
    whole = grey[..., : down * rows, : across * columns].astype(np.float32)
    windows = whole.reshape(-1, down, rows, across, columns)
    return float(np.median(windows.std(axis=(2, 4))))


def halo(settings: DenoiseSettings) -> int:
    """How many planes on each side a voxel's denoised grey level depends on."""
    reach = {
        "none": 0,
        "median": settings.size // 2,
        "non-local-means": settings.search + settings.size // 2,
        "bilateral": 0,
    }
    return reach[settings.method]


def denoise(grey: np.ndarray, settings: DenoiseSettings, noise: float) -> np.ndarray:
    """Denoise a 3D image (z, y, x) or a 2D image (y, x).

    Where `halo` planes lie on either side the result is that of denoising the whole. The
    bilateral filter is scikit-image's, for images: it goes through a volume plane by plane.

    Parameters
    ----------
    grey : integer or floating.
    settings : the method and its sizes, in voxels.
    noise : what `noise_level` says of the whole image; all but the median need it, and leave an
        image without noise alone.

    Returns
    -------
    the same shape; of the same type after a median, otherwise float32.
    """
    if settings.method == "median":
        window = np.ones((settings.size,) * grey.ndim, bool)
        return np.asarray(median(grey, window, mode="nearest"))
    if settings.method == "none" or noise == 0:
        return grey
    spread = settings.strength * noise
    if settings.method == "non-local-means":
        return np.asarray(
            denoise_nl_means(
                grey.astype(np.float32), patch_size=settings.size,
                patch_distance=settings.search, h=spread, sigma=noise, fast_mode=True,
            )
        )  # fmt: skip
    planes = grey.astype(np.float32).reshape(-1, *grey.shape[-2:])
    # The window reaches two standard deviations of its Gaussian.
    smoothed = [
        denoise_bilateral(
            plane, win_size=settings.size, sigma_color=spread, sigma_spatial=settings.size / 4,
            mode="edge",
        )
        for plane in planes
    ]  # fmt: skip
    return np.stack(smoothed).reshape(grey.shape)
