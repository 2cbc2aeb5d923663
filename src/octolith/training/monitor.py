"""How training is doing: cheap descriptors of generated planes against real ones (paper 2).

A GAN's losses say nothing of when to stop; these do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from octolith.phases import OUTSIDE

# Rows of an image at once: counting takes 40 bytes a pixel.
STRIP = 256
# No error is larger: what images have none of is no reason to forget all else.
MOST = 10.0
LAGS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)


@dataclass(frozen=True)
class Statistics:
    """Of a set of class planes.

    Attributes
    ----------
    fractions : (K+1,) share of each class.
    interfaces : (K+1, K+1) share of neighbouring pixel pairs of two unlike classes, symmetric.
    two_point : (lags,) probability that two pixels of a row or column are both pore.
    """

    fractions: Tensor
    interfaces: Tensor
    two_point: Tensor

    @property
    def disagreement(self) -> float:
        """How often pixels of the rock that have nothing to do with each other differ in class."""
        return max(1e-9, 1.0 - float(self.fractions.square().sum()))


def statistics(planes: list[Tensor], phases: int, pore: int, edge: int) -> Statistics:
    """Measure planes (each (p, h, w) uint8, or (h, w)); lags reach to half of ``edge``."""
    stacks = [p if p.ndim == 3 else p[None] for p in planes]
    counts = torch.zeros(phases + 1, dtype=torch.float64)
    pairs = torch.zeros((phases + 1) ** 2, dtype=torch.float64)
    lags = [lag for lag in LAGS if lag <= max(1, edge // 2)]
    hits, tries = torch.zeros(2, len(lags), dtype=torch.float64)
    for stack in stacks:
        for part in stack.split(STRIP, 1):
            counts += torch.bincount(part[part != OUTSIDE].long(), minlength=phases + 1)
        for axis in (1, 2):
            for a, b in _shifted(stack, 1, axis):
                both = (a != OUTSIDE) & (b != OUTSIDE)
                code = a[both].long() * (phases + 1) + b[both].long()
                pairs += torch.bincount(code, minlength=(phases + 1) ** 2)
            for i, lag in enumerate(lags):
                for a, b in _shifted(stack, lag, axis):
                    hits[i] += ((a == pore) & (b == pore)).sum()
                    tries[i] += ((a != OUTSIDE) & (b != OUTSIDE)).sum()
    pairs = pairs.view(phases + 1, phases + 1) / pairs.sum().clamp_min(1)
    unlike = (pairs + pairs.T).fill_diagonal_(0)
    return Statistics(counts / counts.sum().clamp_min(1), unlike, hits / tries.clamp_min(1))


def _shifted(stack: Tensor, lag: int, axis: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Pixels and those ``lag`` further on, strip by strip."""
    n = max(stack.shape[axis] - lag, 0)
    if n:
        a, b = stack.narrow(axis, 0, n), stack.narrow(axis, lag, n)
        yield from zip(a.split(STRIP, 1), b.split(STRIP, 1), strict=True)


def errors(generated: Statistics, real: Statistics) -> dict[str, float]:
    """How far generated planes are from real ones, as shares of what is real, at most `MOST`."""

    def relative(a: Tensor, b: Tensor) -> float:
        apart = float((a - b).abs().sum())
        return min(MOST, apart / max(float(b.abs().sum()), 1e-9))

    return {
        "error_volume_fraction": relative(generated.fractions, real.fractions),
        "error_interface": relative(generated.interfaces, real.interfaces),
        "error_two_point": relative(generated.two_point, real.two_point),
    }


def disagreement(planes: Tensor, phases: int) -> float:
    """How often two of the planes (n, h, w) differ at a pixel; 0 if all are one."""
    n = len(planes)
    counts = torch.stack([(planes == code).sum(0) for code in range(phases + 1)]).double()
    alike = (counts * (counts - 1)).sum(0) / (n * (n - 1))
    return 1.0 - float(alike.mean())
