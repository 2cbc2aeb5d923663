"""Octolith: finer, truer 3D rocks from coarse micro-CT and unpaired 2D microscopy."""

import os
from importlib.metadata import version

# Threads that wait for each other sleep instead of spinning; it must be said before torch loads.
# With one of two cores busy elsewhere, small operations on two threads took 6 to 20 times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from octolith.errors import InputError, OctolithError, TrainingError
from octolith.phases import Phases

__all__ = ["InputError", "OctolithError", "Phases", "TrainingError", "__version__"]
__version__ = version("octolith")
