"""HDF5's gzip chunks, written and read past HDF5's own filters, which are several times slower.

The bytes on disk are the standard ones (see benchmarks/compression.py for the speeds).
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import h5py
import imagecodecs
import numpy as np

from octolith.errors import InputError


def encode(chunk: np.ndarray) -> bytes:
    """What HDF5's shuffle and gzip filters would make of a chunk.

    zlib-ng is the faster encoder of runs of equal labels, libdeflate of noise.
    """
    if chunk.itemsize == 1:
        return bytes(imagecodecs.zlibng_encode(chunk.tobytes(), 2))
    shuffled = chunk.view(np.uint8).reshape(-1, chunk.itemsize).T
    return bytes(imagecodecs.deflate_encode(shuffled.tobytes(), 1))


def readable(dataset: h5py.Dataset) -> bool:
    """Whether a dataset has chunks that went through gzip, perhaps after the shuffle, and no more.

    Raises
    ------
    RuntimeError : HDF5's index of the chunks is damaged.
    """
    plan = dataset.id.get_create_plist()
    filters = [plan.get_filter(number)[0] for number in range(plan.get_nfilters())]
    deflated = filters in (
        [h5py.h5z.FILTER_DEFLATE],
        [h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE],
    )
    # As long as no chunk at all is stored, HDF5 leaves the size of each undefined, and h5py asks
    # for that much memory.
    return deflated and dataset.id.get_storage_size() > 0


class DeflatedArray:
    """A `readable` dataset; indexing decodes the chunks that the window touches, and no others."""

    def __init__(self, path: Path, dataset: h5py.Dataset) -> None:
        self._path, self._dataset = path, dataset
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype[Any] = dataset.dtype
        # Each of these asks HDF5 anew.
        self._edges: tuple[int, ...] = dataset.chunks
        self._shuffled: bool = dataset.shuffle

    def __getitem__(self, index: tuple[int | slice, ...]) -> np.ndarray:
        """Read a window of integers and slices with a positive step."""
        ranges = [
            range(*part.indices(length)) if isinstance(part, slice) else range(part, part + 1)
            for part, length in zip(index, self.shape, strict=True)
        ]
        box = [(r.start, r[-1] + 1) if r else (0, 0) for r in ranges]
        values = self._box(box)
        return values[
            tuple(slice(None, None, p.step) if isinstance(p, slice) else 0 for p in index)
        ]

    def _box(self, box: list[tuple[int, int]]) -> np.ndarray:
        values = np.empty([stop - start for start, stop in box], self.dtype)
        starts = [
            range(start // edge * edge, stop, edge)
            for (start, stop), edge in zip(box, self._edges, strict=True)
        ]
        for corner in itertools.product(*starts):
            inside, outside = [], []
            for place, edge, (start, stop) in zip(corner, self._edges, box, strict=True):
                first, last = max(place, start), min(place + edge, stop)
                inside.append(slice(first - place, last - place))
                outside.append(slice(first - start, last - start))
            values[tuple(outside)] = self._chunk(corner)[tuple(inside)]
        return values

    def _chunk(self, corner: tuple[int, ...]) -> np.ndarray:
        """The values of the chunk at ``corner``, perhaps without those beyond the dataset's end."""
        try:
            skipped, data = self._dataset.id.read_direct_chunk(corner)
            return self._through_hdf5(corner) if skipped else self._decoded(data, corner)
        except (RuntimeError, OSError) as error:
            complaint = error
        # A chunk that nobody wrote ends here, too. HDF5 gives its fill value at once; to be asked
        # whether it was written, HDF5 would go through all chunks.
        try:
            return self._through_hdf5(corner)
        except (RuntimeError, OSError):
            raise self._damaged(corner, complaint) from None

    def _damaged(self, corner: tuple[int, ...], complaint: object) -> InputError:
        return InputError(
            self._path, f"a damaged chunk at {corner} ({complaint})", "a whole file",
            "Copy or make it again.",
        )  # fmt: skip

    def _decoded(self, data: bytes, corner: tuple[int, ...]) -> np.ndarray:
        size = math.prod(self._edges) * self.dtype.itemsize
        plain = np.frombuffer(imagecodecs.zlibng_decode(data, out=size), np.uint8)
        if len(plain) != size:  # HDF5 would give what lies in memory for the rest
            raise self._damaged(corner, f"{len(plain)} of {size} bytes")
        if self._shuffled:
            plain = np.ascontiguousarray(plain.reshape(self.dtype.itemsize, -1).T)
        return plain.view(self.dtype).reshape(self._edges)

    def _through_hdf5(self, corner: tuple[int, ...]) -> np.ndarray:
        window = tuple(slice(c, c + e) for c, e in zip(corner, self._edges, strict=True))
        return np.asarray(self._dataset[window])
