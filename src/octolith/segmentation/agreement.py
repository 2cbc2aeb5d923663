"""How far a segmentation agrees with another, such as a person's."""

from __future__ import annotations

import numpy as np
import pandas as pd

from octolith.phases import Phases


def agreement(
    labels: np.ndarray, reference: np.ndarray, phases: Phases, mask: np.ndarray | None = None
) -> pd.DataFrame:
    """Compare two label images phase by phase.

    Parameters
    ----------
    labels, reference : label codes of one shape.
    phases : their phases.
    mask : True where to look; None: everywhere.

    Returns
    -------
    one row a phase: ``phase``; ``iou``, the voxels that both give it over those that either
    does (Jaccard 1912); ``precision`` and ``recall`` against the reference; ``fraction`` and
    ``reference_fraction`` of the voxels looked at. NaN where nothing can be said.
    """
    if mask is not None:
        labels, reference = labels[mask], reference[mask]
    rows = []
    for code, name in enumerate(phases.names):
        here, there = labels == code, reference == code
        both = int(np.count_nonzero(here & there))
        n_here, n_there = int(np.count_nonzero(here)), int(np.count_nonzero(there))
        rows.append(
            {
                "phase": name,
                "iou": _share(both, n_here + n_there - both),
                "precision": _share(both, n_here),
                "recall": _share(both, n_there),
                "fraction": _share(n_here, labels.size),
                "reference_fraction": _share(n_there, labels.size),
            }
        )
    return pd.DataFrame(rows)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
