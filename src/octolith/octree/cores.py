"""Work shared among the cores of a CPU, which meet once a convolution.

PyTorch shares every operation among its threads. A convolution on families is hundreds of small
operations, after each of which the threads wait for each other; so here every thread works through
chunks of its own, and its operations have one core each.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch

T = TypeVar("T")

# More threads than these mostly wait for Python's lock; further cores serve their operations.
MOST = 8


def cores(device: torch.device) -> int:
    """How many shares the work on a device is best cut into."""
    return min(torch.get_num_threads(), MOST) if device.type == "cpu" else 1


def on_cores(work: Callable[[int], T], shares: int) -> list[T]:
    """``[work(0), …, work(shares - 1)]``, at the same time and without autograd."""
    if shares == 1:
        return [work(0)]
    pool = _pool(shares, max(1, torch.get_num_threads() // shares), os.getpid())
    # Each thread has a mode of its own, and tensors of inference may be written only in inference.
    mode = torch.inference_mode if torch.is_inference_mode_enabled() else torch.no_grad
    return list(pool.map(mode()(work), range(shares)))


@cache
def _pool(shares: int, threads: int, process: int) -> ThreadPoolExecutor:
    """Threads whose operations use ``threads`` cores each; a forked process has its own."""
    return ThreadPoolExecutor(
        shares, f"octolith-{process}", initializer=torch.set_num_threads, initargs=(threads,)
    )
