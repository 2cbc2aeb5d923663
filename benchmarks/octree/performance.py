"""docs/performance.md, from what the benchmarks of the octree measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
ENGINES = ("native", "minkowski", "ocnn", "spconv", "dense")
GIB = 1 << 30
Row = dict[str, Any]

HEAD = """# Speed and memory of the octree

Written by the benchmarks; measure your own machine with

```
OCTOLITH_ROCK_DATA=/path/to/rocks make bench-octree
```

On a machine with a GPU the same command measures that too. MinkowskiEngine and ocnn are used only
here and as an oracle of the tests; what is not installed is named and left out.

```
apt-get install -y libopenblas-dev       # MinkowskiEngine, on a CPU; a quarter of an hour
pip install torch ninja "setuptools<81" wheel numpy
MAX_JOBS=2 pip install --no-deps --no-build-isolation --use-pep517 \\
    --config-settings="--global-option=--blas=openblas" MinkowskiEngine==0.5.4
pip install --no-deps ocnn==2.3.3        # without torchvision, which it hardly uses
```

## How it is done

Nodes come in families of eight. The neighbours of a family's parent, looked up once on a grid,
serve all convolutions of a stage; each family's 4×4×4 window is a tile of Winograd's F(2, 3), which
takes 64 products where the direct form takes 216. Tiles exist for a few megabytes of families at a
time. The backward pass makes the windows again, of the gradient alone, and serves both gradients
from them, so nothing but the features themselves is kept. On a CPU every core works through
families of its own and meets the others once a convolution, not once an operation.
"""


def write() -> Path:
    """Write the page; returns its path."""
    rows = json.loads((RESULTS / "octree.json").read_text())
    parts = [HEAD, _speed(rows)]
    if (RESULTS / "memory.json").is_file():
        parts.append(_memory(json.loads((RESULTS / "memory.json").read_text())))
    PAGE.write_text("\n".join(parts))
    return PAGE


def _speed(rows: list[Row]) -> str:
    """A table a device, case and precision: milliseconds, and times slower than native."""
    lines = ["## One convolution, 3×3×3, C to C channels", ""]
    lines += [
        "Median milliseconds over interleaved rounds, the neighbour tables included, and in "
        "brackets how many times native's; then MiB at the peak, above what the process held "
        "with its libraries loaded. *tables* is their share of native's time."
    ]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        key = tuple(str(row[k]) for k in ("device", "case", "dtype"))
        groups.setdefault(key, []).append(row)
    for (device, case, dtype), mine in groups.items():
        first = mine[0]
        engines = [e for e in ENGINES if any(row["engine"] == e for row in mine)]
        low, high = (f(row["load"] for row in mine) for f in (min, max))
        lines += [
            "",
            f"**{device}**, {case}: {first['nodes']:,} nodes of {first['rock']}, "
            f"{100 * first['active']:.1f} % of the cube, {dtype}; load average {low:.1f} to "
            f"{high:.1f} while it ran.",
            "",
            "| pass | C | " + " | ".join(engines) + " | tables | memory: "
            + " / ".join(engines) + " |",
            "|---|---|" + "---|" * (len(engines) + 2),
        ]  # fmt: skip
        for kind in ("forward", "forward+backward"):
            for channels in sorted({row["channels"] for row in mine}):
                lines.append(_line(mine, engines, kind, channels))
    return "\n".join(lines) + "\n"


def _line(rows: list[Row], engines: list[str], kind: str, channels: int) -> str:
    found = {r["engine"]: r for r in rows if (r["pass"], r["channels"]) == (kind, channels)}
    native = found["native"]["seconds"]
    times, sizes = [], []
    for engine in engines:
        if engine in found:
            seconds = found[engine]["seconds"]
            times.append(f"{1e3 * seconds:.0f} ({seconds / native:.1f})")
            sizes.append(f"{found[engine]['peak_bytes'] / 2**20:.0f}")
        else:
            times.append("–")
            sizes.append("–")
    tables = found["native"]["tables_seconds"] / native
    return f"| {kind} | {channels} | {' | '.join(times)} | {tables:.0%} | {' / '.join(sizes)} |"


def _memory(counted: dict[str, list[Row]]) -> str:
    lines = [
        "## A training step at the paper's widths",
        "",
        "Batch 1, an LR cube of 32³, bfloat16, 128 planes an axis, the nodes of paper 1, table 2; "
        "GiB. *Generator*: its pass and backward. *Step*: with the critic's turns, whose gradient "
        "penalty is in float32. No number here was measured by running the step: every tensor "
        "was counted without its values (`benchmarks/bench_memory.py`).",
        "",
        "| stage | octree: generator | step | dense: generator | step |",
        "|---|---|---|---|---|",
    ]
    by = {(row["engine"], row["stage"]): row for row in counted["rows"]}
    for stage in range(1, 6):
        sizes = [
            f"{by[engine, stage][key] / GIB:.1f}"
            for engine in ("octree", "dense")
            for key in ("generator_bytes", "step_bytes")
        ]
        lines.append(f"| {stage} | " + " | ".join(sizes) + " |")
    checks = counted["checks"]
    worst = max(abs(row["real"] / row["fake"] - 1) for row in checks)
    more = [(row["resident"] - row["fake"]) / 2**20 for row in checks]
    lines += [
        "",
        "![Peak memory by stage](memory.svg)",
        "",
        f"Checked on {len(checks)} small steps that were run: the same count with numbers differs "
        f"by {100 * worst:.2g} %; the process came to hold {min(more):.0f} to {max(more):.0f} MiB "
        "more than was counted, which is code and workspaces.",
    ]
    return "\n".join(lines) + "\n"
