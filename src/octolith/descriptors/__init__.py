"""Statistical descriptors of a microstructure: one function each, all with the same interface.

Every descriptor is called as ``f(labels, voxel_size_um, phases, *, periodic=False, **options)``
and returns a tidy table; `NAMES` lists them and `measure` finds one by name. Distances are in µm,
voxels labelled `octolith.volumes.OUTSIDE` are not counted, and what is undefined (a curve of an
absent phase, say) is left out of the table rather than filled in.

>>> import numpy as np
>>> from octolith.phases import Phases
>>> stripes = np.tile(np.uint8([0, 1]), (4, 2))
>>> table = measure("interfacial_area", stripes, 3.5, Phases.of(["pore", "grain"]))
>>> table.loc[table.descriptor == "interfacial_area", ["phase", "other", "value"]]
  phase  other  value
0  pore  grain    0.5
"""

from octolith.descriptors.clusters import cluster_function
from octolith.descriptors.correlation import two_point_correlation
from octolith.descriptors.fractions import local_porosity, volume_fraction
from octolith.descriptors.interfaces import interfacial_area, triple_phase_boundary
from octolith.descriptors.likeness import frechet_distance, similarity
from octolith.descriptors.minkowski import minkowski
from octolith.descriptors.polytopes import polytope
from octolith.descriptors.registry import COLUMNS, check_options, measure, names
from octolith.descriptors.representative import representative_size
from octolith.descriptors.runs import chord_length, lineal_path
from octolith.descriptors.texture import glcm

NAMES = names()
WHOLE = ("representative_size",)
"""Those that are measured on whole images rather than on patches of them."""
PAIRED = (similarity.__name__, frechet_distance.__name__)
"""Those that compare two images; `octolith.descriptors.likeness` has them."""

__all__ = [
    "COLUMNS",
    "NAMES",
    "PAIRED",
    "WHOLE",
    "check_options",
    "chord_length",
    "cluster_function",
    "glcm",
    "interfacial_area",
    "lineal_path",
    "local_porosity",
    "measure",
    "minkowski",
    "polytope",
    "representative_size",
    "triple_phase_boundary",
    "two_point_correlation",
    "volume_fraction",
]
