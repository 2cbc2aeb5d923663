"""`octolith plan`: what super-resolving the samples will take, before anything is submitted."""

from __future__ import annotations

import json
from math import ceil
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from octolith.errors import InputError
from octolith.planning import Plan, check_sample, make_plan
from octolith.settings import Config, load, read_samples
from octolith.volumes.disk import size_in_words


def plan(
    config: Annotated[Path, typer.Argument(help="The configuration, a YAML file.")],
    samples: Annotated[
        Path | None, typer.Argument(help="The sample sheet; default: the configuration's.")
    ] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: bytes, seconds, µm.")
    ] = False,
) -> None:
    """Say what super-resolving each sample takes: jobs, memory, time, disk, GPU memory.

    It reads the headers of the images, not what is in them. Until a sample is trained, the number
    of nodes is guessed from its HR images or, before those are segmented, from paper 1; say it
    again then. Ends with status 1 if an image does not fit the configuration, or the results do not
    fit on the disk.

    Example: `octolith plan config/config.yaml`
    """
    settings = load(config)
    if samples is not None:
        settings = settings.model_copy(update={"samples": str(samples)})
    sheet = read_samples(settings.samples, settings)
    plans = [make_plan(settings, name, sample) for name, sample in sheet.items()]
    for one in plans:
        check_sample(settings, sheet[one.sample], one.work.shape, one.fine_um * settings.scale)
    if as_json:
        typer.echo(json.dumps([one.as_dict() for one in plans], indent=1))
    else:
        console = Console()
        for one in plans:
            _show(console, one, settings)
        machine = "an H200" if settings.gpu else "two CPU cores"
        console.print(
            f"Time is as on {machine}. Of training it is the limit of a job, from which the next "
            "one goes on: how long a stage takes, and its GPU memory, are not estimated. The steps "
            "before training, `describe`, `network` and the report come on top: their rules say "
            "how much they ask for."
        )
    _require_disk(plans, settings.results)


def _show(console: Console, plan: Plan, settings: Config) -> None:
    work = plan.work
    found = plan.as_dict()
    console.print(
        f"\n[bold]{plan.sample}[/]: {_shape(work.shape)} voxels become {_shape(work.fine)} of "
        f"{plan.fine_um:.4g} µm."
    )
    table = Table("stage", "parameters", "mixed", "nodes")
    for row in found["stages"]:
        table.add_row(
            str(row["stage"]), f"{row['parameters']:,}", f"{row['mixed_share']:.0%}",
            f"{row['nodes']:,.0f}",
        )  # fmt: skip
    console.print(table)
    console.print(
        f"Shares of mixed nodes from {plan.mixed.source}. {work.block_count} blocks; with "
        f"their halos they compute {work.halo_cost:.2f} times the volume's nodes."
    )
    table = Table("step", "jobs", "memory a job", "time a job", "GPU memory", "disk, all jobs")
    for job in plan.jobs:
        gpu = "" if job.gpu_memory is None else size_in_words(job.gpu_memory)
        table.add_row(
            job.step, str(job.jobs), size_in_words(job.memory), _duration(job.seconds), gpu,
            size_in_words(job.disk),
        )  # fmt: skip
    console.print(table)
    console.print(_longest(plan, settings))


def _longest(plan: Plan, settings: Config) -> str:
    """What the training jobs of a sample take if each goes to its limit."""
    (stages,) = (job for job in plan.jobs if job.step == "train")
    jobs, ranks, hours = settings.train.jobs, settings.train.ranks, stages.seconds / 3600
    unit, each = ("GPU", ranks) if settings.gpu else ("core", 4 * ranks)
    return (
        f"Training at most: {stages.jobs} stages × {jobs} jobs × {hours:g} h × {each} "
        f"{unit}(s) = {stages.jobs * jobs * hours * each:g} {unit} hours (train.jobs, "
        "train.ranks), with jobs as long as the rule asks: a profile's `runtime` of train counts "
        "instead."
    )


def _require_disk(plans: list[Plan], results: str) -> None:
    there = sum(file.stat().st_size for file in Path(results).rglob("*") if file.is_file())
    needed, free = sum(one.disk for one in plans) - there, min(one.free for one in plans)
    if needed > free:
        raise InputError(
            results, f"{size_in_words(free)} free", f"about {size_in_words(needed)} for all rocks",
            "Free some space, name a larger disk under `results`, or leave out an export format.",
        )  # fmt: skip


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _duration(seconds: float) -> str:
    """Hours and minutes, rounded up.

    >>> _duration(59), _duration(3900)
    ('1 min', '1 h 05 min')
    """
    hours, minutes = divmod(ceil(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
