"""The whole configuration, from one YAML file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, field_validator, model_validator

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.settings.base import FieldError, Settings, read_text
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

THREE = 3  # phases that meet in a line


class Config(Settings):
    """Everything a run depends on besides its images."""

    samples: str = Field("config/samples.tsv", description="The sample sheet.")
    results: str = Field("results", description="Folder that everything is written to.")
    seed: int = Field(1, ge=0)
    gpu: bool = Field(
        True, description="Ask for GPUs to train and to super-resolve; false: no step uses one."
    )
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

    @field_validator("segmentations", mode="before")
    @classmethod
    def _named(cls, recipes: object) -> object:
        """A recipe that stands where its name should."""
        for key, holds in (("bands", list), ("labels", str)):
            found = recipes.get(key) if isinstance(recipes, Mapping) else None
            values = found.values() if isinstance(found, Mapping) else ()
            if any(isinstance(value, holds) for value in values):
                raise FieldError(
                    f"{key!r} without a name", "a name, and the recipe under it",
                    f"Write segmentations: {{scan: {{{key}: …}}}}, and scan in the sample sheet.",
                )  # fmt: skip
        return recipes

    @model_validator(mode="after")
    def _check(self) -> Self:
        stages = math.log2(self.scale) if self.scale > 0 else 0
        if stages != int(stages) or not 1 <= stages <= 6:
            raise InputError(
                "scale",
                self.scale,
                "2, 4, 8, 16, 32 or 64",
                "Give the power of two that is nearest to LR voxel / HR pixel: the 2D images are "
                "resampled to it.",
            )
        for name, recipe in self.segmentations.items():
            if recipe.bands is not None and recipe.labels is not None:
                raise InputError(
                    f"segmentations.{name}", "both 'bands' and 'labels'", "one of them"
                )
        self._check_phases()
        self._check_effect()
        late = [stage for stage in self.train.stages if not 1 <= stage <= self.stages]
        if late:
            raise InputError("train.stages", late, f"stages from 1 to {self.stages}")
        return self

    def _check_effect(self) -> None:
        """What was asked for and would do nothing is refused, not passed over."""
        for stage in range(1, self.stages + 1):
            stated = self.train.all | self.train.stages.get(stage, {})
            used = self.train.stage(stage)
            if "mixed_factor" in stated and used.mixed_factor != 1 and not used.calibrate:
                raise InputError(
                    "train: mixed_factor", used.mixed_factor, f"calibrate: true in stage {stage}, "
                    "without which it does nothing", "Say both under train.all.",
                )  # fmt: skip
        if (
            self.superresolve.temperature != 1
            and not self.train.generator_settings().decision_noise
        ):
            raise InputError(
                "superresolve.temperature", self.superresolve.temperature,
                "train.generator.decision_noise above 0, without which nothing is drawn",
                "Leave temperature out, or train with decision_noise: 0.5.",
            )  # fmt: skip

        if "triple_phase_boundary" in self.describe.descriptors and len(self.phases) < THREE:
            raise InputError(
                "describe.descriptors", "triple_phase_boundary", "three phases, where it is asked",
                "Take it out: two phases meet nowhere in a line of three.",
            )  # fmt: skip

    def _check_phases(self) -> None:
        """Every phase that is named is one of the rock's."""
        known = self.rock.names
        for where, named in self._phases_named():
            for phase in named:
                if phase not in known:
                    raise InputError(where, f"the unknown phase {phase!r}", f"one of {list(known)}")

    def _phases_named(self) -> Iterator[tuple[str, Iterable[str]]]:
        """Where the configuration names phases, and those that it names there."""
        for name, recipe in self.segmentations.items():
            yield f"segmentations.{name}", sorted(recipe.makes - {OUTSIDE_NAME})
        for stage in range(1, self.stages + 1):
            yield f"train.stages.{stage}.tied_phases", self.train.stage(stage).tied_phases or ()
        for name, conductivities in self.network.transport.items():
            yield f"network.transport.{name}", conductivities

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
    InputError : missing file, not UTF-8, no YAML, unknown key, impossible value.
    """
    if isinstance(source, Mapping):
        return Config.read(source, "configuration")
    path = Path(source)
    text = read_text(path, "a readable YAML file")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(path, " ".join(str(error).split()), "YAML") from None
    if not isinstance(values, dict):
        raise InputError(path, type(values).__name__, "a YAML mapping of keys to values")
    return Config.read(values, str(path))
