"""Chunks written and read past HDF5's filters are what HDF5's filters would make of them."""

from __future__ import annotations

import zlib
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from octolith.errors import InputError
from octolith.volumes import create_volume, open_volume, write_volume
from octolith.volumes.deflate import DeflatedArray, readable

SHAPE = (13, 9, 21)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", ">u2", "i4", "f4", ">f8"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_files_of_h5py_are_read_alike(tmp_path, rng, dtype, shuffle):
    array = rng.integers(0, 100, SHAPE).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset(
            "scan", data=array, chunks=(4, 5, 6), compression="gzip", shuffle=shuffle
        )
        assert readable(data)
    with open_volume(tmp_path / "a.h5") as volume:
        np.testing.assert_array_equal(volume.read(), array)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
def test_files_of_ours_are_read_by_h5py(tmp_path, rng, dtype):
    array = rng.integers(0, 100, SHAPE).astype(dtype)
    with create_volume(tmp_path / "a.h5", SHAPE, dtype, (1, 1, 1), chunk=4, threads=3) as writer:
        writer[:] = array
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["volume"][:], array)


@pytest.mark.parametrize(
    "options", [{}, {"compression": "lzf"}, {"compression": "gzip", "fletcher32": True}], ids=str
)
def test_other_filters_are_left_to_hdf5(tmp_path, rng, options):
    array = rng.integers(0, 100, SHAPE)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert not readable(file.create_dataset("scan", data=array, chunks=(4, 5, 6), **options))
    with open_volume(tmp_path / "a.h5") as volume:
        np.testing.assert_array_equal(volume[3:11, :, 5], array[3:11, :, 5])


INDEX = st.tuples(*(st.integers(0, n - 1) | st.slices(n) for n in SHAPE)).filter(
    lambda index: all(isinstance(p, int) or (p.step or 1) > 0 for p in index)
)


@given(index=INDEX)
def test_any_window(index, tmp_path_factory):
    array = np.random.default_rng(7).integers(0, 9, SHAPE, dtype=np.uint16)
    path = tmp_path_factory.getbasetemp() / "any-window.h5"
    if not path.exists():
        write_volume(path, array, (1, 1, 1))
    with open_volume(path) as volume:
        np.testing.assert_array_equal(volume[index], array[index])


@given(start=st.integers(0, 12), stop=st.integers(0, 13), chunk=st.integers(1, 8))
def test_windows_written_in_any_place(start, stop, chunk, tmp_path_factory):
    """Whole chunks and parts of chunks take different ways; the file is the same."""
    path = tmp_path_factory.getbasetemp() / "any-place.h5"
    expected = np.zeros(SHAPE, np.uint8)
    stop = max(start, stop)
    expected[start:stop, 2:, :] = 7
    with create_volume(path, SHAPE, "u1", (1, 1, 1), chunk=chunk) as writer:
        writer[start:stop, 2:, :] = expected[start:stop, 2:, :]
    with open_volume(path) as volume:
        np.testing.assert_array_equal(volume.read(), expected)


def test_what_nobody_wrote_is_zero(tmp_path):
    with create_volume(tmp_path / "a.h5", SHAPE, "u1", (1, 1, 1), chunk=4) as writer:
        writer[4:8] = np.ones((4, 9, 21), np.uint8)
    with open_volume(tmp_path / "a.h5") as volume:
        assert volume[:, 0, 0].tolist() == [0] * 4 + [1] * 4 + [0] * 5


@pytest.mark.parametrize("written", [0, 4])
def test_chunks_that_another_program_left_out_have_the_fill_value(tmp_path, written):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "scan", SHAPE, "u2", chunks=(4, 5, 6), compression="gzip", fillvalue=9
        )
        data[:written] = 1
    with open_volume(path) as volume:
        assert volume[:, 8, 20].tolist() == [1] * written + [9] * (13 - written)


@pytest.mark.parametrize(("shuffle", "skipped"), [(False, 1), (True, 1), (True, 2), (True, 3)])
def test_chunks_stored_without_a_filter(tmp_path, rng, shuffle, skipped):
    """Bit k of the mask says that filter k was skipped, as it is where gzip fails."""
    path, corner = tmp_path / "a.h5", (12, 5, 18)
    chunk = rng.integers(0, 65536, (4, 5, 6), dtype=np.uint16)
    data = chunk.tobytes()
    if shuffle and not skipped & 1:
        data = np.frombuffer(data, np.uint8).reshape(-1, 2).T.tobytes()
    if shuffle and not skipped & 2:
        data = zlib.compress(data)
    with h5py.File(path, "w") as file:
        scan = file.create_dataset(
            "scan", SHAPE, "u2", chunks=chunk.shape, compression="gzip", shuffle=shuffle
        )
        scan.id.write_direct_chunk(corner, data, filter_mask=skipped)
    with open_volume(path) as volume:
        np.testing.assert_array_equal(volume[12:, 5:, 18:], chunk[:1, :4, :3])


def test_chunks_are_not_looked_up_before_they_are_read(tmp_path, rng):
    """HDF5 goes through all chunks to say where one is: a volume would take their square."""
    array = rng.integers(0, 100, SHAPE, dtype=np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        data = file.create_dataset("scan", data=array, chunks=(4, 5, 6), compression="gzip")
        known = {
            name: getattr(data, name)
            for name in ("shape", "dtype", "chunks", "shuffle", "fillvalue")
        }
        only_reads = SimpleNamespace(read_direct_chunk=data.id.read_direct_chunk)
        found = DeflatedArray(tmp_path / "a.h5", SimpleNamespace(id=only_reads, **known))
        np.testing.assert_array_equal(found[:, :, :], array)


def test_a_damaged_chunk_is_named(tmp_path, rng):
    path = tmp_path / "a.h5"
    write_volume(path, rng.integers(0, 99, (128, 64, 64), dtype=np.uint8), (1, 1, 1))
    with h5py.File(path) as file:
        place = file["volume"].id.get_chunk_info_by_coord((64, 0, 0)).byte_offset
    content = bytearray(path.read_bytes())
    content[place + 1000 : place + 1100] = bytes(100)
    path.write_bytes(content)
    with open_volume(path) as volume:
        assert volume[:64].max() == 98
        with pytest.raises(InputError, match=r"a.h5: found a damaged chunk at \(64, 0, 0\)"):
            volume.read()


@pytest.mark.parametrize("dtype", ["u1", "f4"])
def test_a_chunk_that_is_too_short_is_named(tmp_path, dtype):
    path = tmp_path / "a.h5"
    write_volume(path, np.ones((128, 64, 64), dtype), (1, 1, 1))
    with h5py.File(path, "a") as file:
        file["volume"].id.write_direct_chunk((64, 0, 0), zlib.compress(bytes(100)))
    with (
        open_volume(path) as volume,
        pytest.raises(InputError, match=r"a damaged chunk at \(64, 0, 0\) \(100 of \d+ bytes\)"),
    ):
        volume.read()


def test_a_damaged_index_of_the_chunks(tmp_path):
    path = tmp_path / "a.h5"
    write_volume(path, np.zeros(SHAPE, np.uint8), (1, 1, 1))
    head, tree, tail = path.read_bytes().rpartition(b"TREE")
    path.write_bytes(head + b"?" * len(tree) + tail)
    with pytest.raises(InputError, match=r"a.h5: found a broken HDF5 file \(.*B-tree signature"):
        open_volume(path)
