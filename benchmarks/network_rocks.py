"""Pore networks and transport of real rocks, and what coarsening them does: `make network-rocks`.

    OCTOLITH_ROCK_DATA=... python benchmarks/network_rocks.py [--rocks NAME ...] [--document]

Three segmented micro-CT volumes as they are and coarsened two and four times: a cell becomes what
most of its voxels are (a coin decides between equals), as an instrument of larger voxels, segmented
as well, would have it. Of each:

- the pore network of the whole cube, and permeability and formation factor along each axis;
- relative diffusivity and tortuosity factor of a cube in the middle;
- permeability of small cubes by the network and by the direct solution of the Stokes flow; and the
  direct solution of the whole cube where coarsening has made it small.

Writes benchmarks/results/network_rocks.json, docs/figures/network-*.png and the part of
docs/network.md between its marks. About twenty minutes of one core and 3 GiB.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from octolith import figures
from octolith.phases import Phases
from octolith.pores.connectivity import AXES
from octolith.pores.extraction import extract_network
from octolith.pores.figures import draw_network
from octolith.pores.flow import MILLIDARCY_UM2, permeability_md
from octolith.pores.network import PoreNetwork
from octolith.pores.properties import network_properties, transport_properties
from octolith.pores.stokes import stokes_permeability

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "network_rocks.json"
DOCUMENT = HERE.parent / "docs" / "network.md"
FIGURES = HERE.parent / "docs" / "figures"
BEGIN, END = "<!-- written by benchmarks/network_rocks.py -->", "<!-- end -->"

FACTORS = (1, 2, 4)
COLOURS = dict(zip(FACTORS, ("#0072b2", "#e69f00", "#7f7f7f"), strict=True))
TRANSPORT_EDGE = 128  # voxels of the cube in the middle through which diffusion is solved
SMALL_EDGE = 64  # voxels of what is solved directly
SMALL_CUBES = 3  # along the diagonal of each rock
PICTURED = "berea"
STEADY = 1e-4  # change of the flux in 100 steps at which it counts as steady
BINS = 40


@dataclass(frozen=True)
class Rock:
    """A segmented volume.

    Attributes
    ----------
    title : of its section.
    file : in the folder of the rock data.
    edge : of the cube that is used, voxels.
    voxel_um : 1 where it is not known.
    note : on the voxel, and what else a reader must know.
    phases : names by the labels of the file.
    media : what conducts.
    published : values of others for this rock: (property, axis) -> value.
    """

    title: str
    file: str
    edge: int
    voxel_um: float
    note: str
    phases: Mapping[int, str]
    media: Mapping[str, Mapping[str, float]] = field(
        default_factory=lambda: {"pore": {"pore": 1.0}}
    )
    published: Mapping[tuple[str, str], float] = field(default_factory=dict)


ROCKS = {
    "berea": Rock(
        "Berea, 400³",
        "berea-binary/berea_binary_400.tif",
        400,
        5.345,
        "The file does not say how large its voxels are. Its size and porosity are those of the "
        "Berea that Imperial College London published (Dong and Blunt, Physical Review E 80, "
        "036307, 2009), whose voxels are 5.345 µm. *Published* are the direct solutions on that "
        "image which OpenPNM's tests hold (`PoreSpyIO_on_Berea.py`); which of its axes is which "
        "of ours is not known.",
        {0: "pore", 255: "grain"},
        published={
            ("porosity", ""): 0.196,
            **{("permeability", a): k for a, k in zip("xyz", (1360, 1304, 1193), strict=True)},
            **{
                ("formation_factor", a): f
                for a, f in zip("xyz", (23.12, 23.99, 25.22), strict=True)
            },
        },
    ),
    "berea-ct": Rock(
        "Berea, four phases, 256³",
        "berea-ct/berea_ct_4phase_3p5um_257.tif",
        256,
        3.5,
        "Another Berea, without the last of its 257 voxels along each edge, whose clay is told "
        "from its quartz. The second medium lets the clay "
        "conduct a tenth of what the pores do: its own small pores are below the voxel.",
        {0: "pore", 1: "quartz", 2: "feldspar", 3: "clay"},
        media={"pore": {"pore": 1.0}, "pore and clay": {"pore": 1.0, "clay": 0.1}},
    ),
    "sandstone": Rock(
        "Sandstone, 256³",
        "sandstone-binary/sandstone_binary_256.tif",
        256,
        1.0,
        "A sandstone without a name. Its voxel is not known and taken for 1 µm: multiply lengths "
        "by the voxel in µm, and the permeability by its square.",
        {255: "pore", 0: "grain"},
    ),
}


# ---- measuring --------------------------------------------------------------------------------


def read(rock: Rock, folder: Path) -> tuple[np.ndarray, Phases]:
    """Label codes (z, y, x) and what they mean; the pore is code 0."""
    labels = tifffile.imread(folder / rock.file)[(slice(rock.edge),) * 3]
    codes = np.zeros(labels.shape, np.uint8)
    for code, label in enumerate(rock.phases):
        codes[labels == label] = code
    return codes, Phases.of([*rock.phases.values()], "pore")


def coarsened(labels: np.ndarray, factor: int, phases: int) -> np.ndarray:
    """What most of each cell of ``factor``³ voxels is; a coin decides between equals."""
    if factor == 1:
        return labels
    n = labels.shape[0] // factor
    cells = labels.reshape(n, factor, n, factor, n, factor)
    counts = np.stack([(cells == code).sum(axis=(1, 3, 5)) for code in range(phases)])
    coins = np.random.default_rng(0).random(counts.shape, np.float32)
    return np.asarray((counts + coins / 2).argmax(axis=0).astype(np.uint8))


def middle(labels: np.ndarray, edge: int) -> np.ndarray:
    """The cube in the middle."""
    start = (labels.shape[0] - edge) // 2
    return labels[(slice(start, start + edge),) * 3]


def small_cubes(labels: np.ndarray, edge: int) -> Iterator[np.ndarray]:
    """Cubes along the diagonal, evenly spaced."""
    for start in np.linspace(0, labels.shape[0] - edge, SMALL_CUBES).astype(int):
        yield labels[(slice(start, start + edge),) * 3]


def whole_cube(rock: Rock, labels: np.ndarray, phases: Phases, factor: int) -> dict[str, Any]:
    """All properties of one rock at one resolution, with the sizes of its pores and throats."""
    start, voxel_um = time.process_time(), rock.voxel_um * factor
    pore = labels == phases.pore_code
    network = extract_network(pore, voxel_um)
    tables = [network_properties(network, pore, voxel_um)]
    seconds = time.process_time() - start
    cube = middle(labels, TRANSPORT_EDGE // factor)
    tables += [transport_properties(cube, phases, rock.media, axis) for axis in range(len(AXES))]
    return {
        "factor": factor,
        "properties": pd.concat(tables).to_dict("records"),
        "network_seconds": seconds,
        "seconds": time.process_time() - start,
        "sizes": distributions(network, rock.voxel_um),
    }


def distributions(network: PoreNetwork, unit_um: float) -> dict[str, list[float]]:
    """How many pores and throats there are of each diameter."""
    edges = unit_um * np.geomspace(1, 64, BINS + 1)
    tables = {"pores": network.pores, "throats": network.inner}
    counts = {name: np.histogram(table["diameter_um"], edges)[0] for name, table in tables.items()}
    return {"edges_um": edges.tolist(), **{name: each.tolist() for name, each in counts.items()}}


def directly(pore: np.ndarray, voxel_um: float) -> list[float]:
    """Permeability along z, y, x of the Stokes flow, mD."""
    unit = voxel_um**2 / MILLIDARCY_UM2
    return [stokes_permeability(pore, axis, STEADY) * unit for axis in range(3)]


def by_network(pore: np.ndarray, voxel_um: float) -> list[float]:
    """Permeability along z, y, x of the network, mD."""
    network = extract_network(pore, voxel_um)
    return [permeability_md(network, axis) for axis in range(3)]


def compare(
    rock: Rock, labels: np.ndarray, phases: Phases, factor: int
) -> Iterator[dict[str, Any]]:
    """Network and direct solution of small cubes; and of the whole where it has become small."""
    cubes = {f"cube {k}": c for k, c in enumerate(small_cubes(labels, SMALL_EDGE // factor), 1)}
    if factor == max(FACTORS):
        cubes["whole"] = labels
    for name, cube in cubes.items():
        pore, voxel_um = cube == phases.pore_code, rock.voxel_um * factor
        yield {
            "factor": factor,
            "cube": name,
            "edge": len(cube),
            "porosity": float(pore.mean()),
            "direct_md": directly(pore, voxel_um),
            "network_md": by_network(pore, voxel_um),
        }


def draw(name: str, rock: Rock, images: Mapping[int, np.ndarray]) -> None:
    """The network of the middle of a rock, as it is and at its coarsest."""
    for factor in (min(FACTORS), max(FACTORS)):
        pore, voxel_um = middle(images[factor], SMALL_EDGE // factor) == 0, rock.voxel_um * factor
        picture = draw_network(extract_network(pore, voxel_um), pore, voxel_um)
        figures.save(picture, FIGURES / f"network-{name}-{factor}x", ["png"])


def measure(name: str, rock: Rock, folder: Path) -> Iterator[dict[str, Any]]:
    """What is known of a rock, first without and then with the direct solutions."""
    labels, phases = read(rock, folder)
    images = {factor: coarsened(labels, factor, len(phases)) for factor in FACTORS}
    if name == PICTURED:
        draw(name, rock, images)
    found: dict[str, Any] = {"voxel_um": rock.voxel_um, "edge": rock.edge, "small": []}
    found["whole"] = [whole_cube(rock, image, phases, k) for k, image in images.items()]
    yield found
    for factor, image in images.items():
        found["small"] += compare(rock, image, phases, factor)
    yield found


# ---- writing ----------------------------------------------------------------------------------


def document(results: Mapping[str, Any]) -> str:
    """What was measured, as Markdown."""
    draw_sizes(results)
    parts = [INTRODUCTION.format(edge=TRANSPORT_EDGE), *map(what_is_lost, results.items())]
    parts += [DISTRIBUTIONS, comparison(results)]
    for name, found in results.items():
        rock = ROCKS[name]
        parts += [f"### {rock.title}", "", rock.note, "", property_table(rock, found["whole"])]
        if name == PICTURED:
            parts += [PICTURES.format(name=name, edge=SMALL_EDGE)]
    return "\n".join(parts)


PICTURES = """
The middle {edge}³ voxels and their network, as they are and coarsened four times:

