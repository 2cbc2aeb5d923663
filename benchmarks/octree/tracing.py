"""Peak memory of tensors, by watching every one that PyTorch makes and drops.

With fake tensors (`torch._subclasses.FakeTensorMode`), which have shapes and no values, the same
watch tells what a step would take where it does not run.
"""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class PeakTracer(TorchDispatchMode):
    """Bytes of all tensors alive: now (``bytes``) and at most (``peak``)."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = self.peak = 0
        self._known: set[int] = set()

    def add(self, *tensors: Any) -> None:
        """Count tensors that were there before."""
        for tensor in tree_iter(tensors):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run an operation and count what it returns."""
        out = func(*args, **(kwargs or {}))
        self.add(out)
        return out

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._known:
            return
        self._known.add(key)
        self.bytes += storage.nbytes()
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(storage, self._forget, key, storage.nbytes())

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.bytes -= size
