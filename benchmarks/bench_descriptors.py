"""The descriptors against porespy and friends: `python benchmarks/bench_descriptors.py`.

Three parts, each measurement in a process of its own, of which the peak memory above its start
(all libraries loaded, the image in memory) is read:

- peers: one phase or all, whatever the peer computes, on the same 256³ volume in the same run;
- whole set: every descriptor of a 512³ volume of four phases, two processes at a time;
- patches: the set on 16 patches of 128³ drawn from a 1024³ volume on disk, read lazily.

Blobs of filtered noise in four phases, or the Berea CT volume where OCTOLITH_ROCK_DATA is set.
Writes benchmarks/results/descriptors.json. porespy's two-point function needs 12 GiB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from scipy import ndimage

from octolith import descriptors
from octolith.descriptors.sampling import Sampler, Source
from octolith.phases import Phases
from octolith.volumes import create_volume, open_volume

EDGE, LARGE, LARGEST = 256, 512, 1024
PATCHES, PATCH = 16, 128
VOXEL_UM = 3.5
PHASES = Phases.of(["pore", "quartz", "feldspar", "clay"])
BEREA = "berea-ct/berea_ct_4phase_3p5um_257.tif"
ROCK = "OCTOLITH_ROCK_DATA"
RESULTS = Path(__file__).parent / "results" / "descriptors.json"


def rock(edge: int) -> np.ndarray:
    """A four-phase rock; a large one is the smaller one and its mirror images."""
    if folder := os.environ.get(ROCK):
        labels = np.asarray(tifffile.imread(Path(folder) / BEREA)[:EDGE, :EDGE, :EDGE])
    else:
        noise = np.random.default_rng(1).normal(size=(EDGE,) * 3).astype(np.float32)
        field = ndimage.gaussian_filter(noise, 4, mode="wrap")
        labels = np.digitize(field, np.quantile(field, [0.19, 0.88, 0.97])).astype(np.uint8)
    for axis in range(3):
        while labels.shape[axis] < edge:
            labels = np.concatenate([labels, np.flip(labels, axis)], axis)
    return np.ascontiguousarray(labels)


# ---- what is compared -------------------------------------------------------------------------
# Ours and theirs are called with the labels and give nothing back: agreement is for the tests.


def ours(name: str, **options: Any) -> Callable[[np.ndarray], object]:
    return lambda labels: descriptors.measure(name, labels, VOXEL_UM, PHASES, **options)


def s2_of_the_pore(labels: np.ndarray) -> None:
    """All curves of the two-phase image: what porespy computes, and the grain's besides."""
    two = Phases.of(["pore", "grain"])
    descriptors.two_point_correlation((labels > 0).astype(np.uint8), VOXEL_UM, two)


def porespy_s2(labels: np.ndarray) -> None:
    import porespy  # noqa: PLC0415

    porespy.settings.ncores = 1
    porespy.metrics.two_point_correlation(labels == 0)


def padded_fft_s2(labels: np.ndarray) -> None:
    """What one would write oneself: pad to twice the size, double precision, radial mean."""
    pore = (labels == 0).astype(float)
    sizes = [2 * n for n in pore.shape]
    counts = np.fft.irfftn(np.abs(np.fft.rfftn(pore, sizes)) ** 2, sizes)
    room = np.fft.irfftn(np.abs(np.fft.rfftn(np.ones_like(pore), sizes)) ** 2, sizes)
    axes = [np.square(np.fft.fftfreq(n, 1 / n)) for n in sizes]
    shell = np.rint(np.sqrt(axes[0][:, None, None] + axes[1][:, None] + axes[2])).astype(int)
    np.bincount(shell.ravel(), counts.ravel()) / np.bincount(shell.ravel(), room.ravel())


