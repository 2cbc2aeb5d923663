"""Names and numbers as people write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

NAMES = {
    "two_point_correlation": "two-point correlation S₂",
    "F2": "scaled autocovariance F₂",
    "polytope": "n-point polytope functions",
    "P3H": "P₃ₕ, horizontal triangles",
    "P3V": "P₃ᵥ, vertical triangles",
    "P4": "P₄, squares",
    "P6": "P₆, hexagons",
    "F3H": "F₃ₕ, scaled",
    "F3V": "F₃ᵥ, scaled",
    "F4": "F₄, scaled",
    "F6": "F₆, scaled",
    "cluster_function": "two-point cluster function",
    "specific_surface_faces": "specific surface, voxel faces",
    "minkowski": "Minkowski functionals",
    "minkowski_volume": "Minkowski volume",
    "minkowski_surface": "Minkowski surface",
    "minkowski_curvature": "Minkowski curvature",
    "euler_number": "Euler number",
    "glcm": "grey-level co-occurrence",
    "glcm_contrast": "co-occurrence contrast",
    "glcm_energy": "co-occurrence energy",
    "glcm_entropy": "co-occurrence entropy",
    "glcm_homogeneity": "co-occurrence homogeneity",
    "frechet_distance": "Fréchet distance",
    "frechet_to_HR": "Fréchet distance to HR",
    "frechet_to_truth": "Fréchet distance to truth",
    "representative_error": "error of a smaller sample",
}


SHARES = {
    "interfacial_area": "share of faces",
    "connected_porosity": "share of the cube",
    "relative_diffusivity": "D / D₀",
}


def unit_name(name: str, unit: str) -> str:
    """The unit of a descriptor or property; of shares, what they are shares of; or ''."""
    return SHARES.get(name.partition(" (")[0], "") if unit in ("", "1") else unit


def descriptor_name(name: str) -> str:
    """A descriptor's name as prose."""
    return NAMES.get(name, name.replace("_", " "))


# In the order in which a table has them.
PROPERTIES = {
    "edge": "edge of a cube",
    "voxel": "edge of a voxel",
    "porosity": "porosity",
    "isolated_porosity": "porosity that reaches no face",
    "connected_porosity": "porosity that joins both faces",
    "percolates": "cubes with a way through, share",
    "pores": "number of pores",
    "throats": "number of throats",
    "unconnected_pores": "pores without a throat",
    "pore_diameter_mean": "pore diameter, mean",
    "pore_diameter_median": "pore diameter, median",
    "throat_diameter_mean": "throat diameter, mean",
    "throat_diameter_median": "throat diameter, median",
    "coordination_mean": "coordination number, mean",
    "permeability": "permeability",
    "formation_factor": "formation factor",
    "relative_diffusivity": "relative diffusivity",
    "tortuosity_factor": "tortuosity factor",
}


def property_name(name: str) -> str:
    """A property of a pore network as prose; what conducts follows in brackets.

    >>> property_name("relative_diffusivity (pore)"), property_name("coordination_mean")
    ('relative diffusivity (pore)', 'coordination number, mean')
    """
    what, bracket, medium = name.partition(" (")
    return PROPERTIES.get(what, what.replace("_", " ")) + bracket + medium


def property_order(name: str) -> tuple[int, str]:
    """Sorts properties as people read them: sizes, connection, network, flow, diffusion, others."""
    what, _, medium = name.partition(" (")
    known = list(PROPERTIES)
    return (known.index(what) if what in known else len(known), medium)


def pair(phase: str, other: str = "") -> str:
    """A phase, or two that meet."""
    return f"{phase} – {other}" if other not in ("", phase) else phase or "all phases"


def enumerated(names: Sequence[str]) -> str:
    """Names as part of a sentence.

    >>> enumerated(["LR"]), enumerated(["x", "y", "z"])
    ('LR', 'x, y and z')
    """
    *before, last = names
    return f"{', '.join(before)} and {last}" if before else last


def number(value: object, digits: int = 3) -> str:
    """A number with ``digits`` significant figures; whole numbers are whole, and what is
    no number is a dash.

    >>> number(0.123456), number(1234567), number(float("nan")), number(True), number(0.00001234)
    ('0.123', '1,234,567', '–', 'yes', '1.23 × 10⁻⁵')
    >>> number(float("inf"))
    '∞'
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float) and math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if not isinstance(value, int | float):
        return str(value)
    return _decimal(value, digits).replace("-", "−")


def _decimal(value: float, digits: int) -> str:
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e7):
        return f"{int(value):,}"
    if not 1e-3 <= abs(value) < 1e7:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        raised = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
        return f"{mantissa} × 10{raised}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 6)}f}"


def percent(share: float, digits: int = 1) -> str:
    """A share in per cent.

    >>> percent(0.1834), percent(float("nan"))
    ('18.3\xa0%', '–')
    """
    return (
        f"{share * 100:.{digits}f}\N{NO-BREAK SPACE}%".replace("-", "−")
        if math.isfinite(share)
        else "–"
    )


def change(share: float, digits: int = 0) -> str:
    """A change in per cent with its sign; what rounds to nothing has none.

    >>> change(0.204), change(-0.05), change(-0.001), change(float("nan"))
    ('+20\xa0%', '−5\xa0%', '0\xa0%', '–')
    """
    if round(share * 100, digits) == 0:
        share = 0.0
    return ("+" if share > 0 else "") + percent(share, digits)


def duration(seconds: float) -> str:
    """Seconds as people say them.

    >>> duration(3.2), duration(75), duration(7320), duration(200000)
    ('3.2 s', '1 min 15 s', '2 h 2 min', '2 d 7 h')
    """
    if not math.isfinite(seconds):
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(count: float) -> str:
    """Bytes as people say them.

    >>> size(1536), size(3 * 2**30)
    ('1.5 KiB', '3.0 GiB')
    """
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.{0 if unit == 'B' else 1}f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def capfirst(text: str) -> str:
    """The first letter as a capital, and the others as they are.

    >>> capfirst("two-point correlation S₂")
    'Two-point correlation S₂'
    """
    return text[:1].upper() + text[1:]
