"""Flow and conduction through a pore network, solved by OpenPNM.

A conduit runs from a pore's centre through the throat to the other pore's centre. Each half is a
cone from the pore's inscribed radius (not less than the throat's) to the radius of the throat's
area, and flows as an ellipse with the throat's second moments would. So a straight tube comes out
exactly and a slit within a few per cent; tests/pores holds packings against a direct solution.
"""

from __future__ import annotations

import math
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
        taper = (pore**2 + pore * throat + throat**2) / (3 * (pore * throat) ** 3)
        return 8 * length / np.pi * taper

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
    inscribed = network.pores["inscribed_diameter_um"].to_numpy() / 2
    throat = throats["diameter_um"].to_numpy() / 2

    def half(end: int) -> np.ndarray:
        # Behind a throat to the outside lies no pore: row -1 is any, as the length is zero.
        pore = np.maximum(inscribed[throats[f"pore{end}"]], throat)
        return resistance(throats[f"length{end}_um"].to_numpy(), pore, throat)

    return half(1) + half(2)


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
    return rate * length**2 / math.prod(network.extent_um)
