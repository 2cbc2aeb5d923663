"""What is exported opens elsewhere: every format is read back by a program that is not ours."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import ome_zarr_models
import pytest
import skimage.io
import tifffile
import vtk
import zarr
from ome_zarr.io import parse_url
from ome_zarr.reader import Reader
from vtk.util.numpy_support import vtk_to_numpy

from octolith.errors import InputError, OctolithError
from octolith.steps.export import export
from octolith.volumes import OUTSIDE, open_volume, write_volume
from octolith.volumes.export import ome_zarr, tiff
from octolith.volumes.export.ome_zarr import pyramid_shapes

VOXEL = (4.0, 2.5, 0.4375)
SHAPE = (60, 33, 97)


@pytest.fixture
def labels(tmp_path, rng, berea) -> tuple[Path, np.ndarray]:
    array = rng.integers(0, 4, SHAPE, dtype=np.uint8)
    array[:, :3] = OUTSIDE
    write_volume(tmp_path / "rock.h5", array, VOXEL, phases=berea)
    return tmp_path / "rock.h5", array


def grey_volume(folder: Path, rng, dtype: str) -> tuple[Path, np.ndarray]:
    array = rng.integers(0, 200, SHAPE).astype(dtype)
    write_volume(folder / "rock.h5", array, VOXEL)
    return folder / "rock.h5", array


@pytest.fixture(params=["uint8", "int16", "uint16", "float32"])
def grey(request, tmp_path, rng) -> tuple[Path, np.ndarray]:
    return grey_volume(tmp_path, rng, request.param)


def exported(source: Path, name: str, form) -> Path:
    out = source.parent / "export" / name
    export(source, out, form)
    return out


def ours(path: Path, **options) -> np.ndarray:
    """What Octolith itself reads; the voxel size must have survived."""
    with open_volume(path, **options) as volume:
        np.testing.assert_allclose(volume.voxel_size_um, VOXEL)
        return volume.read()


# ---- TIFF ------------------------------------------------------------------------------------


@pytest.mark.parametrize("big", [False, True])
def test_tiff(labels, monkeypatch, big):
    source, array = labels
    monkeypatch.setattr(tiff, "CLASSIC_UP_TO", 1000 if big else 10**9)
    out = exported(source, "rock.tif", "tiff")
    np.testing.assert_array_equal(skimage.io.imread(out), array)
    with tifffile.TiffFile(out) as tif:
        assert tif.is_bigtiff == big
        assert tif.series[0].axes == "ZYX"
        tags = tif.pages[0].tags
        assert tags["ResolutionUnit"].value == 3
        for tag, edge in (("XResolution", 0.4375), ("YResolution", 2.5)):
            pixels, centimetres = tags[tag].value
            assert centimetres / pixels * 1e4 == pytest.approx(edge)
        described = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]
        assert described["Description"] == "Labels: 0 pore, 1 quartz, 2 feldspar, 3 clay."
        for axis, edge in zip("ZYX", VOXEL, strict=True):
            assert described["Pixels"][f"PhysicalSize{axis}"] == edge
            assert described["Pixels"][f"PhysicalSize{axis}Unit"] == "µm"
    np.testing.assert_array_equal(ours(out), array)


def test_grey_tiff(grey):
    source, array = grey
    out = exported(source, "rock.tif", "tiff")
    np.testing.assert_array_equal(skimage.io.imread(out), array)
    np.testing.assert_array_equal(ours(out), array)


# ---- VTK's readers ---------------------------------------------------------------------------


def read_by_vtk(reader, path: Path) -> tuple[np.ndarray, tuple[float, ...], vtk.vtkImageData]:
    """Array, spacing (x, y, z) and the image; any complaint of VTK is an error."""
    complaints: list[str] = []
    reader.AddObserver("ErrorEvent", lambda *_: complaints.append("error"))
    reader.SetFileName(str(path))
    reader.Update()
    assert not complaints
    image = reader.GetOutput()
    scalars = image.GetCellData().GetScalars() or image.GetPointData().GetScalars()
    return vtk_to_numpy(scalars).reshape(SHAPE), image.GetSpacing(), image


def test_raw_with_both_headers(grey):
    source, array = grey
    out = exported(source, "rock.raw", "raw")
    np.testing.assert_array_equal(np.fromfile(out, array.dtype).reshape(SHAPE), array)
    nrrd, spacing, _ = read_by_vtk(vtk.vtkNrrdReader(), out.with_suffix(".nhdr"))
    np.testing.assert_array_equal(nrrd, array)
    assert spacing == pytest.approx(VOXEL[::-1])
    meta, spacing, _ = read_by_vtk(vtk.vtkMetaImageReader(), out.with_suffix(".mhd"))
    np.testing.assert_array_equal(meta, array)
    assert spacing == pytest.approx([edge / 1000 for edge in VOXEL[::-1]])


def test_nrrd_header_names_the_unit_and_the_phases(labels):
    source, _ = labels
    header = exported(source, "rock.raw", "raw").with_suffix(".nhdr").read_text()
    assert 'space units: "um" "um" "um"' in header
    assert "label 2:=feldspar" in header
    assert "data file: rock.raw" in header


def test_vti(grey):
    source, array = grey
    out = exported(source, "rock.vti", "vti")
    found, spacing, image = read_by_vtk(vtk.vtkXMLImageDataReader(), out)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype
    assert spacing == VOXEL[::-1]
    assert image.GetCellData().GetScalars().GetName() == "grey"


def test_vti_of_labels(labels):
    source, array = labels
    found, _, image = read_by_vtk(vtk.vtkXMLImageDataReader(), exported(source, "rock.vti", "vti"))
    np.testing.assert_array_equal(found, array)
    assert image.GetCellData().GetScalars().GetName() == "phase"


# ---- OME-Zarr --------------------------------------------------------------------------------


@pytest.fixture
def small_shards(monkeypatch):
    """Several shards and levels from a small volume."""
    monkeypatch.setattr(ome_zarr, "CHUNK", 16)
    monkeypatch.setattr(ome_zarr, "SHARD", 32)
    monkeypatch.setattr(ome_zarr, "SMALLEST_LEVEL", 40)


class Watched:
    """An array that remembers how much of it was read at a time."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.read = array, []
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, index):
        self.read.append(self.array[index].size)
        return self.array[index]


