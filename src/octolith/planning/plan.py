"""A sample's plan: what there will be, and what every job of its super-resolution takes."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import Any

from octolith.blocks import Triple
from octolith.layout import Layout
from octolith.planning.inputs import volume_header
from octolith.planning.layers import FLOAT, critic_weights, layers
from octolith.planning.mixed import Mixed, mixed_shares
from octolith.planning.workload import MIB, START_SECONDS, Workload
from octolith.settings import Config, Sample
from octolith.settings.steps import SmoothSettings

# A training job resumes where the one before was stopped: this is a limit, not an estimate.
TRAIN_MINUTES = 240
# Measured (benchmarks/bench_smoothing.py): bytes of the process, nanoseconds a voxel and pass.
SMOOTH_LIBRARIES = 92 * MIB
SMOOTH_VOXEL_SECONDS = 8e-9
WRITE_VOXEL_SECONDS = 2e-9
# Planes of a slab that is read and of one that is written; of a tile, which a pass holds thrice.
SLAB, TILE = 64, 8
# An export streams slabs of so many planes, or shards of so many voxels an edge.
SHARD = 256
EXPORT_LIBRARIES = 200 * MIB
# What a file takes of a byte a voxel where it is not compressed.
PLAIN = ("raw", "vti")


@dataclass(frozen=True)
class Job:
    """The jobs of one step.

    Attributes
    ----------
    step : its name.
    jobs : how many.
    memory : bytes of a job at its peak.
    seconds : wall time of a job.
    disk : bytes that all of them write.
    gpu_memory : bytes, or None for a step without a GPU.
    """

    step: str
    jobs: int
    memory: float
    seconds: float
    disk: float
    gpu_memory: float | None = None


@dataclass(frozen=True)
class Plan:
    """What one sample takes.

    Attributes
    ----------
    sample : its name.
    work : its super-resolution.
    mixed : where the number of nodes is from.
    fine_um : edge of an SR voxel.
    jobs : of training and of the steps after it.
    free : bytes free where the results go.
    """

    sample: str
    work: Workload
    mixed: Mixed
    fine_um: float
    jobs: list[Job]
    free: int

    @property
    def disk(self) -> float:
        """Bytes that the jobs write together."""
        return sum(job.disk for job in self.jobs)

    def as_dict(self) -> dict[str, Any]:
        """Everything, for JSON; bytes, seconds and µm."""
        work = self.work
        stages = layers(work.generator, work.phases, work.stages)
        return {
            "sample": self.sample,
            "lr_shape": work.shape,
            "shape": work.fine,
            "voxel_um": self.fine_um,
            "stages": [
                {"stage": number, "parameters": stage.weights, "mixed_share": share, "nodes": nodes}
                for number, (stage, share, nodes) in enumerate(
                    zip(stages, (*work.mixed, 0.0), work.nodes, strict=True), 1
                )
            ],
            "mixed_source": self.mixed.source,
            "uneven": self.mixed.uneven,
            "blocks": work.block_count,
            "halo_cost": work.halo_cost,
            "jobs": [asdict(job) for job in self.jobs],
            "disk": self.disk,
            "free": self.free,
        }


def make_plan(config: Config, name: str, sample: Sample) -> Plan:
    """Plan one sample from its configuration and the header of its LR image.

    Raises
    ------
    InputError : an image that is missing or unreadable, or without a voxel size.
    """
    shape, voxel_um, _ = volume_header(sample)
    run = Layout(config.results, name)
    mixed = mixed_shares(run, config.stages, config.superresolve.block, config.train)
    work = workload(config, shape, mixed)
    folder = next(parent for parent in Path(run.report).absolute().parents if parent.exists())
    free = shutil.disk_usage(folder).free
    return Plan(name, work, mixed, voxel_um / config.scale, _jobs(config, work), free)


def workload(config: Config, shape: Triple, mixed: Mixed, threads: int = 2) -> Workload:
    """The super-resolution of an LR volume of ``shape`` (z, y, x) under a configuration."""
    return Workload(
        shape, config.superresolve, config.train.generator_settings(), len(config.rock),
        config.stages, mixed.shares, config.gpu, threads, mixed.uneven,
    )  # fmt: skip


def smooth_memory(shape: Triple, settings: SmoothSettings) -> float:
    """Bytes of the smoothing process at its peak: slabs of planes, whatever the height."""
    passes = 0 if settings.method == "none" else 1 if settings.until else settings.passes
    planes = 2 * SLAB + passes * 3 * (TILE + settings.size - 1)
    return SMOOTH_LIBRARIES + planes * shape[1] * shape[2]


def smooth_seconds(shape: Triple, settings: SmoothSettings) -> float:
    """Time to smooth one volume."""
    passes = 0 if settings.method == "none" else settings.passes
    each = WRITE_VOXEL_SECONDS + passes * SMOOTH_VOXEL_SECONDS * settings.size / 3
    return START_SECONDS + prod(shape) * each


def export_memory(shape: Triple) -> float:
    """Bytes of the exporting process at its peak: a slab or a shard, twice."""
    return EXPORT_LIBRARIES + 2 * max(SLAB * shape[1] * shape[2], SHARD**3)


def export_seconds(shape: Triple) -> float:
    """Time to write one format."""
    return START_SECONDS + 4 * prod(shape) * WRITE_VOXEL_SECONDS


def train_memory(shape: Triple) -> float:
    """Bytes of a training process's host memory: the LR labels, their copies and the libraries."""
    return 6e9 + 8 * prod(shape)


def _jobs(config: Config, work: Workload) -> list[Job]:
    generator = sum(s.weights for s in layers(work.generator, work.phases, work.stages))
    critic = critic_weights(
        config.train.critic_settings(), work.phases, work.stages, config.train.cube
    )
    # Each stage leaves both networks, twice: the best weights and the last.
    weights = 2 * config.stages * FLOAT * (generator + critic)
    n, fine, dense = config.superresolve.realisations, work.fine, work.dense_bytes
    formats = config.export.formats
    exported = sum(prod(fine) if form in PLAIN else dense for form in formats)
    training = config.train.ranks * train_memory(work.shape)
    return [
        Job("train", config.stages, training, 60.0 * TRAIN_MINUTES, weights),
        Job("superresolve", n * work.jobs, work.memory, work.job_seconds, n * work.block_bytes,
            work.gpu_memory),
        Job("stitch", n, work.stitch_memory, work.stitch_seconds, n * dense),
        Job("smooth", n, smooth_memory(fine, config.smooth), smooth_seconds(fine, config.smooth),
            n * dense),
        Job("export", n * len(formats), export_memory(fine), export_seconds(fine), n * exported),
    ]  # fmt: skip
