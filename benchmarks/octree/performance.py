"""docs/performance.md, from what the benchmarks of the octree measured."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"
ENGINES = ("native", "minkowski", "ocnn", "spconv", "dense")
GIB = 1 << 30
Row = dict[str, Any]

HEAD = """# Speed and memory

Written by the benchmarks; measure your own machine with

```
OCTOLITH_ROCK_DATA=/path/to/rocks make bench-octree
```

On a machine with a GPU the same command measures that too, and `python benchmarks/bench_gpu.py` the
steps at the paper's widths. MinkowskiEngine and ocnn are used only
here and as an oracle of the tests; what is not installed is named and left out.

```
apt-get install -y libopenblas-dev       # MinkowskiEngine, on a CPU; a quarter of an hour
pip install torch ninja "setuptools<81" wheel numpy
MAX_JOBS=2 pip install --no-deps --no-build-isolation --use-pep517 \\
    --config-settings="--global-option=--blas=openblas" MinkowskiEngine==0.5.4
pip install --no-deps ocnn==2.3.3        # without torchvision, which it hardly uses
```

## How the octree convolves

Nodes come in families of eight. The neighbours of a family's parent, looked up once on a grid,
serve all convolutions of a stage; each family's 4×4×4 window is a tile of Winograd's F(2, 3), which
takes 64 products where the direct form takes 216. Tiles exist for a few megabytes of families at a
time. The backward pass makes the windows again, of the gradient alone, and serves both gradients
from them, so nothing but the features themselves is kept. On a CPU every core works through
families of its own and meets the others once a convolution, not once an operation. In half
precision, which only training on a GPU has, Winograd's sums would lose too much: there the 27
neighbours of a chunk of nodes are copied side by side and meet the kernel in one product.
"""


def write() -> Path:
    """Write the page; returns its path."""
    rows = json.loads((RESULTS / "octree.json").read_text())
    parts = [HEAD, _speed(rows)]
    if (RESULTS / "memory.json").is_file():
        parts.append(_memory(json.loads((RESULTS / "memory.json").read_text())))
    if (RESULTS / "gpu.json").is_file():
        parts.append(_gpu(json.loads((RESULTS / "gpu.json").read_text())))
    if (RESULTS / "scale.json").is_file():
        parts.append(_scale(json.loads((RESULTS / "scale.json").read_text())))
    if (RESULTS / "compression.json").is_file():
        parts.append(_compression(json.loads((RESULTS / "compression.json").read_text())))
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
        "penalty is in float32; `planes_at_once` has it judge so many planes at a time, which "
        "changes no gradient. No number here was measured by running the step: every tensor "
        "was counted without its values (`benchmarks/bench_memory.py`).",
        "",
    ]
    by = {(row["engine"], row["planes_at_once"], row["stage"]): row for row in counted["rows"]}
    few, many = (f({row["planes_at_once"] for row in counted["rows"]}) for f in (min, max))
    columns = [
        ("octree", many, "generator_bytes"), ("octree", few, "step_bytes"),
        ("octree", many, "step_bytes"), ("dense", many, "generator_bytes"),
        ("dense", many, "step_bytes"),
    ]  # fmt: skip
    lines += [
        f"| stage | octree: generator | step, {few} planes at once | step | dense: generator "
        "| step |",
        "|---|---|---|---|---|---|",
    ]
    for stage in range(1, 6):
        sizes = [f"{by[engine, at, stage][key] / GIB:.1f}" for engine, at, key in columns]
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


def _gpu(found: dict[str, Any]) -> str:
    """A convolution, the training step and super-resolution on a GPU, side by side with plans."""
    return "\n".join(
        [
            f"## On a GPU: {found['device']}, PyTorch {found['torch']}",
            "",
            *_gpu_convolutions(found),
            *_gpu_steps(found["steps"]),
            *_gpu_blocks(found["blocks"]),
        ]
    )


def _gpu_convolutions(found: dict[str, Any]) -> list[str]:
    lines = [
        f"One convolution of {found['nodes']:,} nodes of Berea sandstone, {found['active']:.1%} of "
        "the cube, without the neighbour tables; milliseconds forward / forward+backward. *dense* "
        "is cuDNN on the whole cube.",
        "",
        "| C | native, bfloat16 | native, float32 | ocnn, bfloat16 | dense, bfloat16 "
        "| dense, float32 |",
        "|---|---|---|---|---|---|",
    ]
    by = {(row["channels"], row["engine"], row["dtype"]): row for row in found["convolutions"]}
    columns = [
        ("native", "bfloat16"), ("native", "float32"), ("ocnn", "bfloat16"),
        ("dense", "bfloat16"), ("dense", "float32"),
    ]  # fmt: skip
    for channels in sorted({row["channels"] for row in found["convolutions"]}):
        cells = [_both(by.get((channels, *column))) for column in columns]
        lines.append(f"| {channels} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _both(row: Row | None) -> str:
    """Milliseconds forward, and forward and backward."""
    if row is None:
        return "–"
    return f"{1e3 * row['forward_seconds']:.1f} / {1e3 * row['both_seconds']:.1f}"


def _gpu_steps(rows: list[Row]) -> list[str]:
    lines = [
        "The training step of the table above, run: seconds, and GiB of tensors at its peak. Half "
        "precision in the generator and the critic, float32 in the gradient penalty.",
        "",
        "| stage | octree, 16 planes at once | octree | dense |",
        "|---|---|---|---|",
    ]
    by = {(row["engine"], row["planes_at_once"], row["stage"]): row for row in rows}
    few, many = (f({row["planes_at_once"] for row in rows}) for f in (min, max))
    for stage in sorted({row["stage"] for row in rows}):
        cells = []
        for engine, planes in (("octree", few), ("octree", many), ("dense", many)):
            row = by.get((engine, planes, stage))
            if row is None:
                cells.append("not measured")
            elif row["seconds"] is None:
                cells.append("out of memory")
            else:
                cells.append(f"{row['seconds']:.2f} s, {row['peak_bytes'] / GIB:.1f}")
        lines.append(f"| {stage} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _gpu_blocks(of: Row) -> list[str]:
    whole = of["whole_nodes"] / of["computed"]
    edge = of["lr_shape"][0]
    return [
        f"Super-resolution, 16 times, at the paper's widths, float32: {of['rock']}, {edge}³, in "
        f"{of['blocks']} blocks of 32³ through the step `superresolve`: {of['seconds']:.1f} s for "
        f"{of['computed'] / 1e6:.0f} · 10⁶ nodes, of which {of['growing_seconds']:.1f} s is the "
        "GPU's; the rest is reading, writing and the first start of CUDA's libraries. 256³ to "
        f"4096³ has {whole:.0f} times the nodes: at this rate {whole * of['seconds'] / 60:.1f} "
        f"minutes of one GPU, {whole * of['growing_seconds'] / 60:.1f} of them its own work "
        "(not run: it is a product). Networks are not trained; as many nodes are mixed as in "
        "paper 1, table 2.",
        "",
        f"Its tensors took {of['peak_bytes'] / GIB:.1f} GiB at the peak, and CUDA beside them "
        f"{of['context_bytes'] / GIB:.1f}; `octolith plan` states {of['stated_bytes'] / GIB:.1f} "
        f"for both. Of the host's memory the process took {of['host_peak_bytes'] / GIB:.1f} GiB, "
        f"and {of['stated_host_bytes'] / GIB:.1f} is stated. PyTorch's allocator keeps what was "
        f"used once, and so came to hold {of['reserved_bytes'] / GIB:.1f} GiB of a card with room; "
        "on a smaller one it gives that back.",
        "",
    ]


def _scale(found: dict[str, Any]) -> str:
    rows: list[Row] = found["rows"]
    first = rows[0]
    shares = "; ".join(
        f"{_cube(row)}: " + ", ".join(f"{s['mixed'] / s['nodes']:.0%}" for s in row["stages"][:-1])
        for row in rows
    )
    lines = [
        "## Super-resolving a volume, out of core",
        "",
        f"`make bench-scale`: {first['rock']}, 16 times finer, in blocks of {first['block']}³ LR "
        f"voxels on {found['cores']} cores of {found['machine']}, through the steps of the "
        "workflow, a process each; two block jobs run side by side. The networks have the widths "
        f"of the preset `{found['widths']}` and are *not trained*: the bias of each stage is set "
        "so that as many nodes are mixed as in paper 1, table 2. Shares of mixed nodes found at "
        f"stages 1 to {len(first['stages']) - 1}: {shares}. What is stated is told these "
        "shares, as the log of a training would; two of its constants, what a process holds of "
        "code and what the allocator takes beside the tensors, were fitted to such runs.",
        "",
        "| LR | SR | jobs | step | wall, s | processor, s | ns an SR voxel | memory of a job "
        "| stated by `octolith plan` |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        voxels = math.prod(row["shape"])
        for step in ("superresolve", "stitch", "smooth"):
            of, jobs = row[step], row["jobs"] if step == "superresolve" else 1
            lines.append(
                f"| {_cube(row)} | {row['shape'][0]}³ | {jobs} "
                f"| {step} | {of['seconds']:.0f} | {of['cpu_seconds']:.0f} "
                f"| {1e9 * of['cpu_seconds'] / voxels:.0f} | {of['peak_bytes'] / GIB:.2f} GiB "
                f"| {of['stated_bytes'] / GIB:.2f} GiB |"
            )
    loads = [row["load"] for row in rows]
    lines += [
        "",
        f"The machine's load average was {min(loads):.1f} to {max(loads):.1f}, which is in the "
        "wall times. A small volume pays for the start of its processes.",
        "",
        "![Processor time an SR voxel against the size of the LR volume](scale.svg)",
        "",
        "Halos: nodes computed over those of the volume; beside it what the planning says. "
        "*Octrees*: all files of blocks. *Dense*: the stitched labels in chunks of 64³, by the "
        "same codec and level (gzip 4), and as they are written.",
        "",
        "| SR | nodes | halos | planned | octrees | dense, gzip 4 | dense, as written "
        "| plain labels |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        nodes = sum(stage["nodes"] for stage in row["stages"])
        sizes = [
            row["octree_bytes"], row["dense_gzip4_bytes"], row["dense_bytes"],
            math.prod(row["shape"]),
        ]  # fmt: skip
        lines.append(
            f"| {row['shape'][0]}³ | {nodes:.3g} | {row['halo_cost']:.2f} "
            f"| {row['planned']['halo_cost']:.2f} | "
            + " | ".join(f"{size / 2**20:.1f} MiB" for size in sizes)
            + " |"
        )
    return "\n".join([*lines, "", _projection(found["projection"])]) + "\n"


def _compression(rows: list[Row]) -> str:
    lines = [
        "## Writing and reading volumes",
        "",
        "`python benchmarks/compression.py`: MiB a second of one core, and how many times smaller "
        "the file is. Blosc, which HDF5 reads only with a plugin, is timed without a file.",
        "",
        "| volume | writer | write | read | times smaller |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row['volume']} | {row['writer']} | {row['write_mib_s']:.0f} | {row['read_mib_s']:.0f} "
        f"| {row['times_smaller']:.1f} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


def _projection(of: Row) -> str:
    per_job = of["nodes"] / of["blocks"]
    return (
        f"### Projected, not run: {of['lr_shape'][0]}³ to {of['shape'][0]}³ at the paper's widths\n"
        "\n"
        "With "
        f"the mixed shares of paper 1, {of['blocks']} blocks compute {of['nodes']:.2g} nodes "
        f"({per_job:.2g} a block, halos {of['halo_cost']:.2f}) with {of['flops'] / 1e15:.1f} · "
        "10¹⁵ operations after Winograd. At the "
        f"{of['gpu_flops'] / 1e12:.0f} · 10¹² operations a second and the "
        f"{1e9 * of['gpu_node_seconds']:.0f} ns a node besides that the planning has from the runs "
        f"on an H200, that is {of['seconds'] / 60:.0f} minutes of super-resolution. Stated memory: "
        f"{of['gpu_bytes'] / GIB:.1f} GiB on the GPU, {of['host_bytes'] / GIB:.1f} GiB of the host "
        f"(most of it CUDA itself), {of['stitch_bytes'] / GIB:.1f} GiB to stitch, "
        f"{of['smooth_bytes'] / GIB:.1f} GiB to smooth. On disk: "
        f"{of['octree_bytes'] / GIB:.1f} GiB of octrees and "
        f"{of['dense_bytes'] / GIB:.1f} GiB of labels, where plain labels are "
        f"{math.prod(of['shape']) / GIB:.0f} GiB. Stitching and smoothing follow on the CPU and "
        f"take {of['after_seconds'] / 60:.0f} minutes of one core at the rates above."
    )


def _cube(row: Row) -> str:
    return f"{row['lr_shape'][0]}³"
