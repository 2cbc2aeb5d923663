"""Progressive training: data, losses, one stage and its loop, checkpoints."""

from octolith.training.interruption import EXIT_RESUME, Interrupted
from octolith.training.loop import Loop
from octolith.training.stage import Stage

__all__ = ["EXIT_RESUME", "Interrupted", "Loop", "Stage"]
