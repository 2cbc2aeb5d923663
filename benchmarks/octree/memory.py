"""The peak of a process's memory, above what it held when the watch began."""

from __future__ import annotations

import re
from pathlib import Path

import torch


class Peak:
    """Watch from now on; on a CPU through Linux's own account of resident memory."""

    def __init__(self, device: str) -> None:
        self.device = device
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()
        else:
            Path("/proc/self/clear_refs").write_text("5")  # the peak is the present size
            self.before = _resident("VmRSS")

    def bytes(self) -> int:
        """The peak since, in bytes."""
        peak = torch.cuda.max_memory_allocated() if self.device == "cuda" else host_peak()
        return peak - self.before


def host_peak() -> int:
    """The peak of this process's resident memory since it began, or since a `Peak` of the CPU's."""
    return _resident("VmHWM")


def _resident(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024
