"""Every format gives the same voxels, the same voxel size, and reads only what is asked for."""

from __future__ import annotations

import tracemalloc

import h5py
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from octolith.errors import InputError
from octolith.volumes import open_images, open_volume, parse_crop, parse_reader, write_images
from octolith.volumes import slices as slices_module

CUBE = (3.5, 3.5, 3.5)


@pytest.fixture
def grey(rng) -> np.ndarray:
    return rng.integers(0, 65536, (11, 13, 17), dtype=np.uint16)


def same(path, array, size=None, **options):
    """The volume at ``path`` is ``array``, whole and in parts."""
    with open_volume(path, **options) as volume:
        assert (volume.shape, volume.dtype) == (array.shape, array.dtype.newbyteorder("="))
        if size is None:
            assert volume.voxel_size_um is None
        else:
            np.testing.assert_allclose(volume.voxel_size_um, size, rtol=1e-5)
        np.testing.assert_array_equal(volume[2:5, 3:, :4], array[2:5, 3:, :4])
        np.testing.assert_array_equal(volume[-1, ::2], array[-1, ::2])
        np.testing.assert_array_equal(volume.read(), array)
        return volume.format


PLAIN = {"photometric": "minisblack"}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "lzw"},
        {"compression": "zlib", "predictor": True},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"tile": (16, 16), "compression": "zlib"},
        {"metadata": None},
        {"volumetric": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["u1", "u2", "i1", "f4"])
def test_tiff(tmp_path, grey, options, dtype):
    array = grey.astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", array, **PLAIN, **options)
    same(tmp_path / "a.tif", array)


def test_bilevel_tiff(tmp_path, rng):
    array = rng.random((11, 13, 17)) < 0.2
    tifffile.imwrite(tmp_path / "a.tif", array, **PLAIN)
    same(tmp_path / "a.tif", array.astype(np.uint8))


@pytest.mark.parametrize("suffix", ["npy", "h5", "zarr", "raw", "png"])
def test_bits_are_read_as_numbers(tmp_path, rng, suffix):
    bits = rng.random((11, 13, 17)) < 0.2
    path, options = tmp_path / f"a.{suffix}", {}
    if suffix == "npy":
        np.save(path, bits)
    elif suffix == "h5":
        with h5py.File(path, "w") as file:
            file.create_dataset("scan", data=bits, compression="gzip")
    elif suffix == "zarr":
        zarr.create_array(path, data=bits)
    elif suffix == "raw":
        path.write_bytes(bits.tobytes())
        options = parse_reader("shape=11x13x17 dtype=bool")
    else:
        path = tmp_path
        for number, plane in enumerate(bits):
            Image.fromarray(plane).save(tmp_path / f"{number}.png", bits=1)
    same(path, bits.astype(np.uint8), **options)


def test_stack_written_page_by_page(tmp_path, grey):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for plane in grey:
            tif.write(plane, metadata=None, contiguous=False, compression="zlib", **PLAIN)
    same(tmp_path / "a.tif", grey)


@pytest.mark.parametrize(
    ("unit", "length"),
    [("um", 3.5), ("micron", 3.5), (r"\u00B5m", 3.5), ("nm", 3500), ("mm", 0.0035),
     ("inch", 3.5 / 25400)],
)  # fmt: skip
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_imagej_tiff_and_its_units(tmp_path, grey, unit, length, compression):
    tifffile.imwrite(
        tmp_path / "a.tif", grey, imagej=True, resolution=(1 / length, 1 / length),
        metadata={"spacing": length, "unit": unit, "axes": "ZYX"}, compression=compression,
    )  # fmt: skip
    assert same(tmp_path / "a.tif", grey, CUBE).startswith("ImageJ TIFF")


def test_imagej_spacing_is_one_unit_unless_said(tmp_path, grey):
    tifffile.imwrite(
        tmp_path / "a.tif", grey, imagej=True, resolution=(2, 2), metadata={"unit": "um"}
    )
    same(tmp_path / "a.tif", grey, (1.0, 0.5, 0.5))


