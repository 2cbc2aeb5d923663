"""Super-resolution at scale, out of core: `make bench-scale`, on two cores.

Volumes of growing size, 16 times finer, through the jobs of the workflow: every block job, the
stitching and the smoothing is a process of its own, whose time, memory and files are measured.
Two block jobs run side by side, with a thread each. Cost is processor time, which other programs
on the machine hardly change; the wall time is given beside it with the machine's load.

The rock is the Berea CT volume at 7 µm where OCTOLITH_ROCK_DATA is set, else the phantom. The
networks have the laptop's widths and are not trained: what is mixed at each stage is set by its
bias so that as many nodes are as paper 1 found (table 2), which is what cost depends on.

The last part is no measurement: what the planning says of 256³ to 4096³ at the paper's widths.

Writes benchmarks/results/scale.json, docs/scale.svg, the section in docs/performance.md and the
table of docs/superresolution.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from math import prod
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import tifffile
import torch

from octolith import figures
from octolith.blocks import Cut, groups
from octolith.inference import grow
from octolith.layout import Layout
from octolith.networks import weights
from octolith.phantom import fine_labels, load_recipe
from octolith.phases import Phases
from octolith.planning import Workload, mixed_shares, smooth_memory, unevenness
from octolith.planning.workload import GPU_FLOPS, GPU_NODE_SECONDS
from octolith.settings.steps import SmoothSettings, SuperResolveSettings
from octolith.settings.training import TrainSettings
from octolith.volumes import open_volume, write_volume
from octolith.volumes.disk import size_in_words
from octree import performance

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "scale.json"
BEREA = "berea-ct/berea_ct_4phase_3p5um_257.tif"
PHASES = Phases.of(["pore", "quartz", "feldspar", "clay"])
EDGES = (16, 32, 64)
STAGES = 5
LR_UM = 7.0
BEGIN, END = "<!-- table: benchmarks/bench_scale.py -->", "<!-- end of table -->"
CORES = 2
SHARES = mixed_shares(Layout("nowhere", "nothing"), STAGES, 32).shares
# Runs a step as the workflow does and prints what its process took.
RUNNER = """
import json, runpy, sys, time
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
status = open("/proc/self/status").read()
peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024
print(json.dumps({"cpu_seconds": time.process_time(), "peak_bytes": peak}))
"""


def rock(edge: int) -> tuple[str, np.ndarray]:
    """A cube of labels at 7 µm, and its name."""
    folder = os.environ.get("OCTOLITH_ROCK_DATA")
    if folder and (Path(folder) / BEREA).is_file():
        fine = tifffile.imread(Path(folder) / BEREA)[:256, :256, :256]
        families = fine.reshape(128, 2, 128, 2, 128, 2).transpose(0, 2, 4, 1, 3, 5).reshape(-1, 8)
        votes = np.stack([(families == code).sum(1) for code in range(len(PHASES))])
        coarse = votes.argmax(0).astype(np.uint8).reshape(128, 128, 128)
        return "Berea sandstone, CT at 7 µm", coarse[:edge, :edge, :edge]
    recipe = load_recipe("berea-16x").model_copy(update={"voxel_um": LR_UM})
    return "phantom sandstone at 7 µm", fine_labels(recipe, (0, 0, 0), (edge,) * 3)


def train_nothing(labels: Path, out: Path, preset: str, device: str = "cpu") -> None:
    """Weights by chance, with the bias of *mixed* set for as many mixed nodes as in paper 1."""
    torch.manual_seed(0)
    settings = TrainSettings(preset=preset)
    header = weights.Header(
        octolith="0", phases=PHASES.names, pore="pore", stage=STAGES, stages=STAGES,
        face=settings.cube, generator=settings.generator_settings(),
        critic=settings.critic_settings(), seed=0, data="",
    )  # fmt: skip
    generator, critic = header.build()
    generator.eval().to(device)
    with open_volume(labels) as volume, torch.no_grad():
        cube = Cut(0, (0, 0, 0), tuple(min(n, 24) for n in volume.shape))
        for stage, share in enumerate(SHARES, 1):
            logits = grow(generator, volume, cube, 1, stage).logits
            lead = logits[:, PHASES.mixed] - logits[:, : PHASES.mixed].amax(1)
            lead = lead.sort().values
            generator.stages[stage - 1].classify.bias[PHASES.mixed] -= lead[
                int((1 - share) * len(lead))
            ]
    weights.save(out, header, {"generator": generator, "critic": critic})


def step(name: str, values: dict[str, Any], threads: int, **paths: object) -> dict[str, float]:
    """Run a step as a process; its wall and processor seconds and its peak of memory."""
    words = ["--threads", str(threads)]
    for key, path in paths.items():
        words += [f"--{key}", *map(str, path if isinstance(path, list) else [path])]
    script = ROOT / "workflow" / "scripts" / "step.py"
    command = [sys.executable, "-c", RUNNER, str(script), name, json.dumps(values), *words]
    start = time.monotonic()
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True,
        env=os.environ | {"OMP_NUM_THREADS": str(threads)},
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found | {"seconds": time.monotonic() - start}


def measure(edge: int, folder: Path) -> dict[str, Any]:
    """A volume of ``edge``³ LR voxels through every step."""
    name, labels = rock(edge)
    write_volume(folder / "lr.h5", labels, (LR_UM,) * 3, phases=PHASES)
    train_nothing(folder / "lr.h5", folder / "weights.safetensors", "laptop")
    settings = SuperResolveSettings(blocks_per_job=1)
    jobs = groups(labels.shape, settings.block, settings.blocks_per_job)
    parts = [folder / f"group{number}.h5" for number in range(len(jobs))]
    common = {
        "settings": settings.model_dump(),
        "phases": {"names": PHASES.names, "pore": PHASES.pore},
        "stages": STAGES,
        "seed": 1,
    }

    def job(number: int) -> dict[str, float]:
        return step(
            "superresolve", common | {"group": number}, 1, labels=folder / "lr.h5",
            trained=folder / "weights.safetensors", out=parts[number],
        )  # fmt: skip

    start = time.monotonic()
    with ThreadPoolExecutor(CORES) as pool:
        done = list(pool.map(job, range(len(jobs))))
    seconds = time.monotonic() - start
    stitched, smoothed = folder / "stitched.h5", folder / "smoothed.h5"
    stitch = step("stitch", {}, CORES, groups=parts, out=stitched)
    smooth = step(
        "smooth", {"settings": SmoothSettings().model_dump()}, CORES, source=stitched, out=smoothed
    )
    counts = pd.concat([pd.read_csv(part.with_suffix(".csv")) for part in parts])
    per_stage = counts.groupby("stage")[["nodes", "mixed", "computed"]].sum()
    work = workload(folder / "lr.h5", labels.shape, settings, per_stage)
    return {
        "rock": name,
        "load": os.getloadavg()[1],
        "lr_shape": labels.shape,
        "shape": work.fine,
        "block": settings.block,
        "jobs": len(jobs),
        "stages": per_stage.reset_index().to_dict("records"),
        "halo_cost": float(per_stage["computed"].sum() / per_stage["nodes"].sum()),
        "superresolve": {
            "seconds": seconds,
            "cpu_seconds": sum(one["cpu_seconds"] for one in done),
            "peak_bytes": max(one["peak_bytes"] for one in done),
            "stated_bytes": work.memory,
        },
        "stitch": stitch | {"stated_bytes": work.stitch_memory},
        "smooth": smooth | {"stated_bytes": smooth_memory(work.fine, SmoothSettings())},
        "octree_bytes": sum(part.stat().st_size for part in parts),
        "dense_bytes": stitched.stat().st_size,
        "dense_gzip4_bytes": gzip4(stitched),
        "smoothed_bytes": smoothed.stat().st_size,
        "planned": {"octree_bytes": work.block_bytes, "dense_bytes": work.dense_bytes,
                    "halo_cost": work.halo_cost},
    }  # fmt: skip


def workload(
    lr: Path, shape: tuple[int, ...], settings: SuperResolveSettings, per_stage: pd.DataFrame
) -> Workload:
    """What the planning says, told the shares of mixed nodes as a training's log would tell it."""
    shares = (per_stage["mixed"] / per_stage["nodes"]).tolist()[:-1]
    generator = TrainSettings(preset="laptop").generator_settings()
    uneven = unevenness(lr, settings.block)
    return Workload(shape, settings, generator, len(PHASES), STAGES, tuple(shares), uneven=uneven)


