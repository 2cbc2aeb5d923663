"""Peak memory and time of network extraction and of diffusion, by the edge of the cube.

    python benchmarks/network_cost.py VOLUME --pore LABEL --edges 64 128 192 --out FILE.json

Each measurement is a process of its own, so that its peak is its own. A cube larger than the
volume is the volume and its mirror images. `octolith.pores.planning` holds the worst of what this
found, rounded up. Measurements of other edges that FILE.json has already are kept.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from octolith.pores.extraction import extract_network
from octolith.pores.transport import diffusion
from octolith.volumes import open_volume

JOBS = {
    "baseline": lambda pore: None,
    "extraction": lambda pore: extract_network(pore, 1.0),
    "diffusion": lambda pore: diffusion(pore.astype("uint8"), {1: 1.0}, 0),
}


def mirrored(pore: np.ndarray, edge: int) -> np.ndarray:
    """Continue an image by its mirror images until it fills a cube."""
    return np.pad(pore, [(0, edge - length) for length in pore.shape], mode="symmetric")


def measure(volume: str, pore: int, edge: int, job: str) -> dict[str, float]:
    """Run one job in this process; CPU seconds, and peak bytes of the process."""
    with open_volume(volume) as opened:
        cube = mirrored(opened[:edge, :edge, :edge] == pore, edge)
    start = time.process_time()
    JOBS[job](cube)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"edge": edge, "seconds": time.process_time() - start, "peak_bytes": peak}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("volume")
    parser.add_argument("--pore", type=int, default=0)
    parser.add_argument("--edges", type=int, nargs="+", default=[64, 128, 192])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--job", choices=JOBS, help="one measurement, in this process")
    parser.add_argument("--jobs", choices=JOBS, nargs="+", default=[*JOBS])
    given = parser.parse_args()
    if given.job:
        print(json.dumps(measure(given.volume, given.pore, given.edges[0], given.job)))
        return
    found = []
    for edge in given.edges:
        base = 0.0
        for job in ["baseline", *(job for job in given.jobs if job != "baseline")]:
            command = [sys.executable, __file__, given.volume, "--pore", str(given.pore),
                       "--edges", str(edge), "--job", job]  # fmt: skip
            text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            one = json.loads(text.splitlines()[-1])
            base = one["peak_bytes"] if job == "baseline" else base
            one |= {"job": job, "bytes_per_voxel": (one["peak_bytes"] - base) / edge**3,
                    "us_per_voxel": 1e6 * one["seconds"] / edge**3}  # fmt: skip
            print(one, flush=True)
            found.append(one)
    if given.out:
        if given.out.exists():
            kept = json.loads(given.out.read_text())
            new = {(one["edge"], one["job"]) for one in found}
            found += [one for one in kept if (one["edge"], one["job"]) not in new]
            found.sort(key=lambda one: (one["edge"], one["job"]))
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
