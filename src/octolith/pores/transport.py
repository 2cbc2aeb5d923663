"""Diffusion through the voxels of one or several conducting phases, solved by taufactor.

Kench, Squires and Cooper, Journal of Open Source Software 8 (2023) 5358.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from octolith.errors import OctolithError
from octolith.pores.connectivity import spanning_mask

ITERATIONS = 50_000


@dataclass(frozen=True)
class Transport:
    """What diffusion along one axis comes to.

    Attributes
    ----------
    relative_diffusivity : effective over bulk diffusivity of a medium of conductivity 1; its
        inverse is the formation factor.
    tortuosity_factor : the mean conductivity over the effective one; infinite where nothing
        gets through. Dead ends count in the mean.
    """

    relative_diffusivity: float
    tortuosity_factor: float


def diffusion(labels: np.ndarray, conductivity: Mapping[int, float], axis: int) -> Transport:
    """Solve for steady diffusion along one axis, with closed sides.

    Parameters
    ----------
    labels : (z, y, x) phase codes.
    conductivity : code -> conductivity > 0 of each conducting phase; the others insulate.
    axis : 0, 1 or 2.

    Raises
    ------
    OctolithError : the solver has not converged.
    """
    lookup = np.zeros(256)
    lookup[list(conductivity)] = list(conductivity.values())
    mean = float(lookup[labels].mean())
    # What does not span the image carries nothing, and only keeps the solver busy.
    carrying = spanning_mask(lookup[labels] > 0, axis)
    if not carrying.any():
        return Transport(0.0, np.inf)
    image = np.moveaxis(np.where(carrying, labels + 1, 0), axis, 0)
    effective = _effective_conductivity(np.ascontiguousarray(image), conductivity)
    return Transport(effective, mean / effective)


def _effective_conductivity(image: np.ndarray, conductivity: Mapping[int, float]) -> float:
    """Of an image whose label 0 insulates and whose others are codes plus one, along axis 0."""
    import taufactor  # noqa: PLC0415 (it imports PyTorch)
    import torch  # noqa: PLC0415 (`octolith doctor` starts without it)

    device = "cuda" if torch.cuda.is_available() else "cpu"
    levels = set(conductivity.values())
    if len(levels) == 1:
        solver = taufactor.Solver((image > 0).astype(np.float32), device=device)
        solver.solve(iter_limit=ITERATIONS, verbose=False)
        effective = levels.pop() * float(solver.D_rel[0])
    else:
        conducting = {code + 1: value for code, value in conductivity.items()}
        solver = taufactor.MultiPhaseSolver(image, cond=conducting, device=device)
        solver.solve(iter_limit=ITERATIONS, verbose=False)
        effective = float(solver.D_eff[0])
    if not solver.converged:
        raise OctolithError(
            f"taufactor: not converged after {ITERATIONS} iterations on {image.shape} voxels. "
            "Take a smaller network.subvolume_um."
        )
    return effective
