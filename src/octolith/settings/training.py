"""Settings of the networks and of their training; presets live in ``resources/presets``."""

from __future__ import annotations

from importlib.resources import files
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, model_validator

from octolith.errors import InputError
from octolith.settings.base import Settings

Channels = Annotated[int, Field(ge=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]


class GeneratorSettings(Settings):
    """Architecture of the octree generator (paper 1, table A1)."""

    widths: tuple[tuple[Channels, Channels], ...] = Field(
        min_length=1,
        description="Channels of the two convolutions of each stage, coarse to fine. The last "
        "pair serves any further stage.",
    )
    noise: int = Field(1, ge=0, description="Noise channels beside the LR phases.")
    decision_noise: float = Field(
        0.0,
        ge=0,
        description="Temperature at which the last stage's classes are drawn, by smooth noise of "
        "their place, rather than decided. The paper does not.",
    )
    context: bool = Field(
        True,
        description="Feed every stage the interpolated LR phases, which the octree otherwise "
        "drops with the dense nodes, and start from them. The paper does not.",
    )
    neighbours: bool = Field(
        True,
        description="Feed every stage but the first the phases that coarser stages have decided "
        "around a node, which the octree otherwise drops. The paper does not.",
    )
    first_kernel: Literal[3, 5] = Field(5, description="Kernel of the first dense convolution.")
    norm: Literal["batch", "channel"] = Field(
        "batch",
        description="batch: instance and batch norm, as in paper 1. channel: each node by itself "
        "(Karras et al.); at the rates of `laptop` features then become constant.",
    )
    norm_eps: float = Field(1e-4, gt=0, description="Epsilon of the normalisations.")


class CriticSettings(Settings):
    """Architecture of the 2D discriminator (paper 1, table C1)."""

    widths: tuple[Channels, ...] = Field(
        min_length=1, description="Channels of the layer that each stage adds, coarse to fine."
    )
    trunk: tuple[Channels, ...] = Field(
        description="Channels of the stride-2 layers under the first stage, top to bottom; the "
        "head covers what is left of the LR cube's face after them."
    )
    entry: int = Field(
        0,
        ge=0,
        description="Channels of a layer of the last stage's that sees planes at their full "
        "resolution, before they are halved; earlier stages then have such a layer too. 0: none, "
        "as in paper 1.",
    )
    slope: float = Field(0.0, ge=0, lt=1, description="Of the leaky ReLU; 0: ReLU (paper 1).")

    def head_edge(self, face: int) -> int:
        """Edge of what is left of the LR cube's face after the trunk, which the head covers.

        Parameters
        ----------
        face : edge of the LR training cube, voxels.

        Raises
        ------
        InputError : a face that the trunk does not halve evenly, or halves to nothing.
        """
        halvings = len(self.trunk) + 1
        left = face >> halvings
        if left << halvings != face or left < 1:
            raise InputError(
                "train.critic.trunk", f"{len(self.trunk)} layers on a face of {face}",
                f"a face that is a multiple of {1 << halvings}", "Change lr_cube or trunk.",
            )  # fmt: skip
        return left


class StageSettings(Settings):
    """Everything that training one stage depends on, and nothing else."""

    learning_rate: float = Field(1e-4, gt=0, description="Of the generator.")
    critic_learning_rate: float | None = Field(None, gt=0, description="None: the generator's.")
    betas: tuple[Decay, Decay] = Field((0.5, 0.999), description="AdamW's.")
    weight_decay: float = Field(0.05, ge=0)
    adam_eps: float = Field(1e-4, gt=0)
    epochs: int = Field(100, ge=1)
    iterations: int = Field(100, ge=1, description="Generator updates an epoch.")
    batch: int = Field(1, ge=1, description="LR cubes an update (on each rank).")
    accumulate: int = Field(1, ge=1, description="Batches summed into one update.")
    planes: int = Field(
        128, ge=1, description="Slices drawn from a volume along each axis for an update."
    )
    critic_steps: int = Field(
        1, ge=1, description="Critic updates on each axis for an update of the generator. Paper 1 "
        "has one; Gulrajani et al. have five."
    )  # fmt: skip
    planes_at_once: int | None = Field(
        None, ge=1, description="Planes that the critic judges at once: fewer need less memory and "
        "give the same gradients. None: all of an axis."
    )  # fmt: skip
    recompute: bool = Field(
        False, description="Gradient checkpointing: keep less of the generator's pass and compute "
        "it again on the way back. Less memory, more time, the same gradients."
    )  # fmt: skip
    halo: bool = Field(
        True,
        description="Surround the cube with the LR voxels that inference would see. The paper "
        "pads with zeros.",
    )
    fade_epochs: int = Field(20, ge=0, description="Epochs over which the new layer fades in.")
    settle_epochs: int = Field(
        0, ge=0, description="Last epochs, over which the learning rates fall to zero."
    )
    gradient_penalty: float = Field(10.0, ge=0)
    hard: bool = Field(
        True,
        description="Show the critic what inference will give, the decided classes, and pass its "
        "gradients straight through to the probabilities (Bengio et al. 2013). The paper shows it "
        "the probabilities.",
    )
    voxel_weight: float = Field(1.0, ge=0, description="Weight of the voxel-wise loss.")
    voxel_tolerance: float = Field(
        0.0, ge=0, description="Voxel-wise loss below this is no loss (paper 4; there 0.005)."
    )
    voxel_form: Literal["nearest", "majority", "blur"] = Field(
        "nearest",
        description="How SR is brought to the LR grid. nearest: one voxel of each LR cell (paper "
        "1), for LR images that are under-sampled (paper 4). For those that are under-resolved, "
        "which leaves finer detail free: majority, what most of the cell is; blur, the same after "
        "a Gaussian blur (paper 4).",
    )
    prior_weight: float = Field(
        0.0,
        ge=0,
        description="Weight of the distance from the interpolated LR image: of the rocks that the "
        "critic takes for real, prefer the likeliest. The paper does not.",
    )
    tied_phases: tuple[str, ...] | None = Field(
        None, description="Phases that LR ties down. None: the pore alone."
    )
    calibrate: bool = Field(
        True,
        description="At the end of the stage, move the biases of its classifier until the LR "
        "volume has, refined, as much of every class as the HR images, give or take their "
        "standard error. The paper does not.",
    )
    mixed_factor: float = Field(
        1.0,
        ge=1,
        description="How many times as much is refined as the stage calls mixed, when it is "
        "trained: the nodes, too, that the LR image is least sure of (phases that are not tied "
        "count as one). What is not refined is never mended. Costs as much more memory and time "
        "in all later stages; does nothing without `calibrate`. The paper does not.",
    )
    ema: float = Field(0.999, ge=0, lt=1, description="Moving average of the generator; 0: none.")
    clip: float = Field(0.0, ge=0, description="Largest gradient norm; 0: no clipping.")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: bfloat16 where the hardware has it, else float32."
    )
    symmetries: bool = Field(True, description="Draw HR crops in all eight orientations.")
    augment: float = Field(
        0.0, ge=0, lt=1, description="Adaptive augmentation for few HR images (Karras et al. "
        "2020): how well the critic may know its images, from 0, not, to 1, by heart. 0.5 is a "
        "start. An image, or part of one, is held out to tell. 0: no augmentation."
    )  # fmt: skip
    checkpoint_minutes: float = Field(5.0, gt=0)
    tensorboard: bool = Field(
        False, description="Also log for TensorBoard, which the extra 'tensorboard' installs."
    )
    check_every: int = Field(2, ge=1, description="Epochs between looks at the descriptors.")


