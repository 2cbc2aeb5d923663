"""Flow and conduction through a pore network, solved by OpenPNM.

A conduit runs from a pore's centre through the throat to the other pore's centre. Each half is a
cone from the pore's mean section (its volume over the length of all its half conduits) to the
throat's area, and both are ellipses of the throat's aspect: so straight ducts of any section keep
their area, tubes conduct what they should, and slits within a few per cent.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import openpnm

from octolith.pores.connectivity import AXES
from octolith.pores.network import PoreNetwork
from octolith.pores.openpnm_network import face_label, to_openpnm

MILLIDARCY_UM2 = 9.869233e-4
"""One millidarcy in µm²."""

Resistance = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Of half a conduit, from its length and the radii of the pore and of the throat."""


def permeability_md(network: PoreNetwork, axis: int) -> float:
    """Absolute permeability along one axis in millidarcy; 0 if nothing spans it."""
    return _effective(network, hydraulic_conductance(network), axis) / MILLIDARCY_UM2


def relative_conductivity(network: PoreNetwork, axis: int) -> float:
    """Conductivity over that of the fluid alone: 1 over the formation factor; 0 if none spans."""
    return _effective(network, diffusive_conductance(network), axis)


def hydraulic_conductance(network: PoreNetwork) -> np.ndarray:
    """Flow rate × viscosity / pressure drop of each conduit, µm³ (Hagen–Poiseuille).

    An ellipse of semi-axes a, b conducts π a³ b³ / (4 (a² + b²)) per length; a cone from radius
    r to s of length L resists 8 L (r² + r s + s²) / (3 π r³ s³).
    """

    def resistance(length: np.ndarray, pore: np.ndarray, throat: np.ndarray) -> np.ndarray:
        return 8 * length * (pore**2 + pore * throat + throat**2) / (3 * np.pi * (pore * throat) ** 3)

    aspect = network.throats["aspect"].to_numpy()
    ellipse_over_circle = 2 * aspect / (1 + aspect**2)
    return ellipse_over_circle / _sum_of_halves(network, resistance)


def diffusive_conductance(network: PoreNetwork) -> np.ndarray:
    """Rate / (diffusivity × concentration drop) of each conduit, µm: cones, L / (π r s) each."""

    def resistance(length: np.ndarray, pore: np.ndarray, throat: np.ndarray) -> np.ndarray:
        return length / (np.pi * pore * throat)

    return 1 / _sum_of_halves(network, resistance)


def _sum_of_halves(network: PoreNetwork, resistance: Resistance) -> np.ndarray:
    throats = network.throats
    pore_radius = np.sqrt(network.pores["section_um2"].to_numpy() / np.pi)
    radius = throats["diameter_um"].to_numpy() / 2
    # Behind a throat to the outside lies no pore: its half has no length.
    return sum(
        resistance(throats[f"length{end}_um"].to_numpy(), pore_radius[throats[f"pore{end}"]], radius)
        for end in (1, 2)
    )


def _effective(network: PoreNetwork, conductance: np.ndarray, axis: int) -> float:
    """Rate × length / area under a unit drop between the two faces of an axis."""
    spanning = network.spanning(axis)
    if not spanning.any():
        return 0.0
    net = to_openpnm(network, throats=spanning)
    fluid = openpnm.phase.Phase(network=net)
    fluid["throat.hydraulic_conductance"] = conductance[spanning]
    flow = openpnm.algorithms.StokesFlow(network=net, phase=fluid)
    inlet, outlet = (net.pores(face_label(f"{AXES[axis]}{end}")) for end in "01")
    flow.set_value_BC(pores=inlet, values=1.0)
    flow.set_value_BC(pores=outlet, values=0.0)
    flow.run(solver=openpnm.solvers.ScipySpsolve())
    rate = float(flow.rate(pores=inlet, mode="group")[0])
    openpnm.Workspace().close_project(net.project)
    length = network.extent_um[axis]
    return rate * length**2 / np.prod(network.extent_um)
