"""Everything that the steps before left of one sample, opened and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from octolith import machine
from octolith.blocks import groups
from octolith.descriptors.comparison import read_table
from octolith.errors import InputError
from octolith.layout import Layout
from octolith.phases import Phases
from octolith.settings import Config, Sample
from octolith.settings.steps import DESCRIPTORS, EXPORT_SUFFIXES, MORE_DESCRIPTORS
from octolith.slabs import count_codes, phases_of, read_label_slabs, voxel_size_of
from octolith.volumes import ImageSet, Volume, open_volume, read_images

COMPARED = ["descriptor", "phase", "other", "reference", "lr_distance", "sr_distance", "unit",
            "ratio", "closer", "spread", "sure"]  # fmt: skip
MEASURED = ["property", "axis", "value", "unit", "method", "spread", "subvolumes"]
CHANGED = ["property", "axis", "unit", "difference", "ratio"]


@dataclass(frozen=True)
class Run:
    """One sample's results. Volumes are open and lazy; what is optional may be None or empty.

    Attributes
    ----------
    lr, sr, truth : label volumes; ``sr`` has one a realisation.
    given : ``lr`` and ``truth`` as ingested, grey or labels.
    hr, learnt : as labels, the microscope images that SR is held against, and those that it is
        learnt from: the same, unless some are kept from training.
    comparison : a row for each thing compared with HR or truth (docs/architecture.md).
    descriptors : name -> tidy table over patches.
    networks : ``LR``, ``SR``, ``truth`` -> properties of the pore network and of transport, their
        means over cubes and the spread of them.
    change : what changed in them from LR to SR; empty where the network is not measured.
    training : one log a stage; a row an epoch.
    nodes : ``realisation``, ``stage``, ``dense``, ``mixed`` summed over blocks.
    jobs : ``job``, ``step``, ``seconds``, ``memory_mb``, ``machine`` of all that the workflow ran.
    """

    config: Config
    sample: Sample
    layout: Layout
    phases: Phases
    lr: Volume
    sr: Sequence[Volume]
    truth: Volume | None
    given: dict[str, Volume]
    hr: ImageSet
    learnt: ImageSet
    comparison: pd.DataFrame
    descriptors: dict[str, pd.DataFrame]
    networks: dict[str, pd.DataFrame]
    change: pd.DataFrame
    training: list[pd.DataFrame]
    nodes: pd.DataFrame
    jobs: pd.DataFrame

    @property
    def keeps_back(self) -> bool:
        """Whether HR are images that training has never seen."""
        return self.sample.reference != "hr"

    @property
    def scale(self) -> int:
        """Edge of an LR voxel in SR voxels."""
        return self.config.scale

    @property
    def lr_um(self) -> float:
        """Edge of an LR voxel, µm."""
        return voxel_size_of(self.lr)[0]

    @property
    def sr_um(self) -> float:
        """Edge of an SR voxel, µm."""
        return voxel_size_of(self.sr[0])[0]

    @property
    def grey(self) -> Volume | None:
        """The CT, unless what was given had been segmented before."""
        volume = self.given.get("lr")
        recipe = self.config.segmentations[self.sample.lr_segmentation]
        return None if recipe.labels is not None else volume

    @property
    def block_groups(self) -> list[Path]:
        """The octrees of the first realisation."""
        numbers = _groups(self.config, self.lr)
        return [Path(self.layout.block_group(0, number)) for number in numbers]

    def figure(self, step: str, name: str) -> Path | None:
        """The SVG or else the PNG of a figure that a step has drawn, or None."""
        stem = self.layout.figure(step, name)
        return next((p for p in map(Path, (f"{stem}.svg", f"{stem}.png")) if p.is_file()), None)


@contextmanager
def open_run(config: Config, sample: Sample) -> Iterator[Run]:
    """Open the results of a sample.

    Raises
    ------
    InputError : a result that the page cannot do without is missing or damaged, or volumes do
        not belong together. Truth, further realisations, the pore network, exports and the
        workflow's own records may be absent.
    """
    layout = Layout(config.results, sample.sample)
    with ExitStack() as stack:

        def labels(path: str) -> Volume:
            volume = stack.enter_context(open_volume(_required(path)))
            phases_of(volume)
            voxel_size_of(volume)
            return volume

        def optional(path: str) -> Volume | None:
            return stack.enter_context(open_volume(path)) if Path(path).is_file() else None

        lr = labels(layout.lr_labels)
        further = map(layout.sr_labels, range(1, config.superresolve.realisations))
        sr = [labels(layout.sr_labels(0)), *(labels(p) for p in further if Path(p).is_file())]
        _check_shapes(lr, sr, config.scale)
        numbers = _groups(config, lr)
        learnt = read_images(_required(layout.hr_labels))
        known = ["truth"] if sample.truth else []
        yield Run(
            config=config,
            sample=sample,
            layout=layout,
            phases=phases_of(lr),
            lr=lr,
            sr=sr,
            truth=optional(layout.truth_labels) if sample.truth else None,
            given={
                name: volume
                for name in ("lr", *known)
                if (volume := optional(layout.image(name))) is not None
            },
            hr=(
                read_images(_required(layout.labels(sample.reference)))
                if sample.reference != "hr"
                else learnt
            ),
            learnt=learnt,
            comparison=_table(layout.comparison, COMPARED),
            descriptors={
                name: read_table(_required(layout.descriptor(name)))
                for name in config.describe.descriptors
            },
            networks={
                image: _table(path, MEASURED)
                for image in ("LR", "SR", *known)
                if Path(path := layout.network(image.lower(), "properties.csv")).is_file()
            },
            change=(
                _table(layout.network("change.csv"), CHANGED)
                if Path(layout.network("change.csv")).is_file()
                else pd.DataFrame(columns=CHANGED)
            ),
            training=[
                _table(layout.training_log(stage), ["epoch", "wasserstein"])
                for stage in range(1, config.stages + 1)
            ],
            nodes=_nodes(layout, len(sr), numbers),
            jobs=_jobs(config, sample, numbers),
        )


def phase_fractions(volume: Volume, phases: Phases) -> dict[str, float]:
    """Share of each phase in a whole volume, streamed; what is outside the rock is not counted."""
    counts = np.zeros(len(phases), np.int64)
    for slab in read_label_slabs(volume, f"count {Path(str(volume.path)).name}"):
        counts += count_codes(slab)[: len(phases)]
    return _shares(counts, phases)


def image_fractions(images: ImageSet, phases: Phases) -> dict[str, float]:
    """Share of each phase in all pixels of a set of images."""
    counts = sum(count_codes(image)[: len(phases)] for image in images.images)
    return _shares(np.asarray(counts), phases)


def _shares(counts: np.ndarray, phases: Phases) -> dict[str, float]:
    total = max(1, int(counts.sum()))
    return {name: int(n) / total for name, n in zip(phases.names, counts, strict=True)}


def _required(path: str) -> str:
    if not Path(path).is_file():
        raise InputError(
            path, "no such file", "a result of a step before", "Run the workflow up to it."
        )
    return path


def _groups(config: Config, lr: Volume) -> range:
    """The numbers of the jobs that super-resolve the volume; files of others are of runs before."""
    settings = config.superresolve
    return range(len(groups(lr.shape, settings.block, settings.blocks_per_job)))


def _check_shapes(lr: Volume, sr: Sequence[Volume], scale: int) -> None:
    expected = tuple(edge * scale for edge in lr.shape)
    for volume in sr:
        if volume.shape != expected:
            raise InputError(volume.path, f"{volume.shape} voxels", f"{expected}, {scale} times LR",
                             "Delete it and run stitch and smooth again.")  # fmt: skip


def _table(path: str, columns: list[str]) -> pd.DataFrame:
    try:
        frame = pd.read_csv(_required(path), keep_default_na=False, na_values=[""])
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(path, f"no table ({error})", "CSV", "Delete it and run again.") from None
    missing = [column for column in columns if column not in frame]
    if missing:
        raise InputError(path, f"no column {missing[0]!r}", f"{columns}",
                         "Delete it and run again.")  # fmt: skip
    for column in ("phase", "other", "direction", "unit", "axis"):
        if column in frame:
            frame[column] = frame[column].fillna("").astype(str)
    return frame


def _nodes(layout: Layout, realisations: int, numbers: range) -> pd.DataFrame:
    columns = ["block", "stage", "nodes", "dense", "mixed"]
    tables = [
        _table(layout.block_counts(realisation, number), columns).assign(realisation=realisation)
        for realisation in range(realisations)
        for number in numbers
    ]
    both = ["realisation", "stage"]
    return pd.concat(tables).groupby(both, as_index=False)[["nodes", "dense", "mixed"]].sum()


def _jobs(config: Config, sample: Sample, numbers: range) -> pd.DataFrame:
    """What Snakemake measured of each job; it writes NA or '-' for jobs that were too short."""
    layout = Layout(config.results, sample.sample)
    rows = []
    for path in sorted(Path(layout.benchmark("*")).parent.glob("*.tsv")):
        if not _wanted(path.stem, config, sample, numbers):
            continue
        runs = pd.read_csv(path, sep="\t", na_values=["-"])
        rows.append(
            {
                "job": path.stem,
                "step": path.stem.split("-")[0],
                "seconds": float(runs["s"].sum()) if "s" in runs else math.nan,
                "memory_mb": float(runs["max_rss"].max()) if "max_rss" in runs else math.nan,
                "machine": machine.read_line(layout.log(path.stem)),
            }
        )
    return pd.DataFrame(rows, columns=["job", "step", "seconds", "memory_mb", "machine"])


def _wanted(job: str, config: Config, sample: Sample, numbers: range) -> bool:
    """Whether a job is one of these settings: those of runs before stay recorded."""
    known = {
        "stage": range(1, config.stages + 1),
        "realisation": range(config.superresolve.realisations),
        "group": numbers,
        "subvolume": range(config.network.subvolumes),
    }
    dropped = {*DESCRIPTORS, *MORE_DESCRIPTORS} - {*config.describe.descriptors}
    dropped |= set() if sample.truth else {"truth"}
    dropped |= set() if sample.reference == "hr_test" else {"hr_test"}
    dropped |= set() if config.network.transport else {"transport"}
    exported = tuple(EXPORT_SUFFIXES[form] for form in config.export.formats)
    if job.startswith("export-") and not job.endswith(exported):
        return False
    counted = re.findall(rf"({'|'.join(known)})(\d+)", job)
    return dropped.isdisjoint(job.split("-")) and all(int(n) in known[what] for what, n in counted)
