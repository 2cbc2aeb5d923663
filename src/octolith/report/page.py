"""The page of one rock, put together."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from octolith import figures
from octolith.errors import InputError
from octolith.files import atomic
from octolith.machine import machine
from octolith.progress import track
from octolith.report import cautions, charts, judgement, pictures, pore_space, records, views, words
from octolith.report.run import Run, image_fractions, phase_fractions
from octolith.report.tables import (
    Table,
    comparison_table,
    fraction_table,
    image_table,
    network_table,
    node_table,
    overlap_table,
    score_table,
    step_table,
)

RESOURCES = files("octolith") / "resources" / "report"


@dataclass(frozen=True)
class Descriptor:
    """One descriptor's part of the page: its quantities, and how it scored."""

    name: str
    title: str
    groups: list[charts.Group]
    rows: int


@dataclass
class Page:
    """Everything that the template shows."""

    run: Run
    fractions: dict[str, dict[str, float]]
    verdicts: list[judgement.Verdict]
    scores: list[judgement.Score]
    by_family: dict[str, list[judgement.Score]]
    cautions: list[str]
    overlaps: list[judgement.Overlap]
    agreement: float
    viewer: dict[str, Any]
    window_um: float
    windows: list[list[views.Window]]
    pores_um: float
    pores: list[pore_space.PoreSpace]
    stages: list[views.StagePicture]
    stopped: str
    octree_um: float
    stage_colours: list[str]
    descriptors: list[Descriptor]
    training: list[dict[str, Any]]
    network: Table | None
    network_charts: list[charts.Chart]
    network_methods: list[str]
    nodes: Table
    steps: Table
    checksums: Table
    step_figures: dict[str, str]
    preview: bytes
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def charts(self) -> list[charts.Chart]:
        """Every plot."""
        return [
            *(chart for d in self.descriptors for group in d.groups for chart in group.charts),
            *(chart for stage in self.training for chart in stage["charts"]),
            *self.network_charts,
        ]

    @property
    def images(self) -> Table:
        """The 2D images."""
        return image_table(self.run)

    @property
    def tables(self) -> list[Table]:
        """What is saved beside the page."""
        some = [self.nodes, self.steps, self.checksums, *([self.network] if self.network else [])]
        return [
            *some,
            score_table(self.by_family),
            comparison_table(self.verdicts),
            fraction_table(self.fractions),
            overlap_table(self.overlaps),
            self.images,
        ]


def assemble(run: Run) -> Page:
    """Measure, draw and word everything."""
    fractions = {"LR": phase_fractions(run.lr, run.phases)}
    for number, volume in enumerate(run.sr):
        name = "SR" if number == 0 else f"SR, realisation {number}"
        fractions[name] = phase_fractions(volume, run.phases)
    fractions["HR"] = image_fractions(run.hr, run.phases)
    if run.truth is not None:
        fractions["truth"] = phase_fractions(run.truth, run.phases)
    box = views.field_of_view(run)
    found = judgement.verdicts(run.comparison, _families(run))
    window_um, windows = views.windows(run, box)
    pores_um, pores = pore_space.pore_spaces(run)
    stages, stopped, octree_um = views.octree_slice(run)
    page = Page(
        run=run,
        fractions=fractions,
        verdicts=found,
        scores=judgement.scores(found),
        by_family=judgement.scores_by_family(found),
        cautions=cautions.cautions(run, found, fractions, box),
        overlaps=judgement.overlaps(run, box),
        agreement=judgement.agreement(run, box),
        viewer=views.viewer(run, box),
        window_um=window_um,
        windows=windows,
        pores_um=pores_um,
        pores=pores,
        stages=stages,
        stopped=stopped,
        octree_um=octree_um,
        stage_colours=views.stage_colours(run.config.stages),
        descriptors=_descriptors(run),
        training=[_training(run, stage) for stage in range(1, run.config.stages + 1)],
        network=network_table(run),
        network_charts=_network_charts(run),
        network_methods=_network_methods(run),
        nodes=node_table(run),
        steps=step_table(run.jobs),
        checksums=Table(
            "checksums",
            {"what": "What", "path": "Path", "bytes": "Bytes", "sha256": "SHA-256"},
            records.checksums(run),
        ),
        step_figures=_step_figures(run),
        preview=views.preview(run, box),
    )
    page.summary = summary(page)
    return page