# How a training is kept and watched, on which its result does not depend.
APART = {"checkpoint_minutes", "tensorboard"}


BRANCHES: dict[str, type[Settings]] = {
    "all": StageSettings, "generator": GeneratorSettings, "critic": CriticSettings,
}  # fmt: skip
"""Branch of the settings of training -> what it may change in the preset."""


class TrainSettings(Settings):
    """A preset, what is changed in it for all stages, and what is changed for one."""

    preset: str = "laptop"
    lr_cube: int | None = Field(
        None, ge=4, description="Edge of the LR training cube, voxels. None: the preset's."
    )
    generator: dict[str, Any] = Field({}, description="Changes to the preset's generator.")
    critic: dict[str, Any] = Field({}, description="Changes to the preset's critic.")
    all: dict[str, Any] = Field({}, description="Changes for every stage.")
    stages: dict[int, dict[str, Any]] = Field({}, description="Changes for single stages.")
    ranks: int = Field(1, ge=1, description="Processes (GPUs) that share a stage.")
    jobs: int = Field(
        4, ge=1, description="Jobs that a stage may take: each goes on where the one before was "
        "stopped by a time limit or died."
    )  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _in_their_branch(cls, values: Any) -> Any:
        """A setting that belongs a branch deeper is sent there."""
        for key in set(values) - set(cls.model_fields) if isinstance(values, dict) else ():
            for branch, model in BRANCHES.items():
                if key in model.model_fields:
                    raise InputError(
                        key, "a key that does not exist here", f"it in train.{branch}",
                        f"Say train: {{{branch}: {{{key}: …}}}}.",
                    )  # fmt: skip
        return values

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Fail at load, not at stage 4 on the second day."""
        self.generator_settings()
        self.critic_settings().head_edge(self.cube)
        StageSettings.read(preset(self.preset)["all"] | self.all, "train.all")
        for stage in {1, *self.stages}:
            self.stage(stage)
        return self

    @property
    def cube(self) -> int:
        """Edge of the LR training cube, voxels."""
        return self.lr_cube or int(preset(self.preset)["lr_cube"])

    def generator_settings(self) -> GeneratorSettings:
        """The generator's architecture: preset and changes."""
        values = preset(self.preset)["generator"] | self.generator
        return GeneratorSettings.read(values, "train.generator")

    def critic_settings(self) -> CriticSettings:
        """The critic's architecture: preset and changes."""
        return CriticSettings.read(preset(self.preset)["critic"] | self.critic, "train.critic")

    def stage(self, stage: int) -> StageSettings:
        """The settings of one stage: preset, its stage, changes for all, changes for this one."""
        chosen = preset(self.preset)
        values = (
            chosen["all"]
            | chosen.get("stages", {}).get(stage, {})
            | self.all
            | self.stages.get(stage, {})
        )
        return StageSettings.read(values, f"train.stages.{stage}")

    def only(self, stage: int) -> TrainSettings:
        """What one stage depends on, complete, and nothing of the other stages."""
        return TrainSettings(
            preset=self.preset,
            lr_cube=self.cube,
            generator=self.generator_settings().model_dump(),
            critic=self.critic_settings().model_dump(),
            stages={stage: self.stage(stage).model_dump(exclude=APART)},
            ranks=self.ranks,
        )


def presets() -> list[str]:
    """The names of the presets that ship with the library."""
    folder = files("octolith") / "resources" / "presets"
    return sorted(f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith("yaml"))


def preset(name: str) -> dict[str, Any]:
    """A preset as a dictionary; InputError names those that exist."""
    if name not in presets():
        raise InputError("train.preset", repr(name), f"one of {presets()}")
    text = (files("octolith") / "resources" / "presets" / f"{name}.yaml").read_text("utf-8")
    return dict(yaml.safe_load(text))
