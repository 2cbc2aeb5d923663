"""What a subvolume costs before it is begun, and which one still fits."""

from __future__ import annotations

import math
from dataclasses import dataclass

import psutil

from octolith.errors import InputError
from octolith.volumes.disk import size_in_words


@dataclass(frozen=True)
class Cost:
    """Peak memory and time of one job, both linear in the number of voxels.

    Attributes
    ----------
    what : the job, in words.
    bytes_per_voxel, seconds_per_voxel : with a margin of half over the worst that
        benchmarks/network_cost.py finds, in a rock that is mostly pore.
    base_bytes : of the libraries alone.
    """

    what: str
    bytes_per_voxel: float
    seconds_per_voxel: float
    base_bytes: float = 0.7 * 2**30

    def memory(self, voxels: int) -> float:
        """Peak bytes."""
        return self.base_bytes + self.bytes_per_voxel * voxels

    def seconds(self, voxels: int) -> float:
        """Of one core."""
        return self.seconds_per_voxel * voxels

    def largest_edge(self, memory: float) -> int:
        """Voxels along the edge of the largest cube that ``memory`` bytes can hold."""
        voxels = max(0.0, (memory - self.base_bytes) / self.bytes_per_voxel)
        return math.floor(voxels ** (1 / 3) * (1 + 1e-12))

    def require(self, edge: int, voxel_um: float, memory: float | None = None) -> None:
        """Check that a cube of ``edge`` voxels fits in ``memory`` bytes (None: what is free now).

        Raises
        ------
        InputError : it does not; names the largest one that does.
        """
        available = psutil.virtual_memory().available if memory is None else memory
        needed = self.memory(edge**3)
        if needed > available:
            largest = self.largest_edge(available)
            raise InputError(
                "network.subvolume_um",
                f"{edge * voxel_um:g} µm ({edge}³ voxels; {self.what} takes about "
                f"{size_in_words(needed)})",
                f"what fits in {size_in_words(available)}",
                f"The largest cube that fits is {largest * voxel_um:g} µm ({largest}³ voxels); "
                "or give the job more memory.",
            )


EXTRACTION = Cost("the pore network", 65, 4e-6)
TRANSPORT = Cost("solving for diffusion", 120, 2e-5)
