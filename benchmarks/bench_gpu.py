"""What a GPU does at the paper's widths: `python benchmarks/bench_gpu.py`, in a few minutes.

One convolution by several engines, as in `bench_octree.py` but once warm and in this process. Then
a training step of every stage (that of `bench_memory.py`, run in earnest): its seconds, and its
peak of memory beside what was counted for it, the octree's and the dense twin's. Then eight blocks
of 32³ LR voxels 16 times finer through the step `superresolve`: seconds, and memory beside what
`octolith plan` states. Networks are not trained; as many nodes are mixed as in paper 1, table 2.

Writes benchmarks/results/gpu.json and, from it, docs/performance.md.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from bench_memory import FEW, MIXED, PLANES, Step
from bench_scale import LR_UM, PHASES, SHARES, STAGES, rock, train_nothing
from octolith.blocks import groups
from octolith.inference import grow
from octolith.networks import weights
from octolith.octree import Level
from octolith.planning import Workload, unevenness
from octolith.settings.steps import SuperResolveSettings
from octolith.settings.training import TrainSettings
from octolith.steps.superresolve import superresolve
from octolith.volumes import open_volume, write_volume
from octree import performance
from octree.engines import ENGINES
from octree.memory import host_peak
from octree.rock import mixed

RESULTS = Path(__file__).parent / "results" / "gpu.json"
CUBE, CHANNELS, CALLS = 128, (64, 256, 512), 8
ENGINES_HERE = ("native", "ocnn", "dense")
DENSE_CHANNELS = 256  # a wider cube takes minutes and tens of GiB
EDGE = 64


def convolutions() -> dict[str, Any]:
    """Seconds of a convolution by each engine that is there."""
    _, here = mixed(CUBE)
    parents = Level(here.keys.to("cuda"), here.depth, 1)
    rows = []
    for channels, dtype, name in product(CHANNELS, ("bfloat16", "float32"), ENGINES_HERE):
        if name == "dense" and channels > DENSE_CHANNELS:
            continue
        row: dict[str, Any] = {"channels": channels, "engine": name, "dtype": dtype}
        try:
            rows.append(row | convolve(name, parents, channels, getattr(torch, dtype)))
        except ImportError as missing:
            print(f"NOT MEASURED: {name} ({missing})")
    nodes = 8 * len(parents)
    return {"convolutions": rows, "nodes": nodes, "active": nodes / CUBE**3}


def convolve(name: str, parents: Level, channels: int, dtype: torch.dtype) -> dict[str, float]:
    """Seconds of one convolution forward, and forward and backward."""
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(channels, channels, 3, 3, 3, generator=random) / (27 * channels) ** 0.5
    engine = ENGINES[name](parents, CUBE, weight.to("cuda", dtype))
    x = torch.randn(8 * len(parents), channels, generator=random).to("cuda", dtype)
    features = engine.features(x).requires_grad_()
    engine.tables()

    def forward() -> None:
        with torch.no_grad():
            engine(features)

    def both() -> None:
        features.grad = engine.weight.grad = None
        engine(features).sum().backward()

    return {"forward_seconds": timed(forward), "both_seconds": timed(both)}


def timed(work: Callable[[], None]) -> float:
    """Seconds a call, once warm."""
    for _ in range(2):
        work()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(CALLS):
        work()
    torch.cuda.synchronize()
    return (time.perf_counter() - began) / CALLS


def steps() -> Iterator[dict[str, Any]]:
    """Every stage's training step, as far as the card's memory goes."""
    for engine, at_once in (("octree", FEW), ("octree", PLANES), ("dense", PLANES)):
        for stage in range(1, STAGES + 1):
            step = Step(
                TrainSettings(preset="paper"), stage, MIXED, planes=PLANES, at_once=at_once,
                device="cuda",
            )  # fmt: skip
            row = {"stage": stage, "engine": engine, "planes_at_once": at_once}
            yield row | run(step, engine == "dense")


def run(step: Step, dense: bool) -> dict[str, Any]:
    """Seconds and bytes of a step, once warm; nothing where it does not fit."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    try:
        network = step.network(dense)
        # AdamW's moments, whose update is not timed.
        trained = [*network.stages[step.stage - 1].parameters(), *step.seen]
        moments = [torch.zeros_like(p) for p in trained for _ in range(2)]
        for _ in ("warm", "timed"):
            began = time.perf_counter()
            for _ in step.turns(network, dense, torch.bfloat16):
                pass
            torch.cuda.synchronize()
            seconds = time.perf_counter() - began
        del moments
    except torch.OutOfMemoryError:
        return {"seconds": None, "peak_bytes": None}
    return {"seconds": seconds, "peak_bytes": torch.cuda.max_memory_allocated()}


