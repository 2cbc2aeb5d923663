"""porespy and scipy compute some of the same; where they do not agree, this says why."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal
from structures import TWO, curve

from octolith import descriptors
from octolith.descriptors.correlation import autocorrelation


@pytest.fixture(scope="module")
def porespy():  # type: ignore[no-untyped-def]
    return pytest.importorskip("porespy")


@pytest.fixture(scope="module")
def pores(porespy) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Blobs of pore, 48³."""
    return np.asarray(porespy.generators.blobs((48, 48, 48), porosity=0.4, blobiness=1, seed=1))


def test_every_lag_is_what_scipy_correlates(pores: np.ndarray) -> None:
    full = signal.correlate(pores.astype(float), pores.astype(float), method="fft")
    centre = np.array(pores.shape) - 1
    lags = (20, 24, 30)
    window = full[centre[0] : centre[0] + 21, centre[1] - 24 : centre[1] + 25,
                  centre[2] - 30 : centre[2] + 31]  # fmt: skip
    assert autocorrelation(pores, lags) == pytest.approx(window, abs=0.05)


def test_two_point_correlation(porespy, pores: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    """porespy bins [k, k+1) and puts the value at k + 1/2; the mean lag there is not that.

    It also averages the ratio of each lag, where we divide the sums: lags that few pairs have
    count less with us. Beyond the first bins the curves are one.
    """
    theirs = porespy.metrics.two_point_correlation(pores, bins=np.arange(0, 25))
    labels = (~pores).astype(np.uint8)
    table = descriptors.two_point_correlation(labels, 1.0, TWO)
    ours = curve(table, "two_point_correlation", phase="pore", other="pore", direction="radial")
    value = np.interp(theirs.distance[4:], *ours.T)
    assert value == pytest.approx(theirs.probability_scaled[4:], rel=0.01)


def test_lineal_path(porespy, pores: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    """A voxel whose way to the solid is k voxels begins a segment of each length up to k."""
    labels = (~pores).astype(np.uint8)
    table = descriptors.lineal_path(labels, 1.0, TWO)
    for axis, direction in enumerate("zyx"):
        way = porespy.filters.distance_transform_lin(pores, axis=axis, mode="forward")
        for distance, value in curve(table, "lineal_path", phase="pore", direction=direction):
            fitting = np.count_nonzero(way >= distance + 1)
            assert value == pytest.approx(fitting / (48 * 48 * (48 - distance)))


@pytest.mark.filterwarnings("ignore:spacing=0")
def test_chords(porespy, pores: np.ndarray) -> None:  # type: ignore[no-untyped-def]
    """porespy drops chords on the faces along them as well; we keep those, which are whole."""
    labels = (~pores).astype(np.uint8)
    for axis, direction in enumerate("zyx"):
        chords = porespy.filters.apply_chords(pores, spacing=0, axis=axis, trim_edges=True)
        sizes = np.bincount(chords[chords > 0])
        theirs = np.bincount(sizes[sizes > 0], minlength=48)[1:48]
        inner = tuple(slice(None) if a == axis else slice(1, -1) for a in range(3))
        table = descriptors.chord_length(labels[inner], 1.0, TWO)
        density = curve(table, "chord_length", phase="pore", direction=direction)[:47, 1]
        assert density == pytest.approx(theirs[: len(density)] / theirs.sum())