def test_imagej_spacing_of_a_stack_under_one_page(tmp_path, grey):
    """So ImageJ writes what is larger than 4 GB."""
    tifffile.imwrite(
        tmp_path / "a.tif", grey, imagej=True, truncate=True, resolution=(2, 2),
        metadata={"spacing": 1.5, "unit": "um", "axes": "ZYX"},
    )  # fmt: skip
    assert same(tmp_path / "a.tif", grey, (1.5, 0.5, 0.5)).startswith("ImageJ TIFF, 1 page")


def test_imagej_pixels_are_no_length(tmp_path, grey):
    tifffile.imwrite(tmp_path / "a.tif", grey, imagej=True, resolution=(2, 2))
    same(tmp_path / "a.tif", grey)


@pytest.mark.parametrize(
    ("unit", "length"), [(None, 3.5), ("µm", 3.5), ("nm", 3500), ("mm", 0.0035)]
)
@pytest.mark.parametrize("bigtiff", [False, True])
def test_ome_tiff_and_its_units(tmp_path, grey, unit, length, bigtiff):
    metadata = {"axes": "ZYX"}
    for axis in "XYZ":
        metadata[f"PhysicalSize{axis}"] = length
        if unit:
            metadata[f"PhysicalSize{axis}Unit"] = unit
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, grey, metadata=metadata, bigtiff=bigtiff)
    assert same(path, grey, CUBE).startswith("BigOME-TIFF" if bigtiff else "OME-TIFF")


@pytest.mark.parametrize(("unit", "length_um"), [("INCH", 25400), ("CENTIMETER", 10000)])
def test_resolution_tags_of_a_plain_tiff_are_taken_for_cubes(tmp_path, grey, unit, length_um):
    per_unit = length_um / 3.5
    tifffile.imwrite(
        tmp_path / "a.tif", grey, resolution=(per_unit, per_unit), resolutionunit=unit, **PLAIN
    )
    same(tmp_path / "a.tif", grey, CUBE)


@pytest.mark.parametrize("dpi", [72, 96, 300])
def test_a_screens_or_printers_resolution_is_not_a_voxel_size(tmp_path, grey, dpi):
    tifffile.imwrite(
        tmp_path / "a.tif", grey, resolution=(dpi, dpi), resolutionunit="INCH", **PLAIN
    )
    same(tmp_path / "a.tif", grey)


