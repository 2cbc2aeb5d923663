"""The network as OpenPNM knows it: metres, (x, y, z), and a pore behind every opening."""

from __future__ import annotations

import numpy as np
import openpnm

from octolith.pores.network import FACES, PoreNetwork

METRES = 1e-6
COORDINATES = ["x_um", "y_um", "z_um"]


def face_label(face: str) -> str:
    """OpenPNM's name of a face: ``z0`` is ``zmin``."""
    return face[0] + ("min" if face[1] == "0" else "max")


def to_openpnm(network: PoreNetwork, throats: np.ndarray | None = None) -> openpnm.network.Network:
    """An OpenPNM network whose boundary pores, labelled ``xmin`` … ``zmax``, lie in the faces.

    Parameters
    ----------
    network : of N pores.
    throats : (T,) bool, which throats to keep, with the pores at their ends; None keeps all.
    """
    table = network.throats if throats is None else network.throats[throats]
    opening = table[table["pore2"] < 0]
    kept = np.arange(len(network.pores))
    if throats is not None:
        kept = np.unique(table[["pore1", "pore2"]])
        kept = kept[kept >= 0]
    pores = network.pores.iloc[kept]
    boundary = np.where(table["pore2"] < 0, len(kept) + np.cumsum(table["pore2"] < 0) - 1, -1)
    first = np.searchsorted(kept, table["pore1"])
    second = np.where(boundary >= 0, boundary, np.searchsorted(kept, table["pore2"]))
    coordinates = np.concatenate([pores[COORDINATES], opening[COORDINATES]]) * METRES
    net = openpnm.network.Network(coords=coordinates, conns=np.stack([first, second], axis=1))
    behind = np.zeros(len(opening))
    for name, scale in (("diameter", 1), ("inscribed_diameter", 1), ("volume", 3)):
        column = f"{name}_um" + ("" if scale == 1 else str(scale))
        outside = behind if scale == 3 else opening[column]
        net[f"pore.{name}"] = np.concatenate([pores[column], outside]) * METRES**scale
    net["throat.diameter"] = table["diameter_um"].to_numpy() * METRES
    net["throat.inscribed_diameter"] = table["inscribed_diameter_um"].to_numpy() * METRES
    net["throat.cross_sectional_area"] = table["area_um2"].to_numpy() * METRES**2
    net["throat.length"] = (table["length1_um"] + table["length2_um"]).to_numpy() * METRES
    for face in FACES:
        net[f"pore.{face_label(face)}"] = np.concatenate(
            [np.zeros(len(pores), bool), opening["face"] == face]
        )
    return net
