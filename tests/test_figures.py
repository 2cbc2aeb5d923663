"""What is drawn of large images."""

from __future__ import annotations

import numpy as np

from octolith import figures


def test_a_mosaic_is_drawn_by_every_so_many_th_pixel() -> None:
    mosaic = np.arange(4500 * 3).reshape(4500, 3)
    np.testing.assert_array_equal(figures.thinned(mosaic), mosaic[::3, ::3])
    assert figures.thinned(mosaic[:2000]).shape == (2000, 3)