![](figures/network-{name}-1x.png) ![](figures/network-{name}-4x.png)
"""
INTRODUCTION = """Volumes as they are, and coarsened two and four times as an instrument of larger
voxels would have them. Diffusion is of the middle {edge}³ voxels, all else of the whole cube.
∞ and 0: nothing spans.
"""
DISTRIBUTIONS = """
![](figures/network-sizes.png)
"""


def what_is_lost(named: tuple[str, Mapping[str, Any]]) -> str:
    """A sentence on a rock: its network at the coarsest, beside the finest."""
    name, found = named
    finest, *_, coarsest = (
        pd.DataFrame(one["properties"]).set_index(["property", "axis"])["value"]
        for one in found["whole"]
    )

    def of_the_finest(what: str) -> float:
        return float(coarsest.get((what, ""), np.nan) / finest[what, ""])

    permeability = coarsest["permeability"].mean() / finest["permeability"].mean()
    return (
        f"- {ROCKS[name].title}, coarsened {max(FACTORS)}×: {of_the_finest('pores'):.0%} of the "
        f"pores and {of_the_finest('throats'):.0%} of the throats are found, the porosity is "
        f"{of_the_finest('porosity'):.0%}, the mean throat "
        f"{of_the_finest('throat_diameter_mean'):.2g} times as wide, the network's permeability "
        f"{permeability:.2g} times as large."
    )


def property_table(rock: Rock, whole: Sequence[Mapping[str, Any]]) -> str:
    """A row a property, a column a resolution; what others published beside it."""
    tables = [
        pd.DataFrame(one["properties"]).set_index(["property", "axis", "unit"])["value"]
        for one in whole
    ]
    titles = [f"voxel {rock.voxel_um * one['factor']:.4g} µm" for one in whole]
    titles += ["published"] if rock.published else []
    rows = []
    for key in tables[0].index.drop(["edge", "voxel"], level="property"):
        name, axis, unit = key
        cells = [word(table.get(key)) for table in tables]
        if rock.published:
            cells.append(word(rock.published.get((name, axis))))
        unit = "" if unit == "1" else f", {unit}"
        rows.append([f"{name.replace('_', ' ')}{f' {axis}' if axis else ''}{unit}", *cells])
    return as_markdown(["", *titles], rows)


def word(value: float | None) -> str:
    if value is None:
        return ""
    if np.isinf(value):
        return "∞"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def as_markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def comparison(results: Mapping[str, Any]) -> str:
    """Network beside the direct solution: their ratio, and what coarsening does to either."""
    rows, wholes = [], []
    for name, found in results.items():
        if not found["small"]:
            continue
        small = pd.DataFrame([one for one in found["small"] if one["cube"] != "whole"])
        finest = np.stack(small.loc[small["factor"] == 1, "direct_md"].to_list())
        for factor, cubes in small.groupby("factor"):
            direct, network = (np.stack(cubes[c].to_list()) for c in ("direct_md", "network_md"))
            both = (direct > 0) & (network > 0)
            ratio = network[both] / direct[both]
            rows.append(
                [
                    ROCKS[name].title, f"{factor}×", f"{both.sum()} of {direct.size}",
                    middling(ratio), f"{ratio.min():.2f} to {ratio.max():.2f}",
                    word(direct.mean()), word(network.mean()),
                    f"{direct.mean() / finest.mean():.2f}",
                ]
            )  # fmt: skip
        for one in found["small"]:
            if one["cube"] == "whole":
                wholes += [
                    [ROCKS[name].title, f"{one['edge']}³", axis, word(direct), word(network),
                     f"{network / direct:.2f}" if direct else ""]
                    for axis, direct, network in zip(
                        AXES, one["direct_md"], one["network_md"], strict=True
                    )
                ]  # fmt: skip
    first = as_markdown(
        ["rock", "coarsened", "axes with flow", "network / direct", "range", "direct, mD",
         "network, mD", "direct / uncoarsened"], rows,
    )  # fmt: skip
    second = as_markdown(["rock", "voxels", "axis", "direct, mD", "network, mD", "ratio"], wholes)
    title = SMALL.format(count=SMALL_CUBES, edge=SMALL_EDGE)
    return f"{title}\n{first}\n{WHOLE}\n{second}"


SMALL = """### Network beside direct solution

