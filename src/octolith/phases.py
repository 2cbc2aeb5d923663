"""The phases of a rock: what a label code means, what it is called and how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from octolith.errors import InputError
from octolith.palette import PALETTE

OUTSIDE = 255
"""Label of voxels that are not rock: around a cylindrical core in its box."""


@dataclass(frozen=True)
class Phases:
    """K phases in the order of their label codes 0 … K-1; code K means *mixed*.

    Parameters
    ----------
    names : one name a phase, unique, 2 to 16 of them.
    pore : the name of the void phase, which the low-resolution image ties down.

    Raises
    ------
    InputError : too few or too many names, a repeated name, or a pore that is not among them.
    """

    names: tuple[str, ...]
    pore: str = "pore"

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        if not 2 <= len(self.names) <= len(PALETTE):
            raise InputError("phases", f"{len(self.names)} names", f"2 to {len(PALETTE)}")
        if len(set(self.names)) != len(self.names):
            raise InputError("phases", list(self.names), "each name once")
        if self.pore not in self.names:
            raise InputError(
                "pore", repr(self.pore), f"one of {list(self.names)}", "Name the void phase."
            )

    @classmethod
    def of(cls, names: Sequence[str], pore: str = "pore") -> Phases:
        """Build from any sequence of names."""
        return cls(tuple(names), pore)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def mixed(self) -> int:
        """The class code of a mixed node: K."""
        return len(self.names)

    @property
    def pore_code(self) -> int:
        """The label code of the void phase."""
        return self.names.index(self.pore)

    @property
    def colours(self) -> tuple[str, ...]:
        """One colour a phase, the same in every figure of the project."""
        return PALETTE[: len(self.names)]

    def code(self, name: str) -> int:
        """The label code of the phase called ``name``; InputError names those that exist."""
        if name not in self.names:
            raise InputError("phase", repr(name), f"one of {list(self.names)}")
        return self.names.index(name)
