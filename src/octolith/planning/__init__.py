"""What a run will take, said before it is begun; the workflow asks its resources here.

Nothing in this package imports PyTorch.
"""

from octolith.planning.inputs import check_sample, volume_header
from octolith.planning.mixed import Mixed, mixed_shares, unevenness
from octolith.planning.plan import (
    TRAIN_MINUTES,
    Job,
    Plan,
    export_memory,
    export_seconds,
    make_plan,
    smooth_memory,
    smooth_seconds,
    train_memory,
    workload,
)
from octolith.planning.workload import Workload

__all__ = [
    "TRAIN_MINUTES",
    "Job",
    "Mixed",
    "Plan",
    "Workload",
    "check_sample",
    "export_memory",
    "export_seconds",
    "make_plan",
    "mixed_shares",
    "smooth_memory",
    "smooth_seconds",
    "train_memory",
    "unevenness",
    "volume_header",
    "workload",
]
