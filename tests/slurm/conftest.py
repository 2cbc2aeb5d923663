"""The fixture ``slurm``."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator

import pytest
from cluster import Slurm


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A Slurm; without one the test is skipped, and says so loudly."""
    missing = [tool for tool in ("slurmctld", "slurmd", "munged") if not shutil.which(tool)]
    if missing or os.geteuid() != 0:
        reason = f"NO SLURM: needs root and slurm-wlm, munge (missing: {missing or 'root'})"
        warnings.warn(reason, stacklevel=1)
        pytest.skip(reason)
    cluster = Slurm()
    yield cluster
    cluster.close()
