"""How fast are volumes written and read, and how small do they become?

`python benchmarks/compression.py`

In MiB a second of one core's time, which other programs on the machine do not disturb: Octolith's
writer beside what h5py offers by itself (gzip, lzf, nothing) and beside Blosc, which
HDF5 reads only with a plugin (its codec alone is timed, without a file). Labels, the same enlarged
twice as super-resolution would, and a 16-bit grey scan, in chunks of 64³: of Berea sandstone and
another one where OCTOLITH_ROCK_DATA is set, else of the phantom.
Writes benchmarks/results/compression.json and its table in docs/performance.md.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numcodecs
import numpy as np
import tifffile

from octolith.phantom import ct_scan, fine_labels, load_recipe
from octolith.phases import Phases
from octolith.volumes import create_volume, open_volume
from octree import performance

RESULTS = Path(__file__).parent / "results" / "compression.json"
CHUNK = 64
BEREA = "berea-ct/berea_ct_4phase_3p5um_257.tif"
GREY = "sandstone-grey-volume/sandstone_grey_u16_200x100x100.raw"
PHASES = Phases.of(["pore", "quartz", "feldspar", "clay"])
H5PY = {
    "h5py gzip 1 + shuffle": {"compression": "gzip", "compression_opts": 1, "shuffle": True},
    "h5py gzip 4 + shuffle": {"compression": "gzip", "compression_opts": 4, "shuffle": True},
    "h5py lzf + shuffle": {"compression": "lzf", "shuffle": True},
    "h5py uncompressed": {},
}
BLOSC = {
    "Blosc lz4 (codec alone)": numcodecs.Blosc("lz4", 5, numcodecs.Blosc.SHUFFLE),
    "Blosc zstd 1 (codec alone)": numcodecs.Blosc("zstd", 1, numcodecs.Blosc.BITSHUFFLE),
}


def volumes() -> dict[str, np.ndarray]:
    """Labels, enlarged labels, and a grey scan."""
    folder = Path(os.environ.get("OCTOLITH_ROCK_DATA", "nowhere"))
    if folder.is_dir():
        name = "Berea sandstone"
        labels = tifffile.imread(folder / BEREA)[:256, :256, :256]
        scan = np.fromfile(folder / GREY, "<u2").reshape(200, 100, 100)[:192, :64, :64]
        grey = np.tile(scan, (2, 4, 4))
    else:
        name, recipe = "phantom sandstone", load_recipe("berea-like")
        labels = fine_labels(recipe, (0, 0, 0), (256,) * 3)
        grey = np.tile(ct_scan(recipe, (0, 0, 0), (64,) * 3, 4), (6, 4, 4))
    return {
        f"labels, {name}": labels,
        "the same, enlarged twice": labels.repeat(2, 0).repeat(2, 1).repeat(2, 2),
        "16-bit grey": grey,
    }


def least_cpu(action: Callable[[], object], repeats: int = 3) -> float:
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        action()
        taken.append(time.process_time() - start)
    return min(taken)


def by_octolith(array: np.ndarray, path: Path) -> tuple[float, float, int]:
    def write() -> None:
        phases = PHASES if array.dtype == np.uint8 else None
        with create_volume(path, array.shape, array.dtype, (1, 1, 1), phases=phases) as writer:
            for z in range(0, len(array), CHUNK):
                writer[z : z + CHUNK] = array[z : z + CHUNK]

    def read() -> None:
        with open_volume(path) as volume:
            volume.read()

    return least_cpu(write), least_cpu(read), path.stat().st_size


def by_h5py(array: np.ndarray, path: Path, options: dict) -> tuple[float, float, int]:
    def write() -> None:
        with h5py.File(path, "w") as file:
            file.create_dataset("volume", data=array, chunks=(CHUNK,) * 3, **options)

    def read() -> None:
        with h5py.File(path) as file:
            file["volume"][:]

    return least_cpu(write), least_cpu(read), path.stat().st_size


def by_codec(array: np.ndarray, codec: numcodecs.Blosc) -> tuple[float, float, int]:
    starts = [range(0, length, CHUNK) for length in array.shape]
    chunks = [
        np.ascontiguousarray(array[z : z + CHUNK, y : y + CHUNK, x : x + CHUNK])
        for z in starts[0] for y in starts[1] for x in starts[2]
    ]  # fmt: skip
    encoded = [codec.encode(chunk) for chunk in chunks]
    return (
        least_cpu(lambda: [codec.encode(chunk) for chunk in chunks]),
        least_cpu(lambda: [codec.decode(chunk) for chunk in encoded]),
        sum(map(len, encoded)),
    )


def rows(array: np.ndarray, path: Path) -> Iterator[tuple[str, tuple[float, float, int]]]:
    yield "Octolith", by_octolith(array, path)
    for name, options in H5PY.items():
        yield name, by_h5py(array, path, options)
    for name, codec in BLOSC.items():
        yield name, by_codec(array, codec)


def main() -> None:
    numcodecs.blosc.use_threads = False
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, array in volumes().items():
            size = array.nbytes / 2**20
            for writer, (writing, reading, stored) in rows(array, Path(folder) / "volume.h5"):
                row = {
                    "volume": kind,
                    "writer": writer,
                    "write_mib_s": size / writing,
                    "read_mib_s": size / reading,
                    "times_smaller": array.nbytes / stored,
                }
                print(row, flush=True)
                table.append(row)
    RESULTS.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    print(f"Tables in {performance.write()}")


if __name__ == "__main__":
    main()
