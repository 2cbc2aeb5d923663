"""The whole configuration, from one YAML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, model_validator

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.settings.base import Settings
from octolith.settings.steps import (
    OUTSIDE_NAME,
    DescribeSettings,
    ExportSettings,
    NetworkSettings,
    PyramidSettings,
    SegmentationSettings,
    SmoothSettings,
    SuperResolveSettings,
)
from octolith.settings.training import TrainSettings


class Config(Settings):
    """Everything a run depends on besides its images."""

    samples: str = Field("config/samples.tsv", description="The sample sheet.")
    results: str = Field("results", description="Folder that everything is written to.")
    seed: int = Field(1, ge=0)
    gpu: bool = Field(True, description="Ask for GPUs to train and to super-resolve.")
    scale: int = Field(16, description="LR voxel over HR pixel: a power of two, 2 to 64.")
    phases: tuple[str, ...] = ("pore", "quartz", "feldspar", "clay")
    pore: str = "pore"
    segmentations: dict[str, SegmentationSettings] = Field(
        description="Named ways to turn an image into phases; the sample sheet picks one."
    )
    pyramid: PyramidSettings = PyramidSettings()
    train: TrainSettings = TrainSettings()
    superresolve: SuperResolveSettings = SuperResolveSettings()
    smooth: SmoothSettings = SmoothSettings()
    describe: DescribeSettings = DescribeSettings()
    network: NetworkSettings = NetworkSettings()
    export: ExportSettings = ExportSettings()

    @model_validator(mode="after")
    def _check(self) -> Self:
        stages = math.log2(self.scale) if self.scale > 0 else 0
        if stages != int(stages) or not 1 <= stages <= 6:
            raise InputError(
                "scale",
                self.scale,
                "2, 4, 8, 16, 32 or 64",
                "Resample one of the images so that the voxel sizes differ by a power of two.",
            )
        phases = self.rock
        for name, recipe in self.segmentations.items():
            where = f"segmentations.{name}"
            if recipe.bands is not None and recipe.labels is not None:
                raise InputError(where, "both 'bands' and 'labels'", "one of them")
            for phase in recipe.bands or set((recipe.labels or {}).values()):
                if phase not in (*phases.names, OUTSIDE_NAME):
                    raise InputError(
                        where, f"the unknown phase {phase!r}", f"one of {list(phases.names)}"
                    )
        return self

    @property
    def rock(self) -> Phases:
        """The phases as an object."""
        return Phases.of(self.phases, self.pore)

    @property
    def stages(self) -> int:
        """Stages of the generator: one at the LR voxel size and one for every doubling."""
        return int(math.log2(self.scale)) + 1


def load(source: str | Path | Mapping[str, Any]) -> Config:
    """Read and check a configuration.

    Parameters
    ----------
    source : a YAML file, or what was read from one.

    Raises
    ------
    InputError : missing file, no YAML, unknown key, impossible value.
    """
    if isinstance(source, Mapping):
        return Config.read(source, "configuration")
    path = Path(source)
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(path, error.strerror, "a readable YAML file") from None
    except yaml.YAMLError as error:
        raise InputError(path, " ".join(str(error).split()), "YAML") from None
    if not isinstance(values, dict):
        raise InputError(path, type(values).__name__, "a YAML mapping of keys to values")
    return Config.read(values, str(path))
