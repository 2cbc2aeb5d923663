"""The one place that knows where every file of a run lives.

The workflow builds its patterns from here with ``sample="{sample}"``; scripts, the command line
and the report ask for the same names with real values.
"""

from __future__ import annotations

from dataclasses import dataclass

from octolith.settings.steps import EXPORT_SUFFIXES, ExportFormat


@dataclass(frozen=True)
class Layout:
    """Paths of one sample under ``results`` (all as strings, ready for Snakemake)."""

    results: str
    sample: str

    def path(self, *parts: object) -> str:
        """A path under the sample's folder."""
        return "/".join([self.results, self.sample, *map(str, parts)])

    def image(self, name: object) -> str:
        """What `ingest` writes: a 3D image (``lr`` or ``truth``), grey or labels, as given."""
        return self.path("ingest", f"{name}.h5")

    def labels(self, name: object) -> str:
        """What `segment` writes: the phases of ``lr``, ``hr``, ``hr_test`` or ``truth``."""
        return self.path("segment", f"{name}.h5")

    @property
    def lr_labels(self) -> str:
        """LR phases."""
        return self.labels("lr")

    @property
    def hr_labels(self) -> str:
        """HR phases: every 2D image, resampled to the SR voxel size."""
        return self.labels("hr")

    @property
    def truth_labels(self) -> str:
        """HR phases of the same volume, where they are known."""
        return self.labels("truth")

    def pyramid(self, stage: object) -> str:
        """Classes of the HR images at one stage."""
        return self.path("pyramid", f"stage{stage}.h5")

    def weights(self, stage: object) -> str:
        """Generator and critic of one trained stage."""
        return self.path("train", f"stage{stage}", "weights.safetensors")

    def training_log(self, stage: object) -> str:
        """Losses and rates of one stage, a row an epoch."""
        return self.path("train", f"stage{stage}", "log.csv")

    def training_picture(self, stage: object, epoch: int) -> str:
        """Generated planes over real ones, after an epoch that was checked."""
        return self.path("train", f"stage{stage}", "samples", f"epoch{epoch:04d}.png")

    def block_group(self, realisation: object, group: object) -> str:
        """The octrees of one job's blocks."""
        return self.path("superresolve", f"realisation{realisation}", f"group{group}.h5")

    def block_counts(self, realisation: object, group: object) -> str:
        """Dense and mixed nodes of one job's blocks, per stage."""
        return self.path("superresolve", f"realisation{realisation}", f"group{group}.csv")

    def stitched(self, realisation: object) -> str:
        """The whole SR volume before smoothing."""
        return self.path("stitch", f"realisation{realisation}.h5")

    def sr_labels(self, realisation: object) -> str:
        """The SR volume: smoothed."""
        return self.path("smooth", f"realisation{realisation}.h5")

    def exported(self, realisation: object, form: ExportFormat) -> str:
        """The SR volume in a format that people open."""
        return self.path("export", f"realisation{realisation}{EXPORT_SUFFIXES[form]}")

    def descriptor(self, name: object) -> str:
        """A tidy table of one descriptor over all images."""
        return self.path("describe", f"{name}.csv")

    @property
    def comparison(self) -> str:
        """For each descriptor: how far LR and SR are from HR (and from the truth, if known)."""
        return self.path("describe", "comparison.csv")

    def network(self, image: object, *parts: object) -> str:
        """Pore network of one image (``lr``, ``sr`` or ``truth``)."""
        return self.path("network", image, *parts)

    @property
    def report(self) -> str:
        """The page."""
        return self.path("report.html")

    def figure(self, step: object, name: object) -> str:
        """A figure of a step, without its suffix: there is an SVG and a PNG."""
        return self.path(step, "figures", name)

    def log(self, step: str) -> str:
        """The log of a step (or job) of this sample."""
        return self.path("logs", f"{step}.log")

    def benchmark(self, step: str) -> str:
        """Wall time and memory of a step (or job), as Snakemake measures it."""
        return self.path("benchmarks", f"{step}.tsv")


def index(results: str) -> str:
    """The page over all samples of a run."""
    return f"{results}/index.html"
