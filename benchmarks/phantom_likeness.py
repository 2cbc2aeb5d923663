"""How like Berea the phantoms are, and what their scans show: the tables of docs/phantom.md.

    python benchmarks/phantom_likeness.py ROCK_DATA [--write docs/phantom.md] [--picture side.png]

ROCK_DATA is the folder that holds ``berea-lsm``: five microscope panels of Berea sandstone, as
labels. Each is measured by the library's own descriptors, and so are as many planes as are asked
for, of the same size, through each recipe's rock.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from octolith import figures
from octolith.descriptors import measure
from octolith.phantom import PHASES, bands, ct_scan, fine_labels, load_recipe, microscope_images
from octolith.segmentation import Bands, resample

PANEL_UM = 0.51
# How much smaller than Berea's a recipe's grains are. Its distances are multiplied by this, and
# the panels are resampled to its pixel, multiplied by this.
SHRUNK = {"berea-16x": 1.0, "berea-like": 2.0, "demo": 1.44}
# Values of the normalised two-point correlation whose distance is compared.
LEVELS = {"1/2": 0.5, "1/e": np.exp(-1), "1/10": 0.1}
BEGIN, END = "<!-- written by benchmarks/phantom_likeness.py -->", "<!-- end -->"


def panels(rock_data: Path) -> list[np.ndarray]:
    files = sorted((rock_data / "berea-lsm").glob("*.tif"))
    return [np.asarray(tifffile.imread(file)) for file in files]


def statistics(labels: np.ndarray, pixel_um: float) -> dict[str, float]:
    """What is compared, of one image."""
    found = {}
    for row in measure("volume_fraction", labels, pixel_um, PHASES).itertuples():
        found[f"volume fraction, {row.phase}"] = row.value
    table = measure("two_point_correlation", labels, pixel_um, PHASES)
    curve = table.query("descriptor == 'F2' and phase == 'pore' and direction == 'radial'")
    for name, level in LEVELS.items():
        found[f"pore correlation falls to {name}, µm"] = distance_at(curve, level)
    table = measure("interfacial_area", labels, pixel_um, PHASES)
    pairs = table.query("descriptor == 'interfacial_area'")
    for row in pairs.itertuples():
        share = row.value / pairs.value.sum()
        found[f"share of the interfaces, {row.phase}–{row.other}"] = share
    surface = table.query("descriptor == 'specific_surface'")
    for row in surface.itertuples():
        found[f"specific surface, {row.phase}, 1/µm"] = row.value
    table = measure("chord_length", labels, pixel_um, PHASES)
    means = table.query("descriptor == 'mean_chord_length'").groupby("phase", sort=False)
    for phase, value in means.value.mean().items():
        found[f"mean chord, {phase}, µm"] = value
    return found


def distance_at(curve: pd.DataFrame, level: float) -> float:
    """Where a falling curve first crosses a level, by linear interpolation; µm."""
    value, distance = curve.value.to_numpy(), curve.distance_um.to_numpy()
    below = int(np.argmax(value < level))
    return float(np.interp(level, value[[below, below - 1]], distance[[below, below - 1]]))


def likeness(
    images: list[np.ndarray], name: str, planes: int
) -> tuple[pd.DataFrame, list[np.ndarray], list[np.ndarray]]:
    """The comparison of one recipe, and the images that went into it.

    Returns
    -------
    table with a row a statistic and the columns ``berea``, ``berea_sd``, ``phantom``,
    ``phantom_sd`` and ``off`` (the difference of the means in ``berea_sd``); the panels as they
    were resampled; the phantom's planes.
    """
    recipe = load_recipe(name)
    pixel_um = recipe.voxel_um * SHRUNK[name]
    resampled = [resample(image, PANEL_UM, pixel_um) for image in images]
    edge = min(min(image.shape) for image in resampled)
    made = microscope_images(recipe, planes, edge)
    berea = pd.DataFrame([statistics(image, pixel_um) for image in resampled])
    phantom = pd.DataFrame([statistics(image, pixel_um) for image in made])
    table = pd.DataFrame(
        {
            "berea": berea.mean(),
            "berea_sd": berea.std(),
            "phantom": phantom.mean(),
            "phantom_sd": phantom.std(),
        }
    )
    table["off"] = (table.phantom - table.berea) / table.berea_sd
    return table, resampled, made


def likeness_lines(table: pd.DataFrame) -> list[str]:
    rows = [
        f"| {name} | {r.berea:.3g} ± {r.berea_sd:.2g} | {r.phantom:.3g} ± {r.phantom_sd:.2g} "
        f"| {r.off:+.1f} |"
        for name, r in table.iterrows()
    ]
    head = ["| | Berea panels | phantom | off by (sd of the panels) |", "|---|---|---|---|"]
    return head + rows


def scan_lines(name: str, size: int, scale: int) -> list[str]:
    """What the scan shows of the truth, and how long they took to make."""
    recipe = load_recipe(name)
    start = time.process_time()
    truth = fine_labels(recipe, (0, 0, 0), (size * scale,) * 3)
    middle = time.process_time()
    grey = ct_scan(recipe, (0, 0, 0), (size,) * 3, scale)
    end = time.process_time()
    seen = Bands.of(bands(recipe), PHASES).label(grey)
    spread = np.kron(seen, np.ones((scale,) * 3, np.uint8))
    head = " | ".join(f"seen as {phase}" for phase in PHASES.names)
    lines = [
        f"`{name}`, {size}³ voxels of {recipe.voxel_um * scale:g} µm: {size * scale}³ fine labels "
        f"took {middle - start:.1f} s of one core, the scan {end - middle:.1f} s.",
        "",
        f"| | true | seen | {head} |",
        "|---|---|---|" + "---|" * len(PHASES),
    ]
    for code, phase in enumerate(PHASES.names):
        here = spread[truth == code]
        shares = np.bincount(here, minlength=len(PHASES)) / here.size
        cells = " | ".join(f"{share:.2f}" for share in shares)
        lines.append(f"| {phase} | {np.mean(truth == code):.3f} | {np.mean(seen == code):.3f} "
                     f"| {cells} |")  # fmt: skip
    return lines


def draw(rows: list[tuple[str, list[np.ndarray], list[np.ndarray], float]], path: Path) -> None:
    """Panels and planes side by side, a row a recipe."""
    figure, axes = figures.new(len(rows), 6, width=15, height=2.8 * len(rows))
    for line, (name, real, made, pixel_um) in zip(axes, rows, strict=True):
        for axis, image in zip(line, real[:3] + made[:3], strict=True):
            title = "Berea" if any(image is one for one in real) else name
            figures.show_labels(axis, image, PHASES, pixel_um, title)
    figures.save(figure, path.with_suffix(""), ("png",))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rock_data", type=Path)
    parser.add_argument("--planes", type=int, default=20)
    parser.add_argument("--write", type=Path, help="replace the tables of this page")
    parser.add_argument("--picture", type=Path, help="draw panels and planes side by side")
    given = parser.parse_args()
    images = panels(given.rock_data)
    lines, drawn = [], []
    for name, shrunk in SHRUNK.items():
        table, real, made = likeness(images, name, given.planes)
        pixel_um = load_recipe(name).voxel_um * shrunk
        lines += ["", f"`{name}`, {given.planes} planes of {len(made[0])}² pixels, {len(real)} "
                  f"panels; a pixel stands for {pixel_um:g} µm of Berea:", ""]  # fmt: skip
        lines += likeness_lines(table)
        drawn.append((name, real, made, pixel_um))
    lines += ["", *scan_lines("berea-like", 64, 4), "", *scan_lines("demo", 64, 4)]
    print("\n".join(lines))
    if given.picture:
        draw(drawn, given.picture)
    if given.write:
        page = given.write.read_text("utf-8")
        head, tail = page.split(BEGIN)[0], page.split(END)[1]
        given.write.write_text(head + "\n".join([BEGIN, *lines, "", END]) + tail, "utf-8")


if __name__ == "__main__":
    main()
