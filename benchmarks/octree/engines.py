"""What the benchmark compares: one 3×3×3 convolution, the same nodes and weights, by each engine.

An engine is built on the nodes once; ``tables()`` looks the neighbours up anew, ``__call__`` is
the convolution on tables that are there. Features go in and out in the engine's own form.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from octolith.octree import Level, families, minkowski


class Engine(Protocol):
    def __init__(self, parents: Level, edge: int, weight: Tensor) -> None: ...

    weight: Tensor

    def tables(self) -> None: ...

    def features(self, x: Tensor) -> Tensor:
        """(8p, c) -> the engine's own form."""
        ...

    def __call__(self, x: Tensor) -> Tensor: ...

    def rows(self, y: Tensor) -> Tensor:
        """The engine's own form -> (8p, c)."""
        ...


class Rows:
    """Engines whose features are the rows themselves."""

    def features(self, x: Tensor) -> Tensor:
        return x

    def rows(self, y: Tensor) -> Tensor:
        return y


class Native(Rows):
    def __init__(self, parents: Level, edge: int, weight: Tensor) -> None:
        self.parents = parents
        self.weight = nn.Parameter(weight)

    def tables(self) -> None:
        level = self.parents  # a new one, so that nothing is remembered
        self.near = families(Level(level.keys, level.depth, level.batch))

    def __call__(self, x: Tensor) -> Tensor:
        return self.near.conv3(x, self.weight, None)


class Minkowski(Rows):
    def __init__(self, parents: Level, edge: int, weight: Tensor) -> None:
        self.me = minkowski.load()
        level = parents.children()
        xyz = level.coordinates.flip(1)  # its kernels run fastest along the first axis
        self.coordinates = torch.cat([level.batch_index[:, None], xyz], 1).int()
        c_out, c_in = weight.shape[:2]
        self.conv = self.me.MinkowskiConvolution(c_in, c_out, 3, dimension=3)
        self.conv.kernel = nn.Parameter(offsets_first(weight))
        self.weight = self.conv.kernel

    def tables(self) -> None:
        self.places: dict[str, Any] = {"coordinates": self.coordinates}

    def __call__(self, x: Tensor) -> Tensor:
        inputs = self.me.SparseTensor(x, **self.places)
        self.places = {
            "coordinate_map_key": inputs.coordinate_map_key,
            "coordinate_manager": inputs.coordinate_manager,
        }
        out: Tensor = self.conv(inputs).F
        return out


class Ocnn(Rows):
    def __init__(self, parents: Level, edge: int, weight: Tensor) -> None:
        ocnn = load_ocnn()
        coarse = max(2, (edge // 2 - 1).bit_length())
        self.depth = coarse + 1
        centres = (parents.coordinates + 0.5) / 2 ** (coarse - 1) - 1  # in -1 … 1
        points = ocnn.octree.Points(centres.float(), batch_size=1)
        self.octree = ocnn.octree.Octree(coarse, device=parents.keys.device)
        self.octree.build_octree(points)
        self.octree.octree_grow(self.depth, update_neigh=False)
        c_out, c_in = weight.shape[:2]
        self.conv = ocnn.nn.OctreeConv(c_in, c_out).to(weight)
        self.conv.weights = nn.Parameter(offsets_first(weight))
        self.weight = self.conv.weights

    def tables(self) -> None:
        self.octree.construct_all_neigh()

    def __call__(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x, self.octree, self.depth)
        return out


class Spconv(Rows):
    def __init__(self, parents: Level, edge: int, weight: Tensor) -> None:
        import spconv.pytorch as spconv  # noqa: PLC0415

        self.spconv = spconv
        level = parents.children()
        at = torch.cat([level.batch_index[:, None], level.coordinates], 1)
        self.indices, self.shape, self.batch = at.int(), [edge] * 3, level.batch
        c_out, c_in = weight.shape[:2]
        self.conv = spconv.SubMConv3d(c_in, c_out, 3, bias=False, indice_key="all").to(weight)
        self.conv.weight = nn.Parameter(weight.permute(0, 2, 3, 4, 1).contiguous())
        self.weight = self.conv.weight

    def tables(self) -> None:
        self.known: dict[str, Any] = {}

    def __call__(self, x: Tensor) -> Tensor:
        inputs = self.spconv.SparseConvTensor(x, self.indices, self.shape, self.batch)
        inputs.indice_dict = self.known
        out: Tensor = self.conv(inputs).features
        return out


class Dense:
    """The library's own convolution of the whole cube, channels last (its fastest)."""

    def __init__(self, parents: Level, edge: int, weight: Tensor) -> None:
        self.level, self.edge = parents.children(), edge
        self.weight = nn.Parameter(weight)

    def tables(self) -> None:
        """It needs none."""

    def features(self, x: Tensor) -> Tensor:
        cube = x.new_zeros(self.level.batch, *[self.edge] * 3, x.shape[1])
        z, y, c = self.level.coordinates.unbind(-1)
        cube[self.level.batch_index, z, y, c] = x
        return cube.movedim(-1, 1)

    def __call__(self, x: Tensor) -> Tensor:
        return nn.functional.conv3d(x, self.weight, padding=1)

    def rows(self, y: Tensor) -> Tensor:
        z, h, x = self.level.coordinates.unbind(-1)
        return y.movedim(1, -1)[self.level.batch_index, z, h, x]


def offsets_first(weight: Tensor) -> Tensor:
    """(c_out, c_in, 3, 3, 3) -> (27, c_in, c_out), contiguous."""
    c_out, c_in = weight.shape[:2]
    return weight.permute(2, 3, 4, 1, 0).reshape(27, c_in, c_out).contiguous()


ENGINES: dict[str, type[Engine]] = {
    "native": Native,
    "minkowski": Minkowski,
    "ocnn": Ocnn,
    "spconv": Spconv,
    "dense": Dense,
}


def load_ocnn() -> ModuleType:
    """Import ocnn; its only use of torchvision, which would bring another torch, is left out."""
    stub = ModuleType("torchvision.models")
    stub.resnet18 = None  # type: ignore[attr-defined]
    sys.modules.setdefault("torchvision", ModuleType("torchvision"))
    sys.modules.setdefault("torchvision.models", stub)
    import ocnn  # noqa: PLC0415

    module: ModuleType = ocnn
    return module
