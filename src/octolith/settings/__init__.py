"""The configuration: one strict model, checked whole before anything runs.

``load`` gives a `Config`; each workflow step is handed only its own branch, so that an edit
reruns what depends on it and nothing else.
"""

from octolith.settings.base import Settings
from octolith.settings.config import Config, load
from octolith.settings.samples import Sample, read_samples

__all__ = ["Config", "Sample", "Settings", "load", "read_samples"]
