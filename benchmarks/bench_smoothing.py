"""The median filter against scipy's, and streamed: `python benchmarks/bench_smoothing.py`.

In memory: one pass over 256³ labels, window 3, in the same run as scipy.ndimage.median_filter on
the same volume. The volumes are a four-phase rock (the Berea CT volume where OCTOLITH_ROCK_DATA
is set, else blobs of filtered noise) and, at worst, 16 phases of pure noise.

Streamed: the step `smooth` from file to file, over volumes of growing area, with the peak memory
of its process. It grows with the area of a plane and not with the height; planes of 4096² are
those of the paper's volume.

Writes benchmarks/results/smoothing.json and the tables in docs/smoothing.md.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import tifffile
from scipy import ndimage

from octolith.filtering import smooth as smooth_array
from octolith.phases import Phases
from octolith.settings.steps import SmoothSettings
from octolith.steps.smooth import smooth
from octolith.volumes import create_volume

EDGE = 256
REPEATS, PASSES = 3, 3
HERE = Path(__file__).parent
BEGIN, END = "<!-- table: benchmarks/bench_smoothing.py -->", "<!-- end of table -->"
BEREA = "berea-ct/berea_ct_4phase_3p5um_257.tif"
# Height and width of the streamed volumes: as the area grows, and as the height does.
STREAMED = [(128, 1024), (128, 2048), (128, 4096), (512, 1024)]


def rock() -> tuple[str, np.ndarray]:
    """A four-phase rock of 256³ voxels, and its name."""
    folder = os.environ.get("OCTOLITH_ROCK_DATA")
    if folder:
        labels = tifffile.imread(Path(folder) / BEREA)[:EDGE, :EDGE, :EDGE]
        return "Berea CT, four phases", np.ascontiguousarray(labels)
    field = ndimage.gaussian_filter(
        np.random.default_rng(1).normal(size=(EDGE,) * 3), 4, mode="wrap"
    )
    cuts = np.quantile(field, [0.17, 0.93, 0.96])
    return "blobs, four phases", np.digitize(field, cuts).astype(np.uint8)


def seconds(call: Callable[[], object]) -> float:
    """Processor time, which a busy machine hardly changes; the best of several runs."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return min(times)


def in_memory() -> list[dict[str, object]]:
    """A row a volume and method, each against scipy on that volume."""
    noise = np.random.default_rng(1).integers(0, 16, (EDGE,) * 3, np.uint8)
    rows: list[dict[str, object]] = []
    for name, labels in (rock(), ("noise, 16 phases", noise)):
        theirs = seconds(lambda labels=labels: ndimage.median_filter(labels, 3))
        for method in ("categorical", "median"):
            settings = SmoothSettings(method=method)
            phases = int(labels.max()) + 1
            ours = seconds(lambda v=labels, k=phases, s=settings: smooth_array(v, k, s))
            rows.append(
                {"volume": name, "method": method, "seconds": ours, "scipy_seconds": theirs,
                 "times_faster": theirs / ours}
            )  # fmt: skip
    return rows


def streamed(height: int, width: int) -> dict[str, object]:
    """Time and peak memory of the step, in a process of its own."""
    shape = (height, width, width)
    tile = rock()[1][:64]
    plane = np.tile(tile, (1, width // EDGE, width // EDGE))
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "source.h5", Path(folder) / "out.h5"
        phases = Phases.of([f"phase{n}" for n in range(int(tile.max()) + 1)], "phase0")
        with create_volume(source, shape, "u1", (1, 1, 1), phases=phases) as writer:
            for z in range(0, height, 64):
                writer[z : z + 64] = plane
        del plane
        # A fresh interpreter, so that the peak is the step's alone.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            taken, peak = pool.apply(_stream, (source, out))
    return {"shape": shape, "seconds": taken, "ns_per_voxel": 1e9 * taken / math.prod(shape),
            "peak_bytes": peak}  # fmt: skip


def _stream(source: Path, out: Path) -> tuple[float, int]:
    start = time.process_time()
    smooth(source, out, SmoothSettings(passes=PASSES))
    taken = time.process_time() - start
    # Not ru_maxrss, which a process inherits from the one that started it.
    status = Path("/proc/self/status").read_text("utf-8")
    return taken, int(status.partition("VmHWM:")[2].split()[0]) * 1024


def as_markdown(found: dict[str, Any]) -> str:
    """The tables of docs/smoothing.md."""
    lines = [
        "| one pass over 256³ | method | s | scipy, s | times faster |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['volume']} | {row['method']} | {row['seconds']:.2f} | {row['scipy_seconds']:.2f} "
        f"| {row['times_faster']:.1f} |"
        for row in found["in_memory"]
    ]
    lines += ["", "| streamed, three passes | s | ns a voxel | peak memory |", "|---|---|---|---|"]
    lines += [
        f"| {' × '.join(map(str, row['shape']))} | {row['seconds']:.0f} "
        f"| {row['ns_per_voxel']:.0f} | {row['peak_bytes'] / 2**30:.1f} GiB |"
        for row in found["streamed_three_passes"]
    ]
    return "\n".join([*lines, "", "Seconds are of one core's time."])


if __name__ == "__main__":
    found: dict[str, Any] = {
        "machine": platform.machine(),
        "scipy": scipy.__version__,
        "numpy": np.__version__,
        "in_memory": in_memory(),
        "streamed_three_passes": [streamed(*size) for size in STREAMED],
    }
    (HERE / "results" / "smoothing.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    page = HERE.parent / "docs" / "smoothing.md"
    text = page.read_text("utf-8")
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    page.write_text(f"{before}{BEGIN}\n{as_markdown(found)}\n{after}", "utf-8")
    print(as_markdown(found))
