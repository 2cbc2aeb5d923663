"""MinkowskiEngine (Choy et al. 2019): what the paper used, and the oracle of the native engine.

It is unmaintained, and knows neither half precision on the CPU nor second derivatives. Written for
its version 0.5.4; docs/performance.md says how to install it.
"""

from __future__ import annotations

import collections
import collections.abc
import warnings
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from octolith.errors import InputError
from octolith.octree.level import CHILDREN, Level


@cache
def load() -> ModuleType:
    """Import MinkowskiEngine.

    Raises
    ------
    InputError : it is not installed.
    """
    if not hasattr(collections, "Sequence"):  # gone since Python 3.10, newer than its last release
        collections.Sequence = collections.abc.Sequence  # type: ignore[attr-defined]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The MinkowskiEngine was compiled with CPU_ONLY")
            import MinkowskiEngine  # noqa: PLC0415
    except ImportError as error:
        raise InputError(
            "engine", f"minkowski ({error})", "MinkowskiEngine 0.5.4 installed",
            "Install it (docs/performance.md) or choose the native engine.",
        ) from error  # fmt: skip
    module: ModuleType = MinkowskiEngine
    return module


def backend() -> ModuleType:
    """Its compiled part, where some of its types are found alone."""
    return import_module("MinkowskiEngineBackend._C")


class Families:
    """The children of a set of parents, and the convolutions on them.

    The same rows, weights and results as `octolith.octree.native.Families`, in float32.
    """

    def __init__(self, parents: Level) -> None:
        self._me = load()
        self._coarse = self._fine = None
        if len(parents):  # it crashes on nothing
            kinds = self._me.CoordinateMapType  # built with CUDA, it takes that unless told
            kind = kinds.CUDA if parents.keys.is_cuda else kinds.CPU
            self._manager = self._me.CoordinateManager(D=3, coordinate_map_type=kind)
            self._coarse = self._insert(parents, 2)
            self._fine = self._insert(parents.children(), 1)

    def conv3(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """3×3×3 convolution; see `octolith.octree.native.Families.conv3`."""
        c_out, c_in = weight.shape[:2]
        kernel = weight.permute(2, 3, 4, 1, 0).reshape(27, c_in, c_out)
        return self._apply(self._me.MinkowskiConvolutionFunction, x, kernel, bias, self._fine)

    def upsample(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Transposed convolution; see `octolith.octree.native.Families.upsample`."""
        kernel = weight.permute(2, 3, 4, 0, 1).reshape(CHILDREN, *weight.shape[:2])
        function = self._me.MinkowskiConvolutionTransposeFunction
        return self._apply(function, x, kernel, bias, self._coarse)

    def _insert(self, level: Level, stride: int) -> Any:
        """Coordinates as (batch, x, y, z): its kernels run fastest along the first axis."""
        xyz = level.coordinates.flip(1) * stride
        rows = torch.cat([level.batch_index[:, None], xyz], 1).int()
        key, _ = self._manager.insert_and_map(rows, [stride] * 3, "")
        return key

    def _apply(
        self, function: Any, x: Tensor, kernel: Tensor, bias: Tensor | None, source: Any
    ) -> Tensor:
        x, kernel = x.float(), kernel.float().contiguous()
        if self._fine is None:
            out = x @ kernel.sum(0)  # no rows, but a place in the graph
        else:
            size, stride = (3, 1) if len(kernel) == 27 else (2, 2)
            out = function.apply(
                x, kernel, self._me.KernelGenerator(size, stride=stride, dimension=3),
                backend().ConvolutionMode.DEFAULT, source, self._fine, self._manager,
            )  # fmt: skip
        return out if bias is None else out + bias
