"""The engines behind one interface: what the networks ask of the children of a set of parents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from octolith.errors import InputError
from octolith.octree import minkowski, native
from octolith.octree.level import Level


class Families(Protocol):
    """Convolutions on whole families: row 8p + c of the features is child c of parent p.

    Weights are those of the dense layers of ``torch.nn``, so that a checkpoint of one engine
    loads in the other.
    """

    def upsample(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Transposed convolution, kernel 2, stride 2: (p, c_in) of the parents -> (8p, c_out)."""
        ...

    def conv3(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """3×3×3 convolution, absent nodes zero: (8p, c_in) -> (8p, c_out)."""
        ...


ENGINES: dict[str, Callable[[Level], Families]] = {
    "native": native.Families,
    "minkowski": minkowski.Families,
}


def families(parents: Level, engine: str = "native") -> Families:
    """The children of ``parents``, whose neighbours are looked up once for all convolutions.

    Raises
    ------
    InputError : no such engine, or it is not installed.
    """
    if engine not in ENGINES:
        raise InputError("engine", repr(engine), f"one of {sorted(ENGINES)}")
    return ENGINES[engine](parents)
