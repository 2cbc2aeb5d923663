"""Pictures of training: generated planes over real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from octolith import figures
from octolith.phases import Phases


def sample_figure(generated: np.ndarray, real: np.ndarray, phases: Phases, stem: Path) -> None:
    """Write ``stem.png``: generated (n, h, w) above real (n, h, w)."""
    figure, axes = figures.new(2, len(generated), width=1.8 * len(generated), height=4.2)
    for row, planes, name in zip(axes, (generated, real), ("generated", "real"), strict=True):
        for axis, plane in zip(row, planes, strict=True):
            figures.show_labels(axis, plane, phases, 1.0)
            axis.set(xticks=[], yticks=[], xlabel="")
        row[0].set_ylabel(name)
    handles = figures.phase_legend(phases, mixed=True)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    figures.save(figure, stem, ("png",))