def opened_as_napari_does(path: Path) -> dict[str, object]:
    """ome-zarr-py's nodes, by the name of their group: what napari's plugin is built on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {node.zarr.basename() or "root": node for node in Reader(parse_url(path))()}


def test_ome_zarr_labels(labels, small_shards, berea):
    source, array = labels
    out = exported(source, "rock.ome.zarr", "ome-zarr")
    levels = [array, array[::2, ::2, ::2], array[::4, ::4, ::4]]

    for group in (zarr.open_group(out, mode="r"), zarr.open_group(out / "labels/phases", mode="r")):
        image = group.attrs["ome"]["multiscales"][0]
        assert [axis["unit"] for axis in image["axes"]] == ["micrometer"] * 3
        for dataset, level in zip(image["datasets"], levels, strict=True):
            stored = group[dataset["path"]]
            np.testing.assert_array_equal(stored[:], level)
            scale, translation = dataset["coordinateTransformations"]
            factor = len(array) / len(level)
            np.testing.assert_allclose(scale["scale"], np.array(VOXEL) * round(factor))
            assert translation["translation"] == [0, 0, 0]

    finest = zarr.open_array(out / "labels/phases/0", mode="r")
    assert (finest.chunks, finest.shards) == ((16, 16, 16), (32, 32, 32))

    nodes = opened_as_napari_does(out)
    assert {"labels", "phases"} <= set(nodes)
    phases = nodes["phases"]
    assert phases.metadata["name"] == "phases"
    assert [data.shape for data in phases.data] == [level.shape for level in levels]
    np.testing.assert_array_equal(np.asarray(phases.data[1]), levels[1])
    assert set(phases.metadata["color"]) == {0, 1, 2, 3, OUTSIDE}
    assert phases.metadata["properties"][2]["name"] == "feldspar"
    np.testing.assert_array_equal(ours(out), array)


def test_ome_zarr_labels_keep_the_specification(labels, small_shards):
    source, _ = labels
    out = exported(source, "rock.ome.zarr", "ome-zarr")
    image = ome_zarr_models.open_ome_zarr(zarr.open_group(out, mode="r"), version="0.5")
    assert isinstance(image, ome_zarr_models.v05.Image)
    label = ome_zarr_models.v05.ImageLabel.from_zarr(zarr.open_group(out / "labels/phases"))
    assert [c.label_value for c in label.ome_attributes.image_label.colors] == [0, 1, 2, 3, OUTSIDE]


def test_ome_zarr_grey(grey, small_shards):
    source, array = grey
    out = exported(source, "rock.ome.zarr", "ome-zarr")
    image = ome_zarr_models.v05.Image.from_zarr(zarr.open_group(out, mode="r"))
    first, second, _ = image.ome_attributes.multiscales[0].datasets
    assert first.coordinateTransformations[0].scale == list(VOXEL)
    assert second.coordinateTransformations[1].translation == [edge / 2 for edge in VOXEL]
    (node,) = opened_as_napari_does(out).values()
    np.testing.assert_array_equal(np.asarray(node.data[0]), array)
    mean = array[:2, :2, 94:96].astype(float).mean()
    assert float(np.asarray(node.data[1])[0, 0, 47]) == pytest.approx(mean, abs=0.5)
    odd_edge = array[:2, :2, 96].astype(float).mean()
    assert float(np.asarray(node.data[1])[0, 0, 48]) == pytest.approx(odd_edge, abs=0.5)
    np.testing.assert_array_equal(ours(out), array)


def test_halving_labels_keeps_their_fractions(tmp_path, rng, berea, small_shards):
    """A majority would make the rare phase vanish."""
    array = (rng.random((64, 64, 64)) < 0.1).astype(np.uint8)
    write_volume(tmp_path / "rock.h5", array, VOXEL, phases=berea)
    out = exported(tmp_path / "rock.h5", "rock.ome.zarr", "ome-zarr")
    coarsest = zarr.open_array(out / "labels/phases/1", mode="r")[:]
    assert coarsest.mean() == pytest.approx(array.mean(), rel=0.05)


def test_no_more_than_a_shard_is_read_at_a_time(rng, small_shards):
    finer = Watched(rng.integers(0, 4, (64, 61, 9), dtype=np.uint8))
    halved = ome_zarr._halved(finer, (slice(0, 32), slice(0, 31), slice(0, 5)), labels=True)
    np.testing.assert_array_equal(halved, finer.array[::2, ::2, ::2])
    assert max(finer.read) <= 32**3


def test_a_thin_volume_has_thin_levels():
    assert list(pyramid_shapes((1, 1024, 256))) == [(1, 1024, 256), (1, 512, 128), (1, 256, 64)]


# ---- what goes wrong -------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["tiff", "raw", "vti", "ome-zarr"])
def test_an_export_replaces_an_older_one_and_leaves_nothing_else(labels, form):
    source, _ = labels
    out = exported(source, "rock.out", form)
    again = exported(source, "rock.out", form)
    assert out == again
    headers = {"rock.nhdr", "rock.mhd"} if form == "raw" else set()
    assert {path.name for path in out.parent.iterdir()} == {"rock.out"} | headers


def test_the_volume_itself_is_not_overwritten(labels):
    source, array = labels
    before = exported(source, "rock.ome.tif", "tiff")
    with pytest.raises(InputError, match="found the volume itself, expected another file"):
        export(before, before.parent / ".." / "export" / before.name, "tiff")
    np.testing.assert_array_equal(ours(before), array)


def test_no_voxel_size(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(InputError, match="found no voxel size, expected the edges of a voxel"):
        export(tmp_path / "a.npy", tmp_path / "a.tif", "tiff")


def test_a_type_that_the_formats_do_not_know(tmp_path):
    write_volume(tmp_path / "a.h5", np.zeros((4, 4, 4), np.int64), VOXEL)
    with pytest.raises(InputError, match="found int64 voxels, expected one of"):
        export(tmp_path / "a.h5", tmp_path / "a.tif", "tiff")


@pytest.mark.parametrize("form", ["tiff", "raw", "vti", "ome-zarr"])
def test_a_full_disk(tmp_path, tiny_disk, rng, berea, form):
    """Labels without structure defeat the compression; raw and VTI are refused beforehand."""
    array = rng.integers(0, 200, (64, 192, 192), dtype=np.uint8)
    write_volume(tmp_path / "rock.h5", array, VOXEL, phases=berea)
    with pytest.raises(OctolithError, match=r"is full; nothing half-written|1\.0 MiB free"):
        export(tmp_path / "rock.h5", tiny_disk / "rock.out", form)
    assert not list(tiny_disk.iterdir())