def gzip4(source: Path) -> int:
    """Bytes of the same labels in chunks of 64³ by the codec and level of the octrees' files."""
    copy = source.with_suffix(".gzip4.h5")
    with h5py.File(source) as dense, h5py.File(copy, "w") as file:
        volume = dense["volume"]
        packed = file.create_dataset(
            "volume", volume.shape, "u1", chunks=volume.chunks, compression="gzip",
            compression_opts=4,
        )  # fmt: skip
        for z in range(0, volume.shape[0], volume.chunks[0]):
            packed[z : z + volume.chunks[0]] = volume[z : z + volume.chunks[0]]
    size = copy.stat().st_size
    copy.unlink()
    return size


def projection(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the planning says of the paper's own case, on one GPU; nothing of it was run.

    Only the time to stitch and to smooth is that of the largest of ``rows``, a voxel.
    """
    settings = SuperResolveSettings()
    work = Workload((256,) * 3, settings, TrainSettings(preset="paper").generator_settings(),
                    len(PHASES), STAGES, SHARES, gpu=True)  # fmt: skip
    return {
        "lr_shape": work.shape,
        "shape": work.fine,
        "blocks": work.block_count,
        "nodes": sum(work.nodes),
        "halo_cost": work.halo_cost,
        "flops": work.flops,
        "seconds": work.seconds,
        "gpu_flops": GPU_FLOPS,
        "gpu_node_seconds": GPU_NODE_SECONDS,
        "gpu_bytes": work.gpu_memory,
        "host_bytes": work.memory,
        "stitch_bytes": work.stitch_memory,
        "after_seconds": sum(
            rows[-1][step]["cpu_seconds"] * prod(work.fine) / prod(rows[-1]["shape"])
            for step in ("stitch", "smooth")
        ),
        "smooth_bytes": smooth_memory(work.fine, SmoothSettings()),
        "octree_bytes": work.block_bytes,
        "dense_bytes": work.dense_bytes,
    }


def block_table() -> None:
    """Write what a block of each size costs into docs/superresolution.md."""
    lines = [
        "| block | nodes computed over those of the volume | memory of a job, preset `laptop` "
        "| GPU memory, preset `paper` |",
        "|---|---|---|---|",
    ]
    for edge in (8, 16, 32, 64):
        narrow, wide = (
            Workload((256,) * 3, SuperResolveSettings(block=edge),
                     TrainSettings(preset=preset).generator_settings(), len(PHASES), STAGES, SHARES,
                     gpu=preset == "paper")
            for preset in ("laptop", "paper")
        )  # fmt: skip
        assert wide.gpu_memory is not None
        lines.append(
            f"| {edge} | {wide.halo_cost:.2f} | {size_in_words(narrow.memory)} "
            f"| {size_in_words(wide.gpu_memory)} |"
        )
    lines += ["", "As planned for an LR volume of 256³ and 16x, with the mixed nodes of paper 1."]
    page = ROOT / "docs" / "superresolution.md"
    text = page.read_text("utf-8")
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    page.write_text("\n".join([before + BEGIN, *lines, after]), "utf-8")


def draw(rows: list[dict[str, Any]]) -> None:
    """Cost of an output voxel, step by step, against the size of the input."""
    figure, axes = figures.new(width=4.5)
    axis = axes[0, 0]
    inputs = [prod(row["lr_shape"]) for row in rows]
    for name, colour in (("superresolve", "#d55e00"), ("stitch", "#0072b2"), ("smooth", "#009e73")):
        cost = [1e9 * row[name]["cpu_seconds"] / prod(row["shape"]) for row in rows]
        axis.plot(inputs, cost, marker="o", color=colour, label=name)
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xticks(inputs, [f"{row['lr_shape'][0]}³" for row in rows])
    axis.minorticks_off()
    axis.set_xlabel("LR volume, voxels")
    axis.set_ylabel("processor ns an SR voxel")
    axis.legend(fontsize=7)
    figures.save(figure, ROOT / "docs" / "scale")


def main() -> None:
    """Measure, project, write."""
    parser = argparse.ArgumentParser(description="Super-resolution at scale.")
    parser.add_argument(
        "--edges", type=int, nargs="+", default=EDGES, help="Of the LR cubes; others are kept."
    )
    kept = json.loads(RESULTS.read_text("utf-8"))["rows"] if RESULTS.is_file() else []
    rows = {row["lr_shape"][0]: row for row in kept}
    for edge in parser.parse_args().edges:
        with tempfile.TemporaryDirectory() as folder:
            rows[edge] = measure(edge, Path(folder))
        print(json.dumps(rows[edge], indent=1), flush=True)
        write([rows[edge] for edge in sorted(rows)])
    print(f"Tables in {performance.write()}")


def write(rows: list[dict[str, Any]]) -> None:
    """All results, the figure and the table of blocks."""
    found = {
        "machine": platform.machine(), "cores": CORES, "widths": "laptop", "rows": rows,
        "projection": projection(rows),
    }  # fmt: skip
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    draw(rows)
    block_table()


if __name__ == "__main__":
    main()
