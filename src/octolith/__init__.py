"""Octolith: finer, truer 3D rocks from coarse micro-CT and unpaired 2D microscopy."""

from importlib.metadata import version

from octolith.errors import InputError, OctolithError, TrainingError
from octolith.phases import Phases

__all__ = ["InputError", "OctolithError", "Phases", "TrainingError", "__version__"]
__version__ = version("octolith")
