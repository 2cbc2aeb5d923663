"""Grey-level bands and label maps: what a number in the image means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from octolith.errors import InputError
from octolith.phases import Phases
from octolith.settings.steps import OUTSIDE_NAME
from octolith.volumes import OUTSIDE

UNKNOWN = 254
"""Code of a value that no band and no label map covers; it never reaches a file."""


@dataclass(frozen=True)
class Bands:
    """Grey levels cut into intervals, each of one phase or of none (paper 1, table 1).

    Build it with `Bands.of`.

    Attributes
    ----------
    edges : n + 1 rising grey levels; interval i is [edges[i], edges[i + 1]), the last one closed.
    codes : n label codes; `UNKNOWN` where there is a gap.
    names : n names; empty where there is a gap.
    """

    edges: tuple[float, ...]
    codes: tuple[int, ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, bands: Mapping[str, Sequence[tuple[float, float]]], phases: Phases) -> Bands:
        """Lay out phase -> [from, to) bands, which do not overlap, in order of grey level.

        The name ``outside`` stands for what is not rock, unless it is a phase.

        Raises
        ------
        InputError : an unknown phase.

        >>> Bands.of({"pore": [(0, 4)], "clay": [(6, 9)]}, Phases.of(["pore", "clay"])).names
        ('pore', '', 'clay')
        """
        spans = sorted((low, high, name) for name, own in bands.items() for low, high in own)
        edges = sorted({edge for low, high, _ in spans for edge in (low, high)})
        owner = {low: name for low, _, name in spans}
        names = tuple(owner.get(low, "") for low in edges[:-1])
        codes = tuple(code_of(name, phases) if name else UNKNOWN for name in names)
        return cls(tuple(edges), codes, names)

    def require(self, low: float, high: float, where: object) -> None:
        """Make sure that every grey level from ``low`` to ``high`` belongs to a phase.

        Raises
        ------
        InputError : names the first gap, and the phases on either side of it.
        """
        gaps = [(low, self.edges[0], "")] if low < self.edges[0] else []
        for i, (start, stop) in enumerate(pairwise(self.edges)):
            if not self.names[i] and low < stop and high >= start:
                gaps.append((start, stop, f" between {self.names[i - 1]} and {self.names[i + 1]}"))
        if high > self.edges[-1]:
            gaps.append((self.edges[-1], high, ""))
        for start, stop, neighbours in gaps:
            raise InputError(
                where,
                f"grey levels from {low:g} to {high:g} and no phase for {start:g} to {stop:g}"
                f"{neighbours}",
                "bands without a gap over the image's grey levels",
                "Move the end of a band; it is [from, to), so neighbours share a number.",
            )

    def label(self, grey: np.ndarray) -> np.ndarray:
        """Label codes (uint8) of grey levels that `require` has let pass.

        Parameters
        ----------
        grey : integer or floating, of any shape.
        """
        interval = np.zeros(grey.shape, np.uint8)
        for edge in self.edges[1:-1]:
            interval += grey >= (math.ceil(edge) if grey.dtype.kind in "ui" else edge)
        return np.array(self.codes, np.uint8)[interval]


def code_of(name: str, phases: Phases) -> int:
    """The label code of a phase, or `OUTSIDE` for ``outside``; InputError names the phases."""
    if name == OUTSIDE_NAME and name not in phases.names:
        return OUTSIDE
    return phases.code(name)


def map_labels(labels: np.ndarray, mapping: Mapping[int, str], phases: Phases) -> np.ndarray:
    """Label codes of an image that somebody else has segmented.

    Parameters
    ----------
    labels : integers, booleans or floats with integer values, of any shape.
    mapping : label value -> phase (or ``outside``); several values may be one phase.

    Returns
    -------
    uint8 codes; `UNKNOWN` where the mapping has no such value.

    Raises
    ------
    InputError : an unknown phase.

    >>> map_labels(np.array([0, 128, 7]), {0: "pore", 128: "grain"}, Phases.of(["pore", "grain"]))
    array([  0,   1, 254], dtype=uint8)
    """
    codes = np.full(labels.shape, UNKNOWN, np.uint8)
    for value, name in mapping.items():
        np.copyto(codes, code_of(name, phases), where=labels == value)
    return codes
