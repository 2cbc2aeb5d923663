"""Lengths in files come in every unit; here they become µm."""

from __future__ import annotations

_NAMES = {
    1e-4: ("å", "angstrom"),
    1e-3: ("nm", "nanometer", "nanometre"),
    1.0: ("µm", "μm", r"\u00b5m", "um", "micron", "microns", "micrometer", "micrometre"),
    1e3: ("mm", "millimeter", "millimetre"),
    1e4: ("cm", "centimeter", "centimetre"),
    1e6: ("m", "meter", "metre"),
    25400.0: ("in", "inch", "inches", '"'),
}
_MICROMETRES = {name: length for length, names in _NAMES.items() for name in names}


def micrometres(unit: str) -> float | None:
    """How many µm the unit is; None if it is no length (pixels, nothing).

    Both Unicode's micro sign and its Greek mu are understood, and ImageJ's escape for them.

    >>> micrometres("mm"), micrometres("microns"), micrometres("pixel")
    (1000.0, 1.0, None)
    """
    return _MICROMETRES.get(unit.strip().lower())