def blocks() -> dict[str, Any]:
    """The step `superresolve` on the GPU, and the growing alone."""
    settings = SuperResolveSettings()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        name, labels = rock(EDGE)
        write_volume(folder / "lr.h5", labels, (LR_UM,) * 3, phases=PHASES)
        train_nothing(folder / "lr.h5", folder / "weights.safetensors", "paper", "cuda")
        jobs = groups(labels.shape, settings.block, settings.blocks_per_job)
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        uneven = unevenness(folder / "lr.h5", settings.block)
        began = time.perf_counter()
        for group in range(len(jobs)):
            superresolve(
                folder / "lr.h5", folder / "weights.safetensors", folder / f"{group}.h5",
                group=group, settings=settings, phases=PHASES, stages=STAGES, seed=1,
            )  # fmt: skip
        seconds = time.perf_counter() - began
        memory = card() | {"host_peak_bytes": host_peak()}
        counts = pd.concat(pd.read_csv(folder / f"{group}.csv") for group in range(len(jobs)))
        generator, _ = weights.load_generator(folder / "weights.safetensors", PHASES, STAGES)
        generator.to("cuda")
        with open_volume(folder / "lr.h5") as volume:
            growing = []
            for cut in (block for job in jobs for block in job):
                torch.cuda.synchronize()
                began = time.perf_counter()
                grow(generator, volume, cut, 2)
                torch.cuda.synchronize()
                growing.append(time.perf_counter() - began)
    per_stage = counts.groupby("stage")[["nodes", "mixed", "computed"]].sum()
    shares = tuple((per_stage["mixed"] / per_stage["nodes"]).tolist()[:-1])
    paper = TrainSettings(preset="paper").generator_settings()
    work = Workload(labels.shape, settings, paper, len(PHASES), STAGES, shares, gpu=True,
                    uneven=uneven)  # fmt: skip
    whole = Workload((256,) * 3, settings, paper, len(PHASES), STAGES, SHARES, gpu=True)
    return {
        "rock": name,
        "lr_shape": labels.shape,
        "blocks": len(growing),
        "computed": int(per_stage["computed"].sum()),
        "flops": work.flops,
        "seconds": seconds,
        "growing_seconds": sum(growing[1:]) * len(growing) / (len(growing) - 1),
        **memory,
        "stated_bytes": work.gpu_memory,
        "stated_host_bytes": work.memory,
        "shares": shares,
        "whole_nodes": sum(whole.nodes),
    }


def card() -> dict[str, int]:
    """Bytes of tensors at the peak, what the allocator took for them, and all beside that."""
    free, total = torch.cuda.mem_get_info()
    return {
        "peak_bytes": torch.cuda.max_memory_allocated(),
        "reserved_bytes": torch.cuda.max_memory_reserved(),
        "context_bytes": total - free - torch.cuda.memory_reserved(),
    }


def main() -> None:
    """Measure, and write the page."""
    found: dict[str, Any] = {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    found |= convolutions()
    found["blocks"] = blocks()
    print(found, flush=True)
    found["steps"] = []
    for row in steps():
        print(row, flush=True)
        found["steps"].append(row)
        RESULTS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(f"Tables in {performance.write()}")


if __name__ == "__main__":
    main()
