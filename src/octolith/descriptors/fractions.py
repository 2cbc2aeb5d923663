"""How much of the rock each phase is."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from octolith.descriptors.microstructure import Microstructure
from octolith.descriptors.registry import descriptor, rows


@descriptor
def volume_fraction(micro: Microstructure) -> Iterator[pd.DataFrame]:
    """The share of the rock's voxels that each phase has (paper 1, section 3).

    Rows: ``volume_fraction`` of every phase, dimensionless; an absent phase has 0.
    """
    for code, name in micro.names:
        yield rows("volume_fraction", micro.fractions[code], "1", phase=name)