def write(page: Page, out: str | Path) -> None:
    """Write the page, and beside it ``report.json``, tables as CSV and figures as SVG and PNG."""
    out = Path(out)
    beside = out.parent / "report"
    for table in page.tables:
        with atomic(beside / f"{table.name}.csv") as temporary:
            table.frame.to_csv(temporary, index=False)
    drawings = {}
    for chart in track(page.charts, "figures"):
        svg, _ = figures.save(chart.figure, beside / "figures" / chart.name, tight=False)
        drawings[chart.name] = charts.inline(chart, svg.read_text("utf-8"))
    with atomic(beside / "preview.png") as temporary:
        temporary.write_bytes(page.preview)
    with atomic(out.with_name("report.json")) as temporary:
        temporary.write_text(json.dumps(page.summary, indent=2, ensure_ascii=False), "utf-8")
    text = render(
        "report.html.j2", page=page, run=page.run, drawings=drawings, papers=records.PAPERS
    )
    with atomic(out) as temporary:
        temporary.write_text(text, "utf-8")


# ---- parts -----------------------------------------------------------------------------------


def _families(run: Run) -> dict[str, str]:
    """The table that each quantity is in."""
    return {
        str(quantity): name
        for name, table in run.descriptors.items()
        for quantity in table["descriptor"].unique()
    }


def _descriptors(run: Run) -> list[Descriptor]:
    return [
        Descriptor(
            name,
            words.descriptor_name(name),
            charts.descriptor_groups(table, run.phases.pore),
            len(table),
        )
        for name, table in run.descriptors.items()
    ]


def _training(run: Run, stage: int) -> dict[str, Any]:
    log = run.training[stage - 1]

    def picture(epoch: int) -> Path:
        return Path(run.layout.training_picture(stage, epoch))

    # A longer training before may have left pictures of later epochs.
    pictured = [epoch for epoch in log["epoch"] if picture(epoch).is_file()]
    return {
        "stage": stage,
        "chosen": charts.chosen_epoch(log),
        "epochs": int(log["epoch"].max()),
        "seconds": float(log["seconds"].max()) if "seconds" in log else math.nan,
        "charts": charts.training_charts(stage, log),
        "sample": pictures.file_uri(picture(pictured[-1])) if pictured else "",
        "sample_epoch": pictured[-1] if pictured else 0,
    }


def _network_charts(run: Run) -> list[charts.Chart]:
    drawn = charts.axis_charts(run.networks)
    for file, what in (("pores", "Pore"), ("throats", "Throat")):
        tables = {
            image: _inner(pd.read_csv(path))
            for image in run.networks
            if (path := Path(run.layout.network(image.lower(), f"{file}.csv"))).is_file()
        }
        drawn += charts.size_charts(tables, what)
    return drawn


def _inner(table: pd.DataFrame) -> pd.DataFrame:
    """Without the throats that lead out of the image, which are cuts and not throats."""
    return table[table["pore2"] >= 0] if "pore2" in table else table


def _network_methods(run: Run) -> list[str]:
    """Libraries with their versions, each once."""
    every = [text for table in run.networks.values() for text in table["method"].unique()]
    return sorted({part for text in every for part in text.split(", ")})


def _step_figures(run: Run) -> dict[str, str]:
    wanted = {"segment": "lr", "pyramid": "pyramid"}
    found = {step: run.figure(step, name) for step, name in wanted.items()}
    return {step: pictures.file_uri(path) for step, path in found.items() if path}


