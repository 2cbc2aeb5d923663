"""Fixtures that the whole suite shares."""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings

from octolith.phases import Phases

settings.register_profile("octolith", deadline=None, max_examples=30, derandomize=True)
settings.load_profile("octolith")
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def rock_data() -> Path:
    """The folder of real rock data; without it the test is skipped, and says so loudly."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("OCTOLITH_ROCK_DATA", beside))
    if not (folder / "MANIFEST.md").is_file():
        warnings.warn("REAL ROCK DATA NOT FOUND: set OCTOLITH_ROCK_DATA", stacklevel=1)
        pytest.skip("REAL ROCK DATA NOT FOUND: this check has not run (set OCTOLITH_ROCK_DATA)")
    return folder


@pytest.fixture
def rng() -> np.random.Generator:
    """Seeded random numbers."""
    return np.random.default_rng(20260711)


@pytest.fixture(scope="session")
def berea() -> Phases:
    """The four phases of the Berea sandstone."""
    return Phases.of(["pore", "quartz", "feldspar", "clay"])


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk that fills up after one MiB."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        warnings.warn(f"NO TINY DISK (needs root): {mounted.stderr.strip()}", stacklevel=1)
        pytest.skip(f"NO TINY DISK, the full-disk checks have not run: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
