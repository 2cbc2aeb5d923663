"""Errors written for the person who reads them at night: where, what was found, how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Collection


class OctolithError(Exception):
    """Base of every error that Octolith raises on purpose; its text is one readable line."""


class InputError(OctolithError):
    """Something that a user gave cannot be used.

    Parameters
    ----------
    where : the file or the configuration field at fault.
    found : what is there.
    expected : what should be there.
    mend : an imperative sentence that says what to do (optional).

    >>> str(InputError("rock.tif", "2 dimensions", "3", "Give a stack of slices."))
    'rock.tif: found 2 dimensions, expected 3. Give a stack of slices.'
    """

    def __init__(self, where: object, found: object, expected: object, mend: str = "") -> None:
        self.where, self.found, self.expected, self.mend = where, found, expected, mend
        text = f"{where}: found {found}, expected {expected}."
        super().__init__(" ".join(f"{text} {mend}".split()))


class TrainingError(OctolithError):
    """Training cannot go on (NaN, a collapsed generator); the text says which knob to turn."""


def did_you_mean(name: str, known: Collection[str]) -> str:
    """How to mend a name that is not known: the nearest that is, or nothing.

    >>> did_you_mean("lineal_pathe", ["lineal_path", "two_point"])
    "Did you mean 'lineal_path'?"
    """
    near = difflib.get_close_matches(name, known, 1)
    return f"Did you mean {near[0]!r}?" if near else ""


def require_known(where: object, name: str, known: Collection[str]) -> None:
    """InputError unless ``name`` is among those that are known; it names the nearest."""
    if name not in known:
        raise InputError(where, repr(name), f"one of {sorted(known)}", did_you_mean(name, known))
