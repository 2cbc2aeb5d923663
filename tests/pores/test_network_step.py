"""The step and the command: equal places in all images, plans before work, tables at the end."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy import ndimage
from typer.testing import CliRunner

from octolith.cli import app
from octolith.errors import InputError
from octolith.phases import Phases
from octolith.pores.planning import EXTRACTION
from octolith.pores.properties import COLUMNS
from octolith.pores.subvolumes import Place, read_cube
from octolith.pores.tables import read_table
from octolith.settings.steps import NetworkSettings
from octolith.steps.network import compare, gather, network, transport
from octolith.volumes import OUTSIDE, write_volume

PHASES = Phases.of(["pore", "quartz", "clay"])
CUBES = {"finest_um": 2.0, "coarsest_um": 8.0}


@pytest.fixture
def images(tmp_path):
    """LR of 8 µm and SR of 2 µm: every LR voxel is its number modulo 251 (no rock, but a map)."""
    lr = (np.arange(20 * 16 * 16).reshape(20, 16, 16) % 251).astype(np.uint8)
    sr = lr.repeat(4, 0).repeat(4, 1).repeat(4, 2)
    write_volume(tmp_path / "lr.h5", lr, (8.0,) * 3, phases=PHASES)
    write_volume(tmp_path / "sr.h5", sr, (2.0,) * 3, phases=PHASES)
    return tmp_path


@pytest.fixture
def rock(tmp_path):
    noise = ndimage.gaussian_filter(np.random.default_rng(4).random((32, 32, 32)), 2)
    labels = np.where(noise > np.quantile(noise, 0.7), 0, 1).astype(np.uint8)
    labels[:, :3] = 2
    write_volume(tmp_path / "rock.h5", labels, (2.0,) * 3, phases=PHASES)
    return tmp_path / "rock.h5"


@pytest.mark.parametrize("number", [0, 1, 2, 7])
def test_cubes_of_all_images_are_the_same_rock(images, number):
    settings = NetworkSettings(subvolume_um=70)
    lr, sr = (
        read_cube(images / f"{name}.h5", settings, Place(number, 3, **CUBES), EXTRACTION)
        for name in ("lr", "sr")
    )
    assert lr.labels.shape == (8, 8, 8)  # 64 µm: whole LR voxels
    np.testing.assert_array_equal(sr.labels[::4, ::4, ::4], lr.labels)


def test_without_a_size_the_finest_image_decides_for_all(images):
    settings = NetworkSettings(max_voxels=40**3)
    cube = read_cube(images / "lr.h5", settings, Place(**CUBES), EXTRACTION)
    assert cube.labels.shape == (10, 10, 10)


def test_the_coarsest_image_has_eight_voxels_however_few_the_finest_may_have(images):
    settings = NetworkSettings(max_voxels=8**3)
    cube = read_cube(images / "lr.h5", settings, Place(**CUBES), EXTRACTION)
    assert cube.labels.shape == (8, 8, 8)


def test_cubes_that_are_drawn_depend_on_the_seed_and_the_number_alone(images):
    settings = NetworkSettings(subvolume_um=64)

    def corner(number: int, seed: int) -> int:
        place = Place(number, seed, **CUBES)
        return int(read_cube(images / "lr.h5", settings, place, EXTRACTION).labels[0, 0, 0])

    assert corner(1, 0) == corner(1, 0)
    assert len({corner(number, seed) for number in (1, 2, 3) for seed in (0, 1)}) > 3


def test_too_large_for_the_memory_names_what_fits(images):
    settings = NetworkSettings(subvolume_um=128)
    memory_mb = EXTRACTION.memory(50**3) / 2**20
    with pytest.raises(InputError, match=r"64³.*largest cube that fits is 100 µm \(50³ voxels\)"):
        read_cube(images / "sr.h5", settings, Place(**CUBES), EXTRACTION, memory_mb)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"subvolume_um": 200}, "at most 128 µm"), ({"subvolume_um": 20}, "at least 8 voxels")],
)
def test_a_cube_that_cannot_be_is_refused(images, settings, message):
    with pytest.raises(InputError, match=message):
        read_cube(images / "lr.h5", NetworkSettings(**settings), Place(**CUBES), EXTRACTION)


def test_cubes_keep_inside_a_core(tmp_path):
    _, y, x = np.indices((40, 40, 40))
    core = np.where(np.hypot(y - 19.5, x - 19.5) < 20, 0, OUTSIDE).astype(np.uint8)
    write_volume(tmp_path / "core.h5", core, (1.0,) * 3, phases=PHASES)
    for number in range(6):
        cube = read_cube(
            tmp_path / "core.h5", NetworkSettings(subvolume_um=16), Place(number), EXTRACTION
        )
        assert (cube.labels == 0).all()
    with pytest.raises(InputError, match="outside the rock"):
        read_cube(tmp_path / "core.h5", NetworkSettings(subvolume_um=36), Place(), EXTRACTION)


def test_the_chain_of_jobs_makes_one_set_of_tables(rock, tmp_path):
    media = {"pore": {"pore": 1.0}, "pore and clay": {"pore": 1.0, "clay": 0.1}}
    settings = NetworkSettings(subvolume_um=40, subvolumes=2, transport=media)
    for image in ("lr", "sr"):
        properties, transports = [], []
        for number in range(2):
            folder = tmp_path / image / f"subvolume{number}"
            properties.append(folder / "properties.csv")
            transports.append(folder / "transport-x.csv")
            network(rock, properties[-1], settings=settings, place=Place(number))
            transport(rock, transports[-1], axis="x", settings=settings, place=Place(number))
        gather(properties, transports, tmp_path / image / "properties.csv")
    found = read_table(tmp_path / "sr" / "properties.csv")
    assert list(found.columns) == [*COLUMNS, "spread", "subvolumes"]
    assert (found["subvolumes"] == 2).all()
    single = [read_table(path).set_index(["property", "axis"])["value"] for path in properties]
    value = found.set_index(["property", "axis"])["value"]
    assert value["porosity", ""] == pytest.approx(np.mean([s["porosity", ""] for s in single]))
    assert ("tortuosity_factor (pore and clay)", "x") in value.index
    assert found["method"].str.contains(r"\d").all()
    pores = read_table(tmp_path / "sr" / "pores.csv")
    assert value["pores", ""] == len(pores) / 2
    assert set(pores["subvolume"]) == {0, 1}
    compare(tmp_path / "lr/properties.csv", tmp_path / "sr/properties.csv", tmp_path / "change.csv")
    change = pd.read_csv(tmp_path / "change.csv")
    assert (change["difference"].dropna() == 0).all()
    assert (tmp_path / "sr/subvolume0/network.png").stat().st_size > 1000


@pytest.mark.parametrize("label", [0, 1])
def test_no_pore_and_nothing_but_pore_are_results(tmp_path, label):
    write_volume(
        tmp_path / "one.h5", np.full((12,) * 3, label, np.uint8), (1.0,) * 3, phases=PHASES
    )
    out = tmp_path / "s" / "properties.csv"
    network(tmp_path / "one.h5", out, settings=NetworkSettings())
    transport(tmp_path / "one.h5", tmp_path / "t.csv", axis="z", settings=NetworkSettings())
    gather([out], [tmp_path / "t.csv"], tmp_path / "all.csv")
    value = read_table(tmp_path / "all.csv").set_index(["property", "axis"])["value"]
    assert value["percolates", "z"] == 1 - label
    assert (value["permeability", "z"] > 0) == (label == 0)
    assert value["tortuosity_factor (pore)", "z"] == (np.inf if label else pytest.approx(1))


def test_an_axis_is_x_y_or_z(rock, tmp_path):
    with pytest.raises(InputError, match=r"'w'.*'z', 'y', 'x'"):
        transport(rock, tmp_path / "t.csv", axis="w", settings=NetworkSettings())


def test_media_conduct():
    with pytest.raises(InputError, match="above 0"):
        NetworkSettings.read({"transport": {"pore": {"pore": 0}}}, "network")


def test_the_command_reads_any_volume(tmp_path):
    noise = ndimage.gaussian_filter(np.random.default_rng(4).random((24, 24, 24)), 2)
    tifffile.imwrite(tmp_path / "rock.tif", (noise > np.median(noise)).astype(np.uint8) * 255)
    arguments = ["network", str(tmp_path / "rock.tif"), "--pore", "255", "--voxel-size", "3"]
    done = CliRunner().invoke(app, [*arguments, "--diffusion", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "permeability" in done.output
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"properties.csv", "pores.csv", "throats.csv", "network.vtp", "network.npz"} <= written
    found = read_table(tmp_path / "out/properties.csv").set_index(["property", "axis"])["value"]
    assert found["edge", ""] == 72
    assert found["tortuosity_factor (pore)", "x"] > 1
    wrong = CliRunner().invoke(
        app, [*arguments[:3], "7", *arguments[4:], "--out", str(tmp_path / "b")]
    )
    assert "the labels are [0, 255]" in wrong.output
    tifffile.imwrite(tmp_path / "grey.tif", noise.astype(np.float32))
    with pytest.raises(InputError, match="Segment it"):
        CliRunner().invoke(
            app, ["network", str(tmp_path / "grey.tif"), *arguments[2:], "--out", str(tmp_path)],
            catch_exceptions=False,
        )  # fmt: skip


def test_the_command_takes_the_pore_that_the_file_names(tmp_path):
    """Of quartz and pore, in this order, a tube of pore along z."""
    labels = np.zeros((20, 20, 20), np.uint8)
    labels[:, 7:13, 7:13] = 1
    phases = Phases.of(["quartz", "pore"], "pore")
    write_volume(tmp_path / "rock.h5", labels, (2.0, 2.0, 2.0), phases=phases)
    arguments = ["network", str(tmp_path / "rock.h5"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    found = read_table(tmp_path / "out/properties.csv").set_index(["property", "axis"])["value"]
    assert found["connected_porosity", "z"] == pytest.approx(36 / 400)