{count} cubes of {edge}³ voxels along the diagonal of each rock, each along z, y and x; the middling
ratio is the geometric mean, and a permeability in mD the mean over all.
"""
WHOLE = """The whole rock, coarsened four times, which makes it small enough to be solved directly:
"""


def middling(ratio: np.ndarray) -> str:
    return f"{np.exp(np.log(ratio).mean()):.2f}" if len(ratio) else ""


def draw_sizes(results: Mapping[str, Any]) -> None:
    """Pore and throat size distributions of every rock, a line a resolution."""
    figure, axes = figures.new(2, len(results), width=3 * len(results), height=4.6)
    for column, (name, found) in enumerate(results.items()):
        for row, what in enumerate(("pores", "throats")):
            axis = axes[row, column]
            for one in found["whole"]:
                counts, edges = one["sizes"][what], one["sizes"]["edges_um"]
                label = f"{rock_voxel(name, one['factor'])} ({sum(counts):,})"
                axis.stairs(counts, edges, color=COLOURS[one["factor"]], lw=1.5, label=label)
            axis.set(xscale="log", yscale="log", xlabel=f"{what[:-1]} diameter, µm")
            axis.legend(fontsize=7, frameon=False)
        axes[0, column].set_title(ROCKS[name].title)
    for row, what in enumerate(("pores", "throats")):
        axes[row, 0].set_ylabel(f"number of {what}")
    figures.save(figure, FIGURES / "network-sizes", ["png"])


def rock_voxel(name: str, factor: int) -> str:
    return f"{ROCKS[name].voxel_um * factor:.4g} µm"


def write_document(results: Mapping[str, Any]) -> None:
    text = DOCUMENT.read_text("utf-8")
    before, after = text[: text.index(BEGIN)], text[text.index(END) :]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{document(results)}\n{after}", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rocks", nargs="+", choices=ROCKS, default=[*ROCKS])
    parser.add_argument("--document", action="store_true", help="write it anew from the results")
    given = parser.parse_args()
    if not given.document:
        for name in given.rocks:
            for found in measure(name, ROCKS[name], Path(os.environ["OCTOLITH_ROCK_DATA"])):
                print(name, json.dumps(found), flush=True)
                results = known() | {name: found}
                ordered = {rock: results[rock] for rock in ROCKS if rock in results}
                RESULTS.write_text(json.dumps(ordered) + "\n")
    write_document(known())


def known() -> dict[str, Any]:
    return dict(json.loads(RESULTS.read_text())) if RESULTS.exists() else {}


if __name__ == "__main__":
    main()