def summary(page: Page) -> dict[str, Any]:
    """What ``report.json`` holds: the page for machines."""
    run = page.run
    return {
        "sample": run.sample.sample,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": run.scale,
        "lr": {"voxel_um": run.lr_um, "shape": list(run.lr.shape)},
        "sr": {"voxel_um": run.sr_um, "shape": list(run.sr[0].shape), "realisations": len(run.sr)},
        "hr": {
            "pixel_um": run.hr.pixel_um,
            "images": [
                {"name": name, "shape": list(image.shape)}
                for name, image in zip(run.hr.names, run.hr.images, strict=True)
            ],
        },
        "phases": list(run.phases.names),
        "pore": run.phases.pore,
        "fractions": page.fractions,
        "comparison": [_finite(asdict(row)) for row in page.verdicts],
        "scores": [_finite(asdict(s) | {"rows": s.rows}) for s in page.scores],
        "overlaps": [_finite(asdict(row)) for row in page.overlaps],
        "agreement_of_realisations": page.agreement if math.isfinite(page.agreement) else None,
        "cautions": page.cautions,
        "nodes": page.nodes.frame.to_dict("records"),
        "network": _records(page.network.frame) if page.network else [],
        "training": [
            {"stage": s["stage"], "epochs": s["epochs"], "chosen_epoch": s["chosen"]}
            for s in page.training
        ],
        "steps": _records(page.steps.frame),
        "seed": run.config.seed,
        "realisation_seeds": [run.config.seed + number for number in range(len(run.sr))],
        "versions": records.versions(),
        "commit": records.commit(),
        "machine": machine(),
        "checksums": _records(page.checksums.frame),
        "files": records.results(run, [table.name for table in page.tables]),
        "configuration": run.config.model_dump(mode="json"),
        "sample_row": run.sample.model_dump(mode="json"),
    }


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [_finite(row) for row in frame.to_dict("records")]


def _finite(row: dict[Any, Any]) -> dict[str, Any]:
    """JSON knows neither NaN, which becomes null, nor infinity, which becomes a text."""

    def known(value: Any) -> Any:
        if not isinstance(value, float) or math.isfinite(value):
            return value
        return None if math.isnan(value) else _sortable(value)

    return {str(key): known(value) for key, value in row.items()}


# ---- rendering -------------------------------------------------------------------------------


def render(template: str, **values: Any) -> str:
    """A template with its style and scripts inside, which alone may run (by their digests)."""
    environment = Environment(
        loader=FunctionLoader(_resource), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "number": words.number, "percent": words.percent, "change": words.change,
        "duration": words.duration,
        "capfirst": words.capfirst, "size": words.size, "packed": pore_space.packed,
        "yaml": _yaml, "embedded": embedded, "sortable": _sortable,
        "property": words.property_name,
    }  # fmt: skip
    scripts: list[str] = []

    def script(name: str) -> Markup:
        code = _resource(name)
        digest = hashlib.sha256(code.encode()).digest()
        scripts.append(f"'sha256-{base64.b64encode(digest).decode()}'")
        return Markup(f"<script>{code}</script>")

    environment.globals |= {
        "script": script,
        "style": Markup(f"<style>{_resource('style.css')}</style>"),
        "image_colours": {image: charts.page_colour(image) for image in figures.IMAGE_COLOURS},
        "pore_colours": pore_space.COLOURS,
        "zip_phases": lambda phases: zip(phases.names, phases.colours, strict=True),
    }
    text = environment.get_template(template).render(values)
    allowed = " ".join(scripts)
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {allowed}"
    return text.replace("@@POLICY@@", policy, 1)


def _resource(name: str) -> str:
    path = RESOURCES / name
    if not path.is_file():
        raise InputError(name, "no such template", "one of the package's", "Install it again.")
    return path.read_text("utf-8")


def _sortable(value: float) -> str:
    """A number as JavaScript reads it."""
    return str(value).replace("inf", "Infinity")


def _yaml(values: Any) -> str:
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=96)


def embedded(values: Any) -> Markup:
    """JSON inside a script element, which nothing in it can close."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    for sign, code in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(sign, code)
    return Markup(text)