def test_only_the_pages_asked_for_are_decoded(tmp_path, grey, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", grey, compression="zlib", **PLAIN)
    decoded = []
    original = tifffile.TIFF.DECOMPRESSORS[8]
    monkeypatch.setitem(
        tifffile.TIFF.DECOMPRESSORS._codecs, 8,
        lambda *a, **k: decoded.append(1) or original(*a, **k),
    )  # fmt: skip
    with open_volume(tmp_path / "a.tif") as volume:
        assert not decoded
        np.testing.assert_array_equal(volume[3:5], grey[3:5])
    assert len(decoded) == 2


@pytest.mark.parametrize("suffix", ["tif", "png", "npy"])
def test_a_folder_of_slices_counted_as_people_count(tmp_path, grey, suffix):
    for number, plane in enumerate(grey):
        path = tmp_path / f"slice_{number}.{suffix}"
        if suffix == "tif":
            tifffile.imwrite(path, plane, imagej=True, resolution=(1 / 3.5, 1 / 3.5),
                             metadata={"unit": "um"})  # fmt: skip
        elif suffix == "png":
            Image.fromarray(plane).save(path)
        else:
            np.save(path, plane)
    (tmp_path / "notes.txt").write_text("scanned on a Tuesday")
    size = CUBE if suffix == "tif" else None
    same(tmp_path, grey, size)
    same(f"{tmp_path}/slice_*.{suffix}", grey, size)


def test_slices_are_opened_when_they_are_asked_for(tmp_path, grey, monkeypatch):
    for number, plane in enumerate(grey):
        np.save(tmp_path / f"{number}.npy", plane)
    opened = []
    with open_volume(tmp_path) as volume:
        original = slices_module.open_image
        monkeypatch.setattr(
            slices_module, "open_image", lambda file: opened.append(file.name) or original(file)
        )
        np.testing.assert_array_equal(volume[9:11, 2], grey[9:11, 2])
    assert opened == ["9.npy", "10.npy"]


def test_a_missing_slice_is_noticed(tmp_path, grey, caplog):
    for number in (1, 2, 3, 5, 6):
        np.save(tmp_path / f"{number:04}.npy", grey[number])
    open_volume(tmp_path).close()
    assert "skip after 0003.npy" in caplog.text


@pytest.mark.parametrize("name", ["volume", "entry/data/scan"])
def test_hdf5_of_other_programs(tmp_path, grey, name):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset(name, data=grey[None, :, :, :, None].astype(">u2"))
        file[name].attrs["element_size_um"] = CUBE
        file[name].attrs["phases"] = file[name].attrs["provenance"] = "of no concern"
        file["spectrum"] = np.zeros(5)
    same(tmp_path / "a.h5", grey, CUBE)


def test_hdf5_with_several_volumes_wants_a_name(tmp_path, grey):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw/scan"], file["raw/flat"] = grey, grey[:2]
    with pytest.raises(InputError, match=r"raw/flat.*raw/scan.*Say dataset=NAME"):
        open_volume(tmp_path / "a.h5")
    same(tmp_path / "a.h5", grey, dataset="/raw/scan")
    with pytest.raises(InputError, match=r"no dataset 'raw/scn', expected one of"):
        open_volume(tmp_path / "a.h5", dataset="raw/scn")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr(tmp_path, grey, version):
    kept = zarr.create_array(
        tmp_path / "a.zarr", shape=grey.shape, dtype=grey.dtype, chunks=(4, 4, 4),
        zarr_format=version,
    )  # fmt: skip
    kept[:] = grey
    same(tmp_path / "a.zarr", grey)
    same(tmp_path, grey, dataset="a.zarr") if (tmp_path / "zarr.json").exists() else None


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("axes", ["zyx", "tczyx"])
def test_ome_zarr_and_its_scale(tmp_path, grey, version, axes):
    lead = (1,) * (len(axes) - 3)
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    for level, data in enumerate((grey, grey[::2, ::2, ::2])):
        array = group.create_array(str(level), shape=lead + data.shape, dtype=data.dtype)
        array[:] = data.reshape(lead + data.shape)
    image = {
        "axes": [
            {"name": name, "type": "space", "unit": "nanometer"} if name in "zyx"
            else {"name": name, "type": {"t": "time", "c": "channel"}[name]}
            for name in axes
        ],
        "datasets": [
            {"path": str(level), "coordinateTransformations": [
                {"type": "scale", "scale": [1.0] * len(lead) + [1750.0 * 2**level] * 3}]}
            for level in range(2)
        ],
        "coordinateTransformations": [{"type": "scale", "scale": [1.0] * len(lead) + [2.0] * 3}],
    }  # fmt: skip
    group.attrs.update(
        {"multiscales": [image]} if version == 2 else {"ome": {"multiscales": [image]}}
    )
    assert same(tmp_path / "a.zarr", grey, CUBE).startswith("OME-Zarr")
    same(tmp_path / "a.zarr", grey[::2, ::2, ::2], dataset="1")


@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "float32"])
@pytest.mark.parametrize("offset", [0, 7])
def test_raw(tmp_path, grey, order, dtype, offset):
    array = grey.astype(dtype)
    stored = array.astype(array.dtype.newbyteorder("<" if order == "little" else ">"))
    (tmp_path / "a.raw").write_bytes(b"h" * offset + stored.tobytes())
    options = parse_reader(f"shape=11x13x17 dtype={dtype} order={order} offset={offset}")
    same(tmp_path / "a.raw", array, **options)


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, grey, order):
    np.save(tmp_path / "a.npy", np.asarray(grey, order=order))
    same(tmp_path / "a.npy", grey)


def test_what_the_caller_knows_of_the_voxel_size_wins(tmp_path, grey):
    np.save(tmp_path / "a.npy", grey)
    same(tmp_path / "a.npy", grey, (2, 2, 2), voxel_size_um=2)
    same(tmp_path / "a.npy", grey, (4, 2, 2), voxel_size_um=(4, 2, 2))


def test_a_crop_is_a_smaller_volume(tmp_path, grey):
    np.save(tmp_path / "a.npy", grey)
    same(tmp_path / "a.npy", grey[2:9, :, 5:], crop="2:9,:,5:")
    with open_volume(tmp_path / "a.npy", crop="2:9,:,5:") as volume:
        assert volume.provenance["crop"] == "2:9,:,5:"


