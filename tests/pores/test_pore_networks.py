"""Pores and throats of shapes that one can check by hand, and of what SNOW finds in rock."""

from __future__ import annotations

import numpy as np
import porespy
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from octolith.pores.connectivity import Clusters, spanning_mask
from octolith.pores.extraction import extract_network, measure, partition

porespy.settings.tqdm["disable"] = True


def dumbbell() -> np.ndarray:
    """Two balls of radius 6, a square duct of 3 × 3 voxels between them, along x."""
    z, y, x = np.indices((16, 16, 34))
    balls = [(z - 7.5) ** 2 + (y - 7.5) ** 2 + (x - middle) ** 2 < 36 for middle in (7.5, 25.5)]
    pore = balls[0] | balls[1]
    pore[6:9, 6:9, 8:26] = True
    return pore


def blobs(seed: int, edge: int = 40, porosity: float = 0.25) -> np.ndarray:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).random((edge,) * 3), 2)
    return noise > np.quantile(noise, 1 - porosity)


def test_a_dumbbell_is_two_pores_and_a_throat():
    network = extract_network(dumbbell(), 2.0)
    assert len(network.pores) == 2
    assert network.pores["volume_um3"].sum() == dumbbell().sum() * 8
    throat = network.inner.iloc[0]
    assert len(network.throats) == 1
    assert throat["area_um2"] == 9 * 4
    assert throat["aspect"] == 1
    assert throat["x_um"] == pytest.approx(34.0, abs=4)
    assert throat["length1_um"] + throat["length2_um"] == pytest.approx(36, abs=3)
    assert list(network.pores["coordination"]) == [1, 1]


def test_where_the_image_cuts_a_pore_is_an_opening_of_that_area():
    pore = np.zeros((10, 12, 14), bool)
    pore[:, 3:7, 4:9] = True
    network = extract_network(pore, 1.0)
    assert len(network.pores) == 1
    assert sorted(network.throats["face"]) == ["z0", "z1"]
    assert (network.throats["area_um2"] == 20).all()
    assert (network.throats["length2_um"] == 0).all()
    assert network.throats["length1_um"].sum() == 10


def test_a_throat_in_a_slanted_plane_has_the_area_of_the_plane():
    z, y, x = np.indices((30, 30, 30))
    for normal in ((1, 0, 0), (1, 1, 0), (1, 1, 1), (2, 1, 0)):
        along = normal[0] * z + normal[1] * y + normal[2] * x
        regions = np.where(along < along.max() / 2, 1, 2)
        duct = (abs(y - 14.5) < 5) & (abs(x - 14.5) < 5)
        throats = measure(regions * duct, np.ones(z.shape, np.float32), 1.0).inner
        # A plane through a duct along z: the duct's section over the cosine of the slant.
        assert throats["area_um2"].item() == pytest.approx(
            100 * np.linalg.norm(normal) / normal[0], rel=0.12
        )


def test_counts_volumes_and_throats_are_those_of_snow2():
    pore = blobs(3, 48)
    theirs = porespy.networks.snow2(pore, boundary_width=0, parallel_kw=None).network
    clusters = ndimage.label(pore)[0]
    peaks = porespy.filters.snow_partitioning(pore).peaks > 0
    without_peak = len(np.setdiff1d(clusters[pore], clusters[peaks]))
    ours = extract_network(pore, 1.0)
    assert len(ours.pores) == len(theirs["pore.coords"]) + without_peak
    assert ours.pores["volume_um3"].sum() == theirs["pore.volume"].sum()


@given(st.integers(0, 10_000), st.floats(0.05, 0.5))
def test_the_network_joins_what_voxel_faces_join_and_nothing_else(seed, porosity):
    pore = blobs(seed, 20, porosity)
    network = extract_network(pore, 1.0)
    regions = partition(pore)
    clusters = Clusters.of(pore)
    assert (regions > 0).tolist() == pore.tolist()
    assert all(
        len(np.unique(clusters.labels[regions == label])) == 1
        for label in range(1, regions.max() + 1)
    )
    for axis in range(3):
        assert network.spanning(axis).any() == clusters.percolates(axis)


def test_a_grain_with_no_pore_and_a_pore_with_no_grain_are_networks_too():
    assert len(extract_network(np.zeros((12,) * 3, bool), 1.0).pores) == 0
    full = extract_network(np.ones((12,) * 3, bool), 1.0)
    assert len(full.pores) == 1
    assert len(full.throats) == 6


def test_blocks_find_nearly_the_same_pores():
    pore = blobs(5, 64, 0.3)
    one, many = (len(extract_network(pore, 1.0, blocks).pores) for blocks in (1, 2))
    assert many == pytest.approx(one, rel=0.15)


def test_connected_and_isolated_pore_space():
    pore = np.zeros((10, 10, 10), bool)
    pore[:, 2, 2] = True  # from face to face along z: 10 voxels
    pore[0:4, 7, 7] = True  # from one face only: 4
    pore[5, 5, 5] = True  # from none: 1
    pore[6, 6, 6] = True  # touches it by a corner alone: another
    clusters = Clusters.of(pore)
    assert len(clusters) == 4
    assert [clusters.percolates(axis) for axis in range(3)] == [True, False, False]
    assert clusters.connected_fraction(0) == 10 / 1000
    assert clusters.isolated_fraction() == 2 / 1000
    assert spanning_mask(pore, 0).sum() == 10


@pytest.mark.rock
def test_real_berea_is_connected_and_its_network_too(rock_data):
    image = tifffile.imread(rock_data / "berea-binary/berea_binary_400.tif")
    pore = image[100:196, 100:196, 100:196] == 0
    network = extract_network(pore, 1.0)
    assert len(network.pores) > 50
    assert network.pores["volume_um3"].sum() == pore.sum()
    assert all(network.spanning(axis).any() for axis in range(3))
