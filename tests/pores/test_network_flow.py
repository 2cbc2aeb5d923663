"""Permeability and conduction against closed forms, hand-made networks and a direct solution."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from octolith.pores.extraction import extract_network
from octolith.pores.flow import MILLIDARCY_UM2, permeability_md, relative_conductivity
from octolith.pores.network import PoreNetwork
from octolith.pores.properties import network_properties
from octolith.pores.stokes import stokes_permeability

Z, Y, X = np.indices((40, 30, 30))


def tube(radius: float) -> np.ndarray:
    return np.hypot(Y - 14.5, X - 14.5) < radius


def slit(height: int) -> np.ndarray:
    return np.isin(Y, range(5, 5 + height))


def permeability_um2(pore: np.ndarray, axis: int, voxel_um: float = 1.0) -> float:
    return permeability_md(extract_network(pore, voxel_um), axis) * MILLIDARCY_UM2


@pytest.mark.parametrize("radius", [3, 6, 10])
def test_a_tube_conducts_as_hagen_and_poiseuille_say(radius):
    pore = tube(radius)
    area = pore[0].sum()  # of the digital disc: a tube of that area, π r⁴ / 8
    assert permeability_um2(pore, 0) == pytest.approx(area**2 / (8 * np.pi) / 900, rel=0.05)
    assert permeability_um2(pore, 1) == 0


@pytest.mark.parametrize("height", [1, 2, 3, 5])
def test_a_slit_conducts_as_a_plane_channel(height):
    exact = height**2 / 12 * height / 30  # h² / 12 times the porosity
    assert permeability_um2(slit(height), 0) == pytest.approx(exact, rel=0.08)
    assert permeability_um2(slit(height), 2) == pytest.approx(exact, rel=0.08)


@pytest.mark.parametrize("pore", [tube(6), slit(4)], ids=["tube", "slit"])
def test_the_formation_factor_of_a_straight_duct_is_one_over_its_porosity(pore):
    assert relative_conductivity(extract_network(pore, 1.0), 0) == pytest.approx(pore.mean())


def test_permeability_scales_with_the_square_of_the_voxel():
    assert permeability_um2(tube(5), 0, 3.0) == pytest.approx(9 * permeability_um2(tube(5), 0))


def test_two_conduits_in_series_by_hand():
    """Tubes of radius 1 (length 10) and 2 (length 20) µm in a box of 30 × 10 × 10 µm."""
    centres = {"z_um": [5.0, 20.0], "y_um": [5.0, 5.0], "x_um": [5.0, 5.0]}
    pores = pd.DataFrame(centres).assign(
        volume_um3=1.0, diameter_um=1.0, inscribed_diameter_um=[2.0, 4.0]
    )
    throats = pd.DataFrame(
        {"pore1": [0, 0, 1], "pore2": [-1, 1, -1], "face": ["z0", "", "z1"]}
    ).assign(z_um=[0.0, 10.0, 30.0], y_um=5.0, x_um=5.0, aspect=1.0)
    throats["diameter_um"] = throats["inscribed_diameter_um"] = [2.0, 2.0, 4.0]
    throats["area_um2"] = np.pi / 4 * throats["diameter_um"] ** 2
    network = PoreNetwork.of(pores, throats, (30.0, 10.0, 10.0))
    # The half from the throat of radius 1 to the pore of radius 2 is a cone of length 10.
    cone = 8 * 10 * (1 + 2 + 4) / (3 * np.pi * 8)
    resistance = 8 * 10 / np.pi + cone + 8 * 10 / (np.pi * 16)
    expected = 30 / 100 / resistance
    assert permeability_md(network, 0) * MILLIDARCY_UM2 == pytest.approx(expected)
    assert permeability_md(network, 1) == 0


def test_parallel_tubes_add_up():
    pore = np.zeros((20, 40, 40), bool)
    y, x = np.indices((40, 40))
    for centre in (10, 30):
        pore |= (y - centre + 0.5) ** 2 + (x - centre + 0.5) ** 2 < 36
    one = tube(6)[:20]
    assert permeability_um2(pore, 0) == pytest.approx(
        2 * permeability_um2(one, 0) * 900 / 1600, rel=1e-6
    )


SOLID = np.zeros((12,) * 3, bool)
BLIND = slit(3)[:12, :12, :12] & (X[:12, :12, :12] < 8)


@pytest.mark.parametrize("pore", [SOLID, BLIND], ids=["solid", "blind"])
def test_a_rock_without_a_way_through_is_a_result(pore):
    table = network_properties(extract_network(pore, 1.0), pore, 1.0).set_index(
        ["property", "axis"]
    )["value"]
    assert table["percolates", "x"] == 0
    assert table["permeability", "x"] == 0
    assert table["formation_factor", "x"] == np.inf


@pytest.mark.parametrize("height", [3, 5, 8])
def test_the_direct_solver_finds_the_plane_channel(height):
    """The sum over nodes of an exact parabola is h³ / 12 + h / 24; the ends add a little."""
    pore = np.zeros((60, height + 6, 20), bool)
    pore[:, 3:-3, :] = True
    nodes = height**3 / 12 + height / 24
    side_walls = 1 - 0.63 * height / 20
    assert stokes_permeability(pore, 0) * (height + 6) == pytest.approx(
        nodes * side_walls, rel=0.08
    )


@pytest.mark.parametrize(("grains", "factor"), [(60, 1.3), (40, 2.0)])
def test_network_and_direct_solution_agree_for_packings(grains, factor):
    """With nothing tuned: well for 30 % porosity, less where pores have no throats between them."""
    rng = np.random.default_rng(1)
    z, y, x = np.indices((32,) * 3)
    pore = np.ones((32,) * 3, bool)
    for centre in rng.random((grains, 3)) * 44 - 6:
        pore &= (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2 > 49
    ratio = permeability_um2(pore, 0) / stokes_permeability(pore, 0, 1e-4)
    assert 1 / factor < ratio < factor