@pytest.mark.parametrize("crop", ["0:12,:,:", "3:3,:,:", ":,:", "a:b,:,:", "-3:,:,:"])
def test_an_impossible_crop_is_refused(crop):
    with pytest.raises(InputError, match="lr_crop"):
        parse_crop(crop, (11, 13, 17))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("shap=1x2x3", "the key 'shap', expected one of .* Did you mean 'shape'"),
        ("shape=1x2", "shape=1x2, expected shape=200x100x100"),
        ("dtype=quick", "dtype=quick, expected uint8"),
        ("order=middle", "order=middle, expected little or big"),
        ("offset=x", "offset=x, expected a number of bytes"),
        ("uint16", "'uint16', expected KEY=VALUE"),
        ("dtype=u1 dtype=u2", "dtype twice"),
    ],
)
def test_reader_options_that_make_no_sense_are_named(text, message):
    with pytest.raises(InputError, match=rf"lr_reader: found {message}"):
        parse_reader(text)


def test_images_from_files_and_globs(tmp_path, rng):
    images = [rng.integers(0, 4, (5 + k, 6), dtype=np.uint8) for k in range(3)]
    for number, image in zip((1, 2, 10), images, strict=True):
        tifffile.imwrite(tmp_path / f"p{number}.tif", image, imagej=True, resolution=(2, 2),
                         metadata={"unit": "um"})  # fmt: skip
    palette = Image.fromarray(images[0]).convert("P")
    palette.putdata(images[0].ravel().tolist())
    palette.save(tmp_path / "q.png")
    found = open_images(f"{tmp_path}/p*.tif")
    assert (found.names, found.pixel_um) == (["p1.tif", "p2.tif", "p10.tif"], 0.5)
    for left, right in zip(found.images, images, strict=True):
        np.testing.assert_array_equal(left, right)
    both = open_images(f"{tmp_path}/q.png; {tmp_path}/p2.tif", pixel_um=0.25)
    np.testing.assert_array_equal(both.images[0], images[0])
    assert (both.names, both.pixel_um) == (["q.png", "p2.tif"], 0.25)
    with pytest.raises(InputError, match=r"p2.tif: found a pixel of 0.5 µm, expected None"):
        open_images(f"{tmp_path}/q.png; {tmp_path}/p2.tif")


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_images_of_bits_are_numbers(tmp_path, rng, suffix):
    bits = rng.random((5, 6)) < 0.5
    path = tmp_path / f"a.{suffix}"
    tifffile.imwrite(path, bits) if suffix == "tif" else Image.fromarray(bits).save(path)
    (image,) = open_images(str(path)).images
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, bits)


def test_mosaics_of_any_size_are_read(tmp_path):
    """Pillow by itself takes an image of more than 179 megapixels for an attack."""
    mosaic = Image.new("L", (60000, 3000))
    mosaic.putpixel((59999, 2999), 7)
    mosaic.save(tmp_path / "a.png", compress_level=1)
    (image,) = open_images(str(tmp_path / "a.png")).images
    assert image.shape == (3000, 60000)
    assert image[-1, -1] == 7


def test_every_page_of_a_stack_is_an_image(tmp_path, grey):
    tifffile.imwrite(tmp_path / "a.tif", grey[:3], **PLAIN)
    found = open_images(str(tmp_path / "a.tif"))
    assert found.names == ["a.tif:0", "a.tif:1", "a.tif:2"]
    np.testing.assert_array_equal(found.images[2], grey[2])


def test_no_images_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"hr\*.tif: found no such file"):
        open_images(f"{tmp_path}/hr*.tif")
    with pytest.raises(InputError, match="found no path"):
        open_images(" ; ")
    write_images(tmp_path / "x.h5", [np.zeros((2, 2))], 1.0, phases=None, names=["a"])
    with pytest.raises(InputError, match="no readable image"):
        open_images(str(tmp_path / "x.h5"))


def test_a_window_of_a_compressed_stack_does_not_keep_its_pages(tmp_path):
    stack = np.zeros((32, 256, 256), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, compression="zlib", **PLAIN)
    with open_volume(tmp_path / "a.tif") as volume:
        tracemalloc.start()
        window = volume[:, :8, :8]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    np.testing.assert_array_equal(window, 0)
    assert peak < stack.nbytes / 4
