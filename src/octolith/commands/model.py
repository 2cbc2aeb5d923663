"""`octolith model`: the networks of a preset, as the paper's tables print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from octolith.blocks import halo
from octolith.errors import InputError
from octolith.settings.training import TrainSettings, presets

if TYPE_CHECKING:
    from octolith.networks import Critic, Generator

SCALES = (2, 4, 8, 16, 32, 64)


def model(
    preset: Annotated[str, typer.Option(help="One of the shipped presets.")] = "laptop",
    phases: Annotated[int, typer.Option(min=2, max=16, help="Number of phases, K.")] = 4,
    scale: Annotated[int, typer.Option(help="LR voxel over HR pixel: 2 to 64.")] = 16,
) -> None:
    """Print the layers and weights of a preset, stage by stage.

    Example: `octolith model --preset paper` prints the networks of Ugolkov et al., tables A1 and
    C1. The shipped presets are listed by `--preset help`.
    """
    # Here, because the other commands do without PyTorch, and `doctor` says what is wrong with it.
    import torch  # noqa: PLC0415

    from octolith.networks import Critic, Generator  # noqa: PLC0415

    console = Console()
    if preset == "help":
        console.print("\n".join(presets()))
        return
    if scale not in SCALES:
        raise InputError("--scale", scale, f"one of {list(SCALES)}")
    settings = TrainSettings(preset=preset)
    stages = SCALES.index(scale) + 2
    with torch.device("meta"):
        generator = Generator(settings.generator_settings(), phases, stages)
        critic = Critic(settings.critic_settings(), phases + 1, stages, settings.cube)
    cube = settings.cube
    console.print(f"Preset {preset}: {phases} phases, {scale}x, LR cubes of {cube}³ voxels.")
    console.print(_generator_table(generator, cube))
    console.print(_critic_table(critic, cube << (stages - 1)))
    reach = halo(generator.settings, stages - 1)
    console.print(f"A block's core depends on {reach} LR voxels around it.")


def _generator_table(generator: Generator, cube: int) -> Table:
    from octolith.networks import parameter_count  # noqa: PLC0415 (PyTorch)

    table = _table("Generator", "output, at most")
    for number, stage in enumerate(generator.stages, 1):
        edge = cube << (number - 1)
        for name, layer in stage.named_children():
            channels = next(layer.parameters()).shape[0]
            if name == "up":
                channels = int(layer.out_channels)  # type: ignore[arg-type]
            size = f"{channels} × {edge}³"
            table.add_row(str(number), name, size, f"{parameter_count(layer):,}")
        sum_ = f"[bold]{parameter_count(stage):,}"
        table.add_row("", f"[bold]stage {number}", "", sum_, end_section=True)
    table.add_row("", "[bold]all", "", f"[bold]{parameter_count(generator):,}")
    return table


def _critic_table(critic: Critic, face: int) -> Table:
    from octolith.networks import parameter_count  # noqa: PLC0415 (PyTorch)

    table = _table("Critic", "output")
    stages = len(critic.layers)
    for stage in range(stages, 0, -1):
        face //= 2
        layer = critic.layers[stage - 1]
        size = f"{layer.out_channels} × {face}²"
        table.add_row(str(stage), "conv 3×3, stride 2", size, f"{parameter_count(layer):,}")
    for layer in critic.trunk:
        face //= 2
        size = f"{layer.out_channels} × {face}²"
        table.add_row("", "conv 3×3, stride 2", size, f"{parameter_count(layer):,}")
    size = f"{critic.head.out_channels} × 1²"
    kernel = f"conv {critic.head.kernel_size[0]}×{critic.head.kernel_size[1]}"
    table.add_row("", kernel, size, f"{parameter_count(critic.head):,}")
    table.add_row("", "linear", "1", f"{parameter_count(critic.score):,}", end_section=True)
    entering = parameter_count(critic.from_classes)
    table.add_row("", "[bold]all", "", f"[bold]{parameter_count(critic) - entering:,}")
    last = len(critic.from_classes)
    of_stages = "1" if last == 1 else f"1–{last}"
    kernel = "3×3" if critic.entry else "1×1"
    table.add_row(of_stages, f"from one-hot, {kernel}", "", f"{entering:,}")
    return table


def _table(title: str, output: str) -> Table:
    table = Table("stage", "layer", title=title)
    table.add_column(output, justify="right")
    table.add_column("weights", justify="right")
    return table
