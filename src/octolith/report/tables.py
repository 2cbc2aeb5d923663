"""The tables of the page, each of which is also a CSV beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from octolith.report import judgement, records, words
from octolith.report.run import Run


@dataclass(frozen=True)
class Table:
    """A table of the page and of a CSV beside it: titles of the columns, and rows of values."""

    name: str
    titles: dict[str, str]
    frame: pd.DataFrame

    @property
    def rows(self) -> list[list[Any]]:
        """The values as plain Python objects."""
        return [list(row) for row in self.frame[list(self.titles)].astype(object).to_numpy()]

    @property
    def records(self) -> list[dict[Any, Any]]:
        """The rows by name, with what has no title too."""
        return self.frame.to_dict("records")


def node_table(run: Run) -> Table:
    """Dense and mixed nodes of each stage, first realisation (paper 1, table 2)."""
    own = run.nodes[run.nodes["realisation"] == 0].reset_index(drop=True)
    voxels = [math.prod(run.lr.shape) * 8 ** (stage - 1) for stage in own["stage"]]
    shapes = [" × ".join(str(n << (stage - 1)) for n in run.lr.shape) for stage in own["stage"]]
    frame = own.assign(
        cell_um=[run.lr_um / 2 ** (stage - 1) for stage in own["stage"]],
        grid=shapes,
        voxels=voxels,
        mixed_share=own["mixed"] / voxels,
        stored_share=own["nodes"].cumsum() / voxels,
    )
    titles = {
        "stage": "Stage", "cell_um": "Cell, µm", "grid": "Grid", "voxels": "Voxels of the grid",
        "dense": "Dense nodes", "mixed": "Mixed nodes", "mixed_share": "Mixed, share of grid",
    }  # fmt: skip
    return Table("nodes", titles, frame.drop(columns="realisation"))


def step_table(jobs: pd.DataFrame) -> Table:
    """Wall time and memory of the steps, and where they ran."""
    titles = {"step": "Step", "jobs": "Jobs", "seconds": "Wall time", "memory_mb": "Peak memory",
              "machine": "Ran on"}  # fmt: skip
    return Table("steps", titles, records.steps(jobs))


def comparison_table(rows: list[judgement.Verdict]) -> Table:
    """Every row of the comparison, with its verdict."""
    return _plain("comparison", pd.DataFrame([asdict(row) for row in rows]))


def score_table(by_family: Mapping[str, list[judgement.Score]]) -> Table:
    """How each descriptor scored against each reference: the first table of the page."""
    rows = [
        {"descriptor": family} | asdict(score) | {"word": score.word}
        for family, scores in by_family.items()
        for score in scores
    ]
    return _plain("scores", pd.DataFrame(rows))


def overlap_table(rows: list[judgement.Overlap]) -> Table:
    """Agreement with the truth, voxel for voxel."""
    columns = ["phase", "lr", "sr"]
    return _plain("overlaps", pd.DataFrame([asdict(row) for row in rows], columns=columns))


def image_table(run: Run) -> Table:
    """The 2D images, what they are for, and their sizes."""
    if run.keeps_back:
        sets = {"training": run.learnt, "comparison (HR)": run.hr}
    else:
        sets = {"training and comparison (HR)": run.hr}
    frames = [
        pd.DataFrame(
            {
                "name": images.names,
                "for": what,
                "height": [image.shape[0] for image in images.images],
                "width": [image.shape[1] for image in images.images],
                "pixel_um": images.pixel_um,
            }
        )
        for what, images in sets.items()
    ]
    return _plain("images", pd.concat(frames, ignore_index=True))


def fraction_table(fractions: dict[str, dict[str, float]]) -> Table:
    """Volume fractions of whole images."""
    return _plain("fractions", pd.DataFrame(fractions).rename_axis("phase").reset_index())


def network_table(run: Run) -> Table | None:
    """Properties of pore network and transport, an image a column, and what changed from LR to SR.

    ``<image> spread`` is the standard deviation over cubes, empty for one.
    """
    if not run.networks:
        return None
    keys = ["property", "axis", "unit"]
    columns = [
        rows.set_index(keys)[["value", "spread"]].set_axis([image, f"{image} spread"], axis=1)
        for image, rows in run.networks.items()
    ]
    if not run.change.empty:
        columns.append(run.change.set_index(keys)[["difference", "ratio"]])
    frame = pd.concat(columns, axis=1, sort=False).reset_index()
    order = sorted(frame.index, key=lambda row: _order(*frame.loc[row, ["property", "axis"]]))
    frame = frame.loc[order].reset_index(drop=True)
    titles = {"property": "Property", "axis": "Axis"} | {image: image for image in run.networks}
    titles |= {"ratio": "SR / LR"} if "ratio" in frame else {}
    return Table("network", titles | {"unit": "Unit"}, frame)


def _plain(name: str, frame: pd.DataFrame) -> Table:
    return Table(name, {str(column): str(column) for column in frame}, frame)


def _order(name: str, axis: str) -> tuple[object, ...]:
    return (*words.property_order(name), name, axis)
