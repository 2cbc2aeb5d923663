"""What is written can be read by those who load it: pandas, OpenPNM, Statoil's readers, VTK."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openpnm
import pandas as pd
import pytest
from scipy import ndimage

from octolith.pores.extraction import extract_network
from octolith.pores.flow import permeability_md
from octolith.pores.network import PoreNetwork
from octolith.pores.openpnm_network import to_openpnm
from octolith.pores.tables import read_table, write_network


@pytest.fixture(scope="module")
def network() -> PoreNetwork:
    noise = ndimage.gaussian_filter(np.random.default_rng(2).random((32, 32, 32)), 2)
    return extract_network(noise > np.quantile(noise, 0.7), 2.0)


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("network")
    write_network(network, folder)
    return folder


def openings(network: PoreNetwork, *faces: str) -> pd.DataFrame:
    return network.throats[network.throats["face"].isin(faces)]


def test_the_tables_are_the_whole_network(network, folder):
    tables = (read_table(folder / f"{name}.csv") for name in ("pores", "throats"))
    again = PoreNetwork(*tables, network.extent_um)
    pd.testing.assert_frame_equal(again.pores, network.pores, rtol=1e-6, check_dtype=False)
    pd.testing.assert_frame_equal(again.throats, network.throats, rtol=1e-6, check_dtype=False)
    assert permeability_md(again, 0) == pytest.approx(permeability_md(network, 0), rel=1e-5)


def test_openpnm_loads_its_file_which_is_no_pickle(network, folder):
    net = openpnm.network.Network()
    net.update(np.load(folder / "network.npz", allow_pickle=False))
    for name, values in to_openpnm(network).items():
        np.testing.assert_array_equal(net[name], values, strict=True)
    assert net.Np == len(network.pores) + len(network.throats) - len(network.inner)
    assert net.Nt == len(network.throats)
    assert net["pore.volume"].sum() == pytest.approx(network.pores["volume_um3"].sum() * 1e-18)
    assert net.num_pores("xmin") == len(openings(network, "x0"))
    np.testing.assert_allclose(net["pore.coords"][net.pores("zmax"), 2], 64e-6)


def test_paraview_gets_points_and_lines(network, folder):
    vtk = pytest.importorskip("vtk")
    reader = vtk.vtkXMLPolyDataReader()
    reader.SetFileName(str(folder / "network.vtp"))
    reader.Update()
    found = reader.GetOutput()
    assert found.GetNumberOfPoints() == len(network.pores) + len(network.throats) - len(
        network.inner
    )
    assert found.GetNumberOfLines() == len(network.throats)
    points = found.GetPointData()
    names = [points.GetArrayName(number) for number in range(points.GetNumberOfArrays())]
    assert any(name.endswith("pore | inscribed_diameter") for name in names)


def test_statoil_files_are_read_by_openpnm(network, folder):
    net = openpnm.io.network_from_statoil(path=folder, prefix="network")
    assert net.Np == len(network.pores)
    assert net.Nt == len(network.inner)
    np.testing.assert_allclose(net["pore.volume"], network.pores["volume_um3"] * 1e-18, rtol=1e-6)
    np.testing.assert_allclose(
        net["pore.coords"], network.pores[["x_um", "y_um", "z_um"]] * 1e-6, rtol=1e-6
    )
    np.testing.assert_allclose(
        net["throat.cross_sectional_area"], network.inner["area_um2"] * 1e-12, rtol=1e-6
    )
    np.testing.assert_array_equal(
        np.flatnonzero(net["pore.inlets"]), np.unique(openings(network, "x0")["pore1"])
    )
    np.testing.assert_array_equal(
        np.flatnonzero(net["pore.outlets"]), np.unique(openings(network, "x1")["pore1"])
    )


def test_statoil_nodes_name_their_neighbours_and_links(network, folder):
    links = [line.split() for line in (folder / "network_link1.dat").read_text().splitlines()[1:]]
    header, *nodes = (folder / "network_node1.dat").read_text().splitlines()
    assert header.split()[0] == str(len(network.pores))
    assert [float(word) for word in header.split()[1:]] == pytest.approx([64e-6] * 3)
    for line in nodes:
        number, _x, _y, _z, count, *rest = line.split()
        near, ends, through = (
            rest[: int(count)],
            rest[int(count) : int(count) + 2],
            rest[int(count) + 2 :],
        )
        assert ends == [str(int("-1" in near)), str(int("0" in near))]
        assert len(through) == int(count)
        for other, link in zip(near, through, strict=True):
            assert {number, other} == set(links[int(link) - 1][1:3])


@pytest.mark.parametrize("pore", [np.zeros((9,) * 3, bool), np.ones((9,) * 3, bool)])
def test_a_network_without_throats_is_written_and_read(pore, tmp_path):
    network = extract_network(pore, 1.0)
    write_network(network, tmp_path)
    assert len(read_table(tmp_path / "pores.csv")) == len(network.pores)
    assert len(read_table(tmp_path / "throats.csv")) == len(network.throats)
