"""One sparse convolution by every engine that is installed: time and memory, forward and backward.

    make bench-octree
    OCTOLITH_ROCK_DATA=... python benchmarks/bench_octree.py [--threads 2] [--channels 32 64]

On the same nodes of a real rock, 3×3×3, C to C channels: Octolith's native engine,
MinkowskiEngine, ocnn, and the dense convolution of the whole cube; on a GPU spconv too, and in
bfloat16. Each engine runs in a process of its own, so that its peak memory is its own, and the
engines take turns, so that what else the machine does falls on all of them. Every time includes
the making of the neighbour tables; ``conv_seconds`` is without. Engines must agree to be listed.

Writes benchmarks/results/octree.json and, from it, docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch

from octree import performance

RESULTS = Path(__file__).parent / "results" / "octree.json"
EDGES = {"20k": 64, "165k": 128}
CHANNELS = (32, 64, 128, 256)
PASSES = ("forward", "forward+backward")
ON_CPU = ("native", "minkowski", "ocnn", "dense")
ON_GPU = ("native", "minkowski", "ocnn", "spconv", "dense")
# Dense passes keep about six cubes of features; larger ones than this are not tried.
LARGEST = 8 << 30


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=2, help="CPU cores to use (2)")
    parser.add_argument("--channels", type=int, nargs="+", default=CHANNELS)
    parser.add_argument("--cases", nargs="+", choices=EDGES, default=list(EDGES))
    parser.add_argument("--seconds", type=float, default=30, help="for a row, more or less (30)")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument(
        "--devices", nargs="+", choices=("cpu", "cuda"), help="all that there are; rows of other "
        "machines are kept"
    )  # fmt: skip
    options = parser.parse_args()
    if options.worker:
        Worker(**json.loads(options.worker)).serve()
        return
    present = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    rows = []
    for device in options.devices or present:
        rows += compare(options, device)
    if options.out.is_file():
        devices = {row["device"] for row in rows}
        kept = json.loads(options.out.read_text())
        rows = [row for row in kept if row["device"] not in devices] + rows
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{len(rows)} rows in {options.out}")
    if options.out == RESULTS:
        print(f"Tables in {performance.write()}")


def compare(options: argparse.Namespace, device: str) -> list[dict[str, Any]]:
    """All rows of a device."""
    from octree.rock import mixed  # noqa: PLC0415

    rows = []
    for case in options.cases:
        rock, parents = mixed(EDGES[case])
        with tempfile.TemporaryDirectory() as folder:
            nodes = Path(folder) / "parents.pt"
            torch.save({"keys": parents.keys, "depth": parents.depth}, nodes)
            for channels in options.channels:
                for kind in PASSES:
                    for dtype in ("bfloat16", "float32") if device == "cuda" else ("float32",):
                        problem = {
                            "nodes": str(nodes), "edge": EDGES[case], "channels": channels,
                            "backward": kind != "forward", "dtype": dtype, "device": device,
                            "threads": options.threads,
                        }  # fmt: skip
                        common = {
                            "case": case, "rock": rock, "nodes": 8 * len(parents),
                            "active": 8 * len(parents) / EDGES[case] ** 3,
                            "channels": channels, "pass": kind, "dtype": dtype,
                            "load": os.getloadavg()[0],
                            "device": describe(device, options.threads),
                        }  # fmt: skip
                        rows += [
                            {"engine": engine} | common | measured
                            for engine, measured in race(problem, options.seconds).items()
                        ]
    return rows


def race(problem: dict[str, Any], seconds: float) -> dict[str, dict[str, Any]]:
    """Engine -> its medians on one problem; on a CPU the dense one, with its memory, runs alone."""
    cubes = 6 * 4 * problem["edge"] ** 3 * problem["channels"]
    results: dict[str, dict[str, Any]] = {}
    together = (
        [ON_GPU]
        if problem["device"] == "cuda"
        else [ON_CPU[:-1], ON_CPU[-1:] if cubes <= LARGEST else ()]
    )
    for names in together:
        runners = {name: Runner(name, problem) for name in names}
        runners = {name: runner for name, runner in runners.items() if runner.ready()}
        began = time.monotonic()
        while runners and time.monotonic() - began < seconds * len(runners):
            for runner in runners.values():
                runner.round()
        for name, runner in runners.items():
            results[name] = runner.finish()
    reference = results["native"]["digest"]
    for name, result in results.items():
        (there, size), (here, _) = result.pop("digest"), reference
        if abs(there - here) > (2e-2 if problem["dtype"] == "bfloat16" else 2e-3) * size:
            raise SystemExit(f"{name} computes something else: {there} where native has {here}")
        line = {key: problem[key] for key in ("edge", "channels", "backward", "dtype")}
        print(f"{name:10} {line} {result}", flush=True)
    return results


class Runner:
    """An engine at work in another process."""

    def __init__(self, engine: str, problem: dict[str, Any]) -> None:
        self.engine = engine
        threads = str(problem["threads"])
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", json.dumps({"engine": engine} | problem)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
        )  # fmt: skip
        self.rounds: list[dict[str, float]] = []

    def ready(self) -> bool:
        """Whether the engine is installed and its first pass went well."""
        answer = self._read()
        if "missing" in answer:
            print(f"NOT MEASURED: {self.engine} ({answer['missing']})", file=sys.stderr)
        self.digest = answer.get("digest")
        return self.digest is not None

    def round(self) -> None:
        """Have it run once more."""
        self._tell("round")
        self.rounds.append(self._read())

    def finish(self) -> dict[str, Any]:
        """Medians over the rounds, and the peak of memory."""
        self._tell("end")
        peak = self._read()["peak_bytes"]
        self.process.wait()
        full = [r["seconds"] for r in self.rounds]
        return {
            "seconds": median(full),
            "seconds_best": min(full),
            "conv_seconds": median(r["conv_seconds"] for r in self.rounds),
            "tables_seconds": median(r["tables_seconds"] for r in self.rounds),
            "rounds": len(full),
            "peak_bytes": peak,
            "digest": self.digest,
        }

    def _tell(self, word: str) -> None:
        assert self.process.stdin
        print(word, file=self.process.stdin, flush=True)

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.engine} died: {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Worker:
    """The other process: one engine, one problem."""

    def __init__(
        self, *, engine: str, nodes: str, edge: int, channels: int, backward: bool, dtype: str,
        device: str, threads: int,
    ) -> None:  # fmt: skip
        from octolith.octree import Level  # noqa: PLC0415
        from octree.engines import ENGINES  # noqa: PLC0415
        from octree.memory import Peak  # noqa: PLC0415

        torch.set_num_threads(threads)
        self.device, self.backward = device, backward
        kind = getattr(torch, dtype)
        state = torch.load(nodes)
        parents = Level(state["keys"].to(device), state["depth"], 1)
        random = torch.Generator().manual_seed(0)
        weight = torch.randn(channels, channels, 3, 3, 3, generator=random)
        self.peak = Peak(device)
        try:
            scaled = (weight / (27 * channels) ** 0.5).to(device, kind)
            self.engine = ENGINES[engine](parents, edge, scaled)
            x = torch.randn(8 * len(parents), channels, generator=random).to(device, kind)
            self.x = self.engine.features(x).requires_grad_(backward)
            del x
            self.engine.tables()
            with torch.set_grad_enabled(backward):
                out = self.engine(self.x)
            self.upstream = torch.ones_like(out)
            sample = self.engine.rows(out.detach())[::101].double()
            random_sign = torch.linspace(-1, 1, sample.numel(), device=device, dtype=torch.double)
            answer = {
                "digest": [
                    float(sample.flatten() @ random_sign),
                    float(sample.norm() * random_sign.norm()),
                ]
            }
        except Exception as error:  # whatever an engine or its absence may raise
            answer = {"missing": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)

    def serve(self) -> None:
        """Obey until told to end."""
        for line in sys.stdin:
            if line.strip() == "end":
                print(json.dumps({"peak_bytes": self.peak.bytes()}), flush=True)
                return
            seconds, tables = self.time(anew=True)
            again, _ = self.time(anew=False)
            answer = {"seconds": seconds, "tables_seconds": tables, "conv_seconds": again}
            print(json.dumps(answer), flush=True)

    def time(self, anew: bool) -> tuple[float, float]:
        """Seconds of one pass, and of the tables within (some engines make theirs later)."""
        self.x.grad = self.engine.weight.grad = None
        self._wait()
        began = time.perf_counter()
        if anew:
            self.engine.tables()
            self._wait()
        tables = time.perf_counter() - began
        with torch.set_grad_enabled(self.backward):
            out = self.engine(self.x)
        if self.backward:
            out.backward(self.upstream)
        self._wait()
        return time.perf_counter() - began, tables

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def describe(device: str, threads: int) -> str:
    """Name the machine."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{models[0]}, {threads} of {len(models)} cores"


if __name__ == "__main__":
    main()
