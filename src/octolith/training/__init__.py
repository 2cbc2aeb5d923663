"""Progressive training: data, losses, one stage's loop, checkpoints."""

from octolith.training.interruption import EXIT_RESUME, Interrupted
from octolith.training.stage import Stage

__all__ = ["EXIT_RESUME", "Interrupted", "Stage"]
