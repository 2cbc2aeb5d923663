"""How many nodes super-resolving a volume computes, and what they take.

Which cells a block computes follows from its shape and the architecture; how many of them exist
follows from the shares of mixed nodes. All else is a sum over stages.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod

from octolith.blocks import Triple, halo, needed, spans
from octolith.planning.layers import FLOAT, NODE, layers
from octolith.settings.steps import SuperResolveSettings
from octolith.settings.training import GeneratorSettings

MIB = 1 << 20
# Measured (benchmarks/bench_scale.py, and a test that compares): what a process holds of code and
# workspaces, and what the allocator takes for a byte of tensors; arithmetic of one core on
# families, and what a node costs besides.
LIBRARIES = 480 * MIB
ALLOCATOR = 1.19
STITCH_LIBRARIES = 280 * MIB
CORE_FLOPS = 20e9
NODE_SECONDS = 3e-6
START_SECONDS = 5.0
# Measured on an H200 (benchmarks/bench_gpu.py): a process that uses CUDA, on either side; what it
# multiplies, and what a node costs besides, its way to the file included.
CUDA_HOST = 2 << 30
CUDA_DEVICE = 700 * MIB
# Windows and products of a chunk of families (`octolith.octree.winograd.GPU_CHUNK_BYTES`).
CUDA_CHUNK = 2 << 28
GPU_FLOPS = 20e12
GPU_NODE_SECONDS = 8e-8
# Measured: compressed bytes a node of a block's file, and a finest node of the dense labels.
BLOCK_BYTES = 0.14
DENSE_BYTES = 0.45
# Stitching holds, a node: key, coordinates and the temporaries that make them.
STITCHING = 90
STITCH_VOXEL_SECONDS = 8e-9


@dataclass(frozen=True)
class Workload:
    """Super-resolving one volume once.

    Attributes
    ----------
    shape : (z, y, x) of the LR volume.
    blocks : how it is cut into jobs.
    generator : architecture.
    phases : K.
    stages : S.
    mixed : share of the nodes of stages 1 … S - 1 that are mixed.
    gpu : whether a job has one.
    threads : cores of a job.
    uneven : mixed voxels of the block that has most, over those of a block of average rock.
    """

    shape: Triple
    blocks: SuperResolveSettings
    generator: GeneratorSettings
    phases: int
    stages: int
    mixed: tuple[float, ...]
    gpu: bool = False
    threads: int = 1
    uneven: float = 1.0

    @property
    def scale(self) -> int:
        """LR voxel over SR voxel."""
        return int(2 ** (self.stages - 1))

    @property
    def fine(self) -> Triple:
        """(z, y, x) of the SR volume."""
        z, y, x = (n * self.scale for n in self.shape)
        return z, y, x

    @property
    def block_count(self) -> int:
        """Blocks of the volume."""
        return prod(len(spans(n, self.blocks.block)) for n in self.shape)

    @property
    def jobs(self) -> int:
        """Jobs of one realisation."""
        return ceil(self.block_count / self.blocks.blocks_per_job)

    @cached_property
    def nodes(self) -> list[float]:
        """Nodes that all blocks compute, halos included, at each stage."""
        return self._nodes([_axis(self, n, self.blocks.block, sum) for n in self.shape])

    @cached_property
    def own(self) -> list[float]:
        """Nodes of the volume itself, without any halo, at each stage."""
        return self._nodes([_parents(self, n) for n in self.shape])

    @cached_property
    def largest(self) -> list[float]:
        """Nodes of the largest block, its halo included, at each stage."""
        axes = [_axis(self, n, self.blocks.block, max) for n in self.shape]
        return self._nodes(axes, self.uneven)

    @property
    def halo_cost(self) -> float:
        """Nodes computed over those of the volume itself."""
        return sum(self.nodes) / sum(self.own)

    def _nodes(self, axes: list[list[int]], uneven: float = 1.0) -> list[float]:
        cells = [prod(extents) for extents in zip(*axes, strict=True)]
        nodes, share = [float(cells[0])], uneven
        for parents, mixed in zip(cells[1:], self.mixed, strict=True):
            share = min(1.0, share * mixed)
            nodes.append(8 * share * parents)
        return nodes

    # -- one job -------------------------------------------------------------------------------

    @property
    def device_memory(self) -> float:
        """Bytes of tensors at the peak of the largest block, weights included."""
        stages = layers(self.generator, self.phases, self.stages)
        kept, peak = 0.0, 0.0
        for number, (stage, nodes) in enumerate(zip(stages, self.largest, strict=True)):
            own = nodes * stage.node_bytes
            if number > 0:
                before, parents = self.largest[number - 1], nodes / 8
                # All features of the stage before, and those of the parents once more.
                own += FLOAT * stage.entering * (before + parents)
            peak = max(peak, kept + own)
            kept += nodes * NODE
        return peak + self.remembered + FLOAT * sum(stage.weights for stage in stages)

    @property
    def remembered(self) -> float:
        """Bytes of the classes around nodes: a byte a cell, and half while they are doubled."""
        if not self.generator.neighbours or self.stages < 2:
            return 0.0
        voxels = prod(_axis(self, n, self.blocks.block, max)[0] for n in self.shape)
        return 1.5 * voxels * 8.0 ** (self.stages - 2)

    @property
    def memory(self) -> float:
        """Bytes of a job's process at its peak."""
        if not self.gpu:
            return LIBRARIES + ALLOCATOR * self.device_memory
        return CUDA_HOST + 2 * sum(self.largest)  # the classes, on their way to the file

    @property
    def gpu_memory(self) -> float | None:
        """Bytes on the GPU; None without one."""
        return CUDA_DEVICE + CUDA_CHUNK + self.device_memory if self.gpu else None

    @property
    def flops(self) -> float:
        """Floating-point operations of all jobs."""
        stages = layers(self.generator, self.phases, self.stages)
        return sum(n * stage.flops for n, stage in zip(self.nodes, stages, strict=True))

    @property
    def seconds(self) -> float:
        """Wall time of all jobs one after the other, without their start."""
        if self.gpu:
            return self.flops / GPU_FLOPS + sum(self.nodes) * GPU_NODE_SECONDS
        return (self.flops / CORE_FLOPS + sum(self.nodes) * NODE_SECONDS) / self.threads

    @property
    def job_seconds(self) -> float:
        """Wall time of a job."""
        return START_SECONDS + self.seconds / self.jobs

    # -- what follows --------------------------------------------------------------------------

    @property
    def block_bytes(self) -> float:
        """Size of all blocks' files."""
        return BLOCK_BYTES * sum(self.own)

    @property
    def dense_bytes(self) -> float:
        """Size of the stitched volume, compressed."""
        return DENSE_BYTES * self.own[-1]

    @property
    def stitch_memory(self) -> float:
        """Bytes of the stitching process at its peak, with one block in memory."""
        edges = [max(high - low for low, high in spans(n, self.blocks.block)) for n in self.shape]
        nodes = self._nodes([_parents(self, edge) for edge in edges], self.uneven)
        voxels = prod(edge * self.scale for edge in edges)
        # The dense array while it is doubled along the last axis, or while nodes are painted on it.
        doubling = 1.5 * voxels + 9 * sum(nodes)
        painting = voxels + STITCHING * nodes[-1] + 9 * sum(nodes[:-1])
        return STITCH_LIBRARIES + max(doubling, painting)

    @property
    def stitch_seconds(self) -> float:
        """Time to stitch one realisation."""
        return START_SECONDS + prod(self.fine) * STITCH_VOXEL_SECONDS


def _parents(work: Workload, length: int) -> list[int]:
    """Cells of one axis: LR voxels, then the parents at each depth."""
    return [length, *(length << depth for depth in range(work.stages - 1))]


def _axis(work: Workload, length: int, edge: int, over: object) -> list[int]:
    """As `_parents`, of what the pieces of an axis compute.

    ``over`` the pieces: their sum or the largest.
    """
    last = work.stages - 1
    width = halo(work.generator, last)
    pieces = []
    for low, high in spans(length, edge):
        reach = [(low - width, high + width)]
        boxes = needed(((low,) * 3, (high,) * 3), last, work.generator)[:-1]
        reach += [(a[0], b[0]) for a, b in boxes]
        pieces.append([b - a for a, b in reach])
    return [over(extents) for extents in zip(*pieces, strict=True)]  # type: ignore[operator]
