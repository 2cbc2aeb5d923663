"""The peak of a process's memory, above what it held when the watch began."""

from __future__ import annotations

import resource
import sys

import torch


class Peak:
    """Watch from now on."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.before = self._bytes()

    def bytes(self) -> int:
        """The peak since, in bytes."""
        return self._bytes() - self.before

    def _bytes(self) -> int:
        if self.device == "cuda":
            return torch.cuda.max_memory_allocated()
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