def porespy_lineal_path(labels: np.ndarray) -> None:
    import porespy  # noqa: PLC0415

    for code in range(len(PHASES)):
        for axis in range(3):
            way = porespy.filters.distance_transform_lin(labels == code, axis=axis, mode="forward")
            porespy.metrics.lineal_path_distribution(way, bins=np.arange(1, EDGE // 2))


def porespy_chords(labels: np.ndarray) -> None:
    import porespy  # noqa: PLC0415

    for code in range(len(PHASES)):
        for axis in range(3):
            chords = porespy.filters.apply_chords(labels == code, axis=axis, spacing=1)
            porespy.metrics.chord_length_distribution(chords, bins=EDGE // 2)


def marching_cubes(labels: np.ndarray) -> None:
    from skimage import measure  # noqa: PLC0415

    for code in range(len(PHASES)):
        vertices, faces, *_ = measure.marching_cubes((labels == code).astype(np.float32), 0.5)
        measure.mesh_surface_area(vertices, faces)


def skimage_euler(labels: np.ndarray) -> None:
    from skimage import measure  # noqa: PLC0415

    for code in range(len(PHASES)):
        measure.euler_number(labels == code, connectivity=3)


def skimage_texture(labels: np.ndarray) -> None:
    from skimage import feature  # noqa: PLC0415

    angles = [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4]
    for axis in range(3):
        for plane in np.moveaxis(labels, axis, 0):
            matrix = feature.graycomatrix(plane, [1], angles, levels=4, symmetric=True, normed=True)
            for name in ("contrast", "homogeneity", "ASM", "entropy"):
                feature.graycoprops(matrix, name)


def box_filter(labels: np.ndarray) -> None:
    for code in range(len(PHASES)):
        ndimage.uniform_filter((labels == code).astype(np.float32), EDGE // 4)[:: EDGE // 16]


def taufactor_triple(labels: np.ndarray) -> None:
    from taufactor import metrics  # noqa: PLC0415

    metrics.triple_phase_boundary(np.minimum(labels, 2).astype(np.int32))


Pair = tuple[str, Callable[[np.ndarray], object], str, Callable[[np.ndarray], object]]
PEERS: list[Pair] = [
    ("two-point correlation, one phase", s2_of_the_pore, "porespy", porespy_s2),
    ("two-point correlation, one phase", s2_of_the_pore, "padded FFT", padded_fft_s2),
    ("lineal path, four phases", ours("lineal_path"), "porespy", porespy_lineal_path),
    ("chord lengths, four phases", ours("chord_length"), "porespy", porespy_chords),
    ("surfaces, four phases", ours("interfacial_area"), "scikit-image mesh", marching_cubes),
    ("Minkowski functionals, four phases", ours("minkowski"), "scikit-image Euler number",
     skimage_euler),
    ("texture", ours("glcm"), "scikit-image", skimage_texture),
    ("local porosity, four phases", ours("local_porosity"), "scipy box filter", box_filter),
    ("triple phase boundary", ours("triple_phase_boundary"), "TauFactor, three phases",
     taufactor_triple),
]  # fmt: skip


# ---- measuring --------------------------------------------------------------------------------


def measured(call: Callable[[np.ndarray], object], edge: int) -> dict[str, float]:
    """CPU seconds and peak memory above the start, of a call in this process."""
    labels = rock(edge)
    # Libraries are loaded and kernels compiled on something small that has all phases.
    call(np.random.default_rng(0).integers(0, len(PHASES), (32, 32, 32)).astype(np.uint8))
    before, start = peak_gib(reset=True), time.process_time()
    wall = time.perf_counter()
    call(labels)
    return {
        "cpu_seconds": time.process_time() - start,
        "wall_seconds": time.perf_counter() - wall,
        "peak_gib": peak_gib() - before,
    }


def peak_gib(reset: bool = False) -> float:
    """The most memory this process has held, since the last reset where Linux allows that."""
    if reset and Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")
    if Path("/proc/self/status").exists():
        lines = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def peer(index: int, theirs: bool) -> dict[str, float]:
    _, mine, _, other = PEERS[index]
    return measured(other if theirs else mine, EDGE)


def single(name: str) -> dict[str, float]:
    return measured(ours(name), LARGE)


def patches(path: str) -> dict[str, float]:
    """All descriptors on patches of a volume on disk."""
    before, start = peak_gib(reset=True), time.process_time()
    wall = time.perf_counter()
    with open_volume(path) as volume:
        source = Source("SR", 0, volume)
        sampler = Sampler([source], PATCH * VOXEL_UM, PATCHES, seed=1)
        for labels in sampler.of(source):
            for name in descriptors.NAMES:
                descriptors.measure(name, labels, VOXEL_UM, PHASES)
    return {
        "cpu_seconds": time.process_time() - start,
        "wall_seconds": time.perf_counter() - wall,
        "peak_gib": peak_gib() - before,
    }


def run(workers: int) -> ProcessPoolExecutor:
    """A fresh process for every measurement."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, max_tasks_per_child=1)


def compare_peers(skip: set[str]) -> Iterator[dict[str, object]]:
    with run(1) as pool:
        for index, (what, _, name, _) in enumerate(PEERS):
            if name in skip:
                continue
            us, them = (pool.submit(peer, index, theirs).result() for theirs in (False, True))
            ratio = {"cpu_ratio": us["cpu_seconds"] / them["cpu_seconds"]}
            if them["peak_gib"] > 0.01:  # below that, pages say more than arrays
                ratio["peak_ratio"] = us["peak_gib"] / them["peak_gib"]
            yield {"what": what, "peer": name, "ours": us, "theirs": them, **ratio}


def whole_set() -> dict[str, object]:
    start = time.perf_counter()
    with run(2) as pool:
        found = dict(zip(descriptors.NAMES, pool.map(single, descriptors.NAMES), strict=True))
    peaks = sorted((row["peak_gib"] for row in found.values()), reverse=True)
    return {
        "edge": LARGE,
        "processes": 2,
        "wall_seconds": time.perf_counter() - start,
        "cpu_seconds": sum(row["cpu_seconds"] for row in found.values()),
        "peak_gib_of_two_largest": sum(peaks[:2]),
        "descriptors": found,
    }


def from_disk() -> dict[str, object]:
    labels = rock(LARGE)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "large.h5")
        shape, size = (LARGEST,) * 3, (VOXEL_UM,) * 3
        with create_volume(path, shape, np.uint8, size, phases=PHASES) as writer:
            for slab in range(0, LARGEST, 64):
                part = labels[slab % LARGE :][:64]
                writer[slab : slab + 64] = np.tile(part, (1, LARGEST // LARGE, LARGEST // LARGE))
        with run(1) as pool:
            found = pool.submit(patches, path).result()
    return {"edge": LARGEST, "patches": PATCHES, "patch_edge": PATCH, **found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--skip", nargs="*", default=[], help="peers to leave out: porespy, …")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    packages = ("octolith", "numpy", "scipy", "porespy", "scikit-image", "taufactor")
    results: dict[str, object] = {
        "rock": "Berea CT" if os.environ.get(ROCK) else "blobs of filtered noise",
        "machine": {"cores": os.cpu_count(), "processor": platform.processor() or "unknown"},
        "versions": {name: version(name) for name in packages},
        "edge": EDGE,
    }
    results["peers"] = []
    for row in compare_peers({*arguments.skip}):
        results["peers"].append(row)  # type: ignore[attr-defined]
        print(json.dumps(row), flush=True)
    for name, part in (("whole_set", whole_set), ("from_disk", from_disk)):
        results[name] = part()
        print(name, json.dumps(results[name]), flush=True)
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
